/** The contract of a stream: what passes between the ends, and how either may end it. See contract.ts. */

import { LOCAL_ADDRESS, REMOTE_ADDRESS } from '../../src/values/attributes.ts';
import { Deadline } from '../../src/values/deadline.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { assert } from '../support/suite.ts';
import { type ClientEnd, ClientEnd as NewClientEnd, type ServerEnd, UNARY } from './ends.ts';
import { Pair, type Promised, type TransportKit } from './pair.ts';

const SECRET = new Error('stays here');

export function streamContract(test: Promised, kit: TransportKit): void {
  exchange(test, kit);
  bothWriteMuch(test, kit);
  headersIn(test, kit);
  earlyEnds(test, kit);
  clientCancel(test, kit);
  serverCancel(test, kit);
  afterTheEnd(test, kit);
  metadataLimits(test, kit);
}

const CUSTOM: readonly (readonly [string, string | Uint8Array])[] = [
  ['x-one', 'first'],
  ['x-bytes-bin', Uint8Array.of(0, 255, 10)],
  ['x-one', 'second'],
  ['x-bytes-bin', Uint8Array.of()],
  ['x-empty', ''],
];

/** Only what a test sent, as plain values. */
function custom(metadata: Metadata): [string, string | number[]][] {
  const mine = [...metadata].filter(([key]) => key.startsWith('x-'));
  return mine.map(([key, value]) => [key, typeof value === 'string' ? value : [...value]]);
}

const EXPECTED = CUSTOM.map(([key, value]) => [key, typeof value === 'string' ? value : [...value]]);

/** By key: order across different keys is not promised, order within one is. */
function byKey(pairs: readonly (readonly unknown[])[]): unknown[] {
  return [...pairs].sort(([a], [b]) => (String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0));
}

function exchange(test: Promised, kit: TransportKit): void {
  test('a whole exchange: metadata with duplicates and bytes both ways, messages, status, trailers, addresses', async () => {
    await using pair = await Pair.connect(kit);
    const client = new NewClientEnd(pair.client.transport);
    assert.is(client.stream.getAttributes().get(REMOTE_ADDRESS), null);
    client.start(new Metadata(CUSTOM));
    const server = await pair.side.streams.next();
    assert.is(server.path, '/test.Contract/Bidi');
    assert.equal(byKey(custom(server.headers)), byKey(EXPECTED));
    assert.ok(server.stream.getAttributes().get(REMOTE_ADDRESS));
    assert.ok(server.stream.getAttributes().get(LOCAL_ADDRESS));
    client.write('ping');
    client.halfClose();
    server.request(2);
    await server.log.next('half-close');
    assert.equal(server.texts, ['ping']);
    server.sendHeaders(new Metadata(CUSTOM));
    server.write('pong');
    client.request(2);
    assert.equal(byKey(custom((await client.log.next('headers')).headers)), byKey(EXPECTED));
    assert.ok(client.stream.getAttributes().get(REMOTE_ADDRESS));
    assert.ok(client.stream.getAttributes().get(LOCAL_ADDRESS));
    await client.log.next('message');
    assert.not(client.isClosed);
    server.close(Status.OK.withDescription('well done'), new Metadata(CUSTOM));
    const { status, trailers } = await client.closed;
    assert.equal([status.code, status.description], [0, 'well done']);
    assert.equal(byKey(custom(trailers)), byKey(EXPECTED));
    assert.ok((await server.closed).isOk);
    assert.equal(client.texts, ['pong']);
  });

  test('no message at all: headers and OK, one close at each end', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    client.halfClose();
    await server.log.next('half-close');
    server.sendHeaders();
    server.close(Status.OK.withDescription('nothing'));
    assert.is((await client.closed).status.toString(), 'OK: nothing');
    assert.ok((await server.closed).isOk);
    assert.equal(
      client.log.names().filter((name) => name !== 'ready'),
      ['headers', 'close'],
    );
  });

  test('a method with one message each way', async () => {
    await using pair = await Pair.connect(kit);
    const client = pair.client.open(UNARY);
    client.write('question');
    client.halfClose();
    const server = await pair.side.streams.next();
    server.request(2);
    await server.log.next('half-close');
    server.sendHeaders();
    server.write('answer');
    server.close(Status.OK);
    client.request(2);
    assert.ok((await client.closed).status.isOk);
    assert.equal([server.texts, client.texts], [['question'], ['answer']]);
  });

  test('messages of every size arrive whole and in order, both ways', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    const sizes = [0, 1, 5, 16_379, 16_384, 35_535, 0, 3];
    const messages = sizes.map((size, index) => Buffer.alloc(size, index));
    server.sendHeaders();
    for (const message of messages) {
      client.write(Buffer.from(message));
      server.write(Buffer.from(message));
    }
    client.halfClose();
    server.request(Number.POSITIVE_INFINITY);
    client.request(Number.POSITIVE_INFINITY);
    await server.log.next('half-close');
    server.close(Status.OK);
    await client.closed;
    for (const end of [client, server]) {
      assert.equal(
        end.payloads.map(({ length }) => length),
        sizes,
      );
      assert.ok(end.payloads.every((payload, index) => messages[index]?.equals(payload)));
    }
  });
}

function bothWriteMuch(test: Promised, kit: TransportKit): void {
  test('both ends may write at once more than fits between them', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.sendHeaders();
    client.request(1);
    server.request(1);
    client.write(Buffer.alloc(1_500_000, 1));
    server.write(Buffer.alloc(1_500_000, 2));
    await server.log.next('message');
    await client.log.next('message');
    server.close(Status.OK);
    await client.closed;
  });
}

function headersIn(test: Promised, kit: TransportKit): void {
  test('the server sees the authority: the transport’s, or the stream’s own', async () => {
    await using pair = await Pair.connect(kit);
    const [, plain] = await pair.stream();
    assert.type(plain.stream.authority, 'string');
    pair.client.open(undefined, { authority: 'elsewhere.test' });
    assert.is((await pair.side.streams.next()).stream.authority, 'elsewhere.test');
  });

  test('the server sees what is left of the deadline, or that there is none', async () => {
    await using pair = await Pair.connect(kit);
    const [, plain] = await pair.stream();
    assert.is(plain.stream.timeoutMs, null);
    pair.client.open(undefined, { deadline: Deadline.after(60_000) });
    const { timeoutMs } = (await pair.side.streams.next()).stream;
    assert.ok(timeoutMs !== null && timeoutMs > 50_000 && timeoutMs <= 60_001, String(timeoutMs));
    pair.client.open(undefined, { deadline: Deadline.after(Number.POSITIVE_INFINITY) });
    assert.is((await pair.side.streams.next()).stream.timeoutMs, null);
  });

  test('a deadline that has passed never reaches the server', async () => {
    await using pair = await Pair.connect(kit);
    const late = pair.client.open(undefined, { deadline: Deadline.after(-1) });
    assert.is((await late.closed).status.code, Status.DEADLINE_EXCEEDED.code);
    assert.is((await late.closed).progress, 'not-sent');
    const [, server] = await pair.stream();
    assert.equal(pair.side.streams.all, [server]);
  });

  test('an open stream says in words where it is', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    assert.not(client.stream.describeProgress() === '');
    server.sendHeaders();
    await client.log.next('headers');
    assert.not(client.stream.describeProgress() === '');
  });
}

function earlyEnds(test: Promised, kit: TransportKit): void {
  test('the server closes early, after headers: both ends close, the cause stays at the server', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.sendHeaders(new Metadata(CUSTOM));
    await client.log.next('headers');
    server.close(Status.OK.withDescription('that is all').withCause(SECRET), new Metadata(CUSTOM));
    const { status, trailers } = await client.closed;
    assert.equal([status.code, status.description, status.cause], [0, 'that is all', undefined]);
    assert.equal(byKey(custom(trailers)), byKey(EXPECTED));
    assert.ok((await server.closed).isOk);
  });

  test('the server closes early, without headers: the trailers arrive, no headers are told', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.close(Status.OK.withDescription('nothing for you'), new Metadata(CUSTOM));
    const { status, trailers } = await client.closed;
    assert.equal([status.code, status.description], [0, 'nothing for you']);
    assert.equal(byKey(custom(trailers)), byKey(EXPECTED));
    assert.not(client.log.names().includes('headers'));
    assert.ok((await server.closed).isOk);
  });

  test('the server fails early: code and text arrive; for the server the end is OK', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.close(Status.INTERNAL.withDescription('it broke').withCause(SECRET));
    const { status, progress } = await client.closed;
    assert.equal([status.code, status.description, status.cause], [13, 'it broke', undefined]);
    assert.is(progress, 'processed');
    assert.ok((await server.closed).isOk);
  });

  test('cancel inside onClose makes no second one', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    client.reactions = { close: () => client.cancel(Status.CANCELLED) };
    server.reactions = { close: () => server.cancel(Status.CANCELLED) };
    server.close(Status.INTERNAL.withDescription('it broke'));
    assert.is((await client.closed).status.code, Status.INTERNAL.code);
    assert.ok((await server.closed).isOk);
    await pair.roundTrip();
  });

  test('the client still sends when the server has ended: that hurts nobody', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.close(Status.OK);
    for (let i = 0; i < 20; i += 1) client.write(Buffer.alloc(50_000));
    client.halfClose();
    assert.ok((await client.closed).status.isOk);
    assert.ok((await server.closed).isOk);
    await pair.roundTrip();
  });
}

function clientCancel(test: Promised, kit: TransportKit): void {
  test('cancel: its own close carries the very status, the server’s is not OK and has no cause of the client’s', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    const reason = Status.CANCELLED.withDescription('changed my mind').withCause(SECRET);
    client.cancel(reason);
    client.cancel(Status.INTERNAL);
    const { status, trailers } = await client.closed;
    assert.is(status, reason);
    assert.is(trailers.size, 0);
    const seen = await server.closed;
    assert.not(seen.isOk);
    assert.not(seen.cause === SECRET);
    assert.not(server.log.names().includes('half-close'));
    client.cancel(Status.ABORTED);
    await pair.roundTrip();
  });

  test('cancel inside onMessage: closed with that status, no further message', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    const reason = Status.CANCELLED.withDescription('seen enough');
    client.reactions = { message: () => client.cancel(reason) };
    client.request(10);
    server.sendHeaders();
    for (const text of ['one', 'two', 'three']) server.write(text);
    server.close(Status.OK);
    assert.is((await client.closed).status, reason);
    assert.equal(client.texts, ['one']);
    await server.closed;
  });

  test('cancel does not wait for messages that were not asked for, and drops them', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.sendHeaders();
    server.write('unread');
    server.close(Status.OK, new Metadata(CUSTOM));
    await server.closed;
    await client.log.next('headers');
    await pair.roundTrip();
    const reason = Status.CANCELLED.withDescription('late');
    client.cancel(reason);
    client.request(5);
    const { status, trailers } = await client.closed;
    assert.is(status, reason);
    assert.is(trailers.size, 0);
    assert.equal(client.texts, []);
  });

  test('cancelled right after start: one close, and a server that saw it sees it end', async () => {
    await using pair = await Pair.connect(kit);
    const client = pair.client.open();
    client.write('unread');
    client.cancel(Status.CANCELLED);
    await client.closed;
    await pair.roundTrip();
    for (const server of pair.side.streams.all) if (server.path.endsWith('Bidi')) await server.closed;
    assert.is(client.written, 0);
  });
}

function serverCancel(test: Promised, kit: TransportKit): void {
  test('cancel of the server: its own close carries the given status, the client’s the same without cause', async () => {
    await using pair = await Pair.connect(kit);
    for (const withHeaders of [false, true]) {
      const [client, server] = await pair.stream();
      if (withHeaders) server.sendHeaders();
      const reason = Status.DATA_LOSS.withDescription('disk gone').withCause(SECRET);
      server.cancel(reason);
      server.cancel(Status.INTERNAL);
      const { status } = await client.closed;
      assert.equal([status.code, status.description, status.cause], [15, 'disk gone', undefined]);
      assert.is(await server.closed, reason);
    }
    await pair.roundTrip();
  });

  test('cancel of the server amid a full queue: the queue is dropped, the client’s end is not OK', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.sendHeaders();
    for (let i = 0; i < 40; i += 1) server.write(Buffer.alloc(100_000));
    const reason = Status.INTERNAL.withDescription('no more');
    server.cancel(reason);
    assert.is(await server.closed, reason);
    client.request(Number.POSITIVE_INFINITY);
    assert.not((await client.closed).status.isOk);
    assert.ok(client.payloads.length < 40);
  });
}

function afterTheEnd(test: Promised, kit: TransportKit): void {
  const useClient = (client: ClientEnd): void => {
    client.request(3);
    client.write('dropped');
    client.halfClose();
    client.cancel(Status.ABORTED);
    assert.not(client.stream.isReady());
    client.stream.getAttributes();
    client.stream.describeProgress();
  };
  const useServer = (server: ServerEnd): void => {
    server.request(3);
    server.sendHeaders();
    server.write('dropped');
    server.close(Status.ABORTED);
    server.cancel(Status.ABORTED);
    assert.not(server.stream.isReady());
    server.stream.getAttributes();
  };

  test('after its close a server stream’s methods do nothing', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.close(Status.OK);
    useServer(server);
    assert.ok((await client.closed).status.isOk);
    assert.ok((await server.closed).isOk);
    useServer(server);
    await pair.roundTrip();
  });

  test('of what was on its way when a server stream closed nothing is delivered, however much it asks for', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    for (let i = 0; i < 3; i += 1) client.write(Buffer.alloc(40_000));
    await pair.roundTrip();
    server.close(Status.OK);
    server.request(3);
    assert.ok((await client.closed).status.isOk);
    assert.ok((await server.closed).isOk);
    assert.equal(server.payloads, []);
  });

  test('after its cancel a client stream’s methods do nothing', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    client.cancel(Status.CANCELLED);
    useClient(client);
    assert.is((await client.closed).status.code, Status.CANCELLED.code);
    await server.closed;
    useClient(client);
    useServer(server);
    await pair.roundTrip();
    assert.equal(server.texts, []);
  });

  test('after the peer’s end a client stream’s methods do nothing', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.close(Status.NOT_FOUND);
    await client.closed;
    useClient(client);
    await pair.roundTrip();
  });
}

function metadataLimits(test: Promised, kit: TransportKit): void {
  const large = (): Metadata => new Metadata({ 'x-large': 'a'.repeat(1_500) });
  const limit = { maxInboundMetadataBytes: 1_000 };

  test('request headers over the server’s limit fail the call; the server sees nothing', async () => {
    await using pair = await Pair.connect(kit, { server: limit });
    const client = new NewClientEnd(pair.client.transport).start(large());
    assert.is((await client.closed).status.code, Status.RESOURCE_EXHAUSTED.code);
    const [, server] = await pair.stream();
    assert.equal(pair.side.streams.all, [server]);
  });

  test('response headers over the client’s limit fail the call, without onHeaders', async () => {
    await using pair = await Pair.connect(kit, { client: limit });
    const [client, server] = await pair.stream();
    server.sendHeaders(large());
    server.write('unseen');
    client.request(1);
    assert.is((await client.closed).status.code, Status.RESOURCE_EXHAUSTED.code);
    assert.not(client.log.names().includes('headers'));
    assert.not((await server.closed).isOk);
  });

  test('trailers over the client’s limit fail the call and are not shown', async () => {
    await using pair = await Pair.connect(kit, { client: limit });
    const [client, server] = await pair.stream();
    server.close(Status.OK, large());
    const { status, trailers } = await client.closed;
    assert.is(status.code, Status.RESOURCE_EXHAUSTED.code);
    assert.is(trailers.size, 0);
  });
}
