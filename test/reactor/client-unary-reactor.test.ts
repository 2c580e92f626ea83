/**
 * Unary RPCs with a reactor at the client: headers ahead of the end, startCall, cancels and deadlines, reactors used again.
 * Upstream: client_callback_end2end_test.cc UnaryReactor.
 */
import { CallOptions } from '../../src/call/call-options.ts';
import { ClientContext } from '../../src/reactor/client-context.ts';
import { ClientUnaryReactor } from '../../src/reactor/client-reactors.ts';
import { ServerUnaryReactor } from '../../src/reactor/server-reactors.ts';
import { Code, Status } from '../../src/values/status.ts';
import { thrownBy } from '../call/call-pair.ts';
import { assert, suite } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { ReactorPair } from './reactor-pair.ts';
import { bindUnary, hold, turns } from './rpc-ends.ts';
import { type ReactorLog, watch } from './watched.ts';

const test = suite('ClientUnaryReactor');

const TRANSPORTS = ['in-process', 'http2'] as const;

/** A handler whose reactor sends the headers at once, with the request's `x-key`; the test finishes. */
function holdWithHeaders() {
  return hold(
    () => new ServerUnaryReactor<string>(),
    ({ context, reactor }) => {
      for (const value of context.clientMetadata().getAll('x-key')) context.addInitialMetadata('x-key', value);
      reactor.startSendInitialMetadata();
    },
  );
}

for (const transport of TRANSPORTS) {
  test(`${transport}: the headers that the server sends ahead are there before the end (UnaryReactor)`, async () => {
    const held = holdWithHeaders();
    await using pair = await ReactorPair.open({ unary: held.handler }, { transport });
    const sent = new ClientContext();
    sent.addMetadata('x-key', 'one');
    sent.addMetadata('x-key', 'two');
    let seen: string[] = [];
    const reactor = ClientUnaryReactor.from<string>({
      onReadInitialMetadataDone(ok) {
        if (ok) seen = sent.getServerInitialMetadata().getAll('x-key');
      },
    });
    const { context, log } = bindUnary(pair, 'hello', reactor, sent);
    reactor.startCall();
    const served = await held.served.next();
    await served.log.until(() => served.log.events.length === 1);
    assert.equal(served.log.events, ['onSendInitialMetadataDone(true)']);
    await log.until(() => log.events.length === 1);
    assert.equal(log.events, ['onReadInitialMetadataDone(true)']);
    assert.equal(seen, ['one', 'two']);
    await turns();
    served.reactor.finish(Status.OK, served.request);
    await log.done();
    assert.equal(log.events, ['onReadInitialMetadataDone(true)', 'onDone(OK, hello)']);
    assert.is(context.getServerTrailingMetadata().size, 0);
    await served.log.done();
    assert.equal(served.log.events, ['onSendInitialMetadataDone(true)', 'onDone']);
  });

  test(`${transport}: headers that come with the response have their reaction all the same, first`, async () => {
    await using pair = await ReactorPair.open(
      {
        unary(context, request) {
          const reactor = context.defaultReactor<string>();
          reactor.finish(Status.OK, request);
          return reactor;
        },
      },
      { transport },
    );
    const { reactor, log } = bindUnary(pair, 'hello');
    reactor.startCall();
    await log.done();
    assert.equal(log.events, ['onReadInitialMetadataDone(true)', 'onDone(OK, hello)']);
  });

  test(`${transport}: an answer that is nothing but a status has no headers, and no response`, async () => {
    const held = hold(
      () => new ServerUnaryReactor<string>(),
      ({ context, reactor }) => {
        context.addTrailingMetadata('x-key', 'trailer');
        reactor.finish(Status.NOT_FOUND.withDescription('nobody'), 'not to be seen');
      },
    );
    await using pair = await ReactorPair.open({ unary: held.handler }, { transport });
    const { context, reactor, log } = bindUnary(pair, 'hello');
    reactor.startCall();
    await log.done();
    assert.equal(log.events, ['onReadInitialMetadataDone(false)', 'onDone(NOT_FOUND: nobody)']);
    assert.is(context.getServerInitialMetadata().size, 0);
    assert.equal(context.getServerTrailingMetadata().getAll('x-key'), ['trailer']);
  });

  test(`${transport}: cancelled once the headers are there: CANCELLED, and the server hears of it`, async () => {
    const held = holdWithHeaders();
    await using pair = await ReactorPair.open({ unary: held.handler }, { transport });
    const context = new ClientContext();
    const { reactor, log } = bindUnary(
      pair,
      'hello',
      ClientUnaryReactor.from<string>({ onReadInitialMetadataDone: () => context.tryCancel() }),
      context,
    );
    reactor.startCall();
    const served = await held.served.next();
    assert.is((await reactor.done()).code, Code.CANCELLED);
    assert.is(log.count('onReadInitialMetadataDone'), 1);
    await served.log.until(() => served.log.count('onCancel') === 1);
    served.reactor.finish(Status.OK, 'too late');
    await served.log.done();
  });

  test(`${transport}: a deadline that passes while it waits: no headers, DEADLINE_EXCEEDED`, async () => {
    const clock = new WoundClock();
    const held = hold(() =>
      ServerUnaryReactor.from<string>({
        onCancel() {
          this.finish(Status.CANCELLED);
        },
      }),
    );
    await using pair = await ReactorPair.open(
      { unary: held.handler },
      { transport, server: { clock }, channel: { clock } },
    );
    const context = new ClientContext(CallOptions.DEFAULT.withTimeout(1000, clock));
    const { reactor, log } = bindUnary(pair, 'hello', undefined, context);
    reactor.startCall();
    const served = await held.served.next();
    clock.advance(1000);
    assert.is((await reactor.done()).code, Code.DEADLINE_EXCEEDED);
    assert.is(log.events[0], 'onReadInitialMetadataDone(false)');
    await served.log.done();
  });
}

test('nothing leaves before startCall', async () => {
  const held = holdWithHeaders();
  await using pair = await ReactorPair.open({ unary: held.handler });
  const { reactor, log } = bindUnary(pair, 'hello');
  await turns();
  assert.equal(held.served.all, []);
  assert.is(pair.channel.getState(false), 'IDLE');
  reactor.startCall();
  (await held.served.next()).reactor.finish(Status.OK, 'hello');
  await log.done();
});

test('cancelled before startCall, which is due all the same: nothing leaves, CANCELLED', async () => {
  const held = holdWithHeaders();
  await using pair = await ReactorPair.open({ unary: held.handler });
  for (const boundFirst of [false, true]) {
    const context = new ClientContext();
    if (!boundFirst) context.tryCancel();
    const { reactor, log } = bindUnary(pair, 'hello', undefined, context);
    if (boundFirst) context.tryCancel();
    await turns();
    assert.equal(log.events, []);
    reactor.startCall();
    assert.equal(log.events, []);
    assert.is((await reactor.done()).code, Code.CANCELLED);
    assert.equal(
      log.events.map((event) => event.replace(/:.*\)/, ')')),
      ['onReadInitialMetadataDone(false)', 'onDone(CANCELLED)'],
    );
  }
  assert.equal(held.served.all, []);
  assert.is(pair.channel.getState(false), 'IDLE');
});

test('done() resolves once onDone has returned, however often and whenever it is asked', async () => {
  await using pair = await ReactorPair.open({ unary: () => null });
  const order: string[] = [];
  const { reactor } = bindUnary(pair, 'hello', ClientUnaryReactor.from<string>({ onDone: () => order.push('onDone') }));
  const early = reactor.done().then((status) => order.push(`early ${status}`));
  reactor.startCall();
  await early;
  order.push(`late ${await reactor.done()}`);
  assert.equal(order, ['onDone', 'early UNIMPLEMENTED', 'late UNIMPLEMENTED']);
});

test('what a reaction throws ends its own RPC CANCELLED; what onDone throws is reported, no more', async () => {
  const held = holdWithHeaders();
  await using pair = await ReactorPair.open({ unary: held.handler });
  const inHeaders = new Error('in the headers');
  const inDone = new Error('in onDone');
  const { reactor } = bindUnary(
    pair,
    'hello',
    ClientUnaryReactor.from<string>({
      onReadInitialMetadataDone() {
        throw inHeaders;
      },
      onDone() {
        throw inDone;
      },
    }),
  );
  reactor.startCall();
  const { reactor: serverReactor, log: serverLog } = await held.served.next();
  const status = await reactor.done();
  assert.is(status.toString(), 'CANCELLED: onReadInitialMetadataDone threw');
  assert.is(status.cause, inHeaders);
  assert.equal(pair.errors, [inHeaders, inDone]);
  serverReactor.finish(Status.OK, 'too late');
  await serverLog.done();
});

test('a reactor is used again from within its own onDone, with a context of its own', async () => {
  await using pair = await ReactorPair.open({
    unary(context, request) {
      const reactor = context.defaultReactor<string>();
      reactor.finish(Status.OK, `${request}!`);
      return reactor;
    },
  });
  const responses: string[] = [];
  const logs: ReactorLog[] = [];
  const reactor = ClientUnaryReactor.from<string>({
    onDone(_status, response = '') {
      responses.push(response);
      if (responses.length < 10) start(response);
    },
  });
  const start = (request: string): void => {
    logs.push(watch(reactor));
    pair.stub.unary(new ClientContext(), request, reactor);
    reactor.startCall();
  };
  start('');
  while (responses.length < 10) await logs.at(-1)?.done();
  assert.is(responses.at(-1), '!'.repeat(10));
  assert.is(logs.length, 10);
});

test('a reactor with an RPC takes no other, nor is the other’s context used up', async () => {
  const held = holdWithHeaders();
  await using pair = await ReactorPair.open({ unary: held.handler });
  const { reactor, log } = bindUnary(pair, 'hello');
  const other = new ClientContext();
  const busy = 'IllegalStateError: the reactor has an RPC that is not done';
  assert.is(
    thrownBy(() => pair.stub.unary(other, 'hello', reactor)),
    busy,
  );
  reactor.startCall();
  assert.is(
    thrownBy(() => pair.stub.unary(other, 'hello', reactor)),
    busy,
  );
  assert.is(
    thrownBy(() => reactor.startCall()),
    'IllegalStateError: startCall was called already',
  );
  (await held.served.next()).reactor.finish(Status.OK, 'first');
  await log.done();
  bindUnary(pair, 'hello', reactor, other);
  reactor.startCall();
  (await held.served.next()).reactor.finish(Status.OK, 'second');
  assert.is((await reactor.done()).code, Code.OK);
});

test('before a stub has it, it can do nothing', () => {
  const reactor = new ClientUnaryReactor<string>();
  const unbound = 'IllegalStateError: the reactor was not given to a stub';
  assert.is(
    thrownBy(() => reactor.startCall()),
    unbound,
  );
  assert.is(
    thrownBy(() => void reactor.done()),
    unbound,
  );
});

test.run();
