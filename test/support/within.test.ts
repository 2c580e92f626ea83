/** within(): settles as the promise does, and names what did not come. */
import { assert, suite, within } from './suite.ts';

const test = suite('within');
const never = new Promise<never>(() => {});

async function messageOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: Error) => error.message,
  );
}

test('settles as the promise does, and leaves no timer', async () => {
  assert.is(await within(60_000, Promise.resolve(1)), 1);
  assert.is(await messageOf(within(60_000, Promise.reject(new Error('refused')))), 'refused');
});

test('names what did not come', async () => {
  assert.is(await messageOf(within(5, never, 'the answer')), 'timed out after 5 ms waiting for the answer');
});

test('names the place of the wait when it was not told what it waits for', async () => {
  assert.match(await messageOf(within(5, never)), /waiting for the promise at .*within\.test/);
});

test.run();
