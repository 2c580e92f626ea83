/**
 * Fairness: a loop of operations whose every reaction is due at once leaves the event loop its turns. Counted in turns, not
 * in time: while the loop runs, immediates, timers and a socket must get theirs before it has used up its reactions.
 */
import { once } from 'node:events';
import net from 'node:net';
import { ClientBidiReactor, ClientReadReactor } from '../../src/reactor/client-reactors.ts';
import { ServerBidiReactor, ServerWriteReactor } from '../../src/reactor/server-reactors.ts';
import type { WriteOptionsInit } from '../../src/reactor/write-options.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite, within } from '../support/suite.ts';
import { ReactorPair } from './reactor-pair.ts';
import { bindBidi, bindRead, hold } from './rpc-ends.ts';

const test = suite('Fairness of reactions');

const TRANSPORTS = ['in-process', 'http2'] as const;
const HINTED: WriteOptionsInit = { bufferHint: true };

/** So many reactions a loop may use up before it is called endless. */
const MOST = 400_000;
/** What the rest of the process must have got meanwhile. */
const IMMEDIATES = 100;
const TIMERS = 2;
const ECHOES = 20;
/** Between two turns of the event loop each reactor has 32 reactions; there are two, and they call on each other. */
const MOST_IN_A_TURN = 200;

/** What goes on beside a loop. */
class Bystanders implements AsyncDisposable {
  immediates = 0;
  timers = 0;
  echoes = 0;
  reactions = 0;
  /** The most reactions between two immediates. */
  mostInATurn = 0;
  #sinceTurn = 0;
  #isOver = false;
  readonly #server: net.Server;
  readonly #client: net.Socket;

  private constructor(server: net.Server, client: net.Socket) {
    this.#server = server;
    this.#client = client;
    client.on('data', () => {
      this.echoes += 1;
      client.write('.');
    });
    client.on('error', () => {});
    client.write('.');
    setImmediate(() => this.#onImmediate());
    setTimeout(() => this.#onTimer(), 1);
  }

  static async watch(): Promise<Bystanders> {
    const server = net.createServer((socket) => socket.on('error', () => {}).pipe(socket));
    server.listen(0, '127.0.0.1');
    await within(5_000, once(server, 'listening'));
    const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
    await within(5_000, once(client, 'connect'));
    return new Bystanders(server, client);
  }

  #onImmediate(): void {
    this.immediates += 1;
    this.mostInATurn = Math.max(this.mostInATurn, this.#sinceTurn);
    this.#sinceTurn = 0;
    if (!this.#isOver) setImmediate(() => this.#onImmediate());
  }

  #onTimer(): void {
    this.timers += 1;
    if (!this.#isOver) setTimeout(() => this.#onTimer(), 1);
  }

  /** To be asked in each reaction: whether the loop is to go on. */
  goesOn(): boolean {
    this.reactions += 1;
    this.#sinceTurn += 1;
    const haveHadTheirs = this.immediates >= IMMEDIATES && this.timers >= TIMERS && this.echoes >= ECHOES;
    return !haveHadTheirs && this.reactions < MOST;
  }

  assertFair(): void {
    assert.ok(
      this.reactions < MOST,
      `${this.reactions} reactions, meanwhile ${this.immediates} immediates, ${this.timers} timers, ${this.echoes} echoes`,
    );
    assert.ok(this.mostInATurn <= MOST_IN_A_TURN, `${this.mostInATurn} reactions in one turn of the event loop`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    this.#client.destroy();
    const closed = once(this.#server, 'close');
    this.#server.close();
    await within(5_000, closed);
  }
}

/** Reads to the end, then finishes. */
function reader(): ServerBidiReactor<string, string> {
  const reactor = ServerBidiReactor.from<string, string>({
    onReadDone(ok) {
      if (ok) this.startRead();
      else this.finish(Status.OK);
    },
  });
  reactor.startRead();
  return reactor;
}

for (const transport of TRANSPORTS) {
  test(`${transport}: a client that writes without end, each write buffered at once`, async () => {
    await using pair = await ReactorPair.open({ bidi: reader }, { transport });
    await using bystanders = await Bystanders.watch();
    const reactor = ClientBidiReactor.from<string, string>({
      onWriteDone() {
        if (bystanders.goesOn()) this.startWrite('x', HINTED);
        else this.startWritesDone();
      },
    });
    const { log } = bindBidi(pair, reactor);
    reactor.startWrite('x', HINTED);
    reactor.startCall();
    await log.done();
    assert.is(log.events.at(-1), 'onDone(OK)');
    bystanders.assertFair();
  });

  test(`${transport}: a server that writes without end, each write buffered at once, to a client that reads all`, async () => {
    await using bystanders = await Bystanders.watch();
    const { handler, served } = hold(
      () =>
        ServerWriteReactor.from<string>({
          onWriteDone() {
            if (bystanders.goesOn()) this.startWrite('x', HINTED);
            else this.finish(Status.OK);
          },
        }),
      ({ reactor }) => reactor.startWrite('x', HINTED),
    );
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const reactor = ClientReadReactor.from<string>({
      onReadDone(ok) {
        bystanders.goesOn();
        if (ok) this.startRead();
      },
    });
    const { log } = bindRead(pair, '', reactor);
    reactor.startRead();
    reactor.startCall();
    await log.done();
    const { log: server } = await served.next();
    await server.done();
    assert.is(log.times('onReadDone(true, x)'), server.times('onWriteDone(true)'));
    bystanders.assertFair();
  });

  test(`${transport}: a client that goes on reading and writing when the RPC is over, under a hold`, async () => {
    await using pair = await ReactorPair.open({ bidi: reader }, { transport });
    await using bystanders = await Bystanders.watch();
    const reactor = ClientBidiReactor.from<string, string>({
      onReadDone() {
        if (bystanders.goesOn()) this.startRead();
        else this.removeHold();
      },
      onWriteDone() {
        if (bystanders.goesOn()) this.startWrite('x');
      },
    });
    const { context, log } = bindBidi(pair, reactor);
    reactor.addHold();
    reactor.startRead();
    reactor.startWrite('x');
    reactor.startCall();
    context.tryCancel();
    await log.done();
    bystanders.assertFair();
  });

  test(`${transport}: a server that goes on reading and writing when the RPC was cancelled`, async () => {
    await using bystanders = await Bystanders.watch();
    const { handler, served } = hold(() =>
      ServerBidiReactor.from<string, string>({
        onCancel() {
          this.startRead();
          this.startWrite('x');
        },
        onReadDone() {
          if (bystanders.goesOn()) this.startRead();
          else this.finish(Status.OK);
        },
        onWriteDone() {
          if (bystanders.goesOn()) this.startWrite('x');
        },
      }),
    );
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const client = bindBidi(pair);
    client.reactor.startCall();
    const { log } = await served.next();
    client.context.tryCancel();
    await log.done();
    await client.log.done();
    bystanders.assertFair();
  });

  test(`${transport}: a ping-pong without end`, async () => {
    const echo = (): ServerBidiReactor<string, string> => {
      const reactor = ServerBidiReactor.from<string, string>({
        onReadDone(ok, message) {
          if (ok && message !== undefined) this.startWrite(message);
          else this.finish(Status.OK);
        },
        onWriteDone(ok) {
          if (ok) this.startRead();
        },
      });
      reactor.startRead();
      return reactor;
    };
    await using pair = await ReactorPair.open({ bidi: echo }, { transport });
    await using bystanders = await Bystanders.watch();
    const reactor = ClientBidiReactor.from<string, string>({
      onReadDone(ok) {
        if (!ok) return;
        if (bystanders.goesOn()) this.startWrite('ping');
        else this.startWritesDone();
        this.startRead();
      },
    });
    const { log } = bindBidi(pair, reactor);
    reactor.startRead();
    reactor.startWrite('ping');
    reactor.startCall();
    await log.done();
    assert.is(log.events.at(-1), 'onDone(OK)');
    bystanders.assertFair();
  });
}

test.run();
