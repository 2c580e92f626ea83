/** The promise style under flow control: who is slow is felt at the other end, and nothing piles up between. */
import { createClient } from '../../../src/stub/client.ts';
import { TEXT_METHODS } from '../../reactor/reactor-pair.ts';
import { assert, suite } from '../../support/suite.ts';
import { errorOf, Gate, listOf, PromisePair, soon, TRANSPORTS, turns } from './promise-pair.ts';
import { RawPeer } from './raw-peer.ts';

const test = suite('the promise style under flow control');

const MESSAGE = 'x'.repeat(1_000);
const WINDOW_BYTES = 65_535;
const READY_BYTES = 32 * 1024;
/**
 * What may be under way before a writer feels that nobody reads: a window, what is queued, and what straddles. Twice what
 * may be queued, as node from 22 on takes a batch of writes for written with the first of them.
 */
const MOST = (WINDOW_BYTES + 2 * READY_BYTES) / MESSAGE.length + 5;
const TOTAL = 1_000;

/** Waits until `count` stands still while the connection is used: whoever writes is waiting. */
async function standstill(pair: PromisePair, count: () => number): Promise<number> {
  for (;;) {
    const before = count();
    await soon(pair.client.unary('are you there'));
    await soon(pair.client.unary('are you there'));
    await turns();
    if (count() === before && before > 0) return before;
  }
}

for (const transport of TRANSPORTS) {
  for (const prefetch of [0, 1, 10]) {
    test(`${transport}: a reader that rests stops the handler’s generator, prefetch ${prefetch}`, async () => {
      let yielded = 0;
      await using pair = await PromisePair.open(
        {
          unary: () => 'yes',
          async *read() {
            for (; yielded < TOTAL; yielded += 1) yield MESSAGE;
          },
        },
        { transport, channel: { streamWindowBytes: WINDOW_BYTES } },
      );
      let read = 0;
      let worst = 0;
      for await (const _ of pair.client.read('a', { prefetch })) {
        read += 1;
        if (read % 100 === 1) {
          worst = Math.max(worst, (await standstill(pair, () => yielded)) - read);
          if (read < TOTAL - 2 * MOST) assert.ok(yielded < TOTAL, 'the handler is through before its reader');
        }
      }
      assert.equal([read, yielded], [TOTAL, TOTAL]);
      assert.ok(worst > prefetch && worst <= MOST + prefetch, `${worst} under way`);
    });
  }

  test(`${transport}: a handler that rests stops the client’s generator, and the sends that are awaited`, async () => {
    const rests = new Gate();
    const goOn = new Gate();
    await using pair = await PromisePair.open(
      {
        unary: () => 'yes',
        async write(texts) {
          await texts.next();
          rests.open();
          await goOn.passed;
          let count = 1;
          for await (const _ of texts) count += 1;
          return String(count);
        },
      },
      { transport, server: { streamWindowBytes: WINDOW_BYTES } },
    );
    let yielded = 0;
    const upload = pair.client.write(
      (function* () {
        for (; yielded < TOTAL; yielded += 1) yield MESSAGE;
      })(),
    );
    let sent = 0;
    const byHand = pair.client.write();
    const sending = (async (): Promise<void> => {
      for (; sent < TOTAL; sent += 1) assert.ok(await byHand.send(MESSAGE));
      byHand.closeSend();
    })();
    await rests.pass();
    assert.ok((await standstill(pair, () => yielded)) <= MOST + 1, `${yielded} under way`);
    assert.ok((await standstill(pair, () => sent)) <= MOST + 1, `${sent} under way`);
    goOn.open();
    assert.equal(await soon(Promise.all([upload, byHand.response, sending])), [
      String(TOTAL),
      String(TOTAL),
      undefined,
    ]);
  });
}

for (const prefetch of [0, 1, 10]) {
  test(`so many messages as prefetch says are taken ahead of the reader, and no more: ${prefetch}`, async () => {
    await using raw = await RawPeer.open();
    let parsed = 0;
    const { requestMarshaller, responseMarshaller } = TEXT_METHODS.bidi;
    const counted = TEXT_METHODS.bidi.withMarshallers(requestMarshaller, {
      ...responseMarshaller,
      deserialize: (payload) => {
        parsed += 1;
        return responseMarshaller.deserialize(payload);
      },
    });
    const stream = createClient({ counted }, raw.channel).counted({ prefetch });
    const served = await raw.call();
    served.headers();
    for (let i = 0; i < 30; i += 1) served.message(String(i));
    await served.peer.roundTrip();
    assert.is(parsed, prefetch);
    for (let i = 0; i < 15; i += 1) {
      assert.is((await soon(stream.next())).value, String(i));
      await served.peer.roundTrip();
      assert.is(parsed, i + 1 + prefetch);
    }
    // Several reads at once are asked for in turn, and leave no more behind.
    const reads = await soon(Promise.all(Array.from({ length: 5 }, () => stream.next())));
    assert.equal(
      reads.map(({ value }) => value),
      ['15', '16', '17', '18', '19'],
    );
    await served.peer.roundTrip();
    assert.is(parsed, Math.min(20 + prefetch, 30));
    stream.cancel();
    await soon(stream.status);
  });
}

test('a handler reads one request ahead, and no more', async () => {
  let parsed = 0;
  const read = new Gate();
  const goOn = new Gate();
  await using pair = await PromisePair.open(
    {
      async write(texts) {
        await texts.next();
        read.open();
        await goOn.passed;
        return (await listOf(texts)).join();
      },
      unary: () => 'yes',
    },
    {
      transport: 'http2',
      server: {
        interceptors: [
          (call, headers, next) => {
            const listener = next(call, headers);
            const { onMessage } = listener;
            listener.onMessage = (message) => {
              parsed += 1;
              onMessage.call(listener, message);
            };
            return listener;
          },
        ],
      },
    },
  );
  const upload = pair.client.write(['a', 'b', 'c', 'd']);
  await read.pass();
  await soon(pair.client.unary('a'));
  // The one that was read, the one ahead, and that of the unary call.
  assert.is(parsed, 3);
  goOn.open();
  assert.is(await soon(upload), 'b,c,d');
});

test('a request iterable is pulled only while the call is ready', async () => {
  await using raw = await RawPeer.open({ server: { returnWindow: false } });
  let pulled = 0;
  const stopped = new Gate();
  const requests = function* (): Generator<string> {
    try {
      for (;;) {
        pulled += 1;
        yield MESSAGE;
      }
    } finally {
      stopped.open();
    }
  };
  const upload = errorOf(raw.client.write(requests()));
  const served = await raw.call();
  while (served.peer.frames.reduce((bytes, frame) => bytes + frame.wireBytes, 0) < WINDOW_BYTES) {
    await served.peer.roundTrip();
  }
  await served.peer.roundTrip();
  const before = pulled;
  assert.ok(before <= MOST, `${before} pulled`);
  await served.peer.roundTrip();
  assert.is(pulled, before);
  for (const stream of [0, served.stream]) served.peer.sendWindowUpdate(stream, 60_000);
  while (pulled === before) await served.peer.roundTrip();
  // Waiting for the window again, it is let go when the call ends.
  served.refuse(10);
  assert.is((await upload).code, 10);
  await stopped.pass();
});

test('a handler’s generator is pulled only while the call is ready, and let go when its client has left', async () => {
  let pulled = 0;
  const stopped = new Gate();
  await using pair = await PromisePair.open(
    {
      unary: () => 'yes',
      *read() {
        try {
          for (;;) {
            pulled += 1;
            yield MESSAGE;
          }
        } finally {
          stopped.open();
        }
      },
    },
    { transport: 'http2', channel: { streamWindowBytes: WINDOW_BYTES } },
  );
  const stream = pair.client.read('a', { prefetch: 0 });
  assert.ok((await standstill(pair, () => pulled)) <= MOST + 1, `${pulled} pulled`);
  stream.cancel();
  await stopped.pass();
  await soon(stream.status);
});

test('a stream that nobody reads holds what is read ahead and no more, and is ended by its channel', async () => {
  let yielded = 0;
  await using pair = await PromisePair.open(
    {
      unary: () => 'yes',
      *read() {
        for (;;) {
          yielded += 1;
          yield MESSAGE;
        }
      },
    },
    { transport: 'http2', channel: { streamWindowBytes: WINDOW_BYTES } },
  );
  const stream = pair.client.read('a');
  assert.ok((await standstill(pair, () => yielded)) <= MOST + 2);
  pair.channel.shutdownNow();
  assert.not((await soon(stream.status)).isOk);
  assert.is((await soon(stream.next())).value, MESSAGE);
  await errorOf(stream.next());
});

test.run();
