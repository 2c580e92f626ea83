/**
 * ServerCall over a ServerStream: life cycle, deadline, marshalling, and the wall that user code's errors stop at.
 * Above: Server starts one per stream through serveStream; handlers, interceptors, stubs, reactors use it. Below: a
 * transport. Holds: exactly one of onComplete and onCancel comes, last; only the local order of calls throws; the text of
 * a handler's error never reaches the peer unless the handler made a status of it.
 * Texts and rules: io.grpc.internal.ServerCallImpl, io.grpc.internal.ServerImpl.
 *
 *   open ─sendHeaders→ headers-sent ─close→ closed      (what the handler did: which methods are legal)
 *     └──────────────────close────────────────┘
 */
import type { CompressorRegistry } from '../framing/compressor.ts';
import { type ServerStream, type ServerStreamListener, WriteFlag, type WriteFlags } from '../transport/stream.ts';
import type { Attributes } from '../values/attributes.ts';
import type { Clock, Timer } from '../values/clock.ts';
import { Deadline } from '../values/deadline.ts';
import { IllegalStateError } from '../values/illegal-state-error.ts';
import { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';
import { checkPermitCount } from '../values/permits.ts';
import { Status, statusBearer } from '../values/status.ts';
import { trailersFrom } from '../values/status-error.ts';
import { type FailureHook, reportFailure } from './failure-hooks.ts';
import { ServerCall, type ServerCallHandler, ServerCallListener } from './server-call.ts';

/** What a server tells its calls. */
export interface ServerCallConfig {
  readonly clock: Clock;
  readonly compressors: CompressorRegistry;
  /** Takes what handlers and their listeners throw. */
  readonly onHandlerError: FailureHook;
}

/** Runs `handler` for a stream that has come; gives the stream's listener. A throw of the handler ends the call. */
export function serveStream<Req, Res>(
  stream: ServerStream,
  method: MethodDescriptor<Req, Res>,
  handler: ServerCallHandler<Req, Res>,
  headers: Metadata,
  config: ServerCallConfig,
): ServerStreamListener {
  const call = new StreamServerCall(stream, method, config);
  call.run(handler, headers);
  return call;
}

type State = 'open' | 'headers-sent' | 'closed';

class StreamServerCall<Req, Res> extends ServerCall<Req, Res> implements ServerStreamListener {
  readonly method: MethodDescriptor<Req, Res>;
  readonly authority: string | null;
  readonly deadline: Deadline | null;
  readonly clientStreams: boolean;
  readonly #stream: ServerStream;
  readonly #config: ServerCallConfig;
  readonly #deadlineTimer: Timer | null;
  #state: State = 'open';
  #listener: ServerCallListener<Req> = new ServerCallListener();
  /** Whether the call has failed from outside; onCancel is on its way. */
  #cancelled = false;
  /** Whether the final event was told. */
  #ended = false;
  #responded = false;
  #compressing = true;

  constructor(stream: ServerStream, method: MethodDescriptor<Req, Res>, config: ServerCallConfig) {
    super();
    this.method = method;
    this.authority = stream.authority;
    this.clientStreams = !method.clientSendsOneMessage;
    this.#stream = stream;
    this.#config = config;
    const { timeoutMs } = stream;
    this.deadline = timeoutMs === null ? null : Deadline.after(timeoutMs, config.clock);
    this.#deadlineTimer = timeoutMs === null ? null : config.clock.schedule(timeoutMs, this);
  }

  run(handler: ServerCallHandler<Req, Res>, headers: Metadata): void {
    try {
      const listener: unknown = handler(this, headers);
      if (listener === null || typeof listener !== 'object') throw new TypeError('the handler returned no listener');
      this.#listener = listener as ServerCallListener<Req>;
    } catch (error) {
      this.reportFailure(error);
      this.#stream.close(Status.ofFailure(error), trailersFrom(error));
    }
  }

  /** The deadline has passed. For the clock. */
  onTimer(): void {
    this.#fail(Status.DEADLINE_EXCEEDED.withDescription('the deadline passed at the server'));
  }

  /** Ends the call for a reason other than the handler's own close. */
  #fail(status: Status): void {
    if (this.#ended) return;
    this.#cancelled = true;
    this.#stream.cancel(status);
  }

  request(count: number): void {
    checkPermitCount(count);
    this.#stream.request(count);
  }

  isReady(): boolean {
    return this.#state !== 'closed' && !this.#cancelled && this.#stream.isReady();
  }

  sendHeaders(headers: Metadata): void {
    if (this.#state === 'closed') throw new IllegalStateError('call is closed');
    if (this.#state === 'headers-sent') throw new IllegalStateError('sendHeaders has already been called');
    this.#state = 'headers-sent';
    this.#stream.sendHeaders(headers);
  }

  sendMessage(message: Res, flags: WriteFlags = 0): void {
    if (this.#state === 'closed') throw new IllegalStateError('call is closed');
    if (this.#state === 'open') throw new IllegalStateError('sendHeaders has not been called');
    if (this.#cancelled || this.#ended) return;
    if (this.method.serverSendsOneMessage && this.#responded) {
      this.#fail(Status.INTERNAL.withDescription('Too many responses'));
      return;
    }
    this.#responded = true;
    let payload: Uint8Array;
    try {
      payload = this.method.responseMarshaller.serialize(message);
    } catch (error) {
      this.reportFailure(error);
      this.#fail(serializationStatus(error));
      return;
    }
    this.#stream.writeMessage(payload, this.#compressing ? flags : flags | WriteFlag.NO_COMPRESS);
  }

  close(status: Status, trailers: Metadata): void {
    if (this.#state === 'closed') throw new IllegalStateError('call already closed');
    this.#state = 'closed';
    if (status.isOk && this.method.serverSendsOneMessage && !this.#responded) {
      this.#fail(Status.INTERNAL.withDescription('Completed without a response'));
    } else {
      this.#stream.close(status, trailers);
    }
  }

  cancel(reason: Status): void {
    if (reason.isOk) throw new TypeError('a call is never cancelled with OK');
    this.#fail(reason);
  }

  isCancelled(): boolean {
    return this.#cancelled;
  }

  setCompression(name: string): void {
    if (this.#state !== 'open') throw new IllegalStateError('sendHeaders has been called');
    if (this.#config.compressors.get(name) === null) throw new TypeError(`Unable to find compressor by name ${name}`);
    this.#stream.setCompression(name);
  }

  setMessageCompression(enabled: boolean): void {
    this.#compressing = enabled;
  }

  setOnReadyThreshold(bytes: number): void {
    if (!Number.isInteger(bytes) || bytes < 1) throw new RangeError(`not a size in bytes: ${bytes}`);
    this.#stream.setOnReadyThreshold(bytes);
  }

  getAttributes(): Attributes {
    return this.#stream.getAttributes();
  }

  override reportFailure(error: unknown): void {
    reportFailure(this.#config.onHandlerError, error, this.method.path);
  }

  onMessage(payload: Uint8Array): void {
    if (this.#cancelled) return;
    let message: Req;
    try {
      message = this.method.requestMarshaller.deserialize(payload);
    } catch (error) {
      // The client's fault, not the handler's: no business of the hook.
      this.#fail(Status.INTERNAL.withDescription('Failed to parse the request').withCause(error));
      return;
    }
    try {
      this.#listener.onMessage(message);
    } catch (error) {
      this.#listenerThrew(error);
    }
  }

  onHalfClose(): void {
    if (this.#cancelled) return;
    try {
      this.#listener.onHalfClose();
    } catch (error) {
      this.#listenerThrew(error);
    }
  }

  onReady(): void {
    if (this.#cancelled) return;
    try {
      this.#listener.onReady();
    } catch (error) {
      this.#listenerThrew(error);
    }
  }

  onWritten(count: number): void {
    if (this.#cancelled) return;
    try {
      this.#listener.onWritten(count);
    } catch (error) {
      this.#listenerThrew(error);
    }
  }

  /** Closes the call, unless the handler has. Even a status that the error bears stays here: it may be of another call. */
  #listenerThrew(error: unknown): void {
    this.reportFailure(error);
    this.#stream.close(
      Status.UNKNOWN.withDescription('Application error processing RPC').withCause(error),
      new Metadata(),
    );
  }

  /** The stream has closed: the one gate to the final event. */
  onClose(status: Status): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#config.clock.cancel(this.#deadlineTimer);
    this.#cancelled ||= !status.isOk;
    try {
      if (this.#cancelled) this.#listener.onCancel();
      else this.#listener.onComplete();
    } catch (error) {
      this.reportFailure(error);
    }
  }
}

function serializationStatus(error: unknown): Status {
  if (statusBearer(error) !== null) return Status.ofFailure(error);
  return Status.INTERNAL.withDescription('Internal error so cancelling stream.').withCause(error);
}
