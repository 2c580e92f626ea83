/**
 * ClientCall over a ClientStream: life cycle, deadline, marshalling, and the wall that user code's errors stop at.
 * Above: stubs, reactors, interceptors. Below: a StreamSource (a transport, or a channel that has yet to pick one).
 * Holds: the listener's onClose comes exactly once and last; a cancel wins if and only if onClose has not begun; what the
 * network does never changes which methods are legal; the listener hears everything in the async context of start.
 * Texts and rules: io.grpc.internal.ClientCallImpl.
 *
 *   idle ─start→ open ─halfClose→ half-closed          (what the caller did: which methods are legal)
 *     └──────────┴── cancel ──────────┴─→ cancelled
 *
 * A stream that ended before any application saw it is followed by another one, which is told the call so far; one that failed
 * before its response began too, where a policy says so. Between the two there is none, for a turn of the event loop or as
 * long as the policy waits; and none at first while the method's settings are not known. The listener hears nothing of it. A
 * method with a hedging policy has a HedgedStream, which sees to all that itself. Source: gRFC A6.
 * Beside that, `#closed` is set by the one gate to onClose. `#failure` outranks whatever status the stream reports.
 * Past 500 lines because whatever can end a call, or have it go on, meets here; whether it is tried again is RetryPlan's.
 */
import { AsyncResource } from 'node:async_hooks';
import { setMaxListeners } from 'node:events';
import { type CompressorRegistry, IDENTITY } from '../framing/compressor.ts';
import type { MessageFailure } from '../transport/message-failure.ts';
import {
  type ClientStream,
  type ClientStreamListener,
  DEFAULT_ON_READY_THRESHOLD_BYTES,
  type StreamProgress,
  WriteFlag,
  type WriteFlags,
} from '../transport/stream.ts';
import type { StreamOptions, StreamSource } from '../transport/transport.ts';
import { Attributes } from '../values/attributes.ts';
import type { Clock, Timer } from '../values/clock.ts';
import { IllegalStateError } from '../values/illegal-state-error.ts';
import { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';
import { checkPermitCount } from '../values/permits.ts';
import { Code, Status } from '../values/status.ts';
import { abortStatus } from './abort-status.ts';
import { publishCallEnd, publishCallRetry, publishCallStart } from './call-diagnostics.ts';
import type { CallOptions } from './call-options.ts';
import { ClientCall, type ClientCallListener } from './client-call.ts';
import { type FailureHook, reportFailure } from './failure-hooks.ts';
import { HedgedStream } from './hedged-stream.ts';
import { oversizedRequest, unparsedResponse, unserializedRequest } from './message-failure.ts';
import {
  boundedOptions,
  type HedgingPolicy,
  type MethodSettings,
  type MethodSettingsSource,
  NO_SETTINGS,
  type RetryPolicy,
} from './method-settings.ts';
import { Replay, type ReplayBudget } from './replay.ts';
import { notePreviousAttempts } from './retry-metadata.ts';
import { BackoffPause, type Pause, type PauseOwner, SettingsPause } from './retry-pause.ts';
import { RetryPlan } from './retry-plan.ts';
import type { SuspendedCall, SuspendedCalls } from './suspended-calls.ts';

/** What a channel tells its calls. */
export interface ClientCallConfig {
  readonly clock: Clock;
  readonly compressors: CompressorRegistry;
  /** The largest response message to accept, in bytes, unless the call says otherwise. */
  readonly maxInboundMessageBytes: number;
  /** Takes what listeners throw. */
  readonly onListenerError: FailureHook;
  readonly replayBudget: ReplayBudget;
  /** What is known of the methods. */
  readonly settings: MethodSettingsSource;
  /** Why there are no new calls, for those that cannot ask for a stream yet; null while there are. */
  readonly refusal: () => Status | null;
  /** Where the streams of calls come from that were let in before they had one: also after the channel's shutdown. */
  readonly ongoing: StreamSource;
  /** Where calls are as long as they have no stream. */
  readonly suspended: SuspendedCalls;
  /** For methods that are idempotent by their own account, and have no policy; null for none. */
  readonly idempotentRetry: RetryPolicy | null;
  /** Gives numbers from 0 up to 1, for jitter. */
  readonly random: () => number;
}

type State = 'idle' | 'open' | 'half-closed' | 'cancelled';

/** Signals whose listeners are not counted: many calls on one signal are no leak, as each takes its listener back. */
const sharedSignals = new WeakSet<AbortSignal>();

/** One RPC, the client's end. */
export class StreamClientCall<Req, Res>
  extends ClientCall<Req, Res>
  implements ClientStreamListener, PauseOwner, SuspendedCall
{
  readonly #method: MethodDescriptor<Req, Res>;
  /** The caller's, from start on bounded by the method's settings. */
  #options: CallOptions;
  #source: StreamSource;
  readonly #config: ClientCallConfig;
  #state: State = 'idle';
  #closed = false;
  #listener: ClientCallListener<Res> | null = null;
  /** Where start was called; null before. What another call's end, a cancel or a send brings about comes there too. */
  #context: AsyncResource | null = null;
  #stream: ClientStream | null = null;
  /** The call so far; null before start, and once there will be no other stream. */
  #replay: Replay | null = null;
  /** Those of the start, whatever the channel learns later. */
  #settings: MethodSettings = NO_SETTINGS;
  /** Not null once an attempt has failed that a policy may follow. */
  #plan: RetryPlan | null = null;
  /** What the call waits for without a stream, unless for a turn of the event loop. */
  #pause: Pause | null = null;
  /** How many messages the listener knows as written, and how many of them a later stream will count again. */
  #toldWritten = 0;
  #countedAgain = 0;
  #deadlineTimer: Timer | null = null;
  /** Milliseconds that were left of the deadline at start. */
  #timeoutMs = 0;
  #compressing = true;
  /** Why the call ends, when that was settled here. */
  #failure: Status | null = null;

  constructor(
    method: MethodDescriptor<Req, Res>,
    options: CallOptions,
    source: StreamSource,
    config: ClientCallConfig,
  ) {
    super();
    this.#method = method;
    this.#options = options;
    this.#source = source;
    this.#config = config;
  }

  start(listener: ClientCallListener<Res>, headers: Metadata): void {
    if (this.#listener !== null) throw new IllegalStateError('Already started');
    if (this.#state === 'cancelled') throw new IllegalStateError('call was cancelled');
    if (!listener || !headers) throw new TypeError('start needs a listener and headers');
    this.#state = 'open';
    this.#listener = listener;
    const context = new AsyncResource('HalfcloseClientCall', { requireManualDestroy: true });
    this.#context = context;
    publishCallStart(this, this.#method);
    const settings = this.#config.settings.settingsOf(this.#method as MethodDescriptor<unknown, unknown>);
    if (settings !== null && settings !== NO_SETTINGS) this.#adopt(settings, 0);
    const refusal = (settings === null ? this.#config.refusal() : null) ?? this.#refusal();
    if (refusal !== null) {
      this.#failure = refusal;
      process.nextTick(tellRefused, this);
      return;
    }
    const replay = new Replay(headers, this.#config.replayBudget);
    if (settings === null) {
      this.#replay = replay;
      this.#awaitSettings();
    } else if (settings.hedging === null) {
      this.#replay = replay;
      this.#stream = this.#newStream(headers);
      this.#stream.start(headers, this);
    } else {
      this.#hedge(settings.hedging, replay, context);
    }
    this.#watchForEnd();
  }

  /** From now on what is known of the method counts. */
  #adopt(settings: MethodSettings, elapsedMs: number): void {
    this.#settings = settings;
    this.#options = boundedOptions(this.#options, settings, this.#config.clock, elapsedMs);
  }

  #awaitSettings(): void {
    this.#source = this.#config.ongoing;
    this.#pause = new SettingsPause(this, this.#config.settings, this.#config.clock.now());
    this.#config.suspended.add(this);
  }

  /** The method's settings may be known. */
  onSettingsKnown(startedMs: number): void {
    if (this.#failure !== null || this.#closed) return;
    const settings = this.#config.settings.settingsOf(this.#method as MethodDescriptor<unknown, unknown>);
    if (settings === null) {
      this.#pause = new SettingsPause(this, this.#config.settings, startedMs);
      return;
    }
    this.#pause = null;
    this.#adoptLate(settings, this.#config.clock.now() - startedMs);
    if (this.#failure === null) this.#context?.runInAsyncScope(this.#begin, this);
  }

  /** The same for a call that has said something already, and watches for its caller's deadline. */
  #adoptLate(settings: MethodSettings, elapsedMs: number): void {
    const { deadline: callers } = this.#options;
    this.#adopt(settings, elapsedMs);
    const { deadline, maxOutboundMessageBytes: limit } = this.#options;
    if (deadline !== null && deadline !== callers) {
      const leftMs = deadline.remainingMs();
      this.#timeoutMs = leftMs + elapsedMs;
      this.#config.clock.cancel(this.#deadlineTimer);
      this.#deadlineTimer = this.#config.clock.schedule(leftMs, this);
      if (leftMs <= 0) this.#end(this.#deadlineStatus('waiting for name resolution'));
    }
    const largestBytes = this.#replay?.largestBytes ?? 0;
    if (limit !== null && largestBytes > limit) {
      this.#messageFailed('Failed to stream message', oversizedRequest(largestBytes, limit));
    }
  }

  /** The first stream, of a call that has waited for it. */
  #begin(): void {
    const { hedging } = this.#settings;
    if (hedging === null || this.#replay === null || this.#context === null) {
      this.#tryAgain();
      return;
    }
    const replay = this.#replay;
    this.#replay = null;
    this.#hedge(hedging, replay, this.#context);
    this.#config.suspended.delete(this);
  }

  #hedge(policy: HedgingPolicy, replay: Replay, context: AsyncResource): void {
    const { settings, suspended, clock } = this.#config;
    const stream = new HedgedStream({
      call: this,
      method: this.#method as MethodDescriptor<unknown, unknown>,
      options: this.#streamOptions(replay.headers),
      source: this.#source,
      ongoing: this.#config.ongoing,
      policy,
      replay,
      isHalfClosed: this.#state === 'half-closed',
      settings,
      suspended,
      clock,
      context,
    });
    this.#stream = stream;
    replay.start(stream, this, 0);
  }

  #newStream(headers: Metadata): ClientStream {
    return this.#source.newStream(this.#method as MethodDescriptor<unknown, unknown>, this.#streamOptions(headers));
  }

  /** Time for another stream: a turn after one came to nothing, or a while after an attempt has failed. */
  onTurn(): void {
    if (this.#failure === null && !this.#closed) this.#context?.runInAsyncScope(this.#tryAgain, this);
  }

  #tryAgain(): void {
    this.#pause = null;
    const replay = this.#replay;
    const stream = this.#newStream(replay?.headers ?? new Metadata());
    this.#countedAgain = this.#toldWritten;
    // Credentials are asked within: what they have the call say is kept too, behind what it said before.
    replay?.start(stream, this, this.#plan?.previousAttempts ?? 0);
    this.#stream = stream;
    this.#config.suspended.delete(this);
    if (this.#failure !== null) {
      stream.cancel(this.#failure);
      return;
    }
    const permits = this.#replay?.sayTo(stream, this.#state === 'half-closed') ?? 0;
    if (this.#replay?.isFull === true) this.#commit();
    // Last, because it alone may call the listener at once, and what the listener sends then belongs behind the rest.
    if (permits > 0) stream.request(permits);
  }

  /** There will be no other stream. */
  #commit(): void {
    this.#replay?.letGo();
    this.#replay = null;
  }

  /** Why this call gets no stream at all, or null. */
  #refusal(): Status | null {
    const { signal, deadline, compression } = this.#options;
    if (signal?.aborted === true) return abortStatus(signal);
    if (compression !== null && this.#config.compressors.get(compression) === null) {
      return Status.INTERNAL.withDescription(`Unable to find compressor by name ${compression}`);
    }
    if (deadline === null) return null;
    this.#timeoutMs = deadline.remainingMs();
    if (this.#timeoutMs > 0) return null;
    const late = (-this.#timeoutMs / 1000).toFixed(3);
    return Status.DEADLINE_EXCEEDED.withDescription(`ClientCall started after its deadline was exceeded ${late} s ago`);
  }

  #streamOptions(headers: Metadata): StreamOptions {
    const { compressors } = this.#config;
    const options = this.#options;
    return {
      headers,
      authority: options.authority,
      credentials: options.credentials,
      deadline: options.deadline,
      waitForReady: options.waitForReady,
      previousAttempts: this.#plan?.previousAttempts ?? 0,
      isBackground: false,
      compressor: compressors.get(options.compression ?? IDENTITY.name) ?? IDENTITY,
      decompressors: compressors,
      maxInboundMessageBytes: options.maxInboundMessageBytes ?? this.#config.maxInboundMessageBytes,
      onReadyThresholdBytes: options.onReadyThresholdBytes ?? DEFAULT_ON_READY_THRESHOLD_BYTES,
    };
  }

  /** Arms what may end the call from outside; after the stream's start, because a stream takes no cancel before it. */
  #watchForEnd(): void {
    const { signal, deadline } = this.#options;
    if (deadline !== null) this.#deadlineTimer = this.#config.clock.schedule(this.#timeoutMs, this);
    if (signal === null) return;
    if (!sharedSignals.has(signal)) {
      sharedSignals.add(signal);
      setMaxListeners(0, signal);
    }
    // The call is the signal's listener itself: one registration to take back, and no closure.
    signal.addEventListener('abort', this);
  }

  /** The deadline has passed. For the clock. */
  onTimer(): void {
    this.#end(this.#deadlineStatus());
  }

  /** The signal was aborted. For the signal. */
  handleEvent(): void {
    const { signal } = this.#options;
    if (signal !== null) this.#end(abortStatus(signal));
  }

  #deadlineStatus(wait: string | null = this.#pause?.describe() ?? null): Status {
    const progress = this.#stream === null ? wait : this.#stream.describeProgress();
    return Status.DEADLINE_EXCEEDED.withDescription(
      `deadline exceeded after ${(this.#timeoutMs / 1000).toFixed(3)} s${progress === null ? '' : ` (${progress})`}`,
    );
  }

  request(count: number): void {
    this.#checkStarted();
    checkPermitCount(count);
    if (this.#failure !== null) return;
    this.#replay?.keepPermits(count);
    this.#stream?.request(count);
  }

  sendMessage(message: Req, flags: WriteFlags = 0): void {
    this.#checkStarted();
    if (this.#state === 'cancelled') throw new IllegalStateError('call was cancelled');
    if (this.#state === 'half-closed') throw new IllegalStateError('call was half-closed');
    if (this.#closed || this.#failure !== null) return;
    let payload: Uint8Array;
    try {
      payload = this.#method.requestMarshaller.serialize(message);
    } catch (error) {
      this.#messageFailed('Failed to stream message', unserializedRequest(error));
      return;
    }
    const limit = this.#options.maxOutboundMessageBytes;
    if (limit !== null && payload.length > limit) {
      this.#messageFailed('Failed to stream message', oversizedRequest(payload.length, limit));
      return;
    }
    this.#write(payload, this.#compressing ? flags : flags | WriteFlag.NO_COMPRESS);
  }

  #write(payload: Uint8Array, flags: WriteFlags): void {
    if (this.#replay !== null) {
      this.#replay.keepMessage(payload, flags);
      // Between two streams everything is kept: it is nowhere else.
      if (this.#replay.isFull && this.#stream !== null) this.#commit();
    }
    this.#stream?.writeMessage(payload, flags);
  }

  isReady(): boolean {
    this.#checkStarted();
    return this.#state === 'open' && !this.#closed && this.#failure === null && this.#stream?.isReady() === true;
  }

  halfClose(): void {
    this.#checkStarted();
    if (this.#state === 'cancelled') throw new IllegalStateError('call was cancelled');
    if (this.#state === 'half-closed') throw new IllegalStateError('call already half-closed');
    this.#state = 'half-closed';
    if (this.#failure === null) this.#stream?.halfClose();
  }

  cancel(description: string | null, cause?: unknown): void {
    if (this.#state === 'cancelled') return;
    const missing = description === null && (cause === undefined || cause === null);
    if (missing) process.emitWarning('a call was cancelled without a description or a cause', 'HalfcloseWarning');
    this.#state = 'cancelled';
    const reason = missing ? new Error('Cancelled without a message or cause') : (cause ?? undefined);
    this.#end(Status.CANCELLED.withDescription(description ?? 'Call cancelled without message').withCause(reason));
  }

  setMessageCompression(enabled: boolean): void {
    this.#checkStarted();
    this.#compressing = enabled;
  }

  getAttributes(): Attributes {
    return this.#stream?.getAttributes() ?? Attributes.EMPTY;
  }

  override reportFailure(error: unknown): void {
    reportFailure(this.#config.onListenerError, error, this.#method.path);
  }

  #checkStarted(): void {
    if (this.#listener === null) throw new IllegalStateError('Not started');
  }

  /** Settles how the call ends and cancels the stream, which will then tell onClose on a later tick. */
  #end(status: Status): void {
    if (this.#closed || this.#failure !== null) return;
    this.#failure = status;
    if (this.#stream !== null) {
      this.#stream.cancel(status);
    } else if (this.#listener !== null) {
      // Between two streams; before start there is nobody to tell.
      this.#pause?.end();
      process.nextTick(tellRefused, this);
    }
  }

  /** The channel ends its calls that have no stream. */
  endSuspended(status: Status): void {
    this.#end(status);
  }

  /** Calls a method of the listener in the async context of start. */
  #tell<A, B>(method: ((this: ClientCallListener<Res>, a: A, b: B) => void) | undefined, a: A, b?: B): void {
    if (method !== undefined && this.#listener !== null) this.#context?.runInAsyncScope(method, this.#listener, a, b);
  }

  onHeaders(headers: Metadata): void {
    this.#commit();
    if (this.#failure !== null) return;
    if (this.#plan !== null) notePreviousAttempts(headers, this.#plan.previousAttempts);
    try {
      this.#tell(this.#listener?.onHeaders, headers);
    } catch (error) {
      this.#listenerThrew('Failed to read headers', error);
    }
  }

  onMessage(payload: Uint8Array): void {
    if (this.#failure !== null) return;
    let message: Res;
    try {
      message = this.#method.responseMarshaller.deserialize(payload);
    } catch (error) {
      this.#messageFailed('Failed to read message.', unparsedResponse(error));
      return;
    }
    try {
      this.#tell(this.#listener?.onMessage, message);
    } catch (error) {
      this.#listenerThrew('Failed to read message.', error);
    }
  }

  onReady(): void {
    if (this.#failure !== null || this.#method.clientSendsOneMessage) return;
    try {
      this.#tell(this.#listener?.onReady, 0);
    } catch (error) {
      this.#listenerThrew('Failed to call onReady.', error);
    }
  }

  onWritten(count: number): void {
    if (this.#failure !== null) return;
    const again = Math.min(count, this.#countedAgain);
    this.#countedAgain -= again;
    this.#toldWritten += count - again;
    if (count === again) return;
    try {
      this.#tell(this.#listener?.onWritten, count - again);
    } catch (error) {
      this.#listenerThrew('Failed to call onWritten.', error);
    }
  }

  onClosing(status: Status): void {
    if (this.#failure !== null) return;
    try {
      this.#tell(this.#listener?.onClosing, this.#lateStatus(status));
    } catch (error) {
      this.#listenerThrew('Failed to call onClosing.', error);
    }
  }

  #listenerThrew(description: string, error: unknown): void {
    this.reportFailure(error);
    this.#end(Status.CANCELLED.withDescription(description).withCause(error));
  }

  /** No bug of a listener: onClose tells of it, and nobody else. */
  #messageFailed(description: string, failure: MessageFailure): void {
    this.#end(Status.CANCELLED.withDescription(description).withCause(failure));
  }

  /** The stream has closed; another one follows, or the call is over. */
  onClose(status: Status, trailers: Metadata, progress: StreamProgress): void {
    if (this.#failure !== null || this.#replay === null) this.#close(status, trailers);
    else if (this.#replay.mayFollow(status, progress)) this.#goOnNextTurn(status);
    else if (!this.#goesOnLater(status, trailers, progress)) this.#close(status, trailers);
  }

  #goOnNextTurn(status: Status): void {
    this.#suspend();
    publishCallRetry(this, this.#method, status, 0);
    // node:http2: a stream that a GOAWAY refuses closes before its session tells of the GOAWAY; a turn later the channel
    // will not pick that connection again (test/call/transparent-retry-http2.test.ts).
    setImmediate(nextTurn, this);
  }

  /** Whether a policy has another attempt follow this failure; then it will. */
  #goesOnLater(status: Status, trailers: Metadata, progress: StreamProgress): boolean {
    if (status.isOk || progress === 'dropped' || this.#options.deadline?.isExpired() === true) return false;
    const policy = this.#retryPolicy();
    if (policy === null || this.#config.suspended.isEnded) return false;
    const { clock, random, settings } = this.#config;
    this.#plan ??= new RetryPlan(policy, random);
    const delayMs = this.#plan.onFailure(status, trailers, settings.throttle);
    if (delayMs === null) return false;
    this.#suspend();
    publishCallRetry(this, this.#method, status, delayMs);
    this.#pause = new BackoffPause(this, clock, delayMs, status);
    return true;
  }

  #retryPolicy(): RetryPolicy | null {
    if (this.#settings.retry !== null) return this.#settings.retry;
    return this.#method.idempotency === 'unknown' ? null : this.#config.idempotentRetry;
  }

  /** There is no stream until the next one; a channel that ends all its calls meanwhile ends this one. */
  #suspend(): void {
    this.#stream = null;
    this.#source = this.#config.ongoing;
    this.#config.suspended.add(this);
  }

  /** The one gate to the listener's onClose. */
  #close(status: Status, trailers: Metadata): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#commit();
    this.#config.clock.cancel(this.#deadlineTimer);
    this.#options.signal?.removeEventListener('abort', this);
    if (this.#failure === null && status.isOk) this.#config.settings.throttle?.onSuccess();
    const settled = this.#failure ?? this.#lateStatus(status);
    const ours = settled !== status || this.#failure !== null;
    publishCallEnd(this, this.#method, settled);
    try {
      this.#tell(this.#listener?.onClose, settled, ours ? new Metadata() : trailers);
    } catch (error) {
      this.reportFailure(error);
    }
    this.#context?.emitDestroy();
    if (this.#stream === null) this.#config.suspended.delete(this);
  }

  /**
   * A server whose timer fires first resets the stream, or its handler fails of what the deadline did to it: CANCELLED and
   * UNKNOWN after our deadline were the deadline. Source: PROTOCOL-HTTP2 "Errors", io.grpc.internal.ClientCallImpl, which
   * knows CANCELLED alone; UNKNOWN is what grpc-go makes of a handler that returns its context's error.
   */
  #lateStatus(status: Status): Status {
    const mayBeLate = status.code === Code.CANCELLED || status.code === Code.UNKNOWN;
    if (!mayBeLate || this.#options.deadline?.isExpired() !== true) return status;
    const { description } = this.#deadlineStatus();
    const said = status.description === null ? '' : `; the server said ${status.name}: ${status.description}`;
    return Status.DEADLINE_EXCEEDED.withDescription(`${description}${said}`);
  }

  /** The tick after the call ended without a stream. */
  onRefused(): void {
    this.#close(this.#failure ?? Status.CANCELLED, new Metadata());
  }
}

function nextTurn(call: { onTurn(): void }): void {
  call.onTurn();
}

function tellRefused(call: StreamClientCall<never, never>): void {
  call.onRefused();
}
