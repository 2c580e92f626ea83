/**
 * Load on one method of any gRPC server, in a closed loop or at a constant rate. Above: target/main. Below: ClientCall, one
 * channel a connection. Holds: at a constant rate latency counts from when a call was due, so that a server that
 * stands still is charged with every call that should have been made meanwhile (no coordinated omission); a call that fails
 * counts as one and is told by its status.
 */
import { build, type Histogram } from 'hdr-histogram-js';
import {
  CallOptions,
  type Channel,
  type ClientCall,
  ClientCallListener,
  Metadata,
  type Status,
} from '../../src/index.ts';
import type { TargetMethod } from './method.ts';

/** A timer is as late as this without anybody being slow. */
const LATE_MS = 2;

/** How the load is made. */
export interface Load {
  readonly durationMs: number;
  /** Calls a second; null for a closed loop. */
  readonly rate: number | null;
  /** At most so many calls at once. */
  readonly inFlight: number;
  readonly timeoutMs: number | null;
  readonly metadata: readonly (readonly [string, string])[];
}

/** What came of it. */
export interface LoadResult {
  readonly calls: number;
  readonly messages: number;
  readonly elapsedMs: number;
  /** Calls by the name of their status. */
  readonly statuses: ReadonlyMap<string, number>;
  /** In microseconds, of all calls. */
  readonly latencies: Histogram;
  /** How many calls began later than they were due at a constant rate. */
  readonly delayed: number;
}

/** One call; sends while it is ready. */
class Shot extends ClientCallListener<Uint8Array> {
  readonly #load: LoadRun;
  readonly #call: ClientCall<Uint8Array, Uint8Array>;
  readonly #requests: readonly Uint8Array[];
  readonly #dueMs: number;
  #sent = 0;

  constructor(load: LoadRun, call: ClientCall<Uint8Array, Uint8Array>, requests: readonly Uint8Array[], dueMs: number) {
    super();
    this.#load = load;
    this.#call = call;
    this.#requests = requests;
    this.#dueMs = dueMs;
  }

  begin(headers: Metadata): void {
    this.#call.start(this, headers);
    this.#call.request(2);
    this.#send();
  }

  #send(): void {
    // The first one need not wait: nothing of this call is on its way yet.
    while (this.#sent < this.#requests.length && (this.#sent === 0 || this.#call.isReady())) {
      const request = this.#requests[this.#sent];
      this.#sent += 1;
      if (request !== undefined) this.#call.sendMessage(request);
    }
    if (this.#sent !== this.#requests.length) return;
    this.#sent += 1;
    this.#call.halfClose();
  }

  override onReady(): void {
    if (this.#sent < this.#requests.length) this.#send();
  }

  override onMessage(): void {
    this.#load.onMessage();
    this.#call.request(1);
  }

  override onClose(status: Status): void {
    this.#load.onEnded(status, this.#dueMs);
  }
}

/** One load, from its start to the end of its last call. */
class LoadRun {
  readonly #channels: readonly Channel[];
  readonly #target: TargetMethod;
  readonly #load: Load;
  readonly #startMs = performance.now();
  readonly #endMs: number;
  readonly #latencies = build({ numberOfSignificantValueDigits: 3 });
  readonly #statuses = new Map<string, number>();
  readonly #finished: (result: LoadResult) => void;
  #timer: NodeJS.Timeout | null = null;
  #running = 0;
  #started = 0;
  #ended = 0;
  #messages = 0;
  #delayed = 0;
  #state: 'running' | 'draining' | 'over' = 'running';

  constructor(channels: readonly Channel[], target: TargetMethod, load: Load, finished: (result: LoadResult) => void) {
    this.#channels = channels;
    this.#target = target;
    this.#load = load;
    this.#endMs = this.#startMs + load.durationMs;
    this.#finished = finished;
  }

  start(): void {
    if (this.#load.rate === null) for (let i = 0; i < this.#load.inFlight; i += 1) this.#shoot(performance.now());
    else {
      this.#timer = setInterval(() => this.#catchUp(), 1);
      this.#catchUp();
    }
  }

  /** When the next call is due at a constant rate. */
  #dueMs(rate: number): number {
    return this.#startMs + (this.#started * 1000) / rate;
  }

  /** Makes all calls that are due, as far as there is room. */
  #catchUp(): void {
    const { rate, inFlight } = this.#load;
    if (rate === null || this.#state !== 'running') return;
    const nowMs = performance.now();
    while (this.#dueMs(rate) <= Math.min(nowMs, this.#endMs) && this.#running < inFlight)
      this.#shoot(this.#dueMs(rate));
    // The calls that were due before the end are made, however late.
    if (nowMs > this.#endMs && this.#dueMs(rate) > this.#endMs) this.#drain();
  }

  #shoot(dueMs: number): void {
    const { rate, timeoutMs, metadata } = this.#load;
    const channel = this.#channels[this.#started % this.#channels.length];
    if (channel === undefined) throw new Error('no connection');
    if (rate !== null && performance.now() - dueMs > LATE_MS) this.#delayed += 1;
    this.#started += 1;
    this.#running += 1;
    const options = timeoutMs === null ? CallOptions.DEFAULT : CallOptions.DEFAULT.withTimeout(timeoutMs);
    const call = channel.newCall(this.#target.method, options);
    const headers = new Metadata();
    for (const [key, value] of metadata) headers.append(key, value);
    new Shot(this, call, this.#target.requests, dueMs).begin(headers);
  }

  onMessage(): void {
    this.#messages += 1;
  }

  onEnded(status: Status, dueMs: number): void {
    const nowMs = performance.now();
    this.#latencies.recordValue(Math.round((nowMs - dueMs) * 1000));
    this.#statuses.set(status.name, (this.#statuses.get(status.name) ?? 0) + 1);
    this.#running -= 1;
    this.#ended += 1;
    if (this.#load.rate !== null) this.#catchUp();
    else if (nowMs < this.#endMs) this.#shoot(nowMs);
    else this.#drain();
    if (this.#state === 'draining' && this.#running === 0) this.#finish();
  }

  #drain(): void {
    if (this.#state !== 'running') return;
    this.#state = 'draining';
    if (this.#timer !== null) clearInterval(this.#timer);
    if (this.#running === 0) this.#finish();
  }

  #finish(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#finished({
      calls: this.#ended,
      messages: this.#messages,
      elapsedMs: performance.now() - this.#startMs,
      statuses: this.#statuses,
      latencies: this.#latencies,
      delayed: this.#delayed,
    });
  }
}

/** Makes calls over `channels` in turn until the time is over, and waits for the last one. */
export function runLoad(channels: readonly Channel[], target: TargetMethod, load: Load): Promise<LoadResult> {
  return new Promise((resolve) => new LoadRun(channels, target, load, resolve).start());
}
