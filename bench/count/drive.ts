/**
 * How a client drives its stack through a number of operations that is known beforehand. Above: worker.ts. Below:
 * StackClient. Holds: all of them and no more, with nothing in flight at the end; a call that fails ends it with its error.
 */
import type { Work } from '../scenarios.ts';
import { encodeOrder, messageOf, simpleRequest } from '../service.ts';
import type { Done, StackClient } from '../stack.ts';

const MIB = 1024 * 1024;
const LIMITS = { unary: 5_000, churn: 200, 'ping-pong': 10_000, download: 10_000, upload: 10_000 } as const;
const MAX_BYTES = 128 * MIB;
const MIN_OPERATIONS = 100;

/** Work that is made of operations; see operationsOf. */
export type CountedWork = Extract<Work, { readonly kind: keyof typeof LIMITS }>;

/** Whether there is something to count: streams that idle or wait do it by the clock. */
export function isCounted(work: Work): work is CountedWork {
  return work.kind in LIMITS;
}

function bytesOf(work: CountedWork): number {
  if (work.kind === 'unary') return Math.max(work.requestBytes, work.responseBytes);
  return work.kind === 'churn' ? 0 : work.bytes;
}

/** So many operations say how many of everything one takes. Of streams, each message is one. */
export function operationsOf(work: CountedWork): number {
  const operations = Math.min(LIMITS[work.kind], Math.floor(MAX_BYTES / Math.max(bytesOf(work), 1)));
  return Math.max(operations, MIN_OPERATIONS);
}

/** Starts `one` so many times, so many at once. */
function repeat(operations: number, inFlight: number, one: (done: Done) => void): Promise<void> {
  let started = 0;
  let finished = 0;
  return new Promise((resolve, reject) => {
    const start = (): void => {
      started += 1;
      one(ended);
    };
    const ended: Done = (error) => {
      finished += 1;
      if (error !== null) reject(error);
      else if (started < operations) start();
      else if (finished === operations) resolve();
    };
    if (operations === 0) resolve();
    while (started < Math.min(inFlight, operations)) start();
  });
}

const readOn = (): undefined => undefined;

/**
 * Does `operations` of `work`; a multiple of its streams, if it has such. A stream sends all of its messages in one call.
 * `connect` makes further clients, for churn.
 */
export function driveExactly(
  client: StackClient,
  work: CountedWork,
  operations: number,
  connect: () => StackClient,
): Promise<void> {
  const calls = Math.min(operations, 1);
  switch (work.kind) {
    case 'unary': {
      const request = simpleRequest(work.requestBytes, work.responseBytes);
      return repeat(operations, work.inFlight, (done) => client.unary(request, done));
    }
    case 'churn': {
      const request = simpleRequest(0, 0);
      return repeat(operations, work.inFlight, (done) => {
        const fresh = connect();
        fresh.unary(request, (error) => void fresh.close().then(() => done(error)));
      });
    }
    case 'ping-pong': {
      const request = simpleRequest(work.bytes, work.bytes);
      const messages = operations / work.streams;
      return repeat(calls * work.streams, work.streams, (done) => client.pingPong(request, messages, done));
    }
    case 'download': {
      const order = encodeOrder({ messages: operations, bytes: work.bytes });
      return repeat(calls, 1, (done) => client.download(order, readOn, done));
    }
    case 'upload': {
      const message = messageOf(work.bytes);
      return repeat(calls, 1, (done) => client.upload(message, operations, done));
    }
  }
}
