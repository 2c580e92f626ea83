/** Every stack of the benchmark does what the benchmark says it does, and notices when it does not. */
import { drive } from '../../bench/drive.ts';
import { runScenario } from '../../bench/runner.ts';
import type { Work } from '../../bench/scenarios.ts';
import { encodeOrder, messageOf, simpleRequest } from '../../bench/service.ts';
import { type OpenCall, type Stack, type StackClient, type StackOptions, settled } from '../../bench/stack.ts';
import { loadStack, STACK_NAMES, type StackName } from '../../bench/stacks.ts';
import { certificates } from '../support/certificates.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('bench stacks');

const PATIENCE_MS = 8_000;
const PLAIN: StackOptions = { tls: null, compression: null, metadataEntries: 0, inProcess: false };
const IN_PROCESS: readonly StackName[] = ['calls', 'reactors', 'promises'];
/** Their servers cannot compress. */
const WITHOUT_GZIP: readonly StackName[] = ['grpc-js', 'nice-grpc'];

async function withPair(
  name: StackName,
  options: StackOptions,
  use: (client: StackClient, stack: Stack, target: string) => Promise<void>,
): Promise<void> {
  const stack = await loadStack(name);
  const server = await stack.serve(options);
  try {
    const client = stack.connect(server.target, options);
    try {
      await client.ready?.();
      await within(PATIENCE_MS, use(client, stack, server.target), name);
    } finally {
      await client.close();
    }
  } finally {
    await server.close();
  }
}

function call(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return settled(start);
}

async function useAll(client: StackClient): Promise<void> {
  await call((done) => client.unary(simpleRequest(32, 32), done));
  await call((done) => client.unary(simpleRequest(0, 100_000), done));
  await call((done) => client.pingPong(simpleRequest(8, 8), 20, done));
  const sizes: number[] = [];
  const take = (message: Uint8Array): undefined => void sizes.push(message.length);
  await call((done) => client.download(encodeOrder({ messages: 300, bytes: 1_000 }), take, done));
  assert.is(sizes.length, 300);
  assert.ok(sizes.every((size) => size === 1_000));
  await call((done) => client.upload(messageOf(1_000), 300, done));
}

for (const name of STACK_NAMES) {
  test(`${name}: calls of every kind`, () => withPair(name, PLAIN, useAll));

  test(`${name}: a reader that waits holds the messages back`, () =>
    withPair(name, PLAIN, async (client) => {
      let reading = 0;
      let most = 0;
      const take = (): Promise<void> => {
        reading += 1;
        most = Math.max(most, reading);
        return new Promise((resolve) =>
          setImmediate(() => {
            reading -= 1;
            resolve();
          }),
        );
      };
      await call((done) => client.download(encodeOrder({ messages: 40, bytes: 60_000 }), take, done));
      // What node has read already comes all the same: a chunk or two of the floor's stream.
      assert.ok(most <= 4, `${most} messages at once`);
    }));

  test(`${name}: a call that fails is noticed`, () =>
    withPair(name, PLAIN, async (_client, stack, target) => {
      const lost = stack.connect(target.replace(/\d+$/, '1'), PLAIN);
      const error = await call((done) => lost.unary(simpleRequest(0, 0), done)).catch((reason: Error) => reason);
      assert.instance(error, Error);
      await lost.close();
    }));

  test(`${name}: streams stay open until they are cancelled`, () =>
    withPair(name, PLAIN, async (client) => {
      const open = await new Promise<OpenCall>((resolve, reject) => {
        client.open(simpleRequest(0, 8), (error, opened) => (error === null ? resolve(opened) : reject(error)));
      });
      await call((done) => client.unary(simpleRequest(0, 0), done));
      open.cancel();
    }));

  test(`${name}: TLS and metadata`, async () => {
    const made = await certificates();
    const tls = { ca: made.ca.cert, cert: made.server.cert, key: made.server.key };
    await withPair(name, { ...PLAIN, tls, metadataEntries: 20 }, useAll);
  });

  if (WITHOUT_GZIP.includes(name)) {
    test(`${name}: says that it cannot compress`, async () => {
      const stack = await loadStack(name);
      const served = await stack.serve({ ...PLAIN, compression: 'gzip' }).catch((reason: Error) => reason);
      assert.instance(served, Error);
    });
  } else {
    test(`${name}: gzip`, () => withPair(name, { ...PLAIN, compression: 'gzip' }, useAll));
  }
}

for (const name of IN_PROCESS) {
  test(`${name}: within the process`, () => withPair(name, { ...PLAIN, inProcess: true }, useAll));
}

const WORKS: readonly Work[] = [
  { kind: 'unary', requestBytes: 32, responseBytes: 32, inFlight: 10 },
  { kind: 'churn', inFlight: 2 },
  { kind: 'ping-pong', bytes: 32, streams: 2 },
  { kind: 'download', bytes: 32, messages: 50 },
  { kind: 'upload', bytes: 32, messages: 50 },
  { kind: 'slow-reader', bytes: 1024, messages: 100 },
];

for (const work of WORKS) {
  test(`a round of ${work.kind} counts what it did`, () =>
    withPair('calls', PLAIN, async (client, stack, target) => {
      const round = await drive(client, work, 20, () => stack.connect(target, PLAIN));
      assert.ok(round.operations >= 1);
      if ('messages' in work) assert.is(round.operations % work.messages, 0);
      assert.is(round.latencies !== null, work.kind === 'unary' || work.kind === 'churn');
    }));
}

test('a scenario within one process is run to its end', { timeoutMs: 60_000 }, async () => {
  const made = await certificates();
  const result = await runScenario(
    { name: 'in-process', title: 'within one process', work: WORKS[0] as Work, inProcess: true },
    [{ name: 'calls', client: 'calls', server: 'calls' }],
    {
      rounds: 2,
      roundMs: 20,
      warmUpMs: 20,
      node: process.execPath,
      tls: { ca: made.ca.cert, cert: made.server.cert, key: made.server.key },
      onProgress: () => {},
    },
  );
  assert.equal(result.failures, []);
  assert.is(result.results[0]?.samples.length, 2);
});

test.run();
