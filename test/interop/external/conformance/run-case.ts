/**
 * One RPC of the conformance suite, as the runner asks for it: what is sent, when, and when it is cancelled. Above:
 * client.ts. Below: clients/, the RPC in a face. Holds: a cancelled RPC is driven on like any other, so that what it does then
 * is seen. Source: the suite's docs/testing_clients.md.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { create, createRegistry, type Message } from '@bufbuild/protobuf';
import { type Any, anyUnpack } from '@bufbuild/protobuf/wkt';
import type { Channel } from '../../../../src/index.ts';
import { type CaseCall, METHODS, type OpenCase } from './clients/case-call.ts';
import { compressorName, errorFrom, headersFrom, metadataOf } from './forms.ts';
import {
  type ClientCompatRequest,
  type ClientResponseResult,
  ClientResponseResultSchema,
} from './gen/connectrpc/conformance/v1/client_compat_pb.ts';
import { StreamType } from './gen/connectrpc/conformance/v1/config_pb.ts';
import {
  type ConformancePayload,
  ConformancePayloadSchema,
  ConformanceService,
  file_connectrpc_conformance_v1_service,
} from './gen/connectrpc/conformance/v1/service_pb.ts';

const MESSAGES = createRegistry(file_connectrpc_conformance_v1_service);

/** Makes the RPC. Throws an Error for what it cannot make. */
export async function runCase(
  request: ClientCompatRequest,
  channel: Channel,
  open: OpenCase,
): Promise<ClientResponseResult> {
  const { service, method: name = '', messageReceiveLimit } = request;
  const method = METHODS.get(name);
  if (service !== ConformanceService.typeName || method === undefined) throw new Error(`no method ${service}/${name}`);
  const messages = request.requestMessages.map(unpack);
  const call = open(channel, method, {
    metadata: metadataOf(request.requestHeaders),
    compression: compressorName(request.compression),
    timeoutMs: request.timeoutMs ?? null,
    maxInboundMessageBytes: messageReceiveLimit === 0 ? null : messageReceiveLimit,
  });
  const conversation = new Conversation(call, request);
  const unsentCount = await conversation.send(messages);
  await conversation.close();
  const { status, headers, trailers } = await call.outcome();
  const error = errorFrom(status, trailers);
  return create(ClientResponseResultSchema, {
    responseHeaders: headers === null ? [] : headersFrom(headers),
    payloads: conversation.payloads,
    responseTrailers: headersFrom(trailers),
    numUnsentRequests: unsentCount,
    ...(error === undefined ? {} : { error }),
  });
}

function unpack(packed: Any): Message {
  const message = anyUnpack(packed, MESSAGES);
  if (message === undefined) throw new Error(`no message ${packed.typeUrl}`);
  return message;
}

/** The course of one RPC. */
class Conversation {
  readonly payloads: ConformancePayload[] = [];
  readonly #call: CaseCall;
  readonly #request: ClientCompatRequest;

  constructor(call: CaseCall, request: ClientCompatRequest) {
    this.#call = call;
    this.#request = request;
  }

  /** Sends messages until there are no more, or the RPC takes none. Returns how many were not sent. */
  async send(messages: readonly Message[]): Promise<number> {
    const isFullDuplex = this.#request.streamType === StreamType.FULL_DUPLEX_BIDI_STREAM;
    for (const [sentCount, message] of messages.entries()) {
      await delay(this.#request.requestDelayMs);
      if (!(await this.#call.send(message))) return messages.length - sentCount;
      if (isFullDuplex && !(await this.#receive())) return messages.length - sentCount - 1;
    }
    return 0;
  }

  /** Half-closes, and reads what is left. */
  async close(): Promise<void> {
    const timing = this.#request.cancel?.cancelTiming;
    if (timing?.case === 'beforeCloseSend') this.#call.cancel();
    this.#call.halfClose();
    if (timing?.case === 'afterCloseSendMs') {
      await delay(timing.value);
      this.#call.cancel();
    }
    while (await this.#receive());
  }

  /** Reads one response; false if there is none. */
  async #receive(): Promise<boolean> {
    const response = await this.#call.receive();
    if (response === null) return false;
    this.payloads.push(response.payload ?? create(ConformancePayloadSchema));
    const timing = this.#request.cancel?.cancelTiming;
    if (timing?.case === 'afterNumResponses' && this.payloads.length === timing.value) this.#call.cancel();
    return true;
  }
}
