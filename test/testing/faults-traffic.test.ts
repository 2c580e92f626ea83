/** Faults that hold a connection up or drain it: delay, stall, GOAWAY, refused streams. */
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { WriteFlag } from '../../src/transport/stream.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Code, Status } from '../../src/values/status.ts';
import { assert, suite } from '../support/suite.ts';
import { ClientConnection, ClientEnd, UNARY } from '../transport/ends.ts';
import { FaultyPair, IN_PROCESS, KITS, quiet } from './faulty-pair.ts';

const test = suite('Faults that hold up and drain');

for (const [name, kit] of Object.entries(KITS)) {
  test(`${name}: delay takes its time each way and keeps the order`, async () => {
    const clock = new ManualClock();
    await using faulty = await FaultyPair.connect(kit, { clock });
    const { pair, faults } = faulty;
    faults.delay(50);
    const client = pair.client.open();
    client.request(5);
    client.write('ping');
    client.halfClose();
    clock.advance(49);
    await quiet();
    assert.is(pair.side.streams.all.length, 0);
    clock.advance(1);
    const server = await pair.side.streams.next();
    server.request(5);
    await server.log.next('half-close');
    server.sendHeaders();
    server.write('pong');
    server.close(Status.OK);
    await quiet();
    clock.advance(49);
    await quiet();
    assert.equal(client.log.names(), []);
    clock.advance(1);
    assert.is((await client.closed).status.code, Code.OK);
    assert.equal(
      client.log.names().filter((event) => event !== 'ready' && event !== 'written'),
      ['headers', 'message', 'close'],
    );
    assert.is(clock.pending, 0);
  });

  test(`${name}: what follows a delay does not overtake what is under way`, async () => {
    const clock = new ManualClock();
    await using faulty = await FaultyPair.connect(kit, { clock });
    const { pair, faults } = faulty;
    const [client, server] = await pair.stream();
    server.request(5);
    faults.delay(50);
    client.write('slow');
    faults.delay(0);
    client.write('fast');
    await quiet();
    assert.equal(server.texts, []);
    clock.advance(50);
    await server.log.next('message');
    await server.log.next('message');
    assert.equal(server.texts, ['slow', 'fast']);
  });

  test(`${name}: nothing arrives in a stall, everything after it in order`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    const [client, server] = await pair.stream();
    server.request(5);
    client.request(5);
    faults.stall();
    server.sendHeaders(new Metadata({ 'x-a': '1' }));
    server.write('down');
    server.close(Status.NOT_FOUND);
    client.write('up');
    await quiet();
    assert.equal(server.texts, []);
    assert.is(client.log.names().includes('headers'), false);
    faults.release();
    const { status, trailers } = await client.closed;
    assert.is(status.code, Code.NOT_FOUND);
    assert.ok(trailers);
    assert.equal(client.texts, ['down']);
  });

  test(`${name}: an end that waits for messages to be asked for is told when a stall lets it through`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    const [open, server] = await pair.stream();
    const [given, other] = await pair.stream();
    faults.stall();
    for (const end of [server, other]) {
      end.sendHeaders();
      end.write('unread');
      end.close(Status.NOT_FOUND);
    }
    await quiet();
    for (const client of [open, given]) assert.not(client.log.names().includes('closing'));
    given.cancel(Status.CANCELLED);
    await given.closed;
    faults.release();
    assert.is((await open.log.next('closing')).status.code, Code.NOT_FOUND);
    assert.not(open.stream.isReady());
    open.request(1);
    assert.is((await open.closed).status.code, Code.NOT_FOUND);
    assert.not(given.log.names().includes('closing'));
  });

  test(`${name}: what is held back for the next message comes through a delay as it would without`, async () => {
    const clock = new ManualClock();
    await using faulty = await FaultyPair.connect(kit, { clock });
    const { pair, faults } = faulty;
    const [client, server] = await pair.stream();
    server.request(5);
    faults.delay(50);
    client.write('held', WriteFlag.BUFFER_HINT);
    clock.advance(50);
    await quiet();
    assert.equal(server.texts, []);
    client.write('plain');
    clock.advance(50);
    await server.hasRead(2);
    assert.equal(server.texts, ['held', 'plain']);
  });

  test(`${name}: a call can be cancelled in a stall, before and after its headers left`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    const [open, server] = await pair.stream();
    open.request(1);
    faults.stall();
    server.sendHeaders();
    server.close(Status.OK);
    const held = pair.client.open();
    assert.is(held.stream.isReady(), false);
    assert.match(held.stream.describeProgress(), 'held back');
    await quiet();
    const reason = Status.CANCELLED.withDescription('enough');
    for (const client of [open, held]) client.cancel(reason);
    assert.is((await open.closed).status.description, 'enough');
    assert.is((await held.closed).progress, 'not-sent');
    assert.equal(held.log.names(), ['close']);
    faults.release();
    await quiet();
    assert.is(pair.side.streams.all.length, 1);
  });

  test(`${name}: what is written in a stall counts against readiness`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    const [client, server] = await pair.stream();
    server.request(100);
    await quiet();
    assert.is(client.stream.isReady(), true);
    faults.stall();
    client.write(new Uint8Array(32 * 1024));
    assert.is(client.stream.isReady(), false);
    await quiet();
    const readiesBefore = client.log.all('ready').length;
    faults.release();
    await server.log.next('message');
    await quiet();
    assert.is(client.stream.isReady(), true);
    assert.ok(client.log.all('ready').length > readiesBefore, 'ready was not told');
  });

  test(`${name}: what leaves step by step makes ready again`, async () => {
    const clock = new ManualClock();
    await using faulty = await FaultyPair.connect(kit, { clock });
    const { pair, faults } = faulty;
    const [client, server] = await pair.stream();
    server.request(100);
    await quiet();
    faults.delay(50);
    client.write(new Uint8Array(16 * 1024));
    clock.advance(10);
    client.write(new Uint8Array(16 * 1024));
    assert.is(client.stream.isReady(), false);
    const readiesBefore = client.log.all('ready').length;
    clock.advance(40);
    await quiet();
    assert.is(client.stream.isReady(), true);
    clock.advance(50);
    await quiet();
    assert.is(client.log.all('ready').length, readiesBefore + 1);
  });

  test(`${name}: what a call asks for as it reads is told after that`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    const [client, server] = await pair.stream();
    faults.stall();
    client.request(1);
    server.sendHeaders();
    for (const text of ['a', 'b', 'c']) server.write(text);
    await quiet();
    client.reactions = { message: () => client.request(1) };
    faults.release();
    for (let i = 0; i < 3; i += 1) await client.log.next('message');
    assert.equal(client.texts, ['a', 'b', 'c']);
  });

  test(`${name}: the end of a connection waits in a stall for the ends of its calls`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    const [client, server] = await pair.stream();
    faults.stall();
    server.close(Status.OK);
    pair.server.transport.shutdown();
    await quiet();
    pair.client.transport.shutdown(Status.UNAVAILABLE);
    await quiet();
    assert.equal(pair.client.log.names(), ['ready', 'shutdown']);
    assert.is(client.isClosed, false);
    faults.release();
    assert.is((await client.closed).status.code, Code.OK);
    await pair.client.log.end();
  });

  test(`${name}: a connection that is given up in a stall never was ready`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    faults.stall();
    const connection = new ClientConnection(faults.wrap(kit.client(pair.address, {}))).start();
    const held = connection.open();
    await quiet();
    connection.transport.shutdown(Status.UNAVAILABLE);
    faults.release();
    await quiet();
    assert.equal(connection.log.names(), ['shutdown']);
    held.cancel(Status.CANCELLED);
    await connection.log.end();
  });

  test(`${name}: connecting takes as long as a stall, and shutting down does not`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    faults.stall();
    const connection = new ClientConnection(faults.wrap(kit.client(pair.address, {}))).start();
    await quiet();
    assert.equal(connection.log.names(), []);
    faults.release();
    await connection.log.next('ready');
    faults.stall();
    connection.transport.shutdown(Status.UNAVAILABLE);
    await connection.log.end();
    assert.equal(connection.log.names(), ['ready', 'shutdown', 'terminated']);
  });

  test(`${name}: a shutdown lets calls start that were held back`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    faults.stall();
    const held = pair.client.open();
    held.request(1);
    held.halfClose();
    pair.client.transport.shutdown(Status.UNAVAILABLE.withDescription('done'));
    const late = pair.client.open();
    assert.is((await late.closed).status.description, 'done');
    faults.release();
    const server = await pair.side.streams.next();
    server.close(Status.OK);
    assert.is((await held.closed).status.code, Code.OK);
    await pair.client.log.end();
  });

  test(`${name}: after goAway old calls go on and new ones are turned away`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    const [old, server] = await pair.stream();
    const unsent = pair.client.open(UNARY);
    unsent.write('half a request');
    faults.goAway();
    assert.equal(pair.client.log.names(), ['ready', 'shutdown']);
    const late = pair.client.open();
    for (const client of [unsent, late]) {
      const { status, progress } = await client.closed;
      assert.is(status.code, Code.UNAVAILABLE);
      assert.match(status.description ?? '', 'GOAWAY NO_ERROR');
      assert.is(progress, 'not-sent');
    }
    old.request(1);
    server.request(1);
    old.write('still');
    await server.log.next('message');
    server.sendHeaders();
    server.write('here');
    server.close(Status.OK);
    assert.is((await old.closed).status.code, Code.OK);
    assert.equal(old.texts, ['here']);
    await pair.client.log.end();
    assert.is(pair.side.streams.all.length, 1);
  });

  test(`${name}: refused streams are unavailable, and nobody has seen them`, async () => {
    await using faulty = await FaultyPair.connect(kit);
    const { pair, faults } = faulty;
    faults.refuseStreams(2);
    const refused = [pair.client.open(), pair.client.open(UNARY)];
    for (const client of refused) {
      client.request(1);
      client.write('lost');
      assert.is(client.stream.isReady(), false);
      const { status, progress } = await client.closed;
      assert.is(status.toString(), 'UNAVAILABLE: stream reset by the peer with HTTP/2 code REFUSED_STREAM');
      assert.is(progress, 'refused');
      assert.equal(client.log.names(), ['close']);
    }
    await pair.stream();
    assert.is(pair.side.streams.all.length, 1);
  });
}

test('a refused stream that is cancelled first ends as cancelled', async () => {
  await using faulty = await FaultyPair.connect(IN_PROCESS);
  faulty.faults.refuseStreams(1);
  const client = new ClientEnd(faulty.pair.client.transport);
  client.start();
  client.cancel(Status.CANCELLED);
  const { status, progress } = await client.closed;
  assert.is(status.code, Code.CANCELLED);
  assert.is(progress, 'refused');
});

test.run();
