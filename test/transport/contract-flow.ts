/** The contract of a flow: permits on the way in, readiness and what is held on the way out. See contract.ts. */
import { WriteFlag } from '../../src/transport/stream.ts';
import { Status } from '../../src/values/status.ts';
import { assert, within } from '../support/suite.ts';
import { ClientConnection, type ClientEnd, type ServerEnd, UNARY } from './ends.ts';
import { Pair, type Promised, type TransportKit } from './pair.ts';

/** Long enough for what must not come to come. */
function aWhile(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 30));
}

export function flowContract(test: Promised, kit: TransportKit): void {
  permits(test, kit);
  ends(test, kit);
  readiness(test, kit);
  holding(test, kit);
}

function permits(test: Promised, kit: TransportKit): void {
  test('two sent, one asked for: one is delivered, and the other with the next permit', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    client.write('one');
    client.write('two');
    server.request(1);
    await server.log.next('message');
    await aWhile();
    assert.equal(server.texts, ['one']);
    server.request(1);
    await server.log.next('message');
    assert.equal(server.texts, ['one', 'two']);
  });

  test('without a permit nothing is delivered; permits add up and are kept', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.sendHeaders();
    await client.log.next('headers');
    client.request(0);
    for (const text of ['a', 'b', 'c', 'd']) server.write(text);
    await aWhile();
    assert.equal(client.texts, []);
    client.request(1);
    client.request(2);
    await client.log.next('message');
    await client.log.next('message');
    await client.log.next('message');
    await aWhile();
    assert.equal(client.texts, ['a', 'b', 'c']);
  });

  test('a permit for what waits already may deliver it inside request', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    client.write('waits');
    await aWhile();
    server.request(1);
    await server.log.next('message');
    assert.equal(server.texts, ['waits']);
  });

  test('a permit given inside a delivery delivers after it, never inside', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.reactions = { message: () => server.request(1) };
    for (let i = 0; i < 500; i += 1) client.write(String(i));
    client.halfClose();
    await aWhile();
    server.request(1);
    await server.log.next('half-close');
    assert.equal(
      server.texts,
      Array.from({ length: 500 }, (_, i) => String(i)),
    );
  });

  test('one permit is enough for a message larger than any window', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    client.write(Buffer.alloc(3_000_000, 7));
    server.request(1);
    const { payload } = await server.log.next('message');
    assert.is(payload.length, 3_000_000);
    assert.ok(payload.every((byte) => byte === 7));
  });
}

function ends(test: Promised, kit: TransportKit): void {
  test('half-close waits behind the messages, and needs no permit of its own', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    client.write('one');
    client.write('two');
    client.halfClose();
    server.request(1);
    await server.log.next('message');
    await aWhile();
    assert.not(server.log.names().includes('half-close'));
    server.request(1);
    await server.log.next('half-close');
    assert.equal(
      server.log.names().filter((name) => name !== 'ready'),
      ['message', 'message', 'half-close'],
    );
  });

  test('the peer’s end waits behind the messages, OK or not', async () => {
    await using pair = await Pair.connect(kit);
    for (const status of [Status.OK, Status.DATA_LOSS.withDescription('most of it')]) {
      const [client, server] = await pair.stream();
      server.sendHeaders();
      server.write('one');
      server.write('two');
      server.close(status);
      assert.ok((await server.closed).isOk);
      client.request(1);
      await client.log.next('message');
      await aWhile();
      assert.not(client.isClosed);
      client.request(1);
      assert.is((await client.closed).status.toString(), status.toString());
      assert.equal(client.texts, ['one', 'two']);
    }
  });

  test('messages that the server did not read do not hold up its end', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    for (let i = 0; i < 30; i += 1) client.write(Buffer.alloc(100_000));
    await aWhile();
    server.close(Status.OK);
    assert.ok((await client.closed).status.isOk);
    assert.ok((await server.closed).isOk);
    assert.equal(server.payloads, []);
  });

  test('a cancel of the client reaches a server that reads nothing', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    client.write('unread');
    await aWhile();
    client.cancel(Status.CANCELLED);
    assert.not((await server.closed).isOk);
    assert.equal(server.texts, []);
    assert.not(server.log.names().includes('half-close'));
  });
}

function readiness(test: Promised, kit: TransportKit): void {
  test('both ends tell that they are ready, and are', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    client.request(1);
    server.request(1);
    await client.log.next('ready');
    await server.log.next('ready');
    assert.ok(client.stream.isReady());
    assert.ok(server.stream.isReady());
  });

  test('back pressure: the client stops being ready, the server gets what it asked for, ready again once drained', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.request(1);
    const sent = await fill(client);
    assert.is(server.payloads.length, 1);
    assert.ok(client.written < sent);
    const before = client.log.all('ready').length;
    server.request(Number.POSITIVE_INFINITY);
    await within(5_000, turnsReady(client), 'the client to become ready again');
    assert.ok(client.log.all('ready').length > before);
    client.halfClose();
    await server.log.next('half-close');
    assert.is(server.payloads.length, sent);
    server.close(Status.OK);
    await client.closed;
    assert.is(client.written, sent);
  });

  test('back pressure the other way round', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.sendHeaders();
    client.request(1);
    const sent = await fill(server);
    assert.is(client.payloads.length, 1);
    const before = server.log.all('ready').length;
    client.request(Number.POSITIVE_INFINITY);
    await within(5_000, turnsReady(server), 'the server to become ready again');
    assert.ok(server.log.all('ready').length > before);
    server.close(Status.OK);
    assert.ok((await client.closed).status.isOk);
    assert.is(client.payloads.length, sent);
  });

  test('a smaller threshold stops the writer sooner', async () => {
    await using pair = await Pair.connect(kit);
    const small = pair.client.open(undefined, { onReadyThresholdBytes: 10 });
    const usual = pair.client.open();
    for (const client of [small, usual]) {
      await client.log.next('ready');
      assert.ok(client.stream.isReady());
      client.write('twenty bytes of text');
    }
    assert.not(small.stream.isReady());
    assert.ok(usual.stream.isReady());
    const server = await pair.side.streams.next();
    server.stream.setOnReadyThreshold(10);
    server.sendHeaders();
    server.write('twenty bytes of text');
    assert.not(server.stream.isReady());
  });

  test('each message that got away is told as written once, in order', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.request(Number.POSITIVE_INFINITY);
    const flags = [0, WriteFlag.NO_COMPRESS, WriteFlag.BUFFER_HINT, WriteFlag.WRITE_THROUGH];
    for (const flag of flags) client.write('message', flag);
    client.halfClose();
    await server.log.next('half-close');
    server.close(Status.OK);
    await client.closed;
    assert.is(client.written, flags.length);
    assert.is(server.payloads.length, flags.length);
  });

  test('messages dropped by the end are not told as written', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    for (let i = 0; i < 60; i += 1) client.write(Buffer.alloc(200_000));
    await aWhile();
    const before = client.written;
    assert.ok(before < 60, `${before} messages were written without anybody reading`);
    server.cancel(Status.ABORTED);
    client.request(1);
    await client.closed;
    assert.ok(client.written < 60);
  });

  test('a client that sends one message need never be ready, and its call ends all the same', async () => {
    await using pair = await Pair.connect(kit);
    const client = pair.client.open(UNARY);
    client.write(Buffer.alloc(100_000));
    client.halfClose();
    const server = await pair.side.streams.next();
    server.request(2);
    await server.log.next('half-close');
    assert.not(client.stream.isReady());
    server.close(Status.OK);
    assert.ok((await client.closed).status.isOk);
  });
}

const HINT = WriteFlag.BUFFER_HINT;

/** Both ends of a stream that is open both ways, each as writer and as reader who has asked for all. */
async function writersAndReaders(pair: Pair): Promise<[ClientEnd | ServerEnd, ServerEnd | ClientEnd][]> {
  const [client, server] = await pair.stream();
  server.sendHeaders();
  await client.log.next('headers');
  client.request(Number.POSITIVE_INFINITY);
  server.request(Number.POSITIVE_INFINITY);
  return [
    [client, server],
    [server, client],
  ];
}

function holding(test: Promised, kit: TransportKit): void {
  test('a hinted message is held until one without the hint follows, and counts as written only then', async () => {
    await using pair = await Pair.connect(kit);
    for (const [writer, reader] of await writersAndReaders(pair)) {
      writer.write('one', HINT);
      writer.write('two', HINT);
      assert.ok(writer.stream.isReady());
      await pair.roundTrip();
      assert.equal([reader.texts, writer.written], [[], 0]);
      writer.write('three');
      await reader.hasRead(3);
      await writer.hasWritten(3);
      writer.write('four', HINT);
      await pair.roundTrip();
      assert.equal([reader.texts, writer.written], [['one', 'two', 'three'], 3]);
    }
  });

  test('a hinted message does not hold up the one in front of it', async () => {
    await using pair = await Pair.connect(kit);
    for (const [writer, reader] of await writersAndReaders(pair)) {
      writer.write('one');
      writer.write('two', HINT);
      await reader.hasRead(1);
      await pair.roundTrip();
      assert.equal(reader.texts, ['one']);
    }
  });

  test('the end of the messages lets go of what is held', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.request(Number.POSITIVE_INFINITY);
    client.request(Number.POSITIVE_INFINITY);
    client.write('held', HINT);
    client.halfClose();
    await server.log.next('half-close');
    server.sendHeaders();
    server.write('held too', HINT);
    server.close(Status.OK);
    assert.ok((await client.closed).status.isOk);
    assert.ok((await server.closed).isOk);
    assert.equal([server.texts, client.texts], [['held'], ['held too']]);
    assert.equal([client.written, server.written], [1, 1]);
  });

  test('a writer that only hints is held up no longer than until it stops being ready', async () => {
    await using pair = await Pair.connect(kit);
    for (const [writer, reader] of await writersAndReaders(pair)) {
      let sent = 0;
      const write = (): void => {
        for (; sent < 30 && writer.stream.isReady(); sent += 1) writer.write(Buffer.alloc(5_000), HINT);
      };
      writer.reactions = { ready: write };
      write();
      assert.is(sent, 7);
      await reader.hasRead(28);
      while (sent < 30) await writer.becomesReady();
      writer.reactions = {};
      writer.write('last');
      await reader.hasRead(31);
      await writer.hasWritten(31);
    }
  });

  test('a smaller threshold lets go of what is held sooner', async () => {
    await using pair = await Pair.connect(kit);
    const client = pair.client.open(undefined, { onReadyThresholdBytes: 10 });
    const server = await pair.side.streams.next();
    server.request(1);
    client.request(1);
    client.write('twenty bytes of text', HINT);
    await server.log.next('message');
    server.sendHeaders();
    server.write('twenty bytes of text', HINT);
    await pair.roundTrip();
    assert.equal(client.texts, []);
    server.stream.setOnReadyThreshold(10);
    assert.not(server.stream.isReady());
    await client.log.next('message');
    await server.hasWritten(1);
    while (!server.stream.isReady()) await server.becomesReady();
  });

  test('a message to be written through is not held, hinted or not', async () => {
    await using pair = await Pair.connect(kit);
    for (const [writer, reader] of await writersAndReaders(pair)) {
      writer.write('one', HINT);
      writer.write('two', HINT | WriteFlag.WRITE_THROUGH);
      await reader.hasRead(2);
      writer.write('three', WriteFlag.WRITE_THROUGH);
      await reader.hasRead(3);
      await writer.hasWritten(3);
    }
  });

  test('a cancel drops what is held', async () => {
    await using pair = await Pair.connect(kit);
    for (const which of ['client', 'server'] as const) {
      const [[client, server]] = (await writersAndReaders(pair)) as [[ClientEnd, ServerEnd], unknown];
      for (const end of [client, server]) end.write('held', HINT);
      const reason = Status.ABORTED.withDescription('by the test');
      const ends = { client, server };
      ends[which].cancel(reason);
      const { status } = await client.closed;
      if (which === 'client') assert.is(status, reason);
      else assert.is(status.toString(), 'CANCELLED: stream reset by the peer with HTTP/2 code CANCEL');
      assert.not((await server.closed).isOk);
      assert.equal([client.texts, server.texts, client.written, server.written], [[], [], 0, 0]);
    }
  });

  test('a hint before the stream is open, or where only one message is sent, does no harm', async () => {
    await using pair = await Pair.connect(kit);
    const other = new ClientConnection(kit.client(pair.address, {})).start();
    const early = other.open();
    early.write('one', HINT);
    early.write('two');
    early.halfClose();
    const single = other.open(UNARY);
    single.write('question', HINT);
    single.halfClose();
    for (let i = 0; i < 2; i += 1) {
      const server = await pair.side.streams.next();
      server.request(5);
      await server.log.next('half-close');
      assert.equal(server.texts, server.path === UNARY.path ? ['question'] : ['one', 'two']);
      server.sendHeaders();
      server.write('answer', HINT);
      server.close(Status.OK);
    }
    for (const client of [early, single]) {
      client.request(2);
      assert.ok((await client.closed).status.isOk);
      assert.equal(client.texts, ['answer']);
    }
    other.transport.shutdown(Status.UNAVAILABLE);
    await other.log.end();
  });
}

/** Writes while the end is ready, until it is so no more for good; says how many messages that took. */
async function fill(end: ClientEnd | ServerEnd): Promise<number> {
  let sent = 0;
  for (let idle = 0; idle < 3; idle += 1) {
    while (end.stream.isReady() && sent < 5_000) {
      end.write(Buffer.alloc(10_000));
      sent += 1;
      idle = 0;
    }
    await aWhile();
  }
  assert.ok(sent < 5_000, 'the writer never stopped being ready');
  return sent;
}

async function turnsReady(end: ClientEnd | ServerEnd): Promise<void> {
  while (!end.stream.isReady()) await aWhile();
}
