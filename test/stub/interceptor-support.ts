/** What tests of async interceptors share: gates that hold a function up, and a call that is seen through at both ends. */
import type { ServerCall } from '../../src/call/server-call.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import type { MadeCall, ServedCall } from '../call/call-pair.ts';
import { within } from '../support/within.ts';

/** A promise that the test settles. */
export class Gate<T = void> {
  readonly passed: Promise<T>;
  open: (value: T) => void = () => {};
  fail: (error: unknown) => void = () => {};

  constructor() {
    this.passed = new Promise<T>((resolve, reject) => {
      this.open = resolve;
      this.fail = reject;
    });
    this.passed.catch(() => {});
  }
}

/** A few turns of the event loop: within the process everything that was under way has come. */
export async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** What a promise rejects with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  const settled = promise.then(
    () => {
      throw new Error('it did not reject');
    },
    (error: unknown) => error,
  );
  return await within(5_000, settled, 'a promise to reject');
}

/** Sends what a method that sends one message sends. */
export function ask({ call }: MadeCall, message = 'a question'): void {
  call.request(2);
  call.sendMessage(message);
  call.halfClose();
}

/** Answers with one message and OK. */
export function answer(
  { call }: { readonly call: ServerCall<string, string> } | ServedCall,
  message = 'an answer',
  trailers: Metadata = new Metadata(),
): void {
  call.sendHeaders(new Metadata({ 'x-head': 'h' }));
  call.sendMessage(message);
  call.close(Status.OK, trailers);
}
