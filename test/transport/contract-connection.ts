/** The contract of a connection: connecting, shutting down, pings. See contract.ts. */
import { Status } from '../../src/values/status.ts';
import { assert, within } from '../support/suite.ts';
import { BIDI, ClientConnection, ClientEnd, ServerSide } from './ends.ts';
import { Pair, type Promised, type TransportKit } from './pair.ts';

const REASON = Status.UNAVAILABLE.withDescription('enough');

export function connectionContract(test: Promised, kit: TransportKit): void {
  connecting(test, kit);
  use(test, kit);
  clientShutdown(test, kit);
  serverShutdown(test, kit);
  pings(test, kit);
}

function connecting(test: Promised, kit: TransportKit): void {
  test('connecting to nobody: shutdown UNAVAILABLE, then terminated, never ready', async () => {
    const connection = new ClientConnection(kit.client(await kit.nowhere(), {})).start();
    const waiting = new ClientEnd(connection.transport).start();
    assert.is((await connection.log.next('shutdown')).reason.code, Status.UNAVAILABLE.code);
    const { status, progress } = await waiting.closed;
    assert.is(status.code, Status.UNAVAILABLE.code);
    assert.is(progress, 'not-sent');
    await connection.log.end();
    assert.equal(connection.log.names(), ['shutdown', 'terminated']);
  });

  test('started and shut down at once: shutdown with the given status, then terminated', async () => {
    await using pair = await Pair.connect(kit);
    const other = new ClientConnection(kit.client(pair.address, {})).start();
    other.transport.shutdown(REASON);
    await other.log.end();
    assert.is((await other.log.next('shutdown')).reason, REASON);
    assert.equal(other.log.names().at(-1), 'terminated');
  });

  test('a stream that starts before there is a connection waits for it', async () => {
    await using pair = await Pair.connect(kit);
    const other = new ClientConnection(kit.client(pair.address, {}));
    const client = other.start().open();
    assert.not(client.stream.isReady());
    assert.not(client.stream.describeProgress() === '');
    client.write('early');
    const server = await pair.side.streams.next();
    server.request(1);
    await server.log.next('message');
    assert.equal(server.texts, ['early']);
    server.close(Status.OK);
    await client.closed;
    other.transport.shutdown(REASON);
    await other.log.end();
  });

  test('an occupied address cannot be bound, and the one who has it notices nothing', async () => {
    await using pair = await Pair.connect(kit);
    const second = new ServerSide(kit.listener(pair.address, {}));
    second.log.forbid(() => second.listener.listen(second));
    assert.instance((await second.log.next('failed')).error, Error);
    const [client, server] = await pair.stream();
    server.close(Status.OK);
    assert.ok((await client.closed).status.isOk);
    assert.equal(second.log.names(), ['failed']);
  });

  test('a listener that is closed lets go of the address; the connections that are there go on', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    pair.side.listener.close();
    pair.side.listener.close();
    const second = new ServerSide(kit.listener(pair.address, {}));
    assert.equal(await second.listen(), pair.address);
    const other = await new ClientConnection(kit.client(pair.address, {})).connect();
    const newcomer = await second.connections.next();
    server.sendHeaders();
    server.close(Status.OK);
    assert.ok((await client.closed).status.isOk);
    other.transport.shutdownNow(REASON);
    await other.log.end();
    second.listener.close();
    await second.log.end();
    await newcomer.log.end();
    assert.is(pair.side.connections.all.length, 1);
  });

  test('a closed listener tells so while connections are still open', async () => {
    await using pair = await Pair.connect(kit);
    const [client] = await pair.stream();
    pair.side.listener.close();
    await pair.side.log.next('closed', 1_000);
    assert.not(client.isClosed);
  });
}

function use(test: Promised, kit: TransportKit): void {
  test('it is in use from the start of its first stream until the last has closed', async () => {
    await using pair = await Pair.connect(kit);
    const { client } = pair;
    assert.not(client.inUse);
    const [one, serverOne] = await pair.stream();
    assert.ok(client.inUse);
    const [two] = await pair.stream();
    serverOne.close(Status.OK);
    await one.closed;
    assert.ok(client.inUse);
    two.cancel(Status.CANCELLED);
    await two.closed;
    assert.not(client.inUse);
    const [three] = await pair.stream();
    assert.ok(client.inUse);
    client.transport.shutdownNow(REASON);
    await three.closed;
    await client.log.end();
    assert.not(client.inUse);
  });

  test('it is in use while a stream waits for the connection, also for one that never comes', async () => {
    const connection = new ClientConnection(kit.client(await kit.nowhere(), {})).start();
    const waiting = connection.open();
    assert.ok(connection.inUse);
    await waiting.closed;
    await connection.log.end();
    assert.not(connection.inUse);
  });

  test('a stream of the channel’s own is no use', async () => {
    await using pair = await Pair.connect(kit);
    const background = pair.client.open(BIDI, { isBackground: true });
    await pair.side.streams.next();
    assert.not(pair.client.inUse);
    const call = pair.client.open();
    call.cancel(Status.CANCELLED);
    await call.closed;
    assert.not(pair.client.inUse);
    background.cancel(Status.CANCELLED);
    await background.closed;
  });

  test('it shows what it is doing', async () => {
    await using pair = await Pair.connect(kit);
    const { transport } = pair.client;
    const seen = (): [string, number, boolean] => {
      const { state, openStreams, shutdownReason } = transport.inspect();
      return [state, openStreams, shutdownReason !== null];
    };
    assert.equal(seen(), ['ready', 0, false]);
    assert.ok(transport.inspect().address.length > 0);
    const [client, server] = await pair.stream();
    assert.equal(seen(), ['ready', 1, false]);
    assert.not(transport.isFull);
    transport.shutdown(REASON);
    assert.equal(seen(), ['draining', 1, true]);
    server.close(Status.OK);
    await client.closed;
    await pair.client.log.end();
    assert.equal(seen(), ['closed', 0, true]);
    assert.equal(kit.client(pair.address, {}).inspect().state, 'idle');
  });
}

function clientShutdown(test: Promised, kit: TransportKit): void {
  test('shutdown of the client: new streams get the reason, the open one runs to its end', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    pair.client.transport.shutdown(REASON);
    pair.client.transport.shutdown(Status.INTERNAL);
    assert.is((await pair.client.log.next('shutdown')).reason, REASON);
    const late = pair.client.open();
    const lateClose = await late.closed;
    assert.is(lateClose.status, REASON);
    assert.is(lateClose.progress, 'not-sent');
    client.write('still here');
    client.halfClose();
    server.request(1);
    await server.log.next('half-close');
    assert.not(pair.client.log.names().includes('terminated'));
    server.close(Status.OK);
    assert.ok((await client.closed).status.isOk);
    assert.ok((await server.closed).isOk);
    await pair.client.log.end();
    await pair.server.log.end();
    assert.is(pair.side.streams.all.length, 1);
  });

  test('the cancel of the last stream lets a connection that was shut down go', async () => {
    await using pair = await Pair.connect(kit);
    const [one] = await pair.stream();
    const [two] = await pair.stream();
    pair.client.transport.shutdown(REASON);
    one.cancel(Status.CANCELLED);
    await one.closed;
    assert.not(pair.client.log.names().includes('terminated'));
    two.cancel(Status.CANCELLED);
    await pair.client.log.end();
    await pair.server.log.end();
  });

  test('shutdownNow of the client ends its streams with the given status, the server’s not OK', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    client.log.forbid(() => pair.client.transport.shutdownNow(REASON));
    assert.is((await client.closed).status, REASON);
    assert.not((await server.closed).isOk);
    await pair.client.log.end();
    await pair.server.log.end();
  });

  test('a lost connection does not wait for messages that were not asked for', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.sendHeaders();
    server.write('one');
    server.write('two');
    client.request(1);
    await client.log.next('message');
    pair.client.transport.shutdownNow(REASON);
    assert.is((await client.closed).status, REASON);
    assert.equal(client.texts, ['one']);
    await server.closed;
  });

  test('a stream of a connection that has ended gets the shutdown’s status; the server sees nothing', async () => {
    await using pair = await Pair.connect(kit);
    pair.client.transport.shutdown(REASON);
    await pair.client.log.end();
    const late = new ClientEnd(pair.client.transport);
    assert.not(late.stream.isReady());
    late.start();
    late.write('never');
    late.halfClose();
    const { status, trailers, progress } = await late.closed;
    assert.is(status, REASON);
    assert.is(trailers.size, 0);
    assert.is(progress, 'not-sent');
    assert.equal(late.log.names(), ['close']);
    assert.is(pair.side.streams.all.length, 0);
  });

  test('a stream that was made and never started holds nothing up', async () => {
    await using pair = await Pair.connect(kit);
    const idle = new ClientEnd(pair.client.transport, BIDI);
    idle.stream.cancel(Status.CANCELLED);
    pair.client.transport.shutdown(REASON);
    await pair.client.log.end();
    assert.equal(idle.log.names(), []);
  });
}

function serverShutdown(test: Promised, kit: TransportKit): void {
  test('shutdown of the server: the open stream runs to its end, then the connection closes', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    pair.server.transport.shutdown();
    pair.server.transport.shutdown();
    await pair.client.log.next('shutdown');
    client.write('still here');
    server.request(1);
    await server.log.next('message');
    server.sendHeaders();
    server.write('so am I');
    client.request(1);
    await client.log.next('message');
    server.close(Status.OK);
    assert.ok((await client.closed).status.isOk);
    assert.ok((await server.closed).isOk);
    await pair.server.log.end();
    await pair.client.log.end();
  });

  test('a stream that is new amid the server’s shutdown fails UNAVAILABLE, the old one ends OK', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    pair.server.transport.shutdown();
    await pair.client.log.next('shutdown');
    const late = pair.client.open();
    assert.is((await late.closed).status.code, Status.UNAVAILABLE.code);
    assert.is((await late.closed).progress, 'not-sent');
    server.close(Status.OK);
    assert.ok((await client.closed).status.isOk);
  });

  test('shutdownNow of the server ends both ends not OK', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.log.forbid(() => pair.server.transport.shutdownNow(REASON));
    assert.not((await client.closed).status.isOk);
    assert.is((await server.closed).code, REASON.code);
    await pair.server.log.end();
    await pair.client.log.end();
  });
}

function pings(test: Promised, kit: TransportKit): void {
  const { ping } = kit;
  if (ping === null) return;
  const answer = (pair: Pair): Promise<Error | null> =>
    within(2_000, new Promise((resolve) => ping(pair.client.transport, resolve)), 'a ping');

  test('a ping is answered, amid a graceful shutdown too', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    assert.is(await answer(pair), null);
    pair.client.transport.shutdown(REASON);
    assert.is(await answer(pair), null);
    server.close(Status.OK);
    await client.closed;
  });

  test('a ping after the end fails, and says why the connection ended', async () => {
    await using pair = await Pair.connect(kit);
    pair.client.transport.shutdown(REASON);
    await pair.client.log.end();
    assert.match((await answer(pair))?.message ?? '', 'enough');
  });
}
