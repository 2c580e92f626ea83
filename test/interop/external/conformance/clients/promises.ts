/** RPCs in promises and async iterables. Above: client.ts. Below: createClient. */
import type { Message } from '@bufbuild/protobuf';
import {
  type CallSettings,
  type Channel,
  createClient,
  type MessageSender,
  Metadata,
  type ResponseStream,
  Status,
  StatusError,
  type UntypedFunction,
} from '../../../../../src/index.ts';
import type { CaseCall, CaseInit, CaseMethod, OpenCase, Outcome, Response } from './case-call.ts';

export const openPromises: OpenCase = (channel, method, init) => new PromisesCase(channel, method, init);

class PromisesCase implements CaseCall {
  readonly #method: CaseMethod;
  readonly #rpc: UntypedFunction<Message, Response>;
  readonly #settings: CallSettings;
  readonly #abort = new AbortController();
  /** Null where the request opens the RPC. */
  #sender: MessageSender<Message> | null = null;
  /** The two ways that responses come; one of them is there once the RPC is open. */
  #response: Promise<Response> | null = null;
  #stream: ResponseStream<Response> | null = null;
  #headers: Metadata | null = null;
  #trailers = new Metadata();
  #status = Status.OK;

  constructor(channel: Channel, method: CaseMethod, init: CaseInit) {
    this.#method = method;
    this.#rpc = createClient({ method }, channel).method;
    this.#settings = {
      metadata: init.metadata,
      compression: init.compression,
      timeoutMs: init.timeoutMs ?? undefined,
      maxInboundMessageBytes: init.maxInboundMessageBytes ?? undefined,
      signal: this.#abort.signal,
      onHeaders: (headers) => {
        this.#headers = headers;
      },
      onTrailers: (trailers) => {
        this.#trailers = trailers;
      },
    };
    if (!method.clientSendsOneMessage) this.#open();
  }

  #open(): void {
    const call = this.#rpc(this.#settings);
    this.#sender = call;
    if (this.#method.serverSendsOneMessage) this.#response = call.response;
    else this.#stream = call;
  }

  async send(request: Message): Promise<boolean> {
    if (this.#sender !== null) return await this.#sender.send(request);
    const call = this.#rpc(request, this.#settings);
    if (this.#method.serverSendsOneMessage) this.#response = call;
    else this.#stream = call;
    // It may be cancelled, and reject, before it is awaited.
    this.#response?.catch(() => {});
    return true;
  }

  halfClose(): void {
    this.#sender?.closeSend();
  }

  async receive(): Promise<Response | null> {
    try {
      return await this.#next();
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      this.#status = error.status;
      return null;
    }
  }

  async #next(): Promise<Response | null> {
    if (this.#stream !== null) return (await this.#stream.next()).value ?? null;
    const response = await this.#response;
    this.#response = null;
    return response;
  }

  cancel(): void {
    if (this.#stream !== null) this.#stream.cancel();
    else this.#abort.abort();
  }

  async outcome(): Promise<Outcome> {
    return { status: this.#status, headers: this.#headers, trailers: this.#trailers };
  }
}
