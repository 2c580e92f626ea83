/** Faults that break a connection: now, after so many messages or bytes, and while it is made. */
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { Code } from '../../src/values/status.ts';
import { assert, suite } from '../support/suite.ts';
import { ClientConnection, type ClientEnd, UNARY } from '../transport/ends.ts';
import { FaultyPair, IN_PROCESS, KITS, quiet } from './faulty-pair.ts';

const test = suite('Faults that break connections');

/** Checks that a call ended as with a lost connection. */
async function assertLost(client: ClientEnd): Promise<void> {
  const { status, progress } = await client.closed;
  assert.is(status.toString(), 'UNAVAILABLE: lost the connection (injected fault)');
  assert.is(progress, 'processed');
}

for (const [name, kit] of Object.entries(KITS)) {
  test(`${name}: dropConnection ends calls without what they had yet to read`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    const [client, server] = await pair.stream();
    client.request(1);
    server.sendHeaders();
    server.write('one');
    server.write('two');
    await client.log.next('message');
    await quiet();
    faults.dropConnection();
    assert.is(client.isClosed, false, 'a listener ran inside dropConnection');
    await assertLost(client);
    assert.equal(client.texts, ['one']);
    assert.is.not((await server.closed).code, Code.OK);
    await pair.client.log.end();
    assert.equal(pair.client.log.names(), ['ready', 'shutdown', 'terminated']);
  });

  test(`${name}: dropConnection ends a call that has not left as one that nobody saw`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    faults.stall();
    const client = pair.client.open();
    await quiet();
    faults.dropConnection();
    const { status, progress } = await client.closed;
    assert.is(status.code, Code.UNAVAILABLE);
    assert.is(progress, 'not-sent', 'its headers never left');
    assert.is(pair.side.streams.all.length, 0);
    await pair.client.log.end();
  });

  test(`${name}: dropConnection leaves no timer for what was under way`, async () => {
    const clock = new ManualClock();
    await using faulty = await FaultyPair.connect(kit, { clock });
    const { pair, faults } = faulty;
    const [client, server] = await pair.stream();
    faults.delay(50);
    client.write('out');
    server.sendHeaders();
    await quiet();
    assert.is(clock.pending, 2);
    faults.dropConnection();
    assert.is(clock.pending, 0);
    await assertLost(client);
  });

  test(`${name}: after so many received messages exactly those were delivered`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    faults.dropConnectionAfter({ receivedMessages: 3 });
    const [first, firstServer] = await pair.stream();
    const [second, secondServer] = await pair.stream();
    first.request(Number.POSITIVE_INFINITY);
    second.request(Number.POSITIVE_INFINITY);
    for (const server of [firstServer, secondServer]) {
      server.sendHeaders();
      for (const text of ['a', 'b']) server.write(text);
    }
    await assertLost(first);
    await assertLost(second);
    assert.is(first.texts.length + second.texts.length, 3);
  });

  test(`${name}: after so many received bytes only whole messages were delivered`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    faults.dropConnectionAfter({ receivedBytes: 10 });
    const [client, server] = await pair.stream();
    client.request(Number.POSITIVE_INFINITY);
    server.sendHeaders();
    for (let i = 0; i < 5; i += 1) server.write('four');
    await assertLost(client);
    assert.equal(client.texts, ['four', 'four']);
  });

  test(`${name}: after so many sent messages the server got exactly those`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    faults.dropConnectionAfter({ sentMessages: 2 });
    const [client, server] = await pair.stream();
    server.request(10);
    for (const text of ['a', 'b', 'c', 'd']) client.write(text);
    client.halfClose();
    await assertLost(client);
    await server.closed;
    assert.equal(server.texts, ['a', 'b']);
    assert.is(server.log.names().includes('half-close'), false);
    assert.is(client.written, 2);
  });

  test(`${name}: after so many sent bytes a message that does not fit is lost`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    faults.dropConnectionAfter({ sentBytes: 5 });
    const [client, server] = await pair.stream();
    server.request(10);
    client.write('four');
    client.write('five');
    await assertLost(client);
    await server.closed;
    assert.equal(server.texts, ['four']);
  });

  test(`${name}: a unary request that is the last to be sent reaches the server whole`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    faults.dropConnectionAfter({ sentMessages: 1 });
    const client = pair.client.open(UNARY);
    client.request(2);
    client.write('order');
    client.halfClose();
    const server = await pair.side.streams.next();
    server.request(2);
    await assertLost(client);
    await server.closed;
    assert.equal(server.texts, ['order']);
    assert.is(server.log.names().includes('half-close'), true);
  });

  test(`${name}: refuseConnections fails as many attempts`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    faults.refuseConnections(1);
    const connect = (): ClientConnection => new ClientConnection(faults.wrap(kit.client(pair.address, {})));
    const refused = connect().start();
    const client = refused.open();
    const { status, progress } = await client.closed;
    assert.is(status.toString(), 'UNAVAILABLE: cannot connect (injected fault)');
    assert.is(progress, 'not-sent');
    await refused.log.end();
    assert.equal(refused.log.names(), ['shutdown', 'terminated']);
    const accepted = await connect().connect();
    accepted.transport.shutdownNow(status);
    await accepted.log.end();
  });
}

test('limits hold for one break only, and clear takes them away', async () => {
  await using faulty = await FaultyPair.connect(IN_PROCESS);
  const { pair, faults } = faulty;
  faults.dropConnectionAfter({ receivedMessages: 1, sentMessages: 1 });
  faults.refuseStreams(1);
  faults.stall();
  faults.clear();
  const [client, server] = await pair.stream();
  client.request(2);
  server.request(2);
  for (const text of ['a', 'b']) client.write(text);
  server.sendHeaders();
  for (const text of ['a', 'b']) server.write(text);
  await quiet();
  assert.equal(
    [client.texts, server.texts],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
  );
  assert.is(client.isClosed, false);
});

test('refuses numbers that make no sense', async () => {
  await using faulty = await FaultyPair.connect(IN_PROCESS);
  const { faults } = faulty;
  const isRangeError = (error: unknown): boolean => error instanceof RangeError;
  assert.throws(() => faults.delay(-1), isRangeError);
  assert.throws(() => faults.delay(Number.NaN), isRangeError);
  assert.throws(() => faults.refuseStreams(-1), isRangeError);
  assert.throws(() => faults.refuseConnections(Number.NaN), isRangeError);
  assert.throws(() => faults.dropConnectionAfter({ sentBytes: -1 }), isRangeError);
});

test.run();
