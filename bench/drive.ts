/**
 * How a client drives its stack through one round, in a closed loop: a call or message follows when one before it is through.
 * Above: worker.ts. Below: StackClient, hdr-histogram-js. Holds: a round ends with nothing in flight; a call that fails
 * ends the round with its error.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { build, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';
import type { Work } from './scenarios.ts';
import { encodeOrder, messageOf, simpleRequest } from './service.ts';
import { type Done, type StackClient, settled } from './stack.ts';

/** What one round gave. */
export interface Round {
  readonly operations: number;
  readonly elapsedMs: number;
  /** Latencies in microseconds, as hdr-histogram-js encodes them; null where an operation has none. */
  readonly latencies: string | null;
}

/** Messages of one ping-pong call: enough for its headers not to count. */
const PINGS_PER_CALL = 100;
const SLOW_READER_BYTES = 64 * 1024;
const SLOW_READER_PAUSE_MS = 1;

/** Starts `one` again and again, so many at a time, until the time is over. Returns how many there were. */
function loop(durationMs: number, inFlight: number, one: (done: Done) => void): Promise<number> {
  const endMs = performance.now() + durationMs;
  let running = 0;
  let finished = 0;
  return new Promise((resolve, reject) => {
    const start = (): void => {
      running += 1;
      one(ended);
    };
    const ended: Done = (error) => {
      running -= 1;
      finished += 1;
      if (error !== null) reject(error);
      else if (performance.now() < endMs) start();
      else if (running === 0) resolve(finished);
    };
    for (let i = 0; i < inFlight; i += 1) start();
  });
}

/** Keeps how long each took. */
function timed(one: (done: Done) => void, latencies: Histogram): (done: Done) => void {
  return (done) => {
    const startMs = performance.now();
    one((error) => {
      latencies.recordValue(Math.round((performance.now() - startMs) * 1000));
      done(error);
    });
  };
}

async function driveTimed(durationMs: number, inFlight: number, one: (done: Done) => void): Promise<Round> {
  const latencies = build({ numberOfSignificantValueDigits: 3 });
  const startMs = performance.now();
  const operations = await loop(durationMs, inFlight, timed(one, latencies));
  return { operations, elapsedMs: performance.now() - startMs, latencies: encodeIntoCompressedBase64(latencies) };
}

async function driveMessages(
  durationMs: number,
  streams: number,
  messages: number,
  one: (done: Done) => void,
): Promise<Round> {
  const startMs = performance.now();
  const calls = await loop(durationMs, streams, one);
  return { operations: calls * messages, elapsedMs: performance.now() - startMs, latencies: null };
}

/** The reader of the slow-reader scenario. */
function slowReader(): (message: Uint8Array) => undefined | Promise<void> {
  let bytes = 0;
  return (message) => {
    bytes += message.length;
    if (bytes < SLOW_READER_BYTES) return undefined;
    bytes = 0;
    return sleep(SLOW_READER_PAUSE_MS);
  };
}

const readOn = (): undefined => undefined;

async function driveSlowReader(client: StackClient, order: { messages: number; bytes: number }): Promise<Round> {
  const startMs = performance.now();
  await settled((done) => client.download(encodeOrder(order), slowReader(), done));
  return { operations: order.messages, elapsedMs: performance.now() - startMs, latencies: null };
}

/** One round of `work`. `connect` makes further clients, for churn. */
export function drive(client: StackClient, work: Work, durationMs: number, connect: () => StackClient): Promise<Round> {
  switch (work.kind) {
    case 'unary': {
      const request = simpleRequest(work.requestBytes, work.responseBytes);
      return driveTimed(durationMs, work.inFlight, (done) => client.unary(request, done));
    }
    case 'churn': {
      const request = simpleRequest(0, 0);
      return driveTimed(durationMs, work.inFlight, (done) => {
        const fresh = connect();
        fresh.unary(request, (error) => void fresh.close().then(() => done(error)));
      });
    }
    case 'ping-pong': {
      const request = simpleRequest(work.bytes, work.bytes);
      const one = (done: Done): void => client.pingPong(request, PINGS_PER_CALL, done);
      return driveMessages(durationMs, work.streams, PINGS_PER_CALL, one);
    }
    case 'download':
      return driveMessages(durationMs, 1, work.messages, (done) => client.download(encodeOrder(work), readOn, done));
    case 'upload': {
      const message = messageOf(work.bytes);
      return driveMessages(durationMs, 1, work.messages, (done) => client.upload(message, work.messages, done));
    }
    case 'slow-reader':
      return driveSlowReader(client, work);
    case 'idle':
      throw new Error('idle streams are opened, not driven');
  }
}
