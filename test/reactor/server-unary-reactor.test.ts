/**
 * ServerUnaryReactor, and what holds for every reactor of a server: when its first reaction may run, how a cancel and finish
 * meet, when onDone comes. Specification: ServerReactor and ServerUnaryReactor in server_callback.h; gRFCs L66, L67.
 */
import {
  ServerBidiReactor,
  ServerReadReactor,
  ServerUnaryReactor,
  ServerWriteReactor,
} from '../../src/reactor/server-reactors.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite } from '../support/suite.ts';
import { ReactorPair } from './reactor-pair.ts';
import { bindBidi, bindRead, bindUnary, bindWrite, hold, turns } from './rpc-ends.ts';

const test = suite('ServerUnaryReactor');

const TRANSPORTS = ['in-process', 'http2'] as const;
const CANCELLED_BY_CLIENT = 'onDone(CANCELLED: the client cancelled the call)';

class UnaryAtOnce extends ServerUnaryReactor<string> {
  constructor() {
    super();
    this.finish(Status.OK, 'at once');
  }
}

class ReadAtOnce extends ServerReadReactor<string, string> {
  constructor() {
    super();
    this.finish(Status.OK, 'at once');
  }
}

class WriteAtOnce extends ServerWriteReactor<string> {
  constructor() {
    super();
    this.finish(Status.OK);
  }
}

class BidiAtOnce extends ServerBidiReactor<string, string> {
  constructor() {
    super();
    this.finish(Status.OK);
  }
}

for (const transport of TRANSPORTS) {
  test(`${transport}: finished in its constructor, of whatever kind: no reaction before the handler returns, then OK`, async () => {
    const seenInHandler: string[] = [];
    const look = ({ log }: { log: { events: readonly string[] } }): void => void seenInHandler.push(...log.events);
    const held = {
      unary: hold(() => new UnaryAtOnce(), look),
      read: hold(() => new WriteAtOnce(), look),
      write: hold(() => new ReadAtOnce(), look),
      bidi: hold(() => new BidiAtOnce(), look),
    };
    const { unary, read, write, bidi } = held;
    await using pair = await ReactorPair.open(
      { unary: unary.handler, read: read.handler, write: write.handler, bidi: bidi.handler },
      { transport },
    );
    const ends = [bindUnary(pair, 'a'), bindRead(pair, 'b'), bindWrite(pair), bindBidi(pair)];
    for (const { reactor, log } of ends) {
      reactor.startCall();
      await log.done();
    }
    assert.equal(
      ends.map(({ log }) => log.events),
      ['OK, at once', 'OK', 'OK, at once', 'OK'].map((end) => ['onReadInitialMetadataDone(true)', `onDone(${end})`]),
    );
    assert.equal(seenInHandler, []);
    for (const { served } of Object.values(held)) {
      const { context, log } = await served.next();
      await log.done();
      assert.equal(log.events, ['onDone']);
      assert.not(context.isCancelled());
    }
  });

  test(`${transport}: finished later, from anywhere: the client hears status, response, headers and trailers`, async () => {
    const { handler, served } = hold(() => new ServerUnaryReactor<string>());
    await using pair = await ReactorPair.open({ unary: handler }, { transport });
    const client = bindUnary(pair, 'a question');
    client.reactor.startCall();
    const { context, reactor, log, request } = await served.next();
    assert.is(request, 'a question');
    await turns();
    assert.equal(log.events, []);
    context.addInitialMetadata('x-when', 'first');
    context.addTrailingMetadata('x-when', 'last');
    reactor.finish(Status.OK, 'an answer');
    await client.log.done();
    assert.equal(client.log.events, ['onReadInitialMetadataDone(true)', 'onDone(OK, an answer)']);
    assert.is(client.context.getServerInitialMetadata().get('x-when'), 'first');
    assert.is(client.context.getServerTrailingMetadata().get('x-when'), 'last');
    await log.done();
    assert.equal(log.events, ['onDone']);
  });

  test(`${transport}: headers that go with the response have no reaction of their own; those sent ahead have`, async () => {
    const { handler, served } = hold(() => new ServerUnaryReactor<string>());
    await using pair = await ReactorPair.open({ unary: handler }, { transport });
    const one = bindUnary(pair, 'implicit');
    one.reactor.startCall();
    const implicit = await served.next();
    implicit.reactor.finish(Status.OK, 'a');
    await implicit.log.done();
    assert.equal(implicit.log.events, ['onDone']);

    const two = bindUnary(pair, 'explicit');
    two.reactor.startCall();
    const explicit = await served.next();
    explicit.context.addInitialMetadata('x-ahead', 'yes');
    explicit.reactor.startSendInitialMetadata();
    await two.log.until(() => two.log.count('onReadInitialMetadataDone') === 1);
    assert.is(two.context.getServerInitialMetadata().get('x-ahead'), 'yes');
    assert.not(two.log.isDone);
    explicit.reactor.finish(Status.OK, 'a');
    await explicit.log.done();
    await two.log.done();
    assert.equal(explicit.log.events, ['onSendInitialMetadataDone(true)', 'onDone']);
  });

  test(`${transport}: finished with an error it is not cancelled, be the code CANCELLED (gRFC L66)`, async () => {
    const { handler, served } = hold(() => new ServerUnaryReactor<string>());
    await using pair = await ReactorPair.open({ unary: handler }, { transport });
    for (const status of [Status.CANCELLED.withDescription('of my own will'), Status.NOT_FOUND]) {
      const client = bindUnary(pair, '');
      client.reactor.startCall();
      const { context, reactor, log } = await served.next();
      reactor.finish(status, 'never sent');
      await log.done();
      await client.log.done();
      assert.equal(client.log.events, ['onReadInitialMetadataDone(false)', `onDone(${status})`]);
      assert.equal(log.events, ['onDone']);
      assert.not(context.isCancelled());
    }
  });

  test(`${transport}: an error has headers of its own where the handler has something to say in them`, async () => {
    const { handler, served } = hold(() => new ServerUnaryReactor<string>());
    await using pair = await ReactorPair.open({ unary: handler }, { transport });
    const client = bindUnary(pair, '');
    client.reactor.startCall();
    const { context, reactor, log } = await served.next();
    context.addInitialMetadata('x-who', 'the handler');
    context.addTrailingMetadata('x-why', 'because');
    reactor.finish(Status.NOT_FOUND);
    await client.log.done();
    await log.done();
    assert.equal(client.log.events, ['onReadInitialMetadataDone(true)', 'onDone(NOT_FOUND)']);
    assert.is(client.context.getServerInitialMetadata().get('x-who'), 'the handler');
    assert.is(client.context.getServerTrailingMetadata().get('x-why'), 'because');
  });

  test(`${transport}: cancelled by the client, it is not done before it is finished, whatever with`, async () => {
    const { handler, served } = hold(() => new ServerUnaryReactor<string>());
    await using pair = await ReactorPair.open({ unary: handler }, { transport });
    for (const status of [Status.OK, Status.ABORTED]) {
      const client = bindUnary(pair, '');
      client.reactor.startCall();
      const { context, reactor, log } = await served.next();
      client.context.tryCancel();
      await client.log.done();
      assert.equal(client.log.events, ['onReadInitialMetadataDone(false)', CANCELLED_BY_CLIENT]);
      await log.until(() => log.count('onCancel') === 1);
      assert.ok(context.isCancelled());
      await turns();
      assert.not(log.isDone);
      reactor.finish(status, 'nobody reads it');
      assert.not(log.isDone);
      await log.done();
      assert.equal(log.events, ['onCancel', 'onDone']);
    }
  });

  test(`${transport}: finished inside onCancel it is done once that has returned`, async () => {
    const order: string[] = [];
    const { handler, served } = hold(() =>
      ServerUnaryReactor.from<string>({
        onCancel() {
          this.finish(Status.OK, 'too late');
          order.push('onCancel returns');
        },
        onDone: () => void order.push('onDone'),
      }),
    );
    await using pair = await ReactorPair.open({ unary: handler }, { transport });
    const client = bindUnary(pair, '');
    client.reactor.startCall();
    const { log } = await served.next();
    client.context.tryCancel();
    await log.done();
    assert.equal(order, ['onCancel returns', 'onDone']);
  });

  test(`${transport}: cancelled in the handler, onCancel comes once, right after the handler has returned`, async () => {
    const { handler, served } = hold(
      () => new ServerUnaryReactor<string>(),
      ({ context, reactor, log }) => {
        reactor.startSendInitialMetadata();
        context.tryCancel();
        assert.ok(context.isCancelled());
        assert.equal(log.events, []);
      },
    );
    await using pair = await ReactorPair.open({ unary: handler }, { transport });
    const client = bindUnary(pair, '');
    client.reactor.startCall();
    const { reactor, log } = await served.next();
    await log.until(() => log.count('onCancel') === 1);
    reactor.finish(Status.OK, 'ignored');
    await log.done();
    assert.equal(log.events, ['onSendInitialMetadataDone(false)', 'onCancel', 'onDone']);
    await client.log.done();
    assert.equal(client.log.events, [
      'onReadInitialMetadataDone(false)',
      'onDone(CANCELLED: the server cancelled the call)',
    ]);
  });

  test(`${transport}: tryCancel returns before onCancel comes, and a second one brings nothing`, async () => {
    const { handler, served } = hold(() => new ServerUnaryReactor<string>());
    await using pair = await ReactorPair.open({ unary: handler }, { transport });
    const client = bindUnary(pair, '');
    client.reactor.startCall();
    const { context, reactor, log } = await served.next();
    context.tryCancel();
    context.tryCancel();
    assert.equal(log.events, []);
    await log.until(() => log.count('onCancel') === 1);
    context.tryCancel();
    reactor.finish(Status.CANCELLED);
    await log.done();
    context.tryCancel();
    await client.log.done();
    await turns();
    assert.equal(log.events, ['onCancel', 'onDone']);
  });

  test(`${transport}: after a finish that went out a cancel brings no onCancel`, async () => {
    const { handler, served } = hold(() => new ServerWriteReactor<string>());
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const client = bindRead(pair, '');
    client.reactor.startCall();
    const { context, reactor, log } = await served.next();
    reactor.startWriteAndFinish('not read', {}, Status.OK);
    await log.done();
    // The status is at the client, and waits there behind the message.
    assert.not(client.log.isDone);
    client.context.tryCancel();
    await client.log.done();
    assert.is(client.log.events.at(-1), CANCELLED_BY_CLIENT);
    context.tryCancel();
    await turns();
    assert.equal(log.events, ['onDone']);
    assert.not(context.isCancelled());
  });
}

test('the default reactor may be finished in the handler or later', async () => {
  let later: ServerUnaryReactor<string> | null = null;
  await using pair = await ReactorPair.open({
    unary: (context, request) => {
      const reactor = context.defaultReactor<string>();
      if (request === 'at once') reactor.finish(Status.OK, 'here');
      else later = reactor;
      return reactor;
    },
  });
  const one = bindUnary(pair, 'at once');
  one.reactor.startCall();
  await one.log.done();
  assert.is(one.log.events.at(-1), 'onDone(OK, here)');
  const two = bindUnary(pair, 'later');
  two.reactor.startCall();
  await turns();
  assert.not(two.log.isDone);
  (later as ServerUnaryReactor<string> | null)?.finish(Status.NOT_FOUND);
  await two.log.done();
  assert.is(two.log.events.at(-1), 'onDone(NOT_FOUND)');
});

test.run();
