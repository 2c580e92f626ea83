/**
 * `test.Echo` served by reactors, one class for each kind of method. Beside: test/support/echo-service.ts and grpc-js.ts, the
 * same on ServerCall and on grpc-js; reactor-echo-client.ts, its other end. Holds: obeys every command but `deaf` of a
 * method with one request.
 */

import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { Alarm } from '../../src/reactor/alarm.ts';
import { callbackService } from '../../src/reactor/callback-service.ts';
import { deadlineAfter } from '../../src/reactor/deadlines.ts';
import type { CallbackServerContext } from '../../src/reactor/server-context.ts';
import {
  ServerBidiReactor,
  ServerReadReactor,
  ServerUnaryReactor,
  ServerWriteReactor,
} from '../../src/reactor/server-reactors.ts';
import { Server } from '../../src/server/server.ts';
import { BYTES_MARSHALLER, MethodDescriptor, type MethodKind } from '../../src/values/method.ts';
import { Status } from '../../src/values/status.ts';
import {
  type EchoCommand,
  type EchoServer,
  echoedPairs,
  type Pair,
  readCommand,
  trailerPairs,
} from '../support/echo.ts';
import type { EchoJournal } from '../support/echo-service.ts';
import { within } from '../support/within.ts';

const PATIENCE_MS = 5_000;

function bytesMethod<K extends MethodKind>(name: string, kind: K): MethodDescriptor<Uint8Array, Uint8Array, K> {
  const marshallers = { requestMarshaller: BYTES_MARSHALLER, responseMarshaller: BYTES_MARSHALLER };
  return new MethodDescriptor({ service: 'test.Echo', name, kind, ...marshallers });
}

/** The methods of `test.Echo`, each with its kind in its type; and one that no server has. */
export const ECHO_METHODS = Object.freeze({
  unary: bytesMethod('Unary', 'unary'),
  client_streaming: bytesMethod('ClientStreaming', 'client_streaming'),
  server_streaming: bytesMethod('ServerStreaming', 'server_streaming'),
  bidi_streaming: bytesMethod('Bidi', 'bidi_streaming'),
});
export const UNKNOWN_METHOD = Object.freeze({ unknown: bytesMethod('NoSuchMethod', 'unary') });

/** What the RPCs of every kind have in common: the command, the delay of answers, the journal. */
class Serving {
  readonly command: EchoCommand;
  readonly #context: CallbackServerContext;
  readonly #name: string;
  readonly #journal: EchoJournal;
  readonly #delay = new Alarm();
  answers = 0;
  isFinished = false;

  constructor(context: CallbackServerContext, name: string, journal: EchoJournal) {
    const headers = context.clientMetadata();
    this.command = readCommand(headers);
    this.#context = context;
    this.#name = name;
    this.#journal = journal;
    journal.events.push(`start ${name}`);
    journal.requests.push(echoedPairs(headers));
    journal.deadlinesMs.push(context.deadline() === Number.POSITIVE_INFINITY ? null : context.deadline() - Date.now());
    for (const [key, value] of echoedPairs(headers)) context.addInitialMetadata(key, value as never);
    for (const [key, value] of trailerPairs(headers)) context.addTrailingMetadata(key, value as never);
    if (this.command.compression !== undefined) context.setCompressionAlgorithm(this.command.compression);
  }

  /** Whether no answer is to follow. */
  get isEnough(): boolean {
    return this.command.after !== undefined && this.answers >= this.command.after;
  }

  get status(): Status {
    const { code = 0, message = null } = this.command;
    return code === 0 ? Status.OK : Status.fromCode(code).withDescription(message);
  }

  answer(message: Uint8Array): Uint8Array {
    const { size } = this.command;
    this.answers += 1;
    return size === undefined ? message : Buffer.alloc(size);
  }

  /** Runs `then` once the next answer is due; not at all when the RPC ended before. */
  whenDue(then: () => void): void {
    const { delayMs = 0 } = this.command;
    if (delayMs === 0) then();
    else this.#delay.set(deadlineAfter(delayMs), (ok) => ok && then());
  }

  /** The RPC was cancelled; whether finish is still owed. */
  cancelled(): boolean {
    this.#journal.events.push(`cancelled ${this.#name}`);
    this.#delay.cancel();
    return !this.isFinished;
  }

  done(): void {
    if (!this.#context.isCancelled()) this.#journal.events.push(`end ${this.#name}`);
  }
}

class EchoUnary extends ServerUnaryReactor<Uint8Array> {
  readonly #serving: Serving;

  constructor(serving: Serving, request: Uint8Array) {
    super();
    this.#serving = serving;
    if (serving.command.headersFirst === true) this.startSendInitialMetadata();
    serving.whenDue(() => this.#finish(serving.status, serving.answer(request)));
  }

  #finish(status: Status, response: Uint8Array): void {
    this.#serving.isFinished = true;
    this.finish(status, response);
  }

  override onCancel(): void {
    if (this.#serving.cancelled()) this.finish(Status.CANCELLED);
  }

  override onDone(): void {
    this.#serving.done();
  }
}

class EchoReader extends ServerReadReactor<Uint8Array, Uint8Array> {
  readonly #serving: Serving;
  readonly #received: Uint8Array[] = [];

  constructor(serving: Serving) {
    super();
    this.#serving = serving;
    if (serving.command.headersFirst === true) this.startSendInitialMetadata();
    if (serving.command.deaf !== true) this.startRead();
  }

  override onReadDone(ok: boolean, message: Uint8Array | undefined): void {
    if (ok && message !== undefined) {
      this.#received.push(message);
      this.startRead();
      return;
    }
    this.#serving.whenDue(() => this.#finish());
  }

  #finish(): void {
    this.#serving.isFinished = true;
    this.finish(this.#serving.status, this.#serving.answer(Buffer.concat(this.#received)));
  }

  override onCancel(): void {
    if (this.#serving.cancelled()) this.finish(Status.CANCELLED);
  }

  override onDone(): void {
    this.#serving.done();
  }
}

class EchoWriter extends ServerWriteReactor<Uint8Array> {
  readonly #serving: Serving;
  readonly #message: Uint8Array;

  constructor(serving: Serving, request: Uint8Array) {
    super();
    this.#serving = serving;
    this.#message = request;
    if (serving.command.headersFirst === true) this.startSendInitialMetadata();
    this.#next();
  }

  #next(): void {
    const { command, answers, isEnough } = this.#serving;
    if (isEnough || answers === (command.count ?? 1)) this.#finish(this.#serving.status);
    else this.#serving.whenDue(() => this.startWrite(this.#serving.answer(this.#message)));
  }

  #finish(status: Status): void {
    this.#serving.isFinished = true;
    this.finish(status);
  }

  override onWriteDone(ok: boolean): void {
    if (ok) this.#next();
  }

  override onCancel(): void {
    if (this.#serving.cancelled()) this.finish(Status.CANCELLED);
  }

  override onDone(): void {
    this.#serving.done();
  }
}

class EchoBidi extends ServerBidiReactor<Uint8Array, Uint8Array> {
  readonly #serving: Serving;
  /** What is being answered, and how often it still is to be. */
  #message: Uint8Array = Buffer.of();
  #left = 0;

  constructor(serving: Serving) {
    super();
    this.#serving = serving;
    if (serving.command.headersFirst === true) this.startSendInitialMetadata();
    if (serving.isEnough) this.#finish(serving.status);
    else if (serving.command.deaf !== true) this.startRead();
  }

  override onReadDone(ok: boolean, message: Uint8Array | undefined): void {
    if (ok && message !== undefined) {
      this.#message = message;
      this.#left = this.#serving.command.count ?? 1;
      this.#next();
    } else if (!this.#serving.isFinished) {
      this.#finish(this.#serving.status);
    }
  }

  #next(): void {
    if (this.#serving.isEnough) {
      this.#finish(this.#serving.status);
    } else if (this.#left === 0) {
      this.startRead();
    } else {
      this.#left -= 1;
      this.#serving.whenDue(() => this.startWrite(this.#serving.answer(this.#message)));
    }
  }

  #finish(status: Status): void {
    this.#serving.isFinished = true;
    this.finish(status);
  }

  override onWriteDone(ok: boolean): void {
    if (ok) this.#next();
  }

  override onCancel(): void {
    if (this.#serving.cancelled()) this.finish(Status.CANCELLED);
  }

  override onDone(): void {
    this.#serving.done();
  }
}

/** A Server of ours with `test.Echo` by reactors, on a free port of 127.0.0.1. */
export async function startReactorEchoServer(): Promise<EchoServer> {
  const journal: EchoJournal = { events: [], requests: [] as Pair[][], deadlinesMs: [] };
  const service = callbackService(ECHO_METHODS, {
    unary: (context, request) => new EchoUnary(new Serving(context, 'Unary', journal), request),
    client_streaming: (context) => new EchoReader(new Serving(context, 'ClientStreaming', journal)),
    server_streaming: (context, request) => new EchoWriter(new Serving(context, 'ServerStreaming', journal), request),
    bidi_streaming: (context) => new EchoBidi(new Serving(context, 'Bidi', journal)),
  });
  const server = new Server().addService(service);
  server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  await within(PATIENCE_MS, server.start(), 'a reactor server to listen');
  return {
    ...journal,
    port: server.port,
    async [Symbol.asyncDispose](): Promise<void> {
      await within(PATIENCE_MS, server[Symbol.asyncDispose](), 'a reactor server to stop');
    },
  };
}
