/**
 * A client of `test.Echo` by reactors of every kind. Beside: test/support/echo-service.ts and grpc-js.ts, the same on
 * ClientCall and on grpc-js. Below: newStub, a channel. Holds: needs no hold, because every operation is started before
 * startCall or in a reaction.
 */
import { createChannel } from '../../src/channel/create-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ClientContext } from '../../src/reactor/client-context.ts';
import {
  ClientBidiReactor,
  type ClientReactor,
  ClientReadReactor,
  ClientUnaryReactor,
  ClientWriteReactor,
} from '../../src/reactor/client-reactors.ts';
import { deadlineAfter } from '../../src/reactor/deadlines.ts';
import { type AsyncMethods, newStub } from '../../src/reactor/stub.ts';
import type { Status } from '../../src/values/status.ts';
import {
  type CallInit,
  type CancelPoint,
  commandPair,
  customPairs,
  type EchoClient,
  type EchoKind,
  type Outcome,
} from '../support/echo.ts';
import { within } from '../support/within.ts';
import { ECHO_METHODS, UNKNOWN_METHOD } from './reactor-echo-server.ts';

const PATIENCE_MS = 5_000;

/** One RPC: what is to be sent, and what has come. */
class Conversation {
  readonly context = new ClientContext();
  readonly outcome: Promise<Outcome>;
  readonly #init: CallInit;
  readonly #left: Uint8Array[];
  readonly #received: Uint8Array[] = [];
  #hasHeaders = false;
  #resolve: (outcome: Outcome) => void = () => {};

  constructor(messages: readonly Uint8Array[], init: CallInit) {
    this.#init = init;
    this.#left = [...messages];
    this.outcome = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    const { command, compression, pairs = [], timeoutMs } = init;
    const all = command === undefined ? pairs : [commandPair(command), ...pairs];
    for (const [key, value] of all) this.context.addMetadata(key, value as never);
    if (timeoutMs !== undefined) this.context.setDeadline(deadlineAfter(timeoutMs));
    if (compression !== undefined) this.context.setCompressionAlgorithm(compression);
  }

  cancelAt(point: CancelPoint): void {
    if (this.#init.cancel === point) this.context.tryCancel();
  }

  /** The next message to send; undefined for none. */
  next(): Uint8Array | undefined {
    return this.#left.shift();
  }

  headers(ok: boolean): void {
    this.#hasHeaders = ok;
    if (ok) this.cancelAt('after headers');
  }

  message(message: Uint8Array): void {
    this.#received.push(message);
    this.cancelAt('after the first message');
  }

  done(status: Status, response?: Uint8Array): void {
    if (response !== undefined) this.#received.push(response);
    this.#resolve({
      code: status.code,
      message: status.description ?? '',
      headers: this.#hasHeaders ? customPairs(this.context.getServerInitialMetadata()) : null,
      messages: this.#received,
      trailers: customPairs(this.context.getServerTrailingMetadata()),
    });
  }
}

type Stub = AsyncMethods<typeof ECHO_METHODS>;
type Bytes = Uint8Array;

/** Gives the reactor of a kind to the stub, with everything started but the RPC itself. */
const PREPARE: Readonly<Record<EchoKind, (stub: Stub, talk: Conversation) => ClientReactor<never, Bytes>>> = {
  unary(stub, talk) {
    const reactor = ClientUnaryReactor.from<Bytes>({
      onReadInitialMetadataDone: (ok) => talk.headers(ok),
      onDone: (status, response) => talk.done(status, response),
    });
    stub.unary(talk.context, talk.next() ?? Buffer.of(), reactor);
    return reactor;
  },
  server_streaming(stub, talk) {
    const reactor = ClientReadReactor.from<Bytes>({
      onReadInitialMetadataDone: (ok) => talk.headers(ok),
      onReadDone(ok, message) {
        if (!ok || message === undefined) return;
        talk.message(message);
        this.startRead();
      },
      onDone: (status) => talk.done(status),
    });
    stub.server_streaming(talk.context, talk.next() ?? Buffer.of(), reactor);
    reactor.startRead();
    return reactor;
  },
  client_streaming(stub, talk) {
    const reactor = ClientWriteReactor.from<Bytes, Bytes>({
      onReadInitialMetadataDone: (ok) => talk.headers(ok),
      onWriteDone(ok) {
        if (ok) writeNext(this, talk);
      },
      onWritesDoneDone: () => talk.cancelAt('after half-close'),
      onDone: (status, response) => talk.done(status, response),
    });
    stub.client_streaming(talk.context, reactor);
    writeNext(reactor, talk);
    return reactor as unknown as ClientReactor<never, Bytes>;
  },
  bidi_streaming(stub, talk) {
    const reactor = ClientBidiReactor.from<Bytes, Bytes>({
      onReadInitialMetadataDone: (ok) => talk.headers(ok),
      onReadDone(ok, message) {
        if (!ok || message === undefined) return;
        talk.message(message);
        this.startRead();
      },
      onWriteDone(ok) {
        if (ok) writeNext(this, talk);
      },
      onWritesDoneDone: () => talk.cancelAt('after half-close'),
      onDone: (status) => talk.done(status),
    });
    stub.bidi_streaming(talk.context, reactor);
    writeNext(reactor, talk);
    reactor.startRead();
    return reactor as unknown as ClientReactor<never, Bytes>;
  },
};

function writeNext(
  reactor: Pick<ClientBidiReactor<Bytes, Bytes>, 'startWrite' | 'startWritesDone'>,
  talk: Conversation,
): void {
  const message = talk.next();
  if (message === undefined) reactor.startWritesDone();
  else reactor.startWrite(message);
}

/** A client by reactors, at a port of 127.0.0.1. */
export function reactorEchoClient(port: number): EchoClient {
  const channel = createChannel(`127.0.0.1:${port}`, ChannelCredentials.insecure());
  const stub = newStub(ECHO_METHODS, channel).async();
  return {
    async call(kind, messages, init = {}): Promise<Outcome> {
      const talk = new Conversation(messages, init);
      const reactor = PREPARE[kind](stub, talk);
      reactor.startCall();
      talk.cancelAt('at once');
      const slow = setTimeout(() => talk.cancelAt('when slow'), 60);
      try {
        return await within(3 * PATIENCE_MS, talk.outcome, 'the end of an RPC');
      } finally {
        clearTimeout(slow);
      }
    },
    async callUnknown(): Promise<Outcome> {
      const talk = new Conversation([], {});
      const unknown = newStub(UNKNOWN_METHOD, channel).async();
      unknown.unknown(talk.context, Buffer.alloc(1), (status, response) => talk.done(status, response));
      return await within(PATIENCE_MS, talk.outcome, 'the end of an RPC');
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await within(PATIENCE_MS, channel[Symbol.asyncDispose](), 'the channel to end');
    },
  };
}
