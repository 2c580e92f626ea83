/** What the server answers by itself, before any application: seen by a client that speaks raw frames. */
import { Metadata } from '../../../src/values/metadata.ts';
import { Code, Status } from '../../../src/values/status.ts';
import type { Frame, HeaderPair } from '../../support/http2-frame.ts';
import { grpcFrame, RawClient, type RawConnection, requestHeaders } from '../../support/raw-http2.ts';
import { assert, suite } from '../../support/suite.ts';
import { StreamServer } from './stream-server.ts';

const test = suite('Http2ServerTransport: requests');

const PATH = '/test.Echo/Unary';

/** The request of grpc with some headers replaced; undefined leaves one out. */
function requestWith(changes: { readonly [name: string]: string | undefined }): HeaderPair[] {
  const kept = requestHeaders(PATH).filter(([name]) => !(name in changes));
  const added = Object.entries(changes).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const pseudo = added.filter(([name]) => name.startsWith(':'));
  return [...pseudo, ...kept, ...added.filter(([name]) => !name.startsWith(':'))];
}

/** The one block of an answer that has no body. */
async function answerTo(client: RawConnection, pairs: readonly HeaderPair[], endStream: boolean): Promise<Frame> {
  const stream = client.open(pairs, { endStream });
  const frame = await client.frame('HEADERS', { stream });
  assert.ok(frame.endStream, client.text());
  if (!endStream) await client.frame('RST_STREAM', { stream, code: 'NO_ERROR', after: frame });
  return frame;
}

/** After the rejections: the connection still serves, no call reached the application before, and no stream is left. */
async function expectNothingLeft(server: StreamServer, client: RawConnection): Promise<void> {
  await client.roundTrip();
  assert.is(server.arrivals.length, 0);
  const stream = client.open(requestHeaders(PATH), { endStream: true });
  const arrival = await server.arrival(0);
  arrival.stream.close(Status.OK, new Metadata());
  await client.frame('HEADERS', { stream });
  // A connection that shuts down gently ends with its last stream.
  server.shutdown();
  assert.is(await client.closed, 'fin', client.text());
  await server.gone();
}

/** A request in both forms, half-closed at once and never. */
async function rejects(changes: Parameters<typeof requestWith>[0], code: Code, message: RegExp): Promise<Frame> {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port);
  await answerTo(client, requestWith(changes), false);
  const frame = await answerTo(client, requestWith(changes), true);
  assert.is(frame.header(':status'), '200');
  assert.is(frame.header('content-type'), 'application/grpc');
  assert.is(frame.header('grpc-status'), String(code));
  assert.match(decodeURIComponent(frame.header('grpc-message') ?? ''), message);
  await expectNothingLeft(server, client);
  return frame;
}

for (const method of ['GET', 'PUT', 'OPTIONS', 'HEAD']) {
  test(`${method} is answered with a plain 405`, async () => {
    await using server = await StreamServer.listen();
    await using client = await RawClient.connect(server.port);
    for (const endStream of [true, false]) {
      const stream = client.open(requestWith({ ':method': method }), { endStream });
      const frame = await client.frame('HEADERS', { stream });
      assert.is(frame.header(':status'), '405');
      assert.is(frame.header('allow'), 'POST');
      assert.is(frame.header('grpc-status'), undefined);
      assert.match(frame.header('content-type') ?? '', /^text\/plain/);
      if (method !== 'HEAD') {
        const body = await client.frame('DATA', { stream });
        assert.is(body.payload.toString(), `Method '${method}' is not supported`);
        if (!body.endStream) await client.frame('DATA', { stream, endStream: true });
      }
      if (!endStream) await client.frame('RST_STREAM', { stream, code: 'NO_ERROR' });
      assert.is(client.has('RST_STREAM', { stream }), !endStream, client.text());
    }
    await expectNothingLeft(server, client);
  });
}

test('CONNECT reaches no handler and leaves no stream', async () => {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port);
  const stream = client.open([
    [':method', 'CONNECT'],
    [':authority', 'localhost:1'],
  ]);
  const frame = await client.frame('HEADERS', { stream });
  assert.is(frame.header(':status'), '405');
  await client.frame('RST_STREAM', { stream, code: 'NO_ERROR' });
  await expectNothingLeft(server, client);
});

for (const type of [undefined, 'text/html', 'application/grpcfoo', 'application/grpc-web', 'application/json', '']) {
  test(`content-type ${JSON.stringify(type) ?? 'missing'} is answered with a plain 415`, async () => {
    await using server = await StreamServer.listen();
    await using client = await RawClient.connect(server.port);
    for (const endStream of [true, false]) {
      const stream = client.open(requestWith({ 'content-type': type }), { endStream });
      const frame = await client.frame('HEADERS', { stream });
      assert.is(frame.header(':status'), '415');
      assert.is(frame.header('grpc-status'), undefined);
      const body = await client.frame('DATA', { stream });
      assert.match(body.payload.toString(), type === undefined ? /is missing/ : /is not supported/);
      if (!endStream) await client.frame('RST_STREAM', { stream, code: 'NO_ERROR' });
    }
    await expectNothingLeft(server, client);
  });
}

test('content-types of gRPC with a subtype, a parameter or capitals are taken', async () => {
  await using server = await StreamServer.listen({
    onArrival: ({ stream }) => stream.close(Status.OK, new Metadata()),
  });
  await using client = await RawClient.connect(server.port);
  for (const type of ['application/grpc+proto', 'application/grpc;charset=utf-8', 'Application/GRPC']) {
    const frame = await answerTo(client, requestWith({ 'content-type': type }), true);
    assert.is(frame.header('grpc-status'), '0', type);
  }
});

for (const path of ['nothing', '/', '/one', '/one/', '//', '*', '/ /', 'a/b']) {
  test(`the path '${path}' is UNIMPLEMENTED or malformed`, async () => {
    await using server = await StreamServer.listen({
      onArrival: ({ stream }) => stream.close(Status.OK, new Metadata()),
    });
    await using client = await RawClient.connect(server.port);
    for (const endStream of [true, false]) {
      const stream = client.open(requestWith({ ':path': path }), { endStream });
      await client.roundTrip();
      const answer = client.frames.find((frame) => frame.stream === stream);
      if (answer?.type === 'RST_STREAM') assert.is(answer.code, 'PROTOCOL_ERROR', path);
      else assert.is(answer?.header('grpc-status'), path === '/ /' ? '0' : String(Code.UNIMPLEMENTED), client.text());
    }
    server.shutdown();
    assert.is(await client.closed, 'fin', client.text());
  });
}

test('a malformed path names what was expected', async () => {
  await rejects({ ':path': '/one' }, Code.UNIMPLEMENTED, /^Expected path of the form \/service\/method: \/one$/);
});

test('a grpc-timeout outside the grammar is INTERNAL', async () => {
  for (const timeout of ['', '1', 'S', '-1S', '1.5S', '1 S', '123456789S', '1X', '1s', '0x1S', '+1m']) {
    await rejects({ 'grpc-timeout': timeout }, Code.INTERNAL, /^grpc-timeout cannot be read: /);
  }
});

test('a grpc-timeout of zero is DEADLINE_EXCEEDED at once, in every unit', async () => {
  for (const unit of ['n', 'u', 'm', 'S', 'M', 'H']) {
    await rejects({ 'grpc-timeout': `0${unit}` }, Code.DEADLINE_EXCEEDED, /deadline had passed/);
  }
});

test('the longest grpc-timeout reaches the application', async () => {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port);
  client.open(requestWith({ 'grpc-timeout': '99999999H' }));
  const { stream } = await server.arrival();
  assert.is(stream.timeoutMs, 99_999_999 * 3_600_000);
  client.open(requestWith({ 'grpc-timeout': '1n' }));
  assert.is((await server.arrival(1)).stream.timeoutMs, 1e-6);
});

test('an unknown grpc-encoding is UNIMPLEMENTED, and the client is told what there is', async () => {
  const frame = await rejects(
    { 'grpc-encoding': 'snappy' },
    Code.UNIMPLEMENTED,
    /^Can't find decompressor for snappy$/,
  );
  assert.is(frame.header('grpc-accept-encoding'), 'identity,gzip,deflate');
});

test('a -bin header that is not base64 is INTERNAL and named', async () => {
  for (const value of ['a', '****', 'AQ=A', 'AQ===', 'A Q', 'AQ,*']) {
    await rejects(
      { 'trace-bin': value },
      Code.INTERNAL,
      /^the field 'trace-bin' of the request headers is not base64$/,
    );
  }
});

test('headers over the limit are RESOURCE_EXHAUSTED up to twice the limit, and refused by HTTP/2 above', async () => {
  await rejects({ big: 'x'.repeat(9_000) }, Code.RESOURCE_EXHAUSTED, /exceed the limit of 8192$/);
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port);
  await client.roundTrip();
  const stream = client.open(requestWith({ big: 'x'.repeat(17_000) }));
  await client.frame('RST_STREAM', { stream, code: 'ENHANCE_YOUR_CALM' });
  await expectNothingLeft(server, client);
});

test('the limit for headers can be raised', async () => {
  await using server = await StreamServer.listen({}, { maxInboundMetadataBytes: 64 * 1024 });
  await using client = await RawClient.connect(server.port);
  client.open(requestWith({ a: 'x'.repeat(30_000), b: 'y'.repeat(30_000) }));
  const { headers } = await server.arrival();
  assert.is(headers.get('a'), 'x'.repeat(30_000));
});

test('500 small headers are not too many', async () => {
  await using server = await StreamServer.listen({}, { maxInboundMetadataBytes: 64 * 1024 });
  await using client = await RawClient.connect(server.port);
  client.open(
    requestHeaders(
      PATH,
      Array.from({ length: 500 }, (_, i): HeaderPair => ['k', `${i}`]),
    ),
  );
  assert.is((await server.arrival()).headers.getAll('k').length, 500);
});

test('host stands in for :authority, which wins over it', async () => {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port);
  client.open(requestWith({ ':authority': undefined, host: 'from-host' }));
  assert.is((await server.arrival(0)).stream.authority, 'from-host');
  client.open(requestWith({ host: 'from-host' }));
  const second = await server.arrival(1);
  assert.is(second.stream.authority, 'localhost');
  assert.is(second.headers.get('host'), undefined);
});

test('a request without te is served', async () => {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port);
  client.open(requestWith({ te: undefined }));
  assert.is((await server.arrival()).path, PATH);
});

for (const [what, pairs] of [
  ['a connection header', requestHeaders(PATH, [['connection', 'close']])],
  ['a te other than trailers', requestWith({ te: 'gzip' })],
  ['a name with capitals', requestHeaders(PATH, [['Upper', 'x']])],
  ['no :method', requestWith({ ':method': undefined })],
  ['no :path', requestWith({ ':path': undefined })],
  ['an empty :path', requestWith({ ':path': '' })],
  ['a pseudo-header behind others', requestHeaders(PATH, [[':path', '/a/b']])],
  ['an unknown pseudo-header', [[':nothing', 'x'], ...requestHeaders(PATH)]],
] as const) {
  test(`${what} resets the stream with PROTOCOL_ERROR`, async () => {
    await using server = await StreamServer.listen();
    await using client = await RawClient.connect(server.port);
    const stream = client.open(pairs);
    await client.frame('RST_STREAM', { stream, code: 'PROTOCOL_ERROR' });
    await expectNothingLeft(server, client);
  });
}

test('what the client sends after it was rejected is swallowed, and the connection goes on', async () => {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port);
  for (const changes of [{ ':method': 'GET' }, { 'content-type': 'text/html' }, { ':path': '/one' }]) {
    const stream = client.open(requestWith(changes));
    for (let i = 0; i < 20; i += 1) client.sendData(stream, grpcFrame(Buffer.alloc(16_000)));
    await client.frame('RST_STREAM', { stream, code: 'NO_ERROR' });
  }
  await expectNothingLeft(server, client);
});

test('a request and its reset in one segment leave nothing', async () => {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port);
  for (const changes of [{ ':method': 'GET' }, { 'content-type': 'text/html' }, { ':path': '/one' }]) {
    client.socket.cork();
    const stream = client.open(requestWith(changes));
    client.sendRst(stream, 'CANCEL');
    client.socket.uncork();
  }
  await expectNothingLeft(server, client);
});

test.run();
