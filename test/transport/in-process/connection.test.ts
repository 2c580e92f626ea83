/** A connection within the process, where it differs from others or says more: facts, limits, causes, deadlines, copies. */
import { InProcessClientTransport } from '../../../src/transport/in-process/client-transport.ts';
import { InProcessServer, type InProcessServerOptions } from '../../../src/transport/in-process/server.ts';
import { LOCAL_ADDRESS, REMOTE_ADDRESS, SECURITY_LEVEL } from '../../../src/values/attributes.ts';
import { Deadline } from '../../../src/values/deadline.ts';
import { Metadata } from '../../../src/values/metadata.ts';
import { Status } from '../../../src/values/status.ts';
import { assert, suite } from '../../support/suite.ts';
import { WoundClock } from '../../support/wound-clock.ts';
import { ClientConnection, type ClientEnd, type ServerEnd, ServerSide } from '../ends.ts';

const test = suite('InProcessClientTransport');

const REASON = Status.UNAVAILABLE.withDescription('enough');
const SECRET = new Error('the cause');

type ClientInit = Omit<ConstructorParameters<typeof InProcessClientTransport>[0], 'server'>;

/** A connection to an anonymous server. */
class Link {
  readonly server: InProcessServer;
  readonly side: ServerSide;
  readonly client: ClientConnection;

  private constructor(server: InProcessServer, client: ClientInit) {
    this.server = server;
    this.side = new ServerSide(server);
    this.client = new ClientConnection(new InProcessClientTransport({ server, ...client }));
  }

  static async open(init: { server?: InProcessServerOptions; client?: ClientInit } = {}): Promise<Link> {
    const link = new Link(InProcessServer.anonymous(init.server), init.client ?? {});
    await link.side.listen();
    await link.client.connect();
    return link;
  }

  async stream(...options: Parameters<ClientConnection['open']>): Promise<[ClientEnd, ServerEnd]> {
    return [this.client.open(...options), await this.side.streams.next()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.side.listener.close();
    this.client.transport.shutdownNow(REASON);
    await this.client.log.end();
    for (const { log } of this.side.connections.all) await log.end();
    await this.side.log.end();
  }
}

/** Long enough for a few ticks. */
function aWhile(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('both ends know where they are, and that nobody listens in', async () => {
  await using link = await Link.open();
  const [client, server] = await link.stream();
  for (const { stream } of [client, server]) {
    const attributes = stream.getAttributes();
    assert.equal(attributes.get(REMOTE_ADDRESS), { name: link.server.name });
    assert.equal(attributes.get(LOCAL_ADDRESS), { name: link.server.name });
    assert.is(attributes.get(SECURITY_LEVEL), 'privacy-and-integrity');
  }
});

test('the authority is the server’s name, unless the connection or the call has its own', async () => {
  await using plain = await Link.open();
  assert.is((await plain.stream())[1].stream.authority, plain.server.name);
  await using named = await Link.open({ client: { authority: 'example.test' } });
  assert.is((await named.stream())[1].stream.authority, 'example.test');
  assert.is((await named.stream(undefined, { authority: 'call.test' }))[1].stream.authority, 'call.test');
});

test('the user agent is the library’s, behind the application’s own', async () => {
  await using plain = await Link.open();
  assert.match((await plain.stream())[1].headers.get('user-agent') ?? '', /^grpc-node-halfclose\/[\d.]+$/);
  await using named = await Link.open({ client: { userAgent: 'mine/1' } });
  assert.match((await named.stream())[1].headers.get('user-agent') ?? '', /^mine\/1 grpc-node-halfclose\/[\d.]+$/);
});

test('the cause of a status stays at the server, unless it was told to let it go along', async () => {
  const closeWith = async (
    propagateCause: boolean,
    act: (server: ServerEnd, status: Status) => void,
  ): Promise<unknown> => {
    await using link = await Link.open({ server: { propagateCause } });
    const [client, server] = await link.stream();
    act(server, Status.INTERNAL.withDescription('broke').withCause(SECRET));
    const { status } = await client.closed;
    assert.is(status.toString(), 'INTERNAL: broke');
    return status.cause;
  };
  for (const act of [
    (server: ServerEnd, status: Status): void => server.close(status),
    (server: ServerEnd, status: Status): void => server.cancel(status),
  ]) {
    assert.is(await closeWith(false, act), undefined);
    assert.is(await closeWith(true, act), SECRET);
  }
});

test('the cause of a client’s cancel never reaches the server', async () => {
  await using link = await Link.open({ server: { propagateCause: true } });
  const [client, server] = await link.stream();
  client.cancel(Status.CANCELLED.withDescription('mine alone').withCause(SECRET));
  const status = await server.closed;
  assert.is(status.cause, undefined);
  assert.not.match(status.toString(), /mine alone/);
});

test('an empty description is none, as on a wire', async () => {
  await using link = await Link.open();
  const [client, server] = await link.stream();
  server.close(Status.ABORTED.withDescription(''));
  assert.is((await client.closed).status.description, null);
});

test('metadata is counted as HTTP/2 does: exactly the limit passes, a byte more does not', async () => {
  // A name, a value, and 32 bytes for the field; bytes count in base64.
  const sized = (bytes: number): Metadata => new Metadata({ 'x-data': 'a'.repeat(bytes - 6 - 32) });
  const limit = { maxInboundMetadataBytes: 200 };
  await using link = await Link.open({ client: limit });
  const [fits, server] = await link.stream();
  server.sendHeaders(sized(200));
  server.close(Status.OK, sized(200));
  assert.ok((await fits.closed).status.isOk);
  const [headers, headersServer] = await link.stream();
  headersServer.sendHeaders(sized(201));
  const text = 'of 201 bytes exceed the limit of 200';
  assert.is((await headers.closed).status.toString(), `RESOURCE_EXHAUSTED: response headers ${text}`);
  const [trailers, trailersServer] = await link.stream();
  trailersServer.close(Status.OK, sized(201));
  assert.is((await trailers.closed).status.toString(), `RESOURCE_EXHAUSTED: trailers ${text}`);
});

test('a refused request says how large its headers were, and is counted as seen by nobody', async () => {
  await using link = await Link.open({ server: { maxInboundMetadataBytes: 10 } });
  const client = link.client.open();
  const { status } = await client.closed;
  assert.match(status.toString(), /^RESOURCE_EXHAUSTED: request headers of \d+ bytes exceed the limit of 10$/);
  assert.is(link.side.streams.all.length, 0);
});

test('metadata is copied on its way: neither end sees what the other does to its own', async () => {
  await using link = await Link.open();
  const mine = new Metadata({ 'x-a': 'sent' });
  const client = link.client.open();
  client.cancel(REASON);
  await client.closed;
  const [other, server] = await link.stream();
  const response = new Metadata({ 'x-b': 'sent' });
  server.sendHeaders(response);
  response.set('x-b', 'changed afterwards');
  const { headers } = await other.log.next('headers');
  assert.is(headers.get('x-b'), 'sent');
  headers.set('x-b', 'changed by the client');
  assert.is(response.get('x-b'), 'changed afterwards');
  server.close(Status.OK, mine);
  mine.set('x-a', 'changed afterwards');
  assert.is((await other.closed).trailers.get('x-a'), 'sent');
});

test('the server sees what is left of the deadline when they meet', async () => {
  await using link = await Link.open();
  const clock = new WoundClock();
  const deadline = Deadline.after(500, clock);
  clock.advance(200);
  const [, server] = await link.stream(undefined, { deadline });
  assert.is(server.stream.timeoutMs, 300);
});

test('a deadline that passes before they meet never reaches the server', async () => {
  await using link = await Link.open();
  const clock = new WoundClock();
  const client = link.client.open(undefined, { deadline: Deadline.after(500, clock) });
  clock.advance(500);
  const { status, progress } = await client.closed;
  assert.is(status.code, Status.DEADLINE_EXCEEDED.code);
  assert.is(progress, 'not-sent');
  assert.is(link.side.streams.all.length, 0);
});

test('a stream says in words what it waits for, and where it is', async () => {
  await using link = await Link.open();
  const client = link.client.open();
  assert.is(client.stream.describeProgress(), `waiting for a connection to ${link.server.name}`);
  const server = await link.side.streams.next();
  assert.is(client.stream.describeProgress(), `at ${link.server.name}`);
  server.sendHeaders();
  await client.log.next('headers');
  assert.is(client.stream.describeProgress(), `at ${link.server.name}, after its response headers`);
});

test('a burst arrives in the tick after it, whole', async () => {
  await using link = await Link.open();
  const [client, server] = await link.stream();
  server.request(Number.POSITIVE_INFINITY);
  for (let i = 0; i < 100; i += 1) client.write('x');
  assert.is(server.payloads.length, 0);
  await new Promise<void>((resolve) => process.nextTick(resolve));
  assert.is(server.payloads.length, 100);
  assert.equal(
    client.log.all('written').map(({ count }) => count),
    [100],
  );
});

test('at most a window is taken in ahead of permits, and one payload beyond it', async () => {
  await using link = await Link.open();
  const [client, server] = await link.stream();
  for (let i = 0; i < 20; i += 1) client.write(Buffer.alloc(10_000));
  await aWhile();
  assert.is(client.written, 7);
  server.request(1);
  await aWhile();
  assert.is(client.written, 8);
  server.request(Number.POSITIVE_INFINITY);
  await aWhile();
  assert.is(client.written, 20);
});

test('shutdownNow of the server tells the client its reason, without the cause', async () => {
  await using link = await Link.open();
  const [client, server] = await link.stream();
  const [connection] = link.side.connections.all;
  connection?.transport.shutdownNow(REASON.withCause(SECRET));
  const { status } = await client.closed;
  assert.equal([status.toString(), status.cause], [REASON.toString(), undefined]);
  assert.is((await server.closed).code, REASON.code);
});

test('a connection holds no process alive', async () => {
  const before = process.getActiveResourcesInfo().length;
  await using link = await Link.open();
  await link.stream();
  assert.is(process.getActiveResourcesInfo().length, before);
});

test.run();
