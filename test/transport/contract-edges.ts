/** The contract at its edges: limits, much that is queued at an end, what the library says itself. See contract.ts. */
import { GZIP } from '../../src/framing/compressor.ts';
import { LOCAL_ADDRESS, REMOTE_ADDRESS, SECURITY_LEVEL } from '../../src/values/attributes.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { assert } from '../support/suite.ts';
import { BIDI, ClientConnection, ClientEnd, UNARY } from './ends.ts';
import { Pair, type Promised, type TransportKit } from './pair.ts';

const REASON = Status.UNAVAILABLE.withDescription('enough');

/** More than any window and any buffer between the ends take in. */
const MUCH = Buffer.alloc(1_000_000, 7);
const OFTEN = 8;

function aWhile(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 30));
}

export function edgeContract(test: Promised, kit: TransportKit): void {
  messageLimits(test, kit);
  compression(test, kit);
  endsBehindMuch(test, kit);
  facts(test, kit);
  permitsInside(test, kit);
  endsBeforeBeginnings(test, kit);
  waitingStreams(test, kit);
}

function messageLimits(test: Promised, kit: TransportKit): void {
  test('a response message of exactly the limit passes, a byte more ends the call RESOURCE_EXHAUSTED', async () => {
    await using pair = await Pair.connect(kit);
    const client = pair.client.open(BIDI, { maxInboundMessageBytes: 10 });
    const server = await pair.side.streams.next();
    client.request(5);
    server.sendHeaders();
    server.write(Buffer.alloc(10));
    await client.log.next('message');
    server.write(Buffer.alloc(11));
    const { status, trailers, progress } = await client.closed;
    assert.is(status.toString(), 'RESOURCE_EXHAUSTED: gRPC message exceeds maximum size 10: 11');
    assert.is(trailers.size, 0);
    assert.is(progress, 'processed');
    assert.not((await server.closed).isOk);
    assert.is(client.payloads.length, 1);
  });

  test('a request message of exactly the limit passes, a byte more ends the call RESOURCE_EXHAUSTED', async () => {
    await using pair = await Pair.connect(kit, { server: { maxInboundMessageBytes: 10 } });
    const [client, server] = await pair.stream();
    server.request(5);
    client.write(Buffer.alloc(10));
    await server.log.next('message');
    client.write(Buffer.alloc(11));
    client.halfClose();
    assert.is((await client.closed).status.toString(), 'RESOURCE_EXHAUSTED: gRPC message exceeds maximum size 10: 11');
    assert.is((await server.closed).code, Status.RESOURCE_EXHAUSTED.code);
    assert.is(server.payloads.length, 1);
    assert.not(server.log.names().includes('half-close'));
  });

  test('a message over the limit is no mistake before it is asked for', async () => {
    await using pair = await Pair.connect(kit);
    const client = pair.client.open(BIDI, { maxInboundMessageBytes: 10 });
    const server = await pair.side.streams.next();
    server.sendHeaders();
    server.write(Buffer.alloc(11));
    server.close(Status.OK);
    await server.closed;
    await aWhile();
    assert.not(client.isClosed);
    client.request(1);
    assert.is((await client.closed).status.code, Status.RESOURCE_EXHAUSTED.code);
  });
}

function compression(test: Promised, kit: TransportKit): void {
  test('compression changes nothing of what arrives, message by message', async () => {
    await using pair = await Pair.connect(kit);
    const client = pair.client.open(BIDI, { compressor: GZIP });
    const server = await pair.side.streams.next();
    client.request(Number.POSITIVE_INFINITY);
    server.request(Number.POSITIVE_INFINITY);
    server.stream.setCompression('gzip');
    server.sendHeaders();
    // The second is compressed off the event loop, and the third may not overtake it.
    const messages = ['first', 'second '.repeat(20_000), '', 'last'];
    for (const [index, message] of messages.entries()) {
      client.write(message, index % 2);
      server.write(message, index % 2);
    }
    client.halfClose();
    await server.log.next('half-close');
    server.close(Status.OK);
    assert.ok((await client.closed).status.isOk);
    assert.equal(server.texts, messages);
    assert.equal(client.texts, messages);
  });
}

function endsBehindMuch(test: Promised, kit: TransportKit): void {
  /** A response that does not fit between the ends, and its end behind it. */
  const closedBehindMuch = async (pair: Pair): ReturnType<Pair['stream']> => {
    const [client, server] = await pair.stream();
    server.sendHeaders();
    for (let i = 0; i < OFTEN; i += 1) server.write(Buffer.from(MUCH));
    server.close(Status.OK, new Metadata({ 'x-last': 'word' }));
    await aWhile();
    assert.not(server.isClosed);
    return [client, server];
  };

  test('a close behind more than fits is OK once the client has taken it all', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await closedBehindMuch(pair);
    client.request(Number.POSITIVE_INFINITY);
    const { status, trailers } = await client.closed;
    assert.ok(status.isOk);
    assert.is(trailers.get('x-last'), 'word');
    assert.is(client.payloads.length, OFTEN);
    assert.ok((await server.closed).isOk);
    assert.is(server.written, OFTEN);
  });

  test('a client that cancels instead of taking it ends the server’s side not OK', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await closedBehindMuch(pair);
    client.cancel(Status.CANCELLED);
    await client.closed;
    assert.not((await server.closed).isOk);
    assert.ok(server.written < OFTEN);
  });

  test('what comes after the server’s close passes, though the client has not taken its answer', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.sendHeaders();
    for (let i = 0; i < 30; i += 1) server.write(Buffer.alloc(40_000));
    server.close(Status.OK);
    for (let i = 0; i < 30; i += 1) client.write(Buffer.alloc(40_000));
    while (client.written < 30) await client.log.next('written');
    client.request(Number.POSITIVE_INFINITY);
    assert.ok((await client.closed).status.isOk);
    assert.is(client.payloads.length, 30);
    assert.equal(server.payloads, []);
    await server.closed;
  });

  test('a server may still cancel what it closed, while the client has not taken it', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await closedBehindMuch(pair);
    const reason = Status.ABORTED.withDescription('too slow');
    server.cancel(reason);
    assert.is(await server.closed, reason);
    client.request(Number.POSITIVE_INFINITY);
    assert.not((await client.closed).status.isOk);
    assert.ok(client.payloads.length < OFTEN);
  });

  test('a cancel behind a message that has not left is a reset, and says nothing of the reason', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    client.request(Number.POSITIVE_INFINITY);
    server.sendHeaders();
    await client.log.next('headers');
    server.write('in its way');
    const reason = Status.DATA_LOSS.withDescription('not for the client');
    server.cancel(reason);
    assert.is(await server.closed, reason);
    const { status, trailers } = await client.closed;
    assert.is(status.toString(), 'CANCELLED: stream reset by the peer with HTTP/2 code CANCEL');
    assert.is(trailers.size, 0);
  });

  test('a message behind the server’s end is dropped, and costs nothing of what waits to be read', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.sendHeaders();
    await client.log.next('headers');
    server.write('one');
    server.write('two');
    server.close(Status.OK);
    await server.closed;
    await aWhile();
    client.write('too late');
    client.request(2);
    assert.ok((await client.closed).status.isOk);
    assert.equal(client.texts, ['one', 'two']);
    assert.is(client.written, 0);
  });

  test('a half-close behind more than fits comes once the server has taken it all', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    for (let i = 0; i < OFTEN; i += 1) client.write(Buffer.from(MUCH));
    client.halfClose();
    assert.not(client.stream.isReady());
    server.request(Number.POSITIVE_INFINITY);
    await server.log.next('half-close');
    assert.is(server.payloads.length, OFTEN);
    server.close(Status.OK);
    assert.ok((await client.closed).status.isOk);
    assert.is(client.written, OFTEN);
  });
}

function facts(test: Promised, kit: TransportKit): void {
  test('the server sees the library’s user agent, and the client no field that HTTP alone may write', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    assert.match(server.headers.get('user-agent') ?? '', /^grpc-node-halfclose\//);
    server.sendHeaders();
    const { headers } = await client.log.next('headers');
    server.close(Status.OK);
    const { trailers } = await client.closed;
    for (const metadata of [server.headers, headers, trailers]) {
      for (const [name] of metadata) assert.not(name.startsWith(':') || name === 'grpc-status', name);
    }
  });

  test('metadata that was received may be passed on: what the library writes is not doubled', async () => {
    await using pair = await Pair.connect(kit);
    const first = new ClientEnd(pair.client.transport).start(new Metadata({ 'x-mine': 'kept' }));
    const { headers } = await pair.side.streams.next();
    const second = new ClientEnd(pair.client.transport).start(headers);
    const server = await pair.side.streams.next();
    assert.equal(server.headers.getAll('user-agent').length, 1);
    assert.equal(server.headers.getAll('x-mine'), ['kept']);
    server.close(Status.OK, server.headers);
    const { trailers } = await second.closed;
    assert.equal(trailers.getAll('x-mine'), ['kept']);
    assert.is(trailers.get('user-agent'), undefined);
    first.cancel(Status.CANCELLED);
    await first.closed;
  });

  test('a reserved field of the caller’s says nothing to the server', async () => {
    await using pair = await Pair.connect(kit);
    const forged = Metadata.fromWire(['grpc-timeout', '1n', 'user-agent', 'forged', 'x-mine', 'kept']);
    const client = new ClientEnd(pair.client.transport).start(forged);
    const server = await pair.side.streams.next();
    assert.is(server.stream.timeoutMs, null);
    assert.not.match(server.headers.getAll('user-agent').join(), /forged/);
    assert.is(server.headers.get('x-mine'), 'kept');
    server.close(Status.OK, Metadata.fromWire(['grpc-status', '5', 'grpc-message', 'forged']));
    const { status } = await client.closed;
    assert.equal([status.code, status.description], [0, null]);
  });

  test('both ends know the connection, and each calls here what the other calls there', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    const [here, there] = [client.stream.getAttributes(), server.stream.getAttributes()];
    assert.equal(here.get(REMOTE_ADDRESS), pair.address);
    assert.equal(there.get(LOCAL_ADDRESS), pair.address);
    assert.ok(here.get(SECURITY_LEVEL));
    assert.is(here.get(SECURITY_LEVEL), there.get(SECURITY_LEVEL));
  });
}

function permitsInside(test: Promised, kit: TransportKit): void {
  test('a permit given inside onHeaders, onReady or onWritten delivers after it, never inside', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    const ask = (): void => client.request(1);
    client.reactions = { headers: ask, written: ask, ready: ask };
    server.sendHeaders();
    for (const text of ['one', 'two', 'three']) server.write(text);
    await client.log.next('message');
    await aWhile();
    // Now they wait for permits, which the end of this write will give.
    client.write(Buffer.alloc(50_000));
    server.request(1);
    await server.log.next('message');
    client.reactions = {};
    client.request(3);
    await client.log.next('message');
    await client.log.next('message');
    assert.equal(client.texts, ['one', 'two', 'three']);
  });

  test('a permit given inside onHalfClose is no mistake', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    client.write('one');
    client.write('two');
    client.halfClose();
    const ask = (): void => server.request(1);
    server.reactions = { message: ask, 'half-close': ask };
    server.request(1);
    await server.log.next('half-close');
    assert.equal(server.texts, ['one', 'two']);
    server.close(Status.OK);
    assert.ok((await client.closed).status.isOk);
  });
}

function endsBeforeBeginnings(test: Promised, kit: TransportKit): void {
  test('a connection of which nobody made use ends at both ends, whoever shuts it down', async () => {
    for (const which of ['client', 'server'] as const) {
      await using pair = await Pair.connect(kit);
      if (which === 'client') pair.client.transport.shutdown(REASON);
      else pair.server.transport.shutdown();
      await pair.client.log.end();
      await pair.server.log.end();
      assert.equal(pair.client.log.names(), ['ready', 'shutdown', 'terminated']);
    }
  });

  test('shutdownNow while connecting ends what waits, unsent', async () => {
    await using pair = await Pair.connect(kit);
    const other = new ClientConnection(kit.client(pair.address, {})).start();
    const streams = [BIDI, UNARY].map((method) => other.open(method));
    for (const stream of streams) stream.write('early');
    other.transport.shutdownNow(REASON);
    for (const stream of streams) {
      const { status, progress } = await stream.closed;
      assert.is(status, REASON);
      assert.is(progress, 'not-sent');
    }
    await other.log.end();
    assert.is(pair.side.streams.all.length, 0);
  });

  test('both ends may shut down at once, gently or not', async () => {
    for (const gently of [true, false]) {
      await using pair = await Pair.connect(kit);
      const [client, server] = await pair.stream();
      const [one, other] = [pair.client.transport, pair.server.transport];
      if (gently) {
        one.shutdown(REASON);
        other.shutdown();
        server.close(Status.OK);
        assert.ok((await client.closed).status.isOk);
      } else {
        one.shutdownNow(REASON);
        other.shutdownNow(REASON);
        assert.is((await client.closed).status, REASON);
      }
      await server.closed;
      await pair.client.log.end();
      await pair.server.log.end();
    }
  });
}

function waitingStreams(test: Promised, kit: TransportKit): void {
  /** Everything that a call with one message says. */
  const say = (client: ClientEnd): void => {
    client.write('question');
    client.halfClose();
    client.request(2);
  };

  test('a call with one message that had started goes through a client’s shutdown', async () => {
    await using pair = await Pair.connect(kit);
    const client = pair.client.open(UNARY);
    pair.client.transport.shutdown(REASON);
    say(client);
    const server = await pair.side.streams.next();
    server.close(Status.NOT_FOUND);
    assert.is((await client.closed).status.code, Status.NOT_FOUND.code);
    await pair.client.log.end();
  });

  test('a call with one message that the server has not seen does not outlast the server’s shutdown', async () => {
    await using pair = await Pair.connect(kit);
    const client = pair.client.open(UNARY);
    pair.server.transport.shutdown();
    await pair.client.log.next('shutdown');
    say(client);
    const { status, progress } = await client.closed;
    assert.is(status.code, Status.UNAVAILABLE.code);
    assert.is(progress, 'not-sent');
    await pair.client.log.end();
    assert.is(pair.side.streams.all.length, 0);
  });

  test('a call with one message that is cancelled before it was sent stays unknown to the server', async () => {
    await using pair = await Pair.connect(kit);
    const client = pair.client.open(UNARY);
    client.write('question');
    await aWhile();
    client.cancel(Status.CANCELLED);
    assert.is((await client.closed).progress, 'not-sent');
    await aWhile();
    assert.is(pair.side.streams.all.length, 0);
    assert.is(client.written, 0);
  });
}
