/** Reactors and the end of their server: a shutdown waits for what runs, a forced one cancels it. */
import { ClientContext } from '../../src/reactor/client-context.ts';
import { ServerUnaryReactor } from '../../src/reactor/server-reactors.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite } from '../support/suite.ts';
import { within } from '../support/within.ts';
import { ReactorPair } from './reactor-pair.ts';
import { type ReactorLog, watch } from './watched.ts';

const PATIENCE_MS = 5_000;

const test = suite('reactors and shutdown');

/** A pair with a unary RPC that its handler has not finished. */
class OpenRpc implements AsyncDisposable {
  readonly pair: ReactorPair;
  readonly reactor: ServerUnaryReactor<string>;
  readonly log: ReactorLog;
  /** How the client saw it end. */
  readonly ended: Promise<Status>;

  private constructor(pair: ReactorPair, reactor: ServerUnaryReactor<string>, log: ReactorLog, ended: Promise<Status>) {
    this.pair = pair;
    this.reactor = reactor;
    this.log = log;
    this.ended = ended;
  }

  static async open(transport: 'in-process' | 'http2'): Promise<OpenRpc> {
    const reactor = new ServerUnaryReactor<string>();
    const log = watch(reactor);
    let onServed = (): void => {};
    const served = new Promise<void>((resolve) => {
      onServed = resolve;
    });
    const unary = (): ServerUnaryReactor<string> => {
      onServed();
      return reactor;
    };
    const pair = await ReactorPair.open({ unary }, { transport });
    const ended = new Promise<Status>((resolve) => pair.stub.unary(new ClientContext(), 'hello', resolve));
    await within(PATIENCE_MS, served);
    return new OpenRpc(pair, reactor, log, ended);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pair[Symbol.asyncDispose]();
  }
}

for (const transport of ['in-process', 'http2'] as const) {
  test(`${transport}: a server that is shut down waits for an RPC to be finished`, async () => {
    await using rpc = await OpenRpc.open(transport);
    const { server, channel } = rpc.pair;
    server.shutdown();
    assert.not(await server.awaitTermination(20));
    assert.equal(rpc.log.events, []);
    rpc.reactor.finish(Status.OK, 'done');
    assert.is((await within(PATIENCE_MS, rpc.ended)).code, Status.OK.code);
    channel.shutdown();
    assert.ok(await within(PATIENCE_MS, server.awaitTermination()));
    assert.equal(rpc.log.events, ['onDone']);
  });

  test(`${transport}: a forced shutdown cancels an RPC, which is done once it is finished`, async () => {
    await using rpc = await OpenRpc.open(transport);
    const { server } = rpc.pair;
    server.shutdownNow();
    assert.not((await within(PATIENCE_MS, rpc.ended)).isOk);
    assert.ok(await within(PATIENCE_MS, server.awaitTermination()));
    await rpc.log.until(() => rpc.log.count('onCancel') === 1);
    assert.equal(rpc.log.events, ['onCancel']);
    rpc.reactor.finish(Status.OK, 'too late');
    await rpc.log.done();
    assert.equal(rpc.log.events, ['onCancel', 'onDone']);
  });
}

test.run();
