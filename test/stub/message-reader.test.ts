/** MessageReader by itself: what it asks of its source, and when. */
import { MessageReader, type MessageSource } from '../../src/stub/message-reader.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('MessageReader');

/** Where messages come from, in the test's hands. */
class Source implements MessageSource {
  asked = 0;
  readonly left: unknown[] = [];
  error: Error | null = null;

  requestOne(): void {
    this.asked += 1;
  }

  onAbandoned(cause: unknown): void {
    this.left.push(cause);
  }

  failure(): Error | null {
    return this.error;
  }
}

function open(prefetch: number): { source: Source; reader: MessageReader<string> } {
  const source = new Source();
  const reader = new MessageReader<string>(source, prefetch);
  reader.start();
  return { source, reader };
}

const DONE = { done: true, value: undefined } as const;

for (const prefetch of [0, 1, 3]) {
  test(`asks for ${prefetch} ahead, then for one with each that is read`, async () => {
    const { source, reader } = open(prefetch);
    assert.is(source.asked, prefetch);
    const first = reader.next();
    assert.is(source.asked, Math.max(prefetch, 1));
    reader.onMessage('one');
    assert.is((await first).value, 'one');
    assert.is(source.asked, prefetch + 1);
    for (let i = 0; i < prefetch; i += 1) reader.onMessage(String(i));
    assert.is(source.asked, prefetch + 1);
    for (let i = 0; i < prefetch; i += 1) assert.is((await reader.next()).value, String(i));
    assert.is(source.asked, 2 * prefetch + 1);
  });
}

test('what came before the end is read before it, and nothing more is asked for', async () => {
  const { source, reader } = open(2);
  source.error = new Error('why');
  reader.onMessage('one');
  reader.onMessage('two');
  reader.onEnd();
  reader.onEnd();
  assert.is((await reader.next()).value, 'one');
  assert.is((await reader.next()).value, 'two');
  assert.is(await reader.next().catch((error: unknown) => error), source.error);
  assert.is(source.asked, 2);
});

test('what was dropped is not read', async () => {
  const { reader } = open(2);
  reader.onMessage('one');
  reader.drop();
  reader.onEnd();
  assert.equal(await reader.next(), DONE);
  const ended = open(2);
  ended.reader.onMessage('one');
  ended.reader.onEnd();
  ended.reader.drop();
  assert.equal(await ended.reader.next(), DONE);
});

test('its source hears once that the reader has left, and not after the end', async () => {
  const leaves: readonly ((reader: MessageReader<string>) => Promise<unknown>)[] = [
    (reader) => reader.return(),
    (reader) => reader.throw('cause').catch(() => null),
    (reader) => reader[Symbol.asyncDispose](),
  ];
  for (const [index, leave] of leaves.entries()) {
    const { source, reader } = open(1);
    await leave(reader);
    await leave(reader);
    assert.equal(source.left, [index === 1 ? 'cause' : undefined]);
    reader.onMessage('late');
    reader.onEnd();
    assert.equal(await reader.next(), DONE);

    const ended = open(1);
    ended.source.error = new Error('why');
    ended.reader.onMessage('unread');
    ended.reader.onEnd();
    await leave(ended.reader);
    assert.equal(ended.source.left, []);
    assert.equal(await ended.reader.next(), DONE);
  }
});

test('is its own iterator', () => {
  const { reader } = open(1);
  assert.is(reader[Symbol.asyncIterator](), reader);
});

test('refuses what is no number of messages', () => {
  for (const prefetch of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => new MessageReader(new Source(), prefetch), /not a number of messages/);
  }
});

test.run();
