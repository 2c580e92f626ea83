/** Call objects: what each of their members does, when, and what it does after the end. */
import { createClient } from '../../../src/stub/client.ts';
import { Metadata } from '../../../src/values/metadata.ts';
import { Code, Status } from '../../../src/values/status.ts';
import { StatusError } from '../../../src/values/status-error.ts';
import { thrownBy } from '../../call/call-pair.ts';
import { TEXT_METHODS, UNREADABLE, UNWRITABLE } from '../../reactor/reactor-pair.ts';
import { assert, suite } from '../../support/suite.ts';
import { ECHO, errorOf, Gate, listOf, PromisePair, soon, TRANSPORTS, turns } from './promise-pair.ts';
import { RawPeer } from './raw-peer.ts';

const test = suite('call objects');

const DONE = { done: true, value: undefined } as const;
const NOT_THERE = new StatusError(Status.NOT_FOUND.withDescription('no such'), new Metadata({ 'x-why': 'w' }));

for (const transport of TRANSPORTS) {
  test(`${transport}: headers, trailers and status, asked before they are there and after`, async () => {
    const gate = new Gate();
    await using pair = await PromisePair.open(
      {
        async *bidi(_texts, context) {
          context.sendHeaders({ 'x-head': 'h' });
          await gate.passed;
          context.trailers.set('x-trail', 't');
          yield 'one';
        },
      },
      { transport },
    );
    const call = pair.client.bidi();
    const early = [call.trailers, call.status] as const;
    assert.is((await soon(call.headers)).get('x-head'), 'h');
    gate.open();
    assert.equal(await soon(listOf(call)), ['one']);
    for (const [trailers, status] of [early, [call.trailers, call.status] as const]) {
      assert.is((await soon(trailers)).get('x-trail'), 't');
      assert.is(await soon(status), Status.OK);
    }
    assert.is((await soon(call.headers)).get('x-head'), 'h');
  });

  test(`${transport}: of a call that fails at once headers reject, trailers and status do not`, async () => {
    await using pair = await PromisePair.open(
      {
        // biome-ignore lint/correctness/useYield: it fails before.
        async *bidi() {
          throw NOT_THERE;
        },
        async write() {
          throw NOT_THERE;
        },
      },
      { transport },
    );
    for (const call of [pair.client.bidi(), pair.client.write()]) {
      const early = [call.headers, call.trailers, call.status] as const;
      for (const [headers, trailers, status] of [early, [call.headers, call.trailers, call.status] as const]) {
        assert.is((await errorOf(headers)).code, Code.NOT_FOUND);
        assert.is((await soon(trailers)).get('x-why'), 'w');
        assert.is(String(await soon(status)), 'NOT_FOUND: no such');
      }
    }
  });

  test(`${transport}: a response that is only messages has headers, if empty ones`, async () => {
    await using pair = await PromisePair.open(ECHO, { transport });
    const upload = pair.client.write();
    upload.closeSend();
    assert.is((await soon(upload.headers)).get('x-head'), undefined);
    assert.is(await soon(upload.response), '');
    assert.is(await soon(upload.response), '');
  });

  test(`${transport}: cancel ends the call at both ends, with its reason here`, async () => {
    const cancelled = new Gate<unknown>();
    await using pair = await PromisePair.open(
      {
        async *bidi(texts, { signal }) {
          signal.addEventListener('abort', () => cancelled.open(signal.reason));
          yield 'one';
          for await (const _ of texts);
        },
      },
      { transport },
    );
    const call = pair.client.bidi();
    assert.equal(await soon(call.next()), { done: false, value: 'one' });
    const reason = new Error('enough');
    call.cancel(reason);
    call.cancel(new Error('a second reason'));
    const status = await soon(call.status);
    assert.equal([status.code, status.cause], [Code.CANCELLED, reason]);
    const error = await errorOf(call.next());
    assert.equal([error.code, error.cause], [Code.CANCELLED, reason]);
    assert.is((await soon(call.trailers)).size, 0);
    assert.is(await soon(call.send('late')), false);
    call.closeSend();
    assert.is(((await cancelled.pass()) as StatusError).code, Code.CANCELLED);
    call.cancel();
    assert.is((await soon(call.status)).cause, reason);
  });

  test(`${transport}: what came and was not read is dropped by a cancel`, async () => {
    let parsed = 0;
    const { requestMarshaller, responseMarshaller } = TEXT_METHODS.read;
    const counted = TEXT_METHODS.read.withMarshallers(requestMarshaller, {
      ...responseMarshaller,
      deserialize: (payload) => {
        parsed += 1;
        return responseMarshaller.deserialize(payload);
      },
    });
    await using pair = await PromisePair.open(
      {
        async *read(_text, { signal }) {
          for (let i = 0; !signal.aborted; i += 1) yield String(i);
        },
      },
      { transport },
    );
    const client = createClient({ counted }, pair.channel);
    for (const give of ['cancel', 'abort', 'abort while nobody reads'] as const) {
      const controller = new AbortController();
      const stream = client.counted('a', { prefetch: 5, signal: controller.signal });
      parsed = 0;
      assert.is((await soon(stream.next())).value, '0', give);
      while (parsed < 6) await turns(1);
      if (give === 'cancel') stream.cancel();
      else controller.abort();
      if (give === 'abort while nobody reads') await soon(stream.status);
      assert.is((await errorOf(stream.next())).code, Code.CANCELLED, give);
    }
  });

  test(`${transport}: disposing cancels a call, and waits for its end`, async () => {
    const ended = [new Gate(), new Gate()] as const;
    await using pair = await PromisePair.open(
      {
        async *bidi(_texts, { signal }) {
          signal.addEventListener('abort', () => ended[0].open());
          yield 'one';
          await new Promise(() => {});
        },
        write: (_texts, { signal }) => {
          signal.addEventListener('abort', () => ended[1].open());
          return new Promise(() => {});
        },
      },
      { transport },
    );
    const call = pair.client.bidi();
    assert.is((await soon(call.next())).value, 'one');
    await soon(call[Symbol.asyncDispose]());
    let isOver = false;
    void call.status.then(() => {
      isOver = true;
    });
    await Promise.resolve();
    await Promise.resolve();
    assert.is(isOver, true);
    {
      await using upload = pair.client.write();
      assert.is(await soon(upload.send('a')), true);
    }
    await ended[0].pass();
    await ended[1].pass();
    // A second time, and after the end, it does nothing.
    await soon(call[Symbol.asyncDispose]());
  });

  test(`${transport}: disposing a call that ended well leaves it so`, async () => {
    await using pair = await PromisePair.open(ECHO, { transport });
    const stream = pair.client.read('a');
    assert.is((await soon(listOf(stream))).length, 3);
    await soon(stream[Symbol.asyncDispose]());
    assert.is(await soon(stream.status), Status.OK);
  });

  test(`${transport}: several reads at once are answered in order, the rest with the end`, async () => {
    await using pair = await PromisePair.open(ECHO, { transport });
    for (const prefetch of [0, 1, 10]) {
      const stream = pair.client.read('a', { prefetch });
      const reads = Array.from({ length: 6 }, () => stream.next());
      const values = (await soon(Promise.all(reads))).map(({ value }) => value);
      assert.equal(values, ['<a0>', '<a1>', '<a2>', undefined, undefined, undefined], `prefetch ${prefetch}`);
      assert.equal(await soon(stream.next()), DONE);
    }
  });

  test(`${transport}: a failure is thrown to every read behind the messages, not only to the first`, async () => {
    await using pair = await PromisePair.open(
      {
        async *read() {
          yield 'one';
          throw NOT_THERE;
        },
      },
      { transport },
    );
    const stream = pair.client.read('a');
    const reads = await soon(Promise.allSettled([stream.next(), stream.next(), stream.next()]));
    assert.equal(
      reads.map((read) => (read.status === 'fulfilled' ? read.value.value : (read.reason as StatusError).code)),
      ['one', Code.NOT_FOUND, Code.NOT_FOUND],
    );
    assert.is((await errorOf(stream.next())).code, Code.NOT_FOUND);
  });

  test(`${transport}: return and throw cancel, settle the reads that wait, and end the reading`, async () => {
    await using pair = await PromisePair.open({ bidi: ECHO.bidi }, { transport });
    const reason = new Error('mine');
    for (const how of ['return', 'throw'] as const) {
      const call = pair.client.bidi();
      await soon(call.send('a'));
      assert.is((await soon(call.next())).value, '<a>');
      const waiting = [call.next(), call.next()];
      if (how === 'return') assert.equal(await soon(call.return?.() ?? call.next()), DONE);
      else assert.is(await soon(call.throw?.(reason).catch((error: unknown) => error) ?? call.next()), reason);
      assert.equal(await soon(Promise.all(waiting)), [DONE, DONE]);
      assert.equal(await soon(call.next()), DONE);
      const status = await soon(call.status);
      assert.equal([status.code, status.cause], [Code.CANCELLED, how === 'return' ? undefined : reason]);
      // Its reader has left: the cancel is no news to it.
      assert.equal(await soon(call.next()), DONE);
      assert.is(await soon(call.send('late')), false);
    }
  });

  test(`${transport}: after a failure was thrown, return ends the reading`, async () => {
    await using pair = await PromisePair.open({}, { transport });
    const stream = pair.client.read('a');
    assert.is((await errorOf(stream.next())).code, Code.UNIMPLEMENTED);
    assert.equal(await soon(stream.return?.() ?? stream.next()), DONE);
    assert.equal(await soon(stream.next()), DONE);
  });

  test(`${transport}: send is true while the call goes on and false once it is over; after closeSend it throws`, async () => {
    const answer = new Gate<string>();
    await using pair = await PromisePair.open({ write: () => answer.passed }, { transport });
    const upload = pair.client.write();
    assert.is(await soon(upload.send('a')), true);
    answer.open('done');
    assert.is(await soon(upload.response), 'done');
    assert.is(await soon(upload.send('b')), false);
    upload.closeSend();
    upload.closeSend();
    assert.match(thrownBy(() => upload.send('c')) ?? '', /^IllegalStateError: .*closeSend/);
    assert.is(await soon(upload.status), Status.OK);
  });

  test(`${transport}: send throws after closeSend whether or not the call has ended meanwhile`, async () => {
    await using pair = await PromisePair.open(ECHO, { transport });
    const call = pair.client.bidi();
    call.closeSend();
    assert.match(thrownBy(() => call.send('a')) ?? '', /^IllegalStateError: .*closeSend/);
    assert.equal(await soon(listOf(call)), []);
    assert.match(thrownBy(() => call.send('a')) ?? '', /^IllegalStateError: .*closeSend/);
    assert.is(await soon(call.status), Status.OK);
  });

  test(`${transport}: a second closeSend does nothing, and after a cancel closeSend and send are calm`, async () => {
    await using pair = await PromisePair.open(ECHO, { transport });
    const twice = pair.client.write();
    twice.closeSend();
    twice.closeSend();
    assert.is(await soon(twice.response), '');
    for (const call of [pair.client.write(), pair.client.bidi()]) {
      call.cancel();
      assert.is(await soon(call.send('late')), false);
      call.closeSend();
      assert.is((await soon(call.status)).code, Code.CANCELLED);
    }
  });

  test(`${transport}: a stream without messages that ends well has headers and trailers`, async () => {
    await using pair = await PromisePair.open({ read: () => [] }, { transport });
    const events: string[] = [];
    const stream = pair.client.read('a', {
      onHeaders: () => void events.push('headers'),
      onTrailers: () => void events.push('trailers'),
    });
    assert.equal(await soon(listOf(stream)), []);
    assert.equal(events, ['headers', 'trailers']);
  });

  test(`${transport}: sends that wait for a slow reader are answered false when the call ends`, async () => {
    const answer = new Gate();
    await using pair = await PromisePair.open(
      {
        async write() {
          await answer.passed;
          throw NOT_THERE;
        },
      },
      { transport },
    );
    const upload = pair.client.write();
    const sends = Array.from({ length: 300 }, () => upload.send('x'.repeat(10_000)));
    await turns();
    answer.open();
    const sent = await soon(Promise.all(sends));
    assert.ok(sent.includes(false));
    assert.is((await errorOf(upload.response)).code, Code.NOT_FOUND);
  });

  test(`${transport}: a message that cannot be written ends the call INTERNAL, and sends stay calm`, async () => {
    await using pair = await PromisePair.open(ECHO, { transport });
    const { client } = pair;
    assert.is((await errorOf(client.unary(UNWRITABLE))).code, Code.INTERNAL);
    assert.is((await errorOf(client.read(UNWRITABLE).next())).code, Code.INTERNAL);
    assert.is((await errorOf(client.write(['a', UNWRITABLE, 'b']))).code, Code.INTERNAL);
    const call = client.bidi();
    assert.is(await soon(call.send(UNWRITABLE)), false);
    const error = await errorOf(call.next());
    assert.is((error.cause as Error).message, 'not to be serialized');
  });

  test(`${transport}: a message that cannot be read ends the call INTERNAL`, async () => {
    await using pair = await PromisePair.open(
      { unary: () => UNREADABLE, read: () => ['one', UNREADABLE, 'two'] },
      { transport },
    );
    assert.is((await errorOf(pair.client.unary('a'))).code, Code.INTERNAL);
    const stream = pair.client.read('a', { prefetch: 0 });
    assert.is((await soon(stream.next())).value, 'one');
    const error = await errorOf(stream.next());
    assert.equal([error.code, (error.cause as Error).message], [Code.INTERNAL, 'not to be deserialized']);
  });

  test(`${transport}: what nobody awaits harms nobody`, async () => {
    await using pair = await PromisePair.open(
      {
        async *bidi() {
          yield 'one';
          throw NOT_THERE;
        },
        async write() {
          throw NOT_THERE;
        },
      },
      { transport },
    );
    const call = pair.client.bidi();
    const upload = pair.client.write();
    for (const each of [call, upload]) {
      void each.headers;
      void each.trailers;
      void each.status;
      void each.send('unawaited');
    }
    void upload.response;
    await soon(upload.status);
    assert.is((await soon(call.next())).value, 'one');
    await soon(call.status);
    void call.headers;
    void upload.headers;
    void upload.response;
    await turns();
    // A promise that was kept still rejects.
    const { headers, response } = upload;
    await turns();
    assert.is((await errorOf(headers)).code, Code.NOT_FOUND);
    assert.is((await errorOf(response)).code, Code.NOT_FOUND);
  });
}

test('a server that has ended the call takes no message, though its own wait to be read', async () => {
  await using raw = await RawPeer.open();
  const call = raw.client.bidi({ prefetch: 0 });
  const served = await raw.call();
  served.headers();
  served.message('one');
  served.end(0);
  await served.peer.roundTrip();
  assert.is(await soon(call.send('late')), false);
  call.closeSend();
  assert.equal(await soon(listOf(call)), ['one']);
  assert.ok((await soon(call.status)).isOk);
});

test.run();
