/**
 * Rolling restarts: three servers are replaced one after the other, as a deployment does it, under callers who never pause. No
 * call may notice. Servers: ours and grpc-js; those of grpc-go: test/interop/external/fleet-go.test.ts. Source: RFC 9113 §6.8,
 * gRFC A6 "Transparent Retries".
 */
import { Server as GrpcJsServer, type Metadata, ServerCredentials } from '@grpc/grpc-js';
import { ECHO_KINDS, echoMethods, readCommand } from '../support/echo.ts';
import { freePorts } from '../support/free-ports.ts';
import { assert, suite, within } from '../support/suite.ts';
import { connected, Fleet } from './fleet-servers.ts';
import { becomesQuiet, Ledger, Load, open, tally, texts } from './ledger.ts';

const test = suite('Rolling restarts');

const WIDTH = 50;
const PATIENCE_MS = 5_000;

for (const balancer of ['round_robin', 'pick_first'] as const) {
  test(`${balancer}: three servers are replaced under ${WIDTH} callers, and no call notices`, {
    timeoutMs: 60_000,
  }, async () => {
    const ledger = new Ledger();
    await using fleet = await Fleet.start({ ledger, size: 3 });
    await using channel = fleet.open({ balancer });
    let made = 0;
    await using load = new Load(WIDTH, () => {
      made += 1;
      const kind = ECHO_KINDS[made % ECHO_KINDS.length] ?? 'unary';
      return ledger.call(channel, { kind, command: { delayMs: made % 5 } });
    });
    for (const member of [...fleet.members, ...fleet.members]) {
      await load.more(100);
      await member.drain();
      await load.more(20);
      await member.startAnew();
    }
    if (balancer === 'round_robin') await connected(channel, fleet.members);
    await load.more(100);
    const told = await load.stop();
    assert.equal(tally(told), { OK: told.length }, texts(told).join('\n'));
    ledger.assertNeverTwice(told);
    await becomesQuiet(channel);
  });
}

test('servers that all limit the age of their connections replace them under load, and no call notices', {
  timeoutMs: 60_000,
}, async () => {
  const ledger = new Ledger();
  const options = { maxConnectionAgeMs: 60, maxConnectionAgeGraceMs: 5_000 };
  await using fleet = await Fleet.start({ ledger, size: 3, member: () => ({ options }) });
  await using channel = fleet.open({ balancer: 'round_robin' });
  await using load = new Load(WIDTH, () => ledger.call(channel, { command: { delayMs: 3 } }));
  await load.more(2_000);
  const told = await load.stop();
  assert.equal(tally(told), { OK: told.length }, texts(told).join('\n'));
  ledger.assertNeverTwice(told);
  await becomesQuiet(channel);
});

// ---- grpc-js ----

/** A server of grpc-js with `Unary` of `test.Echo`, at an address that it keeps over restarts. */
class GrpcJsMember {
  readonly host: string;
  readonly #port: number;
  readonly #begun: string[];
  #server: GrpcJsServer | null = null;

  constructor(host: string, port: number, begun: string[]) {
    this.host = host;
    this.#port = port;
    this.#begun = begun;
  }

  async start(): Promise<void> {
    const server = new GrpcJsServer();
    this.#server = server;
    const { path } = echoMethods.unary;
    const same = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
    const codec = {
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    server.addService(
      { unary: { path, requestStream: false, responseStream: false, ...codec } },
      {
        unary: (
          call: { request: Buffer; metadata: Metadata },
          done: (error: object | null, answer: Buffer) => void,
        ) => {
          this.#begun.push(String(call.metadata.get('x-call-id')[0]));
          const command = readCommand([['x-command', String(call.metadata.get('x-command')[0])]]);
          setTimeout(done, command.delayMs ?? 0, null, call.request);
        },
      },
    );
    await within(
      PATIENCE_MS,
      new Promise<void>((resolve, reject) => {
        server.bindAsync(`${this.host}:${this.#port}`, ServerCredentials.createInsecure(), (error) =>
          error === null ? resolve() : reject(error),
        );
      }),
      'a grpc-js server to listen',
    );
  }

  /** Takes no new calls, and resolves once the last has ended. */
  async drain(): Promise<void> {
    const server = this.#server;
    const drained = new Promise<void>((resolve) => server?.tryShutdown(() => resolve()));
    await within(PATIENCE_MS, drained, 'a grpc-js server to drain');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server?.forceShutdown();
    await Promise.resolve();
  }
}

test(`grpc-js: three servers are replaced under ${WIDTH} callers, and no call notices`, {
  timeoutMs: 60_000,
}, async () => {
  const ledger = new Ledger();
  const [port = 0] = await freePorts(1);
  const begun: string[] = [];
  await using one = new GrpcJsMember('127.0.0.1', port, begun);
  await using two = new GrpcJsMember('127.0.0.2', port, begun);
  await using three = new GrpcJsMember('127.0.0.3', port, begun);
  const members = [one, two, three];
  for (const member of members) await member.start();
  const target = `ipv4:${members.map(({ host }) => `${host}:${port}`).join()}`;
  await using channel = open(target, { balancer: 'round_robin' });
  await connected(channel, members);
  let made = 0;
  await using load = new Load(WIDTH, () => {
    made += 1;
    return ledger.call(channel, { command: { delayMs: made % 5 } });
  });
  for (const member of [...members, ...members]) {
    await load.more(100);
    await member.drain();
    await load.more(20);
    await member.start();
    await connected(channel, members);
  }
  const told = await load.stop();
  assert.equal(tally(told), { OK: told.length }, texts(told).join('\n'));
  assert.is(new Set(begun).size, begun.length, 'begun twice');
  await becomesQuiet(channel);
});

test.run();
