/**
 * Calls made on behalf of another: what ClientContext.fromServerContext hands on, and when it cancels. Specification:
 * ClientContext::FromServerContext and PropagationOptions; the Proxy of end2end_test.cc.
 */
import { CallOptions } from '../../src/call/call-options.ts';
import { ClientContext, type PropagationOptions } from '../../src/reactor/client-context.ts';
import { ClientBidiReactor } from '../../src/reactor/client-reactors.ts';
import { deadlineAfter } from '../../src/reactor/deadlines.ts';
import type { CallbackServerContext } from '../../src/reactor/server-context.ts';
import { ServerBidiReactor, ServerUnaryReactor } from '../../src/reactor/server-reactors.ts';
import { Deadline } from '../../src/values/deadline.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { ReactorPair, type TextService } from './reactor-pair.ts';
import { bindBidi, bindUnary, type ClientEnd, type Holding, hold, turns } from './rpc-ends.ts';

const test = suite('ClientContext.fromServerContext');

const TRANSPORTS = ['in-process', 'http2'] as const;

type Unary = ServerUnaryReactor<string>;

/** A backend whose unary RPCs are the test's to finish. */
function holdUnary(): Holding<Unary> {
  return hold(() => new ServerUnaryReactor<string>());
}

/** A proxy's unary handler: what comes from behind is the answer. */
function forward(backend: ReactorPair, propagation?: PropagationOptions): TextService {
  return {
    unary: (context, request) => {
      const reactor = new ServerUnaryReactor<string>();
      const behind = ClientContext.fromServerContext(context, propagation);
      for (const [key, value] of context.clientMetadata()) {
        if (typeof value === 'string' && key.startsWith('x-')) behind.addMetadata(key, value);
      }
      backend.stub.unary(behind, request, (status, response) => {
        reactor.finish(status, response);
      });
      return reactor;
    },
  };
}

for (const transport of TRANSPORTS) {
  test(`${transport}: a proxy forwards request, metadata, answer and status`, async () => {
    const { handler, served } = holdUnary();
    await using backend = await ReactorPair.open({ unary: handler }, { transport });
    await using proxy = await ReactorPair.open(forward(backend), { transport });
    for (const status of [Status.OK, Status.OUT_OF_RANGE.withDescription('behind')]) {
      const context = new ClientContext();
      context.addMetadata('x-hop', 'first');
      const client = bindUnary(proxy, 'ping', undefined, context);
      client.reactor.startCall();
      const end = await served.next();
      assert.is(end.request, 'ping');
      assert.is(end.context.clientMetadata().get('x-hop'), 'first');
      end.reactor.finish(status, 'pong');
      await client.log.done();
      assert.is(client.log.events.at(-1), status.isOk ? 'onDone(OK, pong)' : 'onDone(OUT_OF_RANGE: behind)');
      assert.not(end.context.isCancelled());
    }
  });

  test(`${transport}: when the client cancels, so is the call behind the proxy, though the proxy waits for it to finish`, async () => {
    const { handler, served } = holdUnary();
    await using backend = await ReactorPair.open({ unary: handler }, { transport });
    await using proxy = await ReactorPair.open(forward(backend), { transport });
    const client = bindUnary(proxy, 'ping');
    client.reactor.startCall();
    const end = await served.next();
    client.context.tryCancel();
    await end.log.until(() => end.log.count('onCancel') === 1);
    end.reactor.finish(Status.CANCELLED);
    await end.log.done();
    await client.log.done();
  });

  test(`${transport}: the call behind has what is left of the deadline`, async () => {
    const { handler, served } = holdUnary();
    await using backend = await ReactorPair.open({ unary: handler }, { transport });
    await using proxy = await ReactorPair.open(forward(backend), { transport });
    const context = new ClientContext();
    context.setDeadline(deadlineAfter(60_000));
    const client = bindUnary(proxy, 'ping', undefined, context);
    client.reactor.startCall();
    const end = await served.next();
    const leftMs = end.context.deadline() - Date.now();
    assert.ok(leftMs > 50_000 && leftMs <= 60_001, `${leftMs} ms are left`);
    end.reactor.finish(Status.OK, 'in time');
    await client.log.done();
  });
}

test('a deadline that passes ends both, on one clock', async () => {
  const clock = new WoundClock();
  const options = { server: { clock }, channel: { clock } };
  const { handler, served } = holdUnary();
  await using backend = await ReactorPair.open({ unary: handler }, options);
  await using proxy = await ReactorPair.open(forward(backend), options);
  const context = new ClientContext(CallOptions.DEFAULT.withDeadline(Deadline.after(100, clock)));
  const client = bindUnary(proxy, 'ping', undefined, context);
  client.reactor.startCall();
  const end = await served.next();
  clock.advance(99);
  await turns();
  assert.not(end.context.isCancelled());
  clock.advance(1);
  await end.log.until(() => end.log.count('onCancel') === 1);
  end.reactor.finish(Status.OK, 'too late');
  await client.log.done();
  assert.match(client.log.events.at(-1) ?? '', /^onDone\(DEADLINE_EXCEEDED/);
});

/** An RPC at a server, and one at another that was made on its behalf. */
interface Family {
  readonly parent: ClientEnd<unknown>;
  readonly context: CallbackServerContext;
  readonly finishParent: (status: Status) => void;
  readonly child: ClientEnd<ClientBidiReactor<string, string>>;
  readonly childServed: { reactor: ServerBidiReactor<string, string> };
}

/** Runs `body` with a parent, which is held open, and its child. */
async function withFamily(propagation: PropagationOptions, body: (family: Family) => Promise<void>): Promise<void> {
  const below = hold(() => new ServerBidiReactor<string, string>());
  const above = hold(() => new ServerBidiReactor<string, string>());
  await using backend = await ReactorPair.open({ bidi: below.handler });
  await using front = await ReactorPair.open({ bidi: above.handler });
  const parent = bindBidi(front);
  parent.reactor.startCall();
  const served = await above.served.next();
  const context = ClientContext.fromServerContext(served.context, propagation);
  const child = bindBidi(backend, new ClientBidiReactor(), context);
  child.reactor.startCall();
  const { reactor, log } = await below.served.next();
  await body({
    parent,
    context: served.context,
    finishParent: (status) => served.reactor.finish(status),
    child,
    childServed: { reactor },
  });
  reactor.finish(Status.OK);
  await Promise.all([child.log.done(), log.done(), parent.log.done(), served.log.done()]);
}

const CANCELLED = 'onDone(CANCELLED: the client cancelled the call)';

for (const status of [Status.OK, Status.ABORTED]) {
  test(`a child that is still running when its parent is finished with ${status.toString()} is cancelled`, async () => {
    await withFamily({}, async ({ finishParent, child, parent }) => {
      await turns();
      assert.equal(child.log.events, []);
      finishParent(status);
      await child.log.done();
      assert.is(child.log.events.at(-1), CANCELLED);
      await parent.log.done();
      assert.is(parent.log.events.at(-1), `onDone(${status})`);
    });
  });

  test(`… with propagation of the cancel off it goes on: ${status.toString()}`, async () => {
    await withFamily({ cancellation: false }, async ({ finishParent, child, parent, childServed }) => {
      finishParent(status);
      await parent.log.done();
      await turns();
      assert.not(child.log.isDone);
      child.reactor.startRead();
      childServed.reactor.startWrite('still here');
      await child.log.until(() => child.log.count('onReadDone') === 1);
      assert.ok(child.log.events.includes('onReadDone(true, still here)'));
    });
  });
}

test('a parent that is cancelled, but not finished, has cancelled its child', async () => {
  await withFamily({}, async ({ parent, child, finishParent }) => {
    parent.context.tryCancel();
    await child.log.done();
    assert.is(child.log.events.at(-1), CANCELLED);
    finishParent(Status.CANCELLED);
  });
});

test('a child made when its parent had completed is cancelled before it starts', async () => {
  await withFamily({}, async ({ parent, context, finishParent }) => {
    finishParent(Status.OK);
    await parent.log.done();
    await turns();
    const { handler, served } = holdUnary();
    await using backend = await ReactorPair.open({ unary: handler });
    const late = bindUnary(backend, '', undefined, ClientContext.fromServerContext(context));
    late.reactor.startCall();
    await late.log.done();
    assert.equal(late.log.events, ['onReadInitialMetadataDone(false)', CANCELLED]);
    const free = bindUnary(backend, '', undefined, ClientContext.fromServerContext(context, { cancellation: false }));
    free.reactor.startCall();
    const end = await served.next();
    end.reactor.finish(Status.OK, 'free');
    await free.log.done();
    assert.is(free.log.events.at(-1), 'onDone(OK, free)');
  });
});

test('a child that was never started is cancelled when it starts at last; one of a function, too', async () => {
  const { handler } = holdUnary();
  await using backend = await ReactorPair.open({ unary: handler });
  const above = hold(() => new ServerUnaryReactor<string>());
  await using front = await ReactorPair.open({ unary: above.handler });
  const parent = bindUnary(front, '');
  parent.reactor.startCall();
  const { context, reactor, log } = await above.served.next();
  const waiting = bindUnary(backend, '', undefined, ClientContext.fromServerContext(context));
  const running = new Promise<Status>((resolve) =>
    backend.stub.unary(ClientContext.fromServerContext(context), '', resolve),
  );
  reactor.finish(Status.OK, 'done');
  await log.done();
  assert.is((await running).toString(), 'CANCELLED: the client cancelled the call');
  assert.equal(waiting.log.events, []);
  waiting.reactor.startCall();
  await waiting.log.done();
  assert.is(waiting.log.events.at(-1), CANCELLED);
  await parent.log.done();
});

test('children that have ended before are let go, and the parent does not mind', async () => {
  const { handler, served } = holdUnary();
  await using backend = await ReactorPair.open({ unary: handler });
  const above = hold(() => new ServerUnaryReactor<string>());
  await using front = await ReactorPair.open({ unary: above.handler });
  const parent = bindUnary(front, '');
  parent.reactor.startCall();
  const { context, reactor, log } = await above.served.next();
  for (const answer of ['one', 'two']) {
    const child = bindUnary(backend, '', undefined, ClientContext.fromServerContext(context));
    child.reactor.startCall();
    const end = await served.next();
    end.reactor.finish(Status.OK, answer);
    await child.log.done();
    assert.is(child.log.events.at(-1), `onDone(OK, ${answer})`);
    await end.log.done();
  }
  reactor.finish(Status.OK, 'all done');
  await log.done();
  await parent.log.done();
  assert.is(parent.log.events.at(-1), 'onDone(OK, all done)');
});

test('the earlier of both deadlines holds, and with propagation off only one’s own', async () => {
  const above = hold(() => new ServerUnaryReactor<string>());
  await using front = await ReactorPair.open({ unary: above.handler });
  const below = holdUnary();
  await using backend = await ReactorPair.open({ unary: below.handler });
  const context = new ClientContext();
  context.setDeadline(deadlineAfter(60_000));
  const parent = bindUnary(front, '', undefined, context);
  parent.reactor.startCall();
  const end = await above.served.next();
  const seen = async (propagation: PropagationOptions, ownMs: number): Promise<number> => {
    const own = ClientContext.fromServerContext(end.context, propagation);
    if (ownMs !== Number.POSITIVE_INFINITY) own.setDeadline(deadlineAfter(ownMs));
    const child = bindUnary(backend, '', undefined, own);
    child.reactor.startCall();
    const { context: at, reactor, log } = await below.served.next();
    const leftMs = at.deadline() - Date.now();
    reactor.finish(Status.OK, '');
    await Promise.all([log.done(), child.log.done()]);
    return Math.round(leftMs / 10_000) * 10_000;
  };
  assert.is(await seen({}, 20_000), 20_000);
  assert.is(await seen({}, 600_000), 60_000);
  assert.is(await seen({}, Number.POSITIVE_INFINITY), 60_000);
  assert.is(await seen({ deadline: false }, 600_000), 600_000);
  assert.is(await seen({ deadline: false }, Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY);
  end.reactor.finish(Status.OK, '');
  await parent.log.done();
});

for (const transport of TRANSPORTS) {
  test(`${transport}: a proxy of streams: what either end says reaches the other, half-close, status and cancel too`, async () => {
    const below = hold(
      () => new ServerBidiReactor<string, string>(),
      ({ reactor }) => reactor.startRead(),
    );
    await using backend = await ReactorPair.open({ bidi: below.handler }, { transport });
    await using proxy = await ReactorPair.open(
      { bidi: (context) => new BidiProxy(context, backend).front },
      { transport },
    );
    for (const ending of ['half-close', 'early status', 'cancel']) {
      const client = bindBidi(proxy);
      client.reactor.startRead();
      client.reactor.startWrite('up');
      client.reactor.startCall();
      const { reactor, log } = await below.served.next();
      await log.until(() => log.count('onReadDone') === 1);
      reactor.startWrite('down');
      await client.log.until(() => client.log.count('onReadDone') === 1);
      assert.ok(log.events.includes('onReadDone(true, up)'));
      assert.ok(client.log.events.includes('onReadDone(true, down)'));
      if (ending === 'half-close') {
        reactor.startRead();
        client.reactor.startWritesDone();
        await log.until(() => log.events.at(-1) === 'onReadDone(false)');
      }
      if (ending === 'cancel') {
        client.context.tryCancel();
        await log.until(() => log.count('onCancel') === 1);
      }
      reactor.finish(Status.OUT_OF_RANGE);
      await log.done();
      await client.log.done();
      assert.is(client.log.events.at(-1), ending === 'cancel' ? CANCELLED : 'onDone(OUT_OF_RANGE)');
    }
    assert.equal(proxy.errors, []);
  });
}

/** Carries a bidi RPC on to a backend. What one end starts at the other comes from outside, hence the hold. */
class BidiProxy {
  readonly front: ServerBidiReactor<string, string>;
  readonly #back: ClientBidiReactor<string, string>;
  #isOver = false;

  constructor(context: CallbackServerContext, backend: ReactorPair) {
    this.#back = ClientBidiReactor.from<string, string>({
      onReadDone: (ok, message) => {
        if (ok && message !== undefined) this.front.startWrite(message);
        else this.#back.removeHold();
      },
      onWriteDone: (ok) => {
        if (ok) this.front.startRead();
      },
      onDone: (status) => {
        this.#isOver = true;
        this.front.finish(status);
      },
    });
    this.front = ServerBidiReactor.from<string, string>({
      onReadDone: (ok, message) => {
        if (this.#isOver) return;
        if (ok && message !== undefined) this.#back.startWrite(message);
        else this.#back.startWritesDone();
      },
      onWriteDone: () => {
        if (!this.#isOver) this.#back.startRead();
      },
    });
    backend.stub.bidi(ClientContext.fromServerContext(context), this.#back);
    this.#back.addHold();
    this.#back.startRead();
    this.#back.startCall();
    this.front.startRead();
  }
}

test.run();
