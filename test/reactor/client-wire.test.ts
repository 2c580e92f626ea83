/**
 * A client's reactors frame by frame, against a server on bare sockets: what leaves and when, and what a write says while
 * flow control stands in its way. Specification: set_initial_metadata_corked and WriteOptions of gRPC C++, gRFC L1; RFC
 * 9113. Upstream: end2end_test.cc RequestStream…WithCoalescingApi, BidiStream…Coalesced, client_callback_end2end_test.cc
 * BidiStreamCorkedFirstWriteAsync.
 */
import { CallOptions } from '../../src/call/call-options.ts';
import { ClientContext } from '../../src/reactor/client-context.ts';
import { Deadline } from '../../src/values/deadline.ts';
import type { Frame } from '../support/http2-frame.ts';
import type { RawConnection } from '../support/raw-http2.ts';
import { assert, suite } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { answer, RawPair } from './raw-pair.ts';
import { bindBidi, bindRead, bindWrite, turns } from './rpc-ends.ts';

const test = suite('a client’s reactors on the wire');

const CANCELLED = 'onDone(CANCELLED: the client cancelled the call)';
const CORKED_KINDS = { write: bindWrite, bidi: bindBidi } as const;

function corked(): ClientContext {
  const context = new ClientContext();
  context.setInitialMetadataCorked(true);
  return context;
}

function messages(peer: RawConnection, stream: number): string[] {
  return peer.messages(stream).map(({ payload }) => payload.toString());
}

/** Bytes of messages that have come on a stream. */
function bytesOf(peer: RawConnection, stream: number): number {
  const isData = (frame: Frame): boolean => frame.type === 'DATA' && frame.stream === stream;
  return peer.frames.filter(isData).reduce((sum, frame) => sum + frame.payload.length, 0);
}

// ---- corked headers ----

test('corked, then startWriteLast: headers, message and half-close, and nothing before', async () => {
  await using pair = await RawPair.open();
  const { reactor, log } = bindWrite(pair, undefined, corked());
  reactor.addHold();
  reactor.startCall();
  await turns();
  assert.equal(await pair.frames(), []);
  reactor.startWriteLast('all');
  await pair.peer.frame('DATA', { endStream: true });
  assert.equal(messages(pair.peer, 1), ['all']);
  assert.equal(withoutEmptyEnd(await pair.frames()), ['HEADERS(1)', 'DATA(1, 8 bytes)']);
  answer(pair.peer, 1, 'thanks');
  reactor.removeHold();
  await log.done();
  assert.is(log.events.at(-1), 'onDone(OK, thanks)');
  assert.is(log.times('onWriteDone(true)'), 1);
});

/** Node sends the end of a stream that may be cancelled as an empty DATA frame of its own. */
function withoutEmptyEnd(frames: readonly string[]): string[] {
  assert.match(frames.at(-1) ?? '', /^DATA\(\d+, 0 bytes, ES\)$/);
  return frames.slice(0, -1);
}

test('corked, a write, then startWriteLast: the headers leave with the first', async () => {
  await using pair = await RawPair.open();
  const { reactor, log } = bindWrite(pair, undefined, corked());
  reactor.addHold();
  reactor.startCall();
  await turns();
  assert.equal(await pair.frames(), []);
  reactor.startWrite('one');
  await log.until(() => log.times('onWriteDone(true)') === 1);
  assert.equal(await pair.frames(), ['HEADERS(1)', 'DATA(1, 8 bytes)']);
  reactor.startWriteLast('two');
  await pair.peer.frame('DATA', { endStream: true });
  assert.equal(withoutEmptyEnd(await pair.frames()), ['HEADERS(1)', 'DATA(1, 8 bytes)', 'DATA(1, 8 bytes)']);
  assert.equal(messages(pair.peer, 1), ['one', 'two']);
  answer(pair.peer, 1, 'one+two');
  reactor.removeHold();
  await log.done();
  assert.is(log.events.at(-1), 'onDone(OK, one+two)');
});

for (const [kind, bind] of Object.entries(CORKED_KINDS)) {
  test(`${kind}: corked, and only startWritesDone: headers and half-close`, async () => {
    for (const isQueued of [true, false]) {
      await using pair = await RawPair.open();
      const { reactor, log } = bind(pair, undefined, corked());
      reactor.addHold();
      if (isQueued) reactor.startWritesDone();
      reactor.startCall();
      await turns();
      if (!isQueued) {
        assert.equal(await pair.frames(), []);
        reactor.startWritesDone();
      }
      await log.until(() => log.times('onWritesDoneDone(true)') === 1);
      await pair.peer.frame('DATA', { endStream: true });
      assert.equal(await pair.frames(), ['HEADERS(1)', 'DATA(1, 0 bytes, ES)']);
      answer(pair.peer, 1, ...(kind === 'write' ? ['response'] : []));
      reactor.removeHold();
      await log.done();
      assert.match(log.events.at(-1) ?? '', /^onDone\(OK/);
    }
  });

  test(`${kind}: corked, and cancelled before any write: no stream at all`, async () => {
    await using pair = await RawPair.open();
    const { context, reactor, log } = bind(pair, undefined, corked());
    reactor.addHold();
    reactor.startCall();
    await turns();
    context.tryCancel();
    assert.equal(log.events, []);
    await log.until(() => log.events.length > 0);
    reactor.startWrite('too late');
    await log.until(() => log.count('onWriteDone') === 1);
    reactor.removeHold();
    await log.done();
    assert.equal(log.events, ['onReadInitialMetadataDone(false)', 'onWriteDone(false)', CANCELLED]);
    assert.equal(await pair.frames(), []);
  });

  test(`${kind}: corked, and its deadline passes before any write: no stream at all`, async () => {
    await using pair = await RawPair.open();
    const clock = new WoundClock();
    const context = new ClientContext(CallOptions.DEFAULT.withDeadline(Deadline.after(1_000, clock)));
    context.setInitialMetadataCorked(true);
    const { reactor, log } = bind(pair, undefined, context);
    reactor.startCall();
    clock.advance(999);
    await turns();
    assert.equal(log.events, []);
    clock.advance(1);
    await log.done();
    assert.is(log.events[0], 'onReadInitialMetadataDone(false)');
    assert.match(log.events[1] ?? '', /^onDone\(DEADLINE_EXCEEDED: /);
    assert.equal(await pair.frames(), []);
    assert.is(clock.armed, 0);
  });
}

test('bidi: corked, a read is out and the first write comes from outside: nothing leaves before that write', async () => {
  await using pair = await RawPair.open();
  const { reactor, log } = bindBidi(pair, undefined, corked());
  reactor.addHold();
  reactor.startRead();
  reactor.startCall();
  await turns();
  assert.equal(await pair.frames(), []);
  reactor.startWrite('first');
  await pair.peer.frame('DATA');
  assert.equal(await pair.frames(), ['HEADERS(1)', 'DATA(1, 10 bytes)']);
  reactor.startWritesDone();
  await pair.peer.frame('DATA', { endStream: true });
  answer(pair.peer, 1, 'echo');
  await log.until(() => log.count('onReadDone') === 1);
  reactor.removeHold();
  await log.done();
  assert.ok(log.events.includes('onReadDone(true, echo)'));
  assert.is(log.events.at(-1), 'onDone(OK)');
});

test('not corked, headers leave with startCall', async () => {
  await using pair = await RawPair.open();
  const { context, reactor, log } = bindBidi(pair);
  reactor.startCall();
  await pair.peer.frame('HEADERS');
  assert.equal(await pair.frames(), ['HEADERS(1)']);
  context.tryCancel();
  await log.done();
});

test('a reactor that does not write takes no notice of corked headers', async () => {
  await using pair = await RawPair.open();
  const { reactor, log } = bindRead(pair, 'a question', undefined, corked());
  reactor.startCall();
  await pair.peer.frame('DATA', { endStream: true });
  assert.equal(await pair.frames(), ['HEADERS(1)', 'DATA(1, 15 bytes, ES)']);
  answer(pair.peer, 1);
  await log.done();
  assert.is(log.events.at(-1), 'onDone(OK)');
});

test('bidi: one message, everything in one: corked, startWriteLast, and a read, before startCall', async () => {
  await using pair = await RawPair.open();
  const { reactor, log } = bindBidi(pair, undefined, corked());
  reactor.startRead();
  reactor.startWriteLast('all');
  reactor.startCall();
  await pair.peer.frame('DATA', { endStream: true });
  assert.equal(withoutEmptyEnd(await pair.frames()), ['HEADERS(1)', 'DATA(1, 8 bytes)']);
  answer(pair.peer, 1, 'echo');
  await log.done();
  assert.equal(
    log.events.filter((event) => event.startsWith('onRead')),
    ['onReadInitialMetadataDone(true)', 'onReadDone(true, echo)'],
  );
  assert.is(log.times('onWriteDone(true)'), 1);
  assert.is(log.count('onWritesDoneDone'), 0);
  assert.is(log.events.at(-1), 'onDone(OK)');
});

// ---- buffer hint ----

test('a hinted write is done though nothing has left, until a plain one takes it along', async () => {
  await using pair = await RawPair.open();
  const { context, reactor, log } = bindBidi(pair);
  reactor.addHold();
  reactor.startCall();
  await pair.peer.frame('HEADERS');
  for (let writes = 1; writes <= 3; writes += 1) {
    reactor.startWrite(`${writes}`, { bufferHint: true });
    await log.until(() => log.times('onWriteDone(true)') === writes);
  }
  assert.equal(await pair.frames(), ['HEADERS(1)']);
  reactor.startWrite('plain');
  await log.until(() => log.times('onWriteDone(true)') === 4);
  await pair.peer.frame('DATA');
  assert.equal(await pair.frames(), ['HEADERS(1)', `DATA(1, ${3 * 6 + 10} bytes)`]);
  assert.equal(messages(pair.peer, 1), ['1', '2', '3', 'plain']);
  context.tryCancel();
  reactor.removeHold();
  await log.done();
});

test('startWritesDone, or a last write, takes hinted ones along', async () => {
  for (const end of ['startWritesDone', 'startWriteLast'] as const) {
    await using pair = await RawPair.open();
    const { reactor, log } = bindBidi(pair);
    reactor.addHold();
    reactor.startCall();
    await pair.peer.frame('HEADERS');
    reactor.startWrite('held', { corked: true });
    await log.until(() => log.times('onWriteDone(true)') === 1);
    assert.equal(await pair.frames(), ['HEADERS(1)']);
    if (end === 'startWriteLast') reactor.startWriteLast('last');
    else reactor.startWritesDone();
    await pair.peer.frame('DATA', { endStream: true });
    const bytes = end === 'startWriteLast' ? 18 : 9;
    assert.equal(withoutEmptyEnd(await pair.frames()), ['HEADERS(1)', `DATA(1, ${bytes} bytes)`]);
    answer(pair.peer, 1);
    reactor.removeHold();
    await log.done();
    assert.is(log.events.at(-1), 'onDone(OK)');
  }
});

test('hinted writes are the brake too: with the buffer full one waits until there is room', async () => {
  await using pair = await RawPair.open({ returnWindow: false, settings: { INITIAL_WINDOW_SIZE: 0 } });
  const { context, reactor, log } = bindBidi(pair);
  reactor.addHold();
  reactor.startCall();
  await pair.peer.frame('HEADERS');
  const text = 'x'.repeat(10_000);
  let writes = 0;
  while (log.times('onWriteDone(true)') === writes) {
    reactor.startWrite(text, { bufferHint: true });
    writes += 1;
    await turns();
    if (writes > 100) throw new Error('the buffer is never full');
  }
  assert.ok(writes >= 3 && writes <= 8, `${writes} writes of 10 kB`);
  await pair.peer.roundTrip();
  await turns();
  assert.is(log.times('onWriteDone(true)'), writes - 1);
  pair.peer.sendWindowUpdate(1, 60_000);
  await log.until(() => log.times('onWriteDone(true)') === writes);
  context.tryCancel();
  reactor.removeHold();
  await log.done();
});

test('a write that is to be written through waits for the network, hinted or not', async () => {
  await using pair = await RawPair.open({ returnWindow: false, settings: { INITIAL_WINDOW_SIZE: 0 } });
  const { context, reactor, log } = bindBidi(pair);
  reactor.addHold();
  reactor.startCall();
  await pair.peer.frame('HEADERS');
  reactor.startWrite('through', { writeThrough: true, bufferHint: true });
  await pair.peer.roundTrip();
  await turns();
  assert.is(log.count('onWriteDone'), 0);
  pair.peer.sendWindowUpdate(1, 100);
  await pair.peer.frame('DATA');
  await log.until(() => log.times('onWriteDone(true)') === 1);
  context.tryCancel();
  reactor.removeHold();
  await log.done();
});

// ---- flow control ----

test('onWriteDone waits until the whole message has passed the server’s window', async () => {
  await using pair = await RawPair.open({ returnWindow: false });
  const { reactor, log } = bindWrite(pair);
  reactor.addHold();
  reactor.startCall();
  const { stream } = await pair.peer.frame('HEADERS');
  const size = 1024 * 1024;
  reactor.startWrite('x'.repeat(size));
  let window = 65_535;
  while (window < size) {
    while (bytesOf(pair.peer, stream) < window) await pair.peer.roundTrip();
    await turns();
    assert.is(bytesOf(pair.peer, stream), window);
    assert.is(log.count('onWriteDone'), 0, `with ${window} of ${size} bytes`);
    pair.peer.sendWindowUpdate(0, 250_000);
    pair.peer.sendWindowUpdate(stream, 250_000);
    window += 250_000;
  }
  await log.until(() => log.times('onWriteDone(true)') === 1);
  reactor.startWritesDone();
  await pair.peer.frame('DATA', { endStream: true });
  assert.equal(
    pair.peer.messages(stream).map(({ payload }) => payload.length),
    [size],
  );
  answer(pair.peer, stream, 'thanks');
  reactor.removeHold();
  await log.done();
  assert.is(log.events.at(-1), 'onDone(OK, thanks)');
});

test.run();
