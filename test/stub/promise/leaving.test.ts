/** Opening and leaving calls in the promise style, as a peer sees it that reads every frame. */
import { Code } from '../../../src/values/status.ts';
import { assert, suite } from '../../support/suite.ts';
import { errorOf, Gate, soon, type TextClient, turns } from './promise-pair.ts';
import { type RawCall, RawPeer } from './raw-peer.ts';

const test = suite('opening and leaving calls');

type Stream = ReturnType<TextClient['read']>;

test('every call opens when it is made, before anything is read or sent', async () => {
  await using raw = await RawPeer.open();
  const { client } = raw;
  const calls = [client.read('a'), client.bidi(), client.write(), client.bidi(['a'])] as const;
  for (const index of calls.keys()) {
    const { stream, peer } = await raw.call(index);
    assert.is(peer.has('RST_STREAM', { stream }), false);
  }
  const listing = await raw.call(0);
  await listing.peer.frame('DATA', { stream: listing.stream, endStream: true });
  const chat = await raw.call(1);
  assert.not(chat.peer.has('DATA', { stream: chat.stream }));
  for (const call of calls) await soon(call[Symbol.asyncDispose]());
});

const mine = new Error('mine');

/** How a reader may leave, after the first message. */
const LEAVES: Readonly<Record<string, (stream: Stream, controller: AbortController) => unknown>> = {
  async break(stream) {
    for await (const _ of stream) break;
  },
  async 'a throw in the loop'(stream) {
    const thrown = await (async (): Promise<void> => {
      for await (const _ of stream) throw mine;
    })().catch((error: unknown) => error);
    assert.is(thrown, mine);
  },
  async 'return in the loop'(stream) {
    await (async (): Promise<string> => {
      for await (const text of stream) return text;
      return '';
    })();
  },
  async 'a loop within a generator that is left'(stream) {
    const generator = (async function* () {
      yield* stream;
    })();
    for await (const _ of generator) break;
  },
  async 'return()'(stream) {
    await stream.next();
    await stream.return?.();
  },
  async 'return() while a read waits'(stream) {
    await stream.next();
    const waiting = stream.next();
    await stream.return?.();
    assert.is((await soon(waiting)).done, true);
  },
  async 'throw()'(stream) {
    await stream.next();
    assert.is(await stream.throw?.(mine).catch((error: unknown) => error), mine);
  },
  async 'cancel()'(stream) {
    await stream.next();
    stream.cancel(mine);
  },
  async disposal(stream) {
    await using disposed = stream;
    await disposed.next();
  },
  async abort(stream, controller) {
    await stream.next();
    controller.abort();
  },
  async 'abort while a read waits'(stream, controller) {
    await stream.next();
    const waiting = errorOf(stream.next());
    controller.abort(mine);
    assert.is((await waiting).cause, mine);
  },
};

for (const [how, leave] of Object.entries(LEAVES)) {
  for (const kind of ['server streaming', 'bidi', 'bidi with an iterable'] as const) {
    test(`${kind}: ${how} resets the stream with CANCEL, and nothing ends it before`, async () => {
      await using raw = await RawPeer.open();
      const controller = new AbortController();
      const settings = { signal: controller.signal };
      const stopped = new Gate();
      const stream = {
        'server streaming': () => raw.client.read('a', settings),
        bidi: () => raw.client.bidi(settings),
        'bidi with an iterable': () => raw.client.bidi(hangAfter(['one'], stopped), settings),
      }[kind]();
      const served = await raw.call();
      served.headers();
      served.message('one');
      // More than is read: the rest is on its way when the reader leaves.
      for (let i = 0; i < 20; i += 1) if (!how.includes('waits')) served.message('another');
      await leave(stream, controller);
      assert.equal(await served.reset(), { code: 'CANCEL', halfClosed: kind === 'server streaming' });
      assert.is((await soon(stream.status)).code, Code.CANCELLED);
      if (kind === 'bidi with an iterable') await stopped.pass('the iterable of requests to be stopped');
      // Once, and nothing else.
      await served.peer.roundTrip();
      const ends = served.peer.frames.filter((frame) => frame.stream === served.stream && frame.type === 'RST_STREAM');
      assert.is(ends.length, 1);
    });
  }
}

/** Gives some texts, then hangs; `stopped` opens once it is told to stop. */
function hangAfter(texts: string[], stopped: Gate): AsyncIterable<string> {
  const left = [...texts];
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const value = left.shift();
        return value === undefined ? await new Promise<never>(() => {}) : { done: false, value };
      },
      async return() {
        stopped.open();
        return { done: true, value: undefined };
      },
    }),
  };
}

test('the reset waits for nothing: it is ahead of what is called a turn of the event loop later', async () => {
  await using raw = await RawPeer.open();
  const first = raw.client.bidi();
  const served = await raw.call();
  served.headers();
  served.message('one');
  for await (const _ of first) break;
  await turns(1);
  const second = raw.client.bidi();
  const { peer, head } = await raw.call(1);
  const reset = await peer.frame('RST_STREAM', { stream: served.stream, code: 'CANCEL' });
  assert.ok(peer.frames.indexOf(reset) < peer.frames.indexOf(head), peer.text());
  await soon(second[Symbol.asyncDispose]());
});

test('aborting resets unary calls and uploads with CANCEL', async () => {
  await using raw = await RawPeer.open();
  const controller = new AbortController();
  const settings = { signal: controller.signal };
  const stopped = new Gate();
  const calls = [
    errorOf(raw.client.unary('a', settings)),
    errorOf(raw.client.write(hangAfter(['a'], stopped), settings)),
    errorOf(raw.client.write(settings).response),
  ];
  const served = [await raw.call(0), await raw.call(1), await raw.call(2)];
  controller.abort(mine);
  for (const call of calls) assert.is((await call).cause, mine);
  for (const [index, one] of served.entries()) {
    assert.equal(await one.reset(), { code: 'CANCEL', halfClosed: index === 0 });
  }
  await stopped.pass();
});

test('requests that throw reset the stream with CANCEL, and are the cause', async () => {
  await using raw = await RawPeer.open();
  const failing = (): AsyncIterable<string> =>
    (async function* () {
      yield 'one';
      throw mine;
    })();
  const upload = errorOf(raw.client.write(failing()));
  const stream = raw.client.bidi(failing());
  const reading = errorOf(stream.next());
  for (const error of [await upload, await reading]) assert.equal([error.code, error.cause], [Code.CANCELLED, mine]);
  for (const index of [0, 1]) {
    assert.equal(await (await raw.call(index)).reset(), { code: 'CANCEL', halfClosed: false });
  }
});

test('a call that ends well is never reset', async () => {
  await using raw = await RawPeer.open();
  const texts: string[] = [];
  const reading = (async (): Promise<void> => {
    for await (const text of raw.client.bidi(['a'])) texts.push(text);
  })();
  const served = await raw.call();
  served.headers();
  served.message('one');
  await served.peer.frame('DATA', { stream: served.stream, endStream: true });
  served.end(0);
  await soon(reading);
  await served.peer.roundTrip();
  assert.equal(texts, ['one']);
  assert.not(served.peer.has('RST_STREAM'));
});

test('a request iterable is let go when the server ends the call, wherever it is', async () => {
  const ends: readonly ((served: RawCall) => void)[] = [
    (served) => served.refuse(Code.ABORTED),
    (served) => served.peer.sendRst(served.stream, 'INTERNAL_ERROR'),
    (served) => served.peer.destroy(),
  ];
  for (const end of ends) {
    for (const size of [10, 100_000]) {
      await using raw = await RawPeer.open({ server: { returnWindow: false } });
      const stopped = new Gate();
      const requests = async function* (): AsyncGenerator<string> {
        try {
          for (;;) {
            // Small ones never fill the window soon: the generator is then found at work.
            if (size === 10) await turns(1);
            yield 'x'.repeat(size);
          }
        } finally {
          stopped.open();
        }
      };
      const upload = errorOf(raw.client.write(requests()));
      const served = await raw.call();
      await served.peer.frame('DATA', { stream: served.stream });
      end(served);
      await upload;
      await stopped.pass();
    }
  }
});

test.run();
