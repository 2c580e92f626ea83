/**
 * What a program held back at its worst: messages sent but not yet written, and live memory. Above: server.ts and the
 * programs that report it.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Counts the messages that writers have handed over and the network has not yet taken. */
export class WriteMeter {
  #sent = 0;
  #queued = 0;
  #worstQueued = 0;

  onSent(): void {
    this.#sent++;
    this.#queued++;
    this.#worstQueued = Math.max(this.#worstQueued, this.#queued);
  }

  /** So many were written, or were dropped because their call ended. */
  onGone(count: number): void {
    this.#queued -= count;
  }

  /** Messages sent since the last reset. */
  get sent(): number {
    return this.#sent;
  }

  /** The most messages that were queued at once since the last reset. */
  get worstQueued(): number {
    return this.#worstQueued;
  }

  reset(): void {
    this.#sent = 0;
    this.#worstQueued = this.#queued;
  }
}

const SAMPLE_EVERY_MS = 200;

/** Watches how far live memory rises above what it was at the start: heap and buffers, garbage not counted. */
export class MemoryWatch {
  readonly #atStart: number;
  readonly #timer: NodeJS.Timeout;
  #worst: number;

  constructor() {
    // Twice: some of what went before is only freed by the second collection.
    liveBytes();
    this.#atStart = liveBytes();
    this.#worst = this.#atStart;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_EVERY_MS);
    this.#timer.unref();
  }

  /** Stops watching and returns the largest growth seen, in bytes. */
  stop(): number {
    clearInterval(this.#timer);
    this.#sample();
    return this.#worst - this.#atStart;
  }

  #sample(): void {
    this.#worst = Math.max(this.#worst, liveBytes());
  }
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

function liveBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
