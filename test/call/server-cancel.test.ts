/** ServerCall.cancel: how a handler ends its call out of turn, what the client hears of it, and what is left to do then. */
import type { ServerCall } from '../../src/call/server-call.ts';
import { ServerCallListener } from '../../src/call/server-call.ts';
import { ServiceDefinition } from '../../src/call/service-definition.ts';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { Server } from '../../src/server/server.ts';
import { WriteFlag } from '../../src/transport/stream.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { echoMethods } from '../support/echo.ts';
import { grpcJsClient } from '../support/grpc-js.ts';
import { assert, suite, within } from '../support/suite.ts';
import { aWhile, CallPair, type MadeCall, type ServedCall, thrownBy } from './call-pair.ts';

const test = suite('ServerCall.cancel');

const REASON = Status.DATA_LOSS.withDescription('disk gone').withCause(new Error('a secret'));

function none(): Metadata {
  return new Metadata();
}

/** Cancels where no event may come, and looks at what holds on return. */
function cancel({ call, listener }: ServedCall, reason: Status = REASON): void {
  listener.forbid(() => call.cancel(reason));
  assert.ok(call.isCancelled());
  assert.not(call.isReady());
}

async function isTold({ listener }: MadeCall, { listener: serverListener }: ServedCall): Promise<void> {
  const { status, trailers } = await listener.closed;
  assert.is(status.toString(), 'DATA_LOSS: disk gone');
  assert.is(status.cause, undefined);
  assert.is(trailers.size, 0);
  assert.is(await serverListener.closed, 'cancel');
}

for (const transport of ['in-process', 'http2'] as const) {
  test(`${transport}: the client hears the reason, before headers and after them`, async () => {
    await using pair = await CallPair.open({ transport });
    for (const withHeaders of [false, true]) {
      const { served, ...made } = await pair.bidi();
      made.call.request(1);
      if (withHeaders) served.call.sendHeaders(none());
      cancel(served);
      await isTold(made, served);
      assert.is(made.listener.names.includes('headers'), withHeaders);
    }
    assert.equal(pair.failures, []);
  });

  test(`${transport}: behind a message that has not left it is a bare reset, and the message is dropped`, async () => {
    await using pair = await CallPair.open({ transport });
    for (const flags of [0, WriteFlag.BUFFER_HINT]) {
      const { call, listener, served } = await pair.bidi();
      call.request(5);
      served.call.sendHeaders(none());
      await listener.headers();
      served.call.sendMessage('in its way', flags);
      cancel(served);
      const { status } = await listener.closed;
      assert.is(status.toString(), 'CANCELLED: stream reset by the peer with HTTP/2 code CANCEL');
      assert.is(await served.listener.closed, 'cancel');
      if (flags !== 0) assert.equal([listener.messages, served.listener.written], [[], 0]);
    }
  });

  test(`${transport}: also after close, while the client has not taken what is in front of its end`, async () => {
    await using pair = await CallPair.open({ transport });
    const { call, listener, served } = await pair.bidi();
    served.call.sendHeaders(none());
    for (let i = 0; i < 20; i += 1) served.call.sendMessage('x'.repeat(400_000));
    served.call.close(Status.OK, none());
    await listener.headers();
    cancel(served);
    assert.is(await served.listener.closed, 'cancel');
    call.request(Number.POSITIVE_INFINITY);
    assert.not((await listener.closed).status.isOk);
    assert.ok(listener.messages.length < 20);
  });

  test(`${transport}: in the handler, and inside each event of its listener`, async () => {
    for (const at of ['handler', 'onReady', 'onMessage', 'onHalfClose', 'onWritten'] as const) {
      const use = (call: ServerCall<string, string>): void => call.cancel(REASON);
      await using pair = await CallPair.open({
        transport,
        handle: (call) => {
          if (at === 'handler') use(call);
          else if (at === 'onWritten') call.sendHeaders(none());
          return { [at]: () => use(call) };
        },
      });
      const { served, ...made } = await pair.bidi();
      served.call.request(5);
      made.call.request(5);
      if (at === 'onWritten') served.call.sendMessage('goes out');
      made.call.sendMessage('one');
      made.call.sendMessage('two');
      made.call.halfClose();
      await isTold(made, served);
      const names: string[] = served.listener.names;
      assert.equal(names.slice(names.indexOf(EVENTS[at]) + 1), ['cancel'], at);
    }
  });

  test(`${transport}: the first reason counts, and after the end there is none to give`, async () => {
    await using pair = await CallPair.open({ transport });
    const one = await pair.bidi();
    cancel(one.served);
    cancel(one.served, Status.ABORTED);
    await isTold(one, one.served);
    cancel(one.served, Status.ABORTED);
    const two = await pair.bidi();
    two.served.call.close(Status.NOT_FOUND, none());
    assert.is(await two.served.listener.closed, 'complete');
    two.served.listener.forbid(() => two.served.call.cancel(REASON));
    assert.not(two.served.call.isCancelled());
    assert.is((await two.listener.closed).status.code, Status.NOT_FOUND.code);
  });

  test(`${transport}: a call that was just closed ends here as cancelled, whatever the client got`, async () => {
    await using pair = await CallPair.open({ transport });
    const { listener, served } = await pair.bidi();
    served.call.close(Status.NOT_FOUND, none());
    cancel(served);
    assert.is(await served.listener.closed, 'cancel');
    assert.ok(served.call.isCancelled());
    assert.is((await listener.closed).status.code, Status.NOT_FOUND.code);
  });

  test(`${transport}: after it the handler may go on in its order, and nothing comes of it`, async () => {
    await using pair = await CallPair.open({ transport });
    const { served, ...made } = await pair.bidi();
    made.call.request(5);
    cancel(served);
    for (const use of [
      (): void => served.call.setCompression('gzip'),
      (): void => served.call.sendHeaders(new Metadata({ 'x-late': 'yes' })),
      (): void => served.call.sendMessage('dropped'),
      (): void => served.call.request(1),
      (): void => served.call.close(Status.OK, none()),
    ])
      served.listener.forbid(use);
    assert.is(
      thrownBy(() => served.call.close(Status.OK, none())),
      'IllegalStateError: call already closed',
    );
    await isTold(made, served);
    assert.equal(made.listener.messages, []);
  });
}

const EVENTS = { handler: '', onReady: 'ready', onMessage: 'message', onHalfClose: 'half-close', onWritten: 'written' };

test('no event but the end follows, though the client goes on', async () => {
  await using pair = await CallPair.open();
  const { served, ...made } = await pair.bidi();
  served.call.request(5);
  await served.listener.event('ready');
  cancel(served);
  made.call.sendMessage('too late');
  made.call.halfClose();
  await isTold(made, served);
  await aWhile();
  assert.equal(served.listener.names, ['ready', 'cancel']);
});

test('OK is no reason: it throws, and the call goes on', async () => {
  await using pair = await CallPair.open();
  const { call, served } = await pair.bidi();
  assert.is(
    thrownBy(() => served.call.cancel(Status.OK.withDescription('all is well'))),
    'TypeError: a call is never cancelled with OK',
  );
  assert.not(served.call.isCancelled());
  call.cancel('enough');
  await served.listener.closed;
});

test('grpc-js sees code and text', async () => {
  const service = new ServiceDefinition('test.Echo').addMethod(echoMethods.bidi_streaming, (call, headers) => {
    if (headers.get('x-when') !== 'at once') call.sendHeaders(none());
    if (headers.get('x-when') !== 'in a turn') call.cancel(REASON);
    else setImmediate(() => call.cancel(REASON));
    return new ServerCallListener();
  });
  await using server = new Server().addService(service);
  await within(5_000, server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure()).start());
  await using client = grpcJsClient(server.port);
  for (const when of ['at once', 'with headers', 'in a turn']) {
    const { code, message } = await client.call('bidi_streaming', [Buffer.from('a')], { pairs: [['x-when', when]] });
    assert.equal([code, message], [15, 'disk gone'], when);
  }
});

test.run();
