/**
 * ServerWriteReactor: when a message counts as written, how the last one and the status go out, and what becomes of them
 * when the client goes away. Specification: ServerWriteReactor in server_callback.h; gRFCs L1, L67.
 */
import { ServerWriteReactor } from '../../src/reactor/server-reactors.ts';
import { Status } from '../../src/values/status.ts';
import { grpcFrame, RawClient, requestHeaders } from '../support/raw-http2.ts';
import { assert, suite } from '../support/suite.ts';
import { ReactorPair } from './reactor-pair.ts';
import { bindRead, hold, turns } from './rpc-ends.ts';

const test = suite('ServerWriteReactor');

const TRANSPORTS = ['in-process', 'http2'] as const;

type Writer = ServerWriteReactor<string>;

function newWriter(): Writer {
  return new ServerWriteReactor<string>();
}

/** More than any window takes in. */
const HUGE = 'x'.repeat(3_000_000);

for (const transport of TRANSPORTS) {
  test(`${transport}: a write and finish, both before the handler returns: message, then trailers; onWriteDone, then onDone`, async () => {
    const { handler, served } = hold(newWriter, ({ reactor, log }) => {
      reactor.startWrite('the message');
      reactor.finish(Status.OK);
      assert.equal(log.events, []);
    });
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const client = bindRead(pair, '');
    client.reactor.startRead();
    client.reactor.startCall();
    await client.log.done();
    assert.equal(client.log.events, ['onReadInitialMetadataDone(true)', 'onReadDone(true, the message)', 'onDone(OK)']);
    const { log } = await served.next();
    await log.done();
    assert.equal(log.events, ['onWriteDone(true)', 'onDone']);
  });

  test(`${transport}: headers, a write and finish, all before the handler returns, leave and answer in this order`, async () => {
    const { handler, served } = hold(newWriter, ({ context, reactor }) => {
      context.addInitialMetadata('x-ahead', 'yes');
      reactor.startSendInitialMetadata();
      reactor.startWrite('the message');
      reactor.finish(Status.OK);
    });
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const client = bindRead(pair, '');
    client.reactor.startRead();
    client.reactor.startCall();
    await client.log.done();
    assert.is(client.context.getServerInitialMetadata().get('x-ahead'), 'yes');
    const { log } = await served.next();
    await log.done();
    assert.equal(log.events, ['onSendInitialMetadataDone(true)', 'onWriteDone(true)', 'onDone']);
  });

  for (const status of [Status.OK, Status.DATA_LOSS.withDescription('and then it broke')]) {
    test(`${transport}: startWriteAndFinish with ${status.toString()}: the message arrives, and has no onWriteDone`, async () => {
      for (const when of ['in the handler', 'later']) {
        const { handler, served } = hold(newWriter, ({ reactor }) => {
          if (when === 'in the handler') reactor.startWriteAndFinish('the last', {}, status);
        });
        await using pair = await ReactorPair.open({ read: handler }, { transport });
        const client = bindRead(pair, '');
        client.reactor.startRead();
        client.reactor.startCall();
        const { reactor, log } = await served.next();
        if (when === 'later') reactor.startWriteAndFinish('the last', undefined, status);
        await log.done();
        assert.equal(log.events, ['onDone']);
        await client.log.done();
        assert.equal(client.log.events, [
          'onReadInitialMetadataDone(true)',
          'onReadDone(true, the last)',
          `onDone(${status})`,
        ]);
      }
    });
  }

  test(`${transport}: a write may follow startSendInitialMetadata at once, and both are answered`, async () => {
    const { handler, served } = hold(newWriter);
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const client = bindRead(pair, '');
    client.reactor.startRead();
    client.reactor.startCall();
    const { reactor, log } = await served.next();
    reactor.startSendInitialMetadata();
    reactor.startWrite('right behind');
    await log.until(() => log.events.length === 2);
    assert.equal(log.events, ['onSendInitialMetadataDone(true)', 'onWriteDone(true)']);
    reactor.finish(Status.OK);
    await client.log.done();
    await log.done();
  });

  test(`${transport}: headers that go with the first message have no reaction of their own`, async () => {
    const { handler, served } = hold(newWriter);
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const client = bindRead(pair, '');
    client.reactor.startRead();
    client.reactor.startCall();
    const { context, reactor, log } = await served.next();
    context.addInitialMetadata('x-with', 'the first message');
    reactor.startWrite('a');
    await log.until(() => log.count('onWriteDone') === 1);
    reactor.finish(Status.OK);
    await log.done();
    assert.equal(log.events, ['onWriteDone(true)', 'onDone']);
    await client.log.done();
    assert.is(client.context.getServerInitialMetadata().get('x-with'), 'the first message');
  });

  test(`${transport}: startWriteLast and finish at once: the message is answered true and arrives`, async () => {
    const { handler, served } = hold(newWriter);
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const client = bindRead(pair, '');
    client.reactor.startRead();
    client.reactor.startCall();
    const { reactor, log } = await served.next();
    reactor.startWriteLast('the last');
    reactor.finish(Status.OK);
    await log.done();
    assert.equal(log.events, ['onWriteDone(true)', 'onDone']);
    await client.log.done();
    assert.ok(client.log.events.includes('onReadDone(true, the last)'));
  });

  test(`${transport}: a write that flow control holds back gets false when the client cancels, and later ones too`, async () => {
    const { handler, served } = hold(newWriter);
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const client = bindRead(pair, '');
    client.reactor.startCall();
    const { reactor, log } = await served.next();
    reactor.startWrite(HUGE);
    await client.log.until(() => client.log.count('onReadInitialMetadataDone') === 1);
    if (transport === 'http2') assert.is(log.count('onWriteDone'), 0);
    else await log.until(() => log.count('onWriteDone') === 1);
    if (transport === 'in-process') reactor.startWrite('behind it');
    client.context.tryCancel();
    await log.until(() => log.count('onCancel') === 1);
    assert.equal(log.events.slice(-2), ['onWriteDone(false)', 'onCancel']);
    reactor.startWrite('too late');
    await log.until(() => log.events.at(-1) === 'onWriteDone(false)');
    reactor.startWriteAndFinish('too late as well', {}, Status.OK);
    await log.done();
    assert.equal(log.events.slice(-3), ['onCancel', 'onWriteDone(false)', 'onDone']);
    await client.log.done();
  });

  test(`${transport}: finish behind a write that is held back, then the client goes: onCancel after finish, then onDone`, async () => {
    const { handler, served } = hold(newWriter, ({ reactor }) => reactor.startWrite(HUGE));
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const client = bindRead(pair, '');
    client.reactor.startCall();
    const { context, reactor, log } = await served.next();
    await client.log.until(() => client.log.count('onReadInitialMetadataDone') === 1);
    if (transport === 'in-process') {
      await log.until(() => log.count('onWriteDone') === 1);
      reactor.startWrite('behind it');
    }
    reactor.finish(Status.OK);
    await turns();
    assert.not(context.isCancelled());
    client.context.tryCancel();
    await log.done();
    assert.equal(log.events.slice(-3), ['onWriteDone(false)', 'onCancel', 'onDone']);
    assert.ok(context.isCancelled());
    await client.log.done();
  });
}

test('trailers behind a window of zero are not out: a reset brings onCancel, after finish and before onDone', async () => {
  const { handler, served } = hold(newWriter);
  await using pair = await ReactorPair.open({ read: handler }, { transport: 'http2' });
  await using raw = await RawClient.connect(pair.server.port, { settings: { INITIAL_WINDOW_SIZE: 0 } });
  const stream = raw.open(requestHeaders('/test.Text/server_streaming'));
  raw.sendData(stream, grpcFrame(Buffer.from('go')), { endStream: true });
  const { context, reactor, log } = await served.next();
  reactor.startWriteAndFinish('held back', {}, Status.OK);
  await raw.frame('HEADERS', { stream });
  await raw.roundTrip();
  assert.not(raw.has('DATA', { stream }));
  assert.not(raw.has('HEADERS', { stream, endStream: true }));
  assert.equal(log.events, []);
  assert.not(context.isCancelled());
  raw.sendRst(stream, 'CANCEL');
  await log.done();
  assert.equal(log.events, ['onCancel', 'onDone']);
  assert.ok(context.isCancelled());
});

test('the same with an error alone: it needs no window, is out, and the reset brings nothing', async () => {
  const { handler, served } = hold(newWriter);
  await using pair = await ReactorPair.open({ read: handler }, { transport: 'http2' });
  await using raw = await RawClient.connect(pair.server.port, { settings: { INITIAL_WINDOW_SIZE: 0 } });
  const stream = raw.open(requestHeaders('/test.Text/server_streaming'));
  raw.sendData(stream, grpcFrame(Buffer.from('go')), { endStream: true });
  const { context, reactor, log } = await served.next();
  reactor.finish(Status.NOT_FOUND);
  await raw.frame('HEADERS', { stream, endStream: true });
  await log.done();
  raw.sendRst(stream, 'CANCEL');
  await raw.roundTrip();
  assert.equal(log.events, ['onDone']);
  assert.not(context.isCancelled());
});

test('onWriteDone waits for the window: false by a reset, true once the window opens', async () => {
  const { handler, served } = hold(newWriter, ({ reactor }) => reactor.startWrite('waits'));
  await using pair = await ReactorPair.open({ read: handler }, { transport: 'http2' });
  await using raw = await RawClient.connect(pair.server.port, { settings: { INITIAL_WINDOW_SIZE: 0 } });
  for (const opens of [false, true]) {
    const stream = raw.open(requestHeaders('/test.Text/server_streaming'));
    raw.sendData(stream, grpcFrame(Buffer.from('go')), { endStream: true });
    const { reactor, log } = await served.next();
    await raw.frame('HEADERS', { stream });
    await raw.roundTrip();
    assert.equal(log.events, []);
    if (opens) raw.sendWindowUpdate(stream, 1_000);
    else raw.sendRst(stream, 'CANCEL');
    await log.until(() => log.count('onWriteDone') === 1);
    assert.is(log.events[0], `onWriteDone(${opens})`);
    reactor.finish(Status.OK);
    await log.done();
  }
});

test.run();
