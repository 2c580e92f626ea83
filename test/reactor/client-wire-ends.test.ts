/**
 * How a client's RPC ends, frame by frame, against a server on bare sockets: what a cancel sends, what becomes of an outstanding
 * write and of unread messages when the server ends early, resets or goes away. Specification: client_callback.h; RFC 9113
 * §8.1. Upstream: none; the wording of grpc.io's page on the callback API is what is proven.
 */
import { grpcFrame, responseHeaders, trailers } from '../support/raw-http2.ts';
import { assert, suite } from '../support/suite.ts';
import { answer, RawPair } from './raw-pair.ts';
import { bindBidi, bindRead, bindWrite, turns } from './rpc-ends.ts';

const test = suite('the end of a client’s RPC on the wire');

const CANCELLED = 'onDone(CANCELLED: the client cancelled the call)';

test('a cancel is a RST_STREAM with CANCEL, and no END_STREAM goes ahead of it', async () => {
  for (const written of ['nothing', 'a message', 'more than the window'] as const) {
    await using pair = await RawPair.open({ returnWindow: false });
    const { context, reactor, log } = bindBidi(pair);
    reactor.startRead();
    reactor.startCall();
    await pair.peer.frame('HEADERS');
    if (written === 'a message') reactor.startWrite('one');
    if (written === 'more than the window') reactor.startWrite('x'.repeat(100_000));
    if (written !== 'nothing') await pair.peer.frame('DATA');
    context.tryCancel();
    await log.done();
    await pair.peer.frame('RST_STREAM', { stream: 1, code: 'CANCEL' });
    const frames = await pair.frames();
    assert.not(
      frames.some((frame) => frame.includes('ES')),
      frames.join(),
    );
    assert.is(frames.filter((frame) => frame.startsWith('RST_STREAM')).join(), 'RST_STREAM(1, CANCEL)');
    assert.is(log.events.at(-1), CANCELLED);
  }
});

test('an outstanding write that the server’s reset cuts off is answered false', async () => {
  for (const code of ['CANCEL', 'INTERNAL_ERROR', 'NO_ERROR'] as const) {
    await using pair = await RawPair.open({ returnWindow: false, settings: { INITIAL_WINDOW_SIZE: 0 } });
    const { reactor, log } = bindBidi(pair);
    reactor.addHold();
    reactor.startRead();
    reactor.startCall();
    await pair.peer.frame('HEADERS');
    reactor.startWrite('cut off');
    reactor.startWritesDone();
    await pair.peer.roundTrip();
    assert.is(log.count('onWriteDone'), 0);
    pair.peer.sendRst(1, code);
    await log.until(() => log.count('onWritesDoneDone') === 1);
    reactor.removeHold();
    await log.done();
    assert.equal(log.events.slice(0, -1), [
      'onReadInitialMetadataDone(false)',
      'onReadDone(false)',
      'onWriteDone(false)',
      'onWritesDoneDone(false)',
    ]);
    assert.not(log.events.at(-1)?.startsWith('onDone(OK'), code);
    assert.not(pair.peer.has('DATA'));
  }
});

test('so is one that a lost connection cuts off', async () => {
  await using pair = await RawPair.open({ returnWindow: false, settings: { INITIAL_WINDOW_SIZE: 0 } });
  const { reactor, log } = bindBidi(pair);
  reactor.startRead();
  reactor.startWrite('cut off');
  reactor.startCall();
  await pair.peer.frame('HEADERS');
  pair.peer.reset();
  await log.done();
  assert.equal(log.events.slice(0, -1), [
    'onReadInitialMetadataDone(false)',
    'onReadDone(false)',
    'onWriteDone(false)',
  ]);
  assert.match(log.events.at(-1) ?? '', /^onDone\(UNAVAILABLE: /);
});

for (const hasMessages of [false, true]) {
  const what = hasMessages ? 'a message and an OK' : 'an OK';

  test(`${what} while a write is outstanding: that and later ones are false, the RPC is OK, the stream is let go of`, async () => {
    await using pair = await RawPair.open({ returnWindow: false, settings: { INITIAL_WINDOW_SIZE: 0 } });
    const { reactor, log } = bindBidi(pair);
    reactor.addHold();
    reactor.startCall();
    await pair.peer.frame('HEADERS');
    reactor.startWrite('never leaves');
    await pair.peer.roundTrip();
    answer(pair.peer, 1, ...(hasMessages ? ['reply'] : []));
    await log.until(() => log.count('onWriteDone') === 1);
    reactor.startWrite('later');
    await log.until(() => log.count('onWriteDone') === 2);
    reactor.startWritesDone();
    await log.until(() => log.count('onWritesDoneDone') === 1);
    assert.is(log.times('onWriteDone(false)'), 2);
    // Half-closing what the server has ended well is no failure.
    assert.is(log.times('onWritesDoneDone(true)'), 1);
    assert.not(log.isDone);
    if (hasMessages) {
      reactor.startRead();
      await log.until(() => log.times('onReadDone(true, reply)') === 1);
    }
    reactor.removeHold();
    await log.done();
    assert.is(log.events.at(-1), 'onDone(OK)');
    await pair.peer.frame('RST_STREAM', { stream: 1, code: 'NO_ERROR' });
    const frames = await pair.frames();
    assert.not(
      frames.some((frame) => frame.startsWith('DATA')),
      frames.join(),
    );
  });
}

test('an error while a write is outstanding: false, also for the half-close behind it', async () => {
  await using pair = await RawPair.open({ returnWindow: false, settings: { INITIAL_WINDOW_SIZE: 0 } });
  const { reactor, log } = bindBidi(pair);
  reactor.startWrite('never leaves');
  reactor.startWritesDone();
  reactor.startCall();
  await pair.peer.frame('HEADERS');
  pair.peer.sendHeaders(1, responseHeaders());
  pair.peer.sendHeaders(1, trailers(9, [['grpc-message', 'not now']]), { endStream: true });
  await log.done();
  assert.equal(log.events, [
    'onReadInitialMetadataDone(true)',
    'onWriteDone(false)',
    'onWritesDoneDone(false)',
    'onDone(FAILED_PRECONDITION: not now)',
  ]);
});

test('OK with messages unread: not done before all were read, whatever time goes by', async () => {
  await using pair = await RawPair.open();
  const { reactor, log } = bindRead(pair, '');
  reactor.startCall();
  await pair.peer.frame('DATA', { endStream: true });
  answer(pair.peer, 1, 'one', 'two');
  for (const text of ['one', 'two']) {
    await pair.peer.roundTrip();
    await turns(20);
    assert.not(log.isDone);
    reactor.startRead();
    await log.until(() => log.times(`onReadDone(true, ${text})`) === 1);
  }
  await log.done();
  assert.is(log.count('onReadDone'), 2);
  assert.is(log.events.at(-1), 'onDone(OK)');
});

test('an error with messages unread does not wait for a reader; a reset neither', async () => {
  for (const end of ['trailers', 'reset'] as const) {
    await using pair = await RawPair.open();
    const { reactor, log } = bindRead(pair, '');
    reactor.startCall();
    await pair.peer.frame('DATA', { endStream: true });
    pair.peer.sendHeaders(1, responseHeaders());
    pair.peer.sendData(1, grpcFrame(Buffer.from('unread')));
    if (end === 'trailers') pair.peer.sendHeaders(1, trailers(15), { endStream: true });
    else pair.peer.sendRst(1, 'INTERNAL_ERROR');
    await log.done();
    assert.is(log.events[0], 'onReadInitialMetadataDone(true)');
    assert.match(log.events.at(-1) ?? '', end === 'trailers' ? /^onDone\(DATA_LOSS/ : /^onDone\(INTERNAL/);
    assert.is(log.count('onReadDone'), 0);
  }
});

test('an error does not take away the message that a read is out for, however large', async () => {
  await using pair = await RawPair.open();
  const text = 'x'.repeat(200_000);
  const { reactor, log } = bindRead(pair, '');
  reactor.addHold();
  reactor.startCall();
  await pair.peer.frame('DATA', { endStream: true });
  pair.peer.sendHeaders(1, responseHeaders());
  for (const message of [text, 'dropped']) pair.peer.sendData(1, grpcFrame(Buffer.from(message)));
  pair.peer.sendHeaders(1, trailers(15), { endStream: true });
  await pair.peer.roundTrip();
  await turns();
  // In this order the RPC looks for what keeps it while node has yet to hand the message over.
  reactor.removeHold();
  reactor.startRead();
  await log.done();
  assert.equal(log.events, ['onReadInitialMetadataDone(true)', `onReadDone(true, ${text})`, 'onDone(DATA_LOSS)']);
});

test('write: a response with an error behind it is no response; two are one too many; none is missed', async () => {
  const cases = [
    [['a response'], 5, /^onDone\(NOT_FOUND\)$/],
    [['one', 'two'], 0, /^onDone\(UNIMPLEMENTED: .*more than one response\)$/],
    [[], 0, /^onDone\(UNIMPLEMENTED: .*no response\)$/],
  ] as const;
  for (const [responses, code, end] of cases) {
    await using pair = await RawPair.open();
    const { reactor, log } = bindWrite(pair);
    reactor.startWritesDone();
    reactor.startCall();
    await pair.peer.frame('DATA', { endStream: true });
    pair.peer.sendHeaders(1, responseHeaders());
    for (const text of responses) pair.peer.sendData(1, grpcFrame(Buffer.from(text)));
    pair.peer.sendHeaders(1, trailers(code), { endStream: true });
    await log.done();
    assert.match(log.events.at(-1) ?? '', end);
  }
});

test.run();
