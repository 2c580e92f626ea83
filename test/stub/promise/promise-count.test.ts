/** How many promises the promise style makes, and that nothing below it makes any: each costs about twenty direct calls. */
import { createHook } from 'node:async_hooks';
import { assert, suite } from '../../support/suite.ts';
import { ECHO, PromisePair, type PromisePairInit, type TextHandlers } from './promise-pair.ts';

const test = suite('promises of the promise style');

const RUNS = 20;
const MESSAGES = 100;
const TEXTS = Array.from({ length: MESSAGES }, () => 'x');

/**
 * How many promises one run of `act` makes, by the innermost file of ours that was at work. While they are watched V8 makes
 * one more for each await, which counts as well: an async function that awaits one promise comes to three.
 */
async function promisesOf(act: () => PromiseLike<unknown>): Promise<ReadonlyMap<string, number>> {
  for (let i = 0; i < RUNS; i += 1) await act();
  const stacks: string[] = [];
  const note = (_id: number, type: string): void => {
    if (type === 'PROMISE') stacks.push(new Error('a promise').stack ?? '');
  };
  const hook = createHook({ init: note }).enable();
  for (let i = 0; i < RUNS; i += 1) await act();
  hook.disable();
  const counts = new Map<string, number>();
  for (const stack of stacks) {
    const file = /\/src\/([\w/-]+)\.[jt]s/.exec(stack)?.[1] ?? 'the test';
    counts.set(file, (counts.get(file) ?? 0) + 1 / RUNS);
  }
  return counts;
}

/** The promises of some files together. */
function sum(counts: ReadonlyMap<string, number>, ...files: string[]): number {
  return files.reduce((total, file) => total + Math.round(counts.get(`stub/${file}`) ?? 0), 0);
}

function assertNoneBelow(counts: ReadonlyMap<string, number>): void {
  const others = [...counts.keys()].filter((file) => file !== 'the test' && !file.startsWith('stub/'));
  assert.equal(others, []);
}

async function open(handlers: Partial<TextHandlers>, init: PromisePairInit = {}): Promise<PromisePair> {
  return await (await PromisePair.open(handlers, { transport: 'http2', ...init })).connect();
}

test('a unary call makes two at the client and two at the server: as an async function that awaits one does', async () => {
  await using pair = await open(ECHO);
  const baseline = await promisesOf(async () => {
    await new Promise((resolve) => setImmediate(resolve));
  });
  // One more is the await of the loop that measures.
  assert.is(Math.round(baseline.get('the test') ?? 0), 4);
  const counts = await promisesOf(() => pair.client.unary('a'));
  assertNoneBelow(counts);
  assert.is(sum(counts, 'unary-call', 'call-record', 'client', 'call-settings'), 3);
  assert.is(sum(counts, 'handled-call', 'handler-context', 'implement', 'message-writer'), 3);
  assert.is(Math.round(counts.get('the test') ?? 0), 1);
});

test('a message that is there is read with one, and one that is waited for with two', async () => {
  await using pair = await open({ read: () => TEXTS, bidi: ECHO.bidi });
  const fast = await promisesOf(async () => {
    const stream = pair.client.read('a', { prefetch: MESSAGES });
    await stream.status;
    for await (const _ of stream);
  });
  assertNoneBelow(fast);
  assert.is(sum(fast, 'message-reader'), MESSAGES + 1);

  const slow = await promisesOf(async () => {
    const call = pair.client.bidi();
    for (const text of TEXTS) {
      const next = call.next();
      await call.send(text);
      await next;
    }
    call.closeSend();
    await call.next();
  });
  assertNoneBelow(slow);
  // Both ends read, and there is the await of each.
  assert.ok(sum(slow, 'message-reader') <= 2 * 3 * (MESSAGES + 1), String(sum(slow, 'message-reader')));
});

test('a message is sent with none, by hand while the call is ready or from an iterable that makes none', async () => {
  await using pair = await open({
    async write(texts) {
      for await (const _ of texts);
      return '';
    },
    read: () => TEXTS,
  });
  const byHand = await promisesOf(async () => {
    const upload = pair.client.write();
    for (const text of TEXTS) await upload.send(text);
    upload.closeSend();
    await upload.response;
  });
  assertNoneBelow(byHand);
  assert.is(sum(byHand, 'message-writer', 'request-writer'), 0);
  for (const act of [
    (): Promise<unknown> => pair.client.write(TEXTS),
    async (): Promise<void> => {
      for await (const _ of pair.client.read('a'));
    },
  ]) {
    const counts = await promisesOf(act);
    assertNoneBelow(counts);
    assert.ok(sum(counts, 'message-writer', 'request-writer') <= 5);
  }
});

test.run();
