/**
 * Lanes: each makes calls of one kind over one channel, one operation after the other. Above: benchmark-client.ts. Below:
 * ClientCall. Holds: calls wait for a connection rather than fail without one, so that a call that failed has been to the
 * server and back; it is followed by the next one like any other. After stop no call begins.
 */
import {
  CallOptions,
  type Channel,
  type ClientCall,
  ClientCallListener,
  Metadata,
  type Status,
} from '../../src/index.ts';
import type { Lane, Pace } from './pace.ts';
import type { BenchmarkMethods, Payloads } from './payloads.ts';
import type { Tally } from './tally.ts';

const OPTIONS: CallOptions = CallOptions.DEFAULT.withWaitForReady(true);

/** What a lane works with. */
export interface LaneInit<Req, Res> {
  readonly channel: Channel;
  readonly payloads: Payloads<Req, Res>;
  readonly tally: Tally;
  readonly pace: Pace;
  /** After so many messages a stream ends and the next begins; 0 for never. */
  readonly messagesPerStream: number;
}

type StreamingMethod = Exclude<keyof BenchmarkMethods<unknown, unknown>, 'unaryCall'>;

/** One lane. States: running → stopped. */
abstract class CallingLane<Req, Res> extends ClientCallListener<Res> {
  protected readonly init: LaneInit<Req, Res>;
  #state: 'running' | 'stopped' = 'running';

  constructor(init: LaneInit<Req, Res>) {
    super();
    this.init = init;
  }

  /** Does the first thing, or the next one after a call has ended. */
  abstract start(): void;

  /** Makes no more calls; the one that runs ends with its channel. */
  stop(): void {
    this.#state = 'stopped';
  }

  protected newCall(name: keyof BenchmarkMethods<Req, Res>): ClientCall<Req, Res> {
    const call = this.init.channel.newCall<Req, Res>(this.init.payloads.methods[name], OPTIONS);
    call.start(this, new Metadata());
    return call;
  }

  override onClose(status: Status): void {
    if (this.#state === 'stopped') return;
    this.init.tally.onCallEnd(status);
    this.start();
  }
}

/** Calls one after the other. */
export class UnaryLane<Req, Res> extends CallingLane<Req, Res> implements Lane {
  #dueMs = 0;

  override start(): void {
    this.init.pace.onIdle(this);
  }

  begin(dueMs: number): void {
    this.#dueMs = dueMs;
    const call = this.newCall('unaryCall');
    call.request(2);
    call.sendMessage(this.init.payloads.request);
    call.halfClose();
  }

  override onClose(status: Status): void {
    if (status.isOk) this.init.tally.onOperation(performance.now() - this.#dueMs);
    super.onClose(status);
  }
}

/** A message, its answer, the next message. */
export class PingPongLane<Req, Res> extends CallingLane<Req, Res> implements Lane {
  #call: ClientCall<Req, Res> | null = null;
  #messages = 0;
  #dueMs = 0;

  override start(): void {
    this.#messages = 0;
    this.#call = this.newCall('streamingCall');
    this.#call.request(1);
    this.init.pace.onIdle(this);
  }

  begin(dueMs: number): void {
    this.#dueMs = dueMs;
    this.#messages += 1;
    this.#call?.sendMessage(this.init.payloads.request);
  }

  override onMessage(): void {
    this.init.tally.onOperation(performance.now() - this.#dueMs);
    this.#call?.request(1);
    if (this.#messages === this.init.messagesPerStream) this.#call?.halfClose();
    else this.init.pace.onIdle(this);
  }
}

/** How a stream is used whose messages do not wait for each other. */
export interface FlowingStream {
  readonly method: StreamingMethod;
  /** One request, or as many as the call takes. */
  readonly sends: 'one' | 'many';
  /** What an operation is: a request that has passed flow control, or a response that has come. */
  readonly counts: 'written' | 'received';
}

/** A stream that flows as fast as it can. An operation takes as long as it follows the one before. */
export class FlowingLane<Req, Res> extends CallingLane<Req, Res> {
  readonly #stream: FlowingStream;
  #call: ClientCall<Req, Res> | null = null;
  #left = 0;
  #lastMs = 0;

  constructor(init: LaneInit<Req, Res>, stream: FlowingStream) {
    super(init);
    this.#stream = stream;
  }

  override start(): void {
    this.#left = this.init.messagesPerStream > 0 ? this.init.messagesPerStream : Number.POSITIVE_INFINITY;
    if (this.#stream.sends === 'one') this.#left = 1;
    this.#lastMs = performance.now();
    this.#call = this.newCall(this.#stream.method);
    this.#call.request(1);
    // The first one need not wait: nothing of this call is on its way yet.
    this.#send(this.#call);
    this.onReady();
  }

  #send(call: ClientCall<Req, Res>): void {
    this.#left -= 1;
    call.sendMessage(this.init.payloads.request);
    if (this.#left === 0) call.halfClose();
  }

  override onReady(): void {
    while (this.#left > 0 && this.#call?.isReady()) this.#send(this.#call);
  }

  /** The time since the last ones is shared. */
  #onOperations(count: number): void {
    const nowMs = performance.now();
    for (let i = 0; i < count; i += 1) this.init.tally.onOperation((nowMs - this.#lastMs) / count);
    this.#lastMs = nowMs;
  }

  override onWritten(count: number): void {
    if (this.#stream.counts === 'written') this.#onOperations(count);
  }

  override onMessage(): void {
    if (this.#stream.counts === 'received') this.#onOperations(1);
    this.#call?.request(1);
  }
}
