/**
 * A channel over connections worked by hand, whose streams end as a test says: refused, never sent, or in any other way; and
 * what it knows of its methods. Above: tests of retries and hedges. Below: hand-transport.ts. Holds: a world that is left shows
 * that its channel can end, and has no timer left.
 */
import type { AsyncLocalStorage } from 'node:async_hooks';
import { CallOptions } from '../../src/call/call-options.ts';
import type { ClientCall } from '../../src/call/client-call.ts';
import {
  type MethodSettings,
  type MethodSettingsSource,
  NO_SETTINGS,
  type SettingsWaiter,
} from '../../src/call/method-settings.ts';
import { RetryThrottle, type RetryThrottling } from '../../src/call/retry-throttle.ts';
import { Backoff } from '../../src/channel/backoff.ts';
import { DirectConnections } from '../../src/channel/direct-connections.ts';
import { type ChannelOptions, ManagedChannel } from '../../src/channel/managed-channel.ts';
import { CallCredentials } from '../../src/credentials/call-credentials.ts';
import type { ClientStreamListener, StreamProgress, WriteFlags } from '../../src/transport/stream.ts';
import type { StreamOptions } from '../../src/transport/transport.ts';
import { Attributes, SECURITY_LEVEL } from '../../src/values/attributes.ts';
import { Metadata } from '../../src/values/metadata.ts';
import type { MethodDescriptor } from '../../src/values/method.ts';
import { Status } from '../../src/values/status.ts';
import { HandStream, HandTransport, nextTick } from '../channel/hand-transport.ts';
import { type EchoKind, echoMethods } from '../support/echo.ts';
import { type ClientReactions, RecordingClientListener } from '../support/recorder.ts';
import { assert, within } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';

export const REFUSED: Status = Status.UNAVAILABLE.withDescription('refused');
export const REFUSED_AGAIN: Status = Status.UNAVAILABLE.withDescription('refused again');
export const GONE: Status = Status.UNAVAILABLE.withDescription('the peer went away');
const PRIVATE = Attributes.EMPTY.with(SECURITY_LEVEL, 'privacy-and-integrity');
export const MIB: number = 1024 * 1024;
/** Bytes that a message may have, so that it is kept with just 1 MiB. */
export const WHOLE_BUDGET: Buffer = Buffer.alloc(MIB - 128);
/** Calls that keep so much and no more. */
export const CALLS_IN_BUDGET = 16;

/** A stream that ends as the test says. */
export class EndableStream extends HandStream {
  readonly #owner: EndingTransport;
  #heard: ClientStreamListener | null = null;
  /** Whether the response has begun. */
  answered = false;

  constructor(owner: EndingTransport, method: MethodDescriptor<unknown, unknown>, options: StreamOptions) {
    super(owner, method, options, []);
    this.#owner = owner;
  }

  override start(headers: Metadata, listener: ClientStreamListener): void {
    this.#heard = listener;
    super.start(headers, listener);
    if (this.#owner.miscarries) process.nextTick(() => this.end(GONE, 'not-sent'));
  }

  override writeMessage(payload: Uint8Array, flags: WriteFlags): void {
    if (payload.length < 100) super.writeMessage(payload, flags);
    else this.said.push(`write ${payload.length} bytes`);
  }

  end(status: Status, progress: StreamProgress = 'processed', trailers: Metadata = new Metadata()): void {
    if (this.closed) return;
    this.closed = true;
    this.#heard?.onClose(status, trailers, progress);
    this.#owner.onStreamClosed();
  }

  /** Ends in the next tick, and takes no cancel any more. */
  endSoon(status: Status, progress: StreamProgress): void {
    this.closed = true;
    process.nextTick(() => {
      this.closed = false;
      this.end(status, progress);
    });
  }

  tellHeaders(headers: Metadata = new Metadata()): void {
    this.answered = true;
    this.#heard?.onHeaders(headers);
  }
}

export class EndingTransport extends HandTransport {
  readonly made: EndableStream[] = [];
  /** Whether every stream ends as one that was never sent. */
  miscarries = false;

  override newStream(method: MethodDescriptor<unknown, unknown>, options: StreamOptions): EndableStream {
    const stream = new EndableStream(this, method, options);
    this.streams.push(stream);
    this.made.push(stream);
    return stream;
  }
}

export interface MadeCall {
  readonly call: ClientCall<Uint8Array, Uint8Array>;
  readonly listener: RecordingClientListener<Uint8Array>;
}

export interface CallInit {
  readonly kind?: EchoKind;
  readonly options?: CallOptions;
  readonly headers?: Metadata;
  readonly reactions?: ClientReactions<Uint8Array>;
}

/** What is known of every method, once it is; and a throttle. */
export class HandSettings implements MethodSettingsSource {
  /** Null while it is not known. */
  known: MethodSettings | null;
  throttle: RetryThrottle | null;
  readonly waiters: Set<SettingsWaiter> = new Set();

  constructor(known: Partial<MethodSettings> | null, throttling: RetryThrottling | null = null) {
    this.known = known === null ? null : { ...NO_SETTINGS, ...known };
    this.throttle = throttling === null ? null : new RetryThrottle(throttling);
  }

  settingsOf(): MethodSettings | null {
    return this.known;
  }

  whenKnown(waiter: SettingsWaiter): void {
    this.waiters.add(waiter);
  }

  forget(waiter: SettingsWaiter): void {
    this.waiters.delete(waiter);
  }

  /** Now it is known. */
  tell(known: Partial<MethodSettings>): void {
    this.known = { ...NO_SETTINGS, ...known };
    this.wake();
  }

  /** Has everyone who waits ask again. */
  wake(): void {
    const waiters = [...this.waiters];
    this.waiters.clear();
    for (const waiter of waiters) waiter.onSettingsKnown();
  }
}

/** A channel with a connection that stands. Its random numbers are all 0.5: no jitter. */
export class World {
  readonly clock: WoundClock = new WoundClock();
  readonly transports: EndingTransport[] = [];
  readonly channel: ManagedChannel;
  readonly settings: HandSettings;

  constructor(options: ChannelOptions = {}, settings: HandSettings = new HandSettings({})) {
    this.settings = settings;
    const factory = (): EndingTransport => {
      const transport = new EndingTransport();
      transport.attributes = PRIVATE;
      this.transports.push(transport);
      return transport;
    };
    const { clock } = this;
    this.channel = new ManagedChannel(
      (listener) => new DirectConnections(factory, 'some.host:443', clock, new Backoff(), settings, listener),
      'some.host:443',
      { clock, random: () => 0.5, idleTimeoutMs: Number.POSITIVE_INFINITY, ...options },
    );
    this.channel.connect();
    this.transport.connect();
  }

  /** The latest. */
  get transport(): EndingTransport {
    const transport = this.transports.at(-1);
    if (transport === undefined) throw new Error('no transport was made');
    return transport;
  }

  /** Of all connections, in the order in which they were made. */
  get streams(): EndableStream[] {
    return this.transports.flatMap(({ made }) => made);
  }

  get last(): EndableStream {
    const stream = this.streams.at(-1);
    if (stream === undefined) throw new Error('no stream was made');
    return stream;
  }

  start({
    kind = 'bidi_streaming',
    options = CallOptions.DEFAULT,
    headers = new Metadata(),
    reactions,
  }: CallInit = {}): MadeCall {
    const call = this.channel.newCall(echoMethods[kind], options);
    const listener = new RecordingClientListener<Uint8Array>(reactions);
    listener.forbid(() => call.start(listener, headers));
    return { call, listener };
  }

  /** A call that keeps just 1 MiB, and its stream. */
  startLarge(options: CallOptions = CallOptions.DEFAULT): MadeCall & { readonly stream: EndableStream } {
    const made = this.start({ options });
    made.call.sendMessage(WHOLE_BUDGET);
    return { ...made, stream: this.last };
  }

  /** Nothing of the channel's budget is in use: so many calls as fill it may all be begun anew, to the last byte. */
  async assertBudgetIsFree(): Promise<void> {
    const calls = Array.from({ length: CALLS_IN_BUDGET }, () => this.startLarge());
    for (const { stream } of calls) stream.end(REFUSED, 'refused');
    await nextTick();
    for (const { listener } of calls) assert.equal(listener.names, [], 'something of the budget is in use');
    for (const { call, listener } of calls) {
      call.cancel('enough');
      await listener.closed;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.channel.shutdownNow();
    assert.ok(await within(1_000, this.channel.awaitTermination(), 'the end of the channel'));
    assert.is(this.clock.armed, 0, 'a timer is left');
  }
}

export async function textOf({ listener }: MadeCall): Promise<string> {
  return (await listener.closed).status.toString();
}

/** Whatever would come comes. */
export async function aFewTurns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await nextTick();
}

/** Credentials that write down where they are asked. */
export class Tokens extends CallCredentials {
  readonly asked: (string | undefined)[] = [];
  readonly #context: AsyncLocalStorage<string> | null;
  readonly #answer: (asked: number) => Status | null;

  constructor(answer: (asked: number) => Status | null = () => null, context: AsyncLocalStorage<string> | null = null) {
    super();
    this.#answer = answer;
    this.#context = context;
  }

  requestMetadata(_request: unknown, callback: (error: unknown, metadata: Metadata | null) => void): void {
    this.asked.push(this.#context?.getStore());
    const failure = this.#answer(this.asked.length);
    if (failure === null) callback(null, new Metadata({ authorization: `token ${this.asked.length}` }));
    else callback(failure, null);
  }
}
