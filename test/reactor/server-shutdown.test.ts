/**
 * A server of reactors that stops: in order it lets RPCs run to their end, at once it cancels them. Unlike C++ it has stopped
 * when its connections have ended; a finish that is still owed then is owed to the reactor's own onDone alone.
 */
import { ServerBidiReactor } from '../../src/reactor/server-reactors.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite, within } from '../support/suite.ts';
import { ReactorPair } from './reactor-pair.ts';
import { bindBidi, type Holding, hold, turns } from './rpc-ends.ts';

const test = suite('Shutdown of a server of reactors');

const PATIENCE_MS = 5_000;

function holdBidi(): Holding<ServerBidiReactor<string, string>> {
  return hold(
    () => new ServerBidiReactor<string, string>(),
    ({ reactor }) => reactor.startRead(),
  );
}

for (const transport of ['in-process', 'http2'] as const) {
  test(`${transport}: in order, it waits for the RPC, which goes on as before`, async () => {
    const { handler, served } = holdBidi();
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const client = bindBidi(pair);
    client.reactor.startRead();
    client.reactor.startCall();
    const { context, reactor, log } = await served.next();
    pair.server.shutdown();
    let hasStopped = false;
    const stopped = pair.server.awaitTermination().then(() => {
      hasStopped = true;
    });
    client.reactor.startWriteLast('still talking');
    await log.until(() => log.count('onReadDone') === 1);
    reactor.startWrite('still answering');
    await client.log.until(() => client.log.count('onReadDone') === 1);
    await turns();
    assert.not(hasStopped);
    assert.not(context.isCancelled());
    reactor.finish(Status.OK);
    await client.log.done();
    await log.done();
    await within(PATIENCE_MS, stopped, 'the server to stop');
    assert.is(client.log.events.at(-1), 'onDone(OK)');
    assert.equal(log.events, ['onReadDone(true, still talking)', 'onWriteDone(true)', 'onDone']);
  });

  test(`${transport}: at once, it cancels the RPC and does not wait for finish; onDone does`, async () => {
    const { handler, served } = holdBidi();
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const client = bindBidi(pair);
    client.reactor.startCall();
    const { context, reactor, log } = await served.next();
    pair.server.shutdownNow();
    await within(PATIENCE_MS, pair.server.awaitTermination(), 'the server to stop');
    await log.until(() => log.count('onCancel') === 1);
    assert.equal(log.events, ['onReadDone(false)', 'onCancel']);
    assert.ok(context.isCancelled());
    await client.log.done();
    assert.not(client.log.events.at(-1) === 'onDone(OK)');
    await turns();
    assert.not(log.isDone);
    reactor.finish(Status.OK);
    await log.done();
    assert.equal(log.events.slice(2), ['onDone']);
  });

  test(`${transport}: first in order, then at once: what would not end is cancelled`, async () => {
    const { handler, served } = holdBidi();
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const client = bindBidi(pair);
    client.reactor.startCall();
    const { reactor, log } = await served.next();
    pair.server.shutdown();
    await turns();
    assert.equal(log.events, []);
    pair.server.shutdownNow();
    await log.until(() => log.count('onCancel') === 1);
    reactor.finish(Status.OK);
    await log.done();
    await client.log.done();
    await within(PATIENCE_MS, pair.server.awaitTermination(), 'the server to stop');
  });
}

test.run();
