/**
 * Header blocks: what our Metadata becomes on the wire, and what is read back, through real pairs of node:http2 sessions
 * and from raw frames.
 */
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { type HeaderList, headerObject, nodeHeaders } from '../../../src/transport/http2/header-form.ts';
import { MAX_FIELD_BYTES, outboundFault } from '../../../src/transport/http2/header-limits.ts';
import {
  isGrpcContentType,
  parseHead,
  readStatus,
  requestHeaders,
  responseHeaders,
  trailerHeaders,
  trailersOnlyHeaders,
} from '../../../src/transport/http2/headers.ts';
import { listBytes } from '../../../src/transport/wire-metadata.ts';
import { Metadata } from '../../../src/values/metadata.ts';
import { Status } from '../../../src/values/status.ts';
import { RawServer, responseHeaders as rawResponse } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { eventOf, nodeRequest, nodeSession } from './node-session.ts';

const test = suite('headers');

const HEAD = {
  scheme: 'http',
  authority: 'a.test',
  path: '/a.B/C',
  userAgent: 'agent',
  timeout: null,
  encoding: null,
  acceptEncoding: 'identity',
} as const;

/** Sends request blocks over one real pair of sessions and hands back what arrives. */
class Wire {
  readonly #server: http2.Http2Server;
  readonly #client: http2.ClientHttp2Session;

  private constructor(server: http2.Http2Server, client: http2.ClientHttp2Session) {
    this.#server = server;
    this.#client = client;
  }

  static async open(): Promise<Wire> {
    const options = { maxHeaderListPairs: 2_000, maxSendHeaderBlockLength: Number.MAX_SAFE_INTEGER };
    const server = http2.createServer(options);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return new Wire(server, http2.connect(`http://127.0.0.1:${port}`, options));
  }

  async send(list: HeaderList, form: typeof nodeHeaders = nodeHeaders): Promise<string[]> {
    const come = new Promise<string[]>((resolve) => {
      this.#server.once('stream', (stream: http2.ServerHttp2Stream, ...[, , raw]: unknown[]) => {
        stream.respond({ ':status': 200 }, { endStream: true });
        resolve(raw as string[]);
      });
    });
    const stream = this.#client.request(form(list), { endStream: true });
    stream.resume();
    const closed = eventOf(stream, 'close');
    const raw = await within(2_000, come);
    await closed;
    return raw;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#client.close();
    await within(2_000, closed);
  }
}

// Names that the library writes itself are not among those that Metadata takes and we send.
const OURS = /^(?:accept-encoding|content-encoding|content-length|content-type|date|user-agent)$/;
const names = fc.oneof(
  fc.constantFrom('authorization', 'cookie', 'set-cookie', 'etag', 'age', 'x-a', 'x-b', 'a-bin', 'grpc-trace-bin'),
  fc.constantFrom('constructor', '__proto__', 'valueof', '1', '2'),
  fc.stringMatching(/^[a-z0-9_.-]{1,12}$/),
);
const texts = fc.stringMatching(/^(?:[\x21-\x7e](?:[\x20-\x7e]{0,20}[\x21-\x7e])?)?$/);
const pairs = fc
  .tuple(names, texts, fc.uint8Array({ maxLength: 40 }))
  .map(([name, text, bytes]): [string, string | Uint8Array] => [
    name,
    name.endsWith('-bin') ? Buffer.from(bytes) : text,
  ])
  .filter(([name, value]) => {
    if (OURS.test(name)) return false;
    try {
      new Metadata().append(name, value);
      return true;
    } catch {
      return false;
    }
  });

/** A header object with the usual prototype, as assert.equal wants it. */
const plain = (headers: http2.OutgoingHttpHeaders): http2.OutgoingHttpHeaders => ({ ...headers });

/** The values of each name, in order; those of a name that is sent once are joined. */
function byName(entries: Iterable<readonly [string, string | Uint8Array]>): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const [name, value] of entries) {
    const text = typeof value === 'string' ? value : `bytes ${Buffer.from(value).toString('hex')}`;
    values.set(name, [...(values.get(name) ?? []), text]);
  }
  for (const once of ['authorization', 'etag', 'age']) {
    const several = values.get(once);
    if (several !== undefined) values.set(once, [several.join(',')]);
  }
  return values;
}

test('node: a field with outer spaces is dropped by the receiver without a word', async () => {
  await using server = await RawServer.listen();
  await using session = nodeSession(server.port);
  const stream = nodeRequest(session, { endStream: true });
  stream.resume();
  const peer = await server.connection();
  await peer.frame('HEADERS');
  const response = eventOf(stream, 'response');
  peer.sendHeaders(
    1,
    rawResponse([
      ['x-before', ' v'],
      ['x-after', 'v '],
      ['x-inner', 'a b'],
      ['x-empty', ''],
    ]),
  );
  const [, , raw] = (await response) as [unknown, unknown, string[]];
  assert.equal(raw.slice(4), ['x-inner', 'a b', 'x-empty', '']);
});

test('node: a name that it sends once throws when it is given twice', async () => {
  await using server = await RawServer.listen();
  await using session = nodeSession(server.port);
  for (const name of ['authorization', 'etag', 'from', 'age', 'retry-after']) {
    assert.throws(
      () => session.request({ ':method': 'POST', [name]: ['a', 'b'] }),
      (error: NodeJS.ErrnoException) => error.code === 'ERR_HTTP2_HEADER_SINGLE_VALUE',
      name,
    );
  }
});

test('node: a field beyond 64 KiB ends the whole connection of the one who receives it', async () => {
  await using server = await RawServer.listen();
  await using session = nodeSession(server.port);
  const stream = nodeRequest(session, { endStream: true });
  stream.resume();
  const peer = await server.connection();
  await peer.frame('HEADERS');
  peer.sendHeaders(1, rawResponse([['x-long', 'v'.repeat(65_537)]]));
  await peer.frame('GOAWAY', { code: 'COMPRESSION_ERROR' });
});

test('node: header objects lose what came twice, the raw block does not', async () => {
  await using wire = await Wire.open();
  const raw = await wire.send(
    requestHeaders(
      HEAD,
      new Metadata([
        ['x-a', '1'],
        ['x-b', '2'],
        ['x-a', '3'],
      ]),
    ),
    headerObject,
  );
  assert.equal(
    [...parseHead(raw).metadata],
    [
      ['user-agent', 'agent'],
      ['x-a', '1'],
      ['x-a', '3'],
      ['x-b', '2'],
    ],
  );
});

for (const form of [nodeHeaders, headerObject]) {
  test(`whatever Metadata takes arrives: every value of a name, in order (${form.name})`, async () => {
    await using wire = await Wire.open();
    await fc.assert(
      fc.asyncProperty(fc.array(pairs, { maxLength: 24 }), async (entries) => {
        const head = parseHead(await wire.send(requestHeaders(HEAD, new Metadata(entries)), form));
        const arrived = byName(head.metadata);
        arrived.delete('user-agent');
        assert.equal(new Map([...arrived].sort()), new Map([...byName(entries)].sort()));
        assert.is(head.brokenField, null);
      }),
      { numRuns: 60 },
    );
  });
}

test('names that node sends once are folded into one field, and no value is taken for such a name', async () => {
  await using wire = await Wire.open();
  const misleading = new Metadata([
    ['x-a', 'etag'],
    ['etag', '1'],
    ['etag', '2'],
  ]);
  const { metadata: arrived } = parseHead(await wire.send(requestHeaders(HEAD, misleading)));
  assert.equal([arrived.getAll('x-a'), arrived.getAll('etag')], [['etag'], ['1,2']]);
  for (const name of ['authorization', 'etag', 'from', 'age', 'retry-after', 'proxy-authorization', 'range', 'tk']) {
    const metadata = new Metadata({ [name]: ['a', '', 'b', ''] });
    const head = parseHead(await wire.send(requestHeaders(HEAD, metadata)));
    assert.equal(head.metadata.getAll(name), ['a,,b,'], name);
  }
});

test('names that JavaScript objects know are names like any other', async () => {
  await using wire = await Wire.open();
  const entries: [string, string][] = [
    ['constructor', 'c'],
    ['__proto__', 'p'],
    ['__proto__', 'q'],
  ];
  const { metadata } = parseHead(await wire.send(requestHeaders(HEAD, new Metadata(entries))));
  metadata.delete('user-agent');
  assert.equal([...metadata], entries);
  const trailers = trailerHeaders(Status.OK, new Metadata(entries), 8_192);
  assert.equal(Object.entries(trailers).slice(-2), [
    ['constructor', 'c'],
    ['__proto__', ['p', 'q']],
  ]);
});

test('a request block is read back as it was meant', async () => {
  await using wire = await Wire.open();
  const sent = { ...HEAD, timeout: '5S', encoding: 'gzip', acceptEncoding: 'identity,gzip' };
  const head = parseHead(await wire.send(requestHeaders(sent, new Metadata())));
  assert.is(head.method, 'POST');
  assert.is(head.path, '/a.B/C');
  assert.is(head.authority, 'a.test');
  assert.is(head.timeout, '5S');
  assert.is(head.encoding, 'gzip');
  assert.is(head.acceptEncoding, 'identity,gzip');
  assert.is(head.contentType, 'application/grpc');
  assert.equal([...head.metadata], [['user-agent', 'agent']]);
});

test('reserved names that a proxy may pass on are left out', () => {
  const received = parseHead([
    ':path',
    '/x',
    'te',
    'trailers',
    'user-agent',
    'theirs',
    'content-length',
    '5',
    'date',
    'now',
    'grpc-message-type',
    't',
    'accept-encoding',
    'br',
    'x-a',
    '1',
    'keep-alive',
    'k',
    ':odd',
    'o',
  ]);
  const headers = headerObject(requestHeaders(HEAD, received.metadata));
  assert.equal(
    Object.keys(headers).filter((name) => !name.startsWith(':')),
    ['te', 'content-type', 'user-agent', 'grpc-accept-encoding', 'x-a'],
  );
  assert.is(headers['user-agent'], 'agent');
  assert.is(headers[':odd'], undefined);
});

test('a response block, trailers and Trailers-Only say what they must and no more', () => {
  const metadata = new Metadata({ 'x-a': ['1', '2'], 'x-bin': Buffer.of(255) });
  assert.equal(plain(headerObject(responseHeaders('gzip', 'identity,gzip', metadata))), {
    ':status': '200',
    'content-type': 'application/grpc',
    'grpc-encoding': 'gzip',
    'grpc-accept-encoding': 'identity,gzip',
    'x-a': ['1', '2'],
    'x-bin': '/w',
  });
  assert.not(responseHeaders(null, 'identity', metadata).includes('grpc-encoding'));
  const status = Status.NOT_FOUND.withDescription('é');
  const trailers = { 'grpc-status': '5', 'grpc-message': '%C3%A9', 'x-a': ['1', '2'], 'x-bin': '/w' };
  assert.equal(plain(trailerHeaders(status, metadata, 8_192)), trailers);
  const only = headerObject(trailersOnlyHeaders(status, metadata, 8_192));
  assert.equal(plain(only), { ':status': '200', 'content-type': 'application/grpc', ...trailers });
  assert.equal(trailerHeaders(Status.OK, new Metadata(), 8_192), { 'grpc-status': '0' });
  assert.equal(plain(trailerHeaders(Status.OK.withDescription(''), new Metadata(), 8_192)), { 'grpc-status': '0' });
});

test('trailers always fit, and always say the code', () => {
  const limits = fc.integer({ min: 600, max: 20_000 });
  fc.assert(
    fc.property(
      limits,
      fc.nat(30_000),
      fc.nat(30_000),
      fc.constantFrom('a', '%', 'é', '😀'),
      (limit, text, value, unit) => {
        const metadata = new Metadata({ 'x-long': 'v'.repeat(value) });
        const status = Status.ABORTED.withDescription(unit.repeat(text / unit.length));
        const head = parseHead(trailersOnlyHeaders(status, metadata, limit));
        assert.ok(head.listBytes <= limit, `${head.listBytes} of ${limit}`);
        assert.is(head.status, '10');
        if (!head.metadata.has('x-long'))
          assert.match(readStatus(head.status ?? '', head.message).description ?? '', /./);
      },
    ),
  );
});

test('metadata that would not fit is left out, and the description says so', () => {
  const metadata = new Metadata({ 'x-long': 'v'.repeat(2_000) });
  const trailers = trailerHeaders(Status.ABORTED.withDescription('why'), metadata, 1_000);
  assert.equal(plain(trailers), {
    'grpc-status': '10',
    'grpc-message': 'why (left out: trailers of 2038 bytes exceed the 744 that the peer takes)',
  });
  const field = new Metadata({ 'x-long': 'v'.repeat(MAX_FIELD_BYTES + 1) });
  assert.is(trailerHeaders(Status.OK, field, Number.POSITIVE_INFINITY)['x-long'], undefined);
});

test('-bin values come padded or not, joined or apart, with spaces between', () => {
  const read = (...values: string[]): Uint8Array[] | null => {
    const head = parseHead(values.flatMap((value) => ['x-bin', value]));
    return head.brokenField === null ? head.metadata.getAll('x-bin') : null;
  };
  const [one, two] = [Buffer.of(1), Buffer.of(1, 2)];
  assert.equal(read('AQ'), [one]);
  assert.equal(read('AQ=='), [one]);
  assert.equal(read('AQ==,AQI='), [one, two]);
  assert.equal(read('AQ, AQI'), [one, two]);
  assert.equal(read('AQ', 'AQI'), [one, two]);
  assert.equal(read(''), [Buffer.alloc(0)]);
  assert.equal(read('AQ,'), [one, Buffer.alloc(0)]);
  assert.equal(read('+/+/'), [Buffer.of(0xfb, 0xff, 0xbf)]);
  for (const broken of ['!', 'A', 'AAAAA', '-_-_', 'A=Q', '=AQ', 'AQ===', 'AQ AQ', 'AQ,!'])
    assert.is(read(broken), null, broken);
});

test('ASCII values are handed on as they came, commas and all', () => {
  const head = parseHead(['x-a', 'a,b', 'x-a', 'c', 'x-e', '']);
  assert.equal(
    [...head.metadata],
    [
      ['x-a', 'a,b'],
      ['x-a', 'c'],
      ['x-e', ''],
    ],
  );
});

test('host stands in for an authority that is missing, and :authority wins', () => {
  assert.is(parseHead(['host', 'h']).authority, 'h');
  assert.is(parseHead([':authority', 'a', 'host', 'h']).authority, 'a');
});

test('grpc-accept-encoding may come in pieces, a grpc-status may not', () => {
  const head = parseHead([
    'grpc-accept-encoding',
    'gzip',
    'grpc-accept-encoding',
    'deflate',
    'grpc-status',
    '0',
    'grpc-status',
    '5',
  ]);
  assert.is(head.acceptEncoding, 'gzip,deflate');
  assert.is(readStatus(head.status ?? '', null).name, 'UNKNOWN');
});

test('the size of a list counts names, values and 32 bytes a field', () => {
  assert.is(parseHead([':status', '200', 'x', 'abc']).listBytes, 7 + 3 + 32 + 1 + 3 + 32);
  assert.is(listBytes(new Metadata()), 0);
  assert.is(listBytes(new Metadata({ x: 'abc', 'y-bin': Buffer.alloc(4) })), 1 + 3 + 32 + 5 + 6 + 32);
});

test('a block is measured as it is sent: its size against the limit, its longest field against what peers survive', () => {
  const block = [':status', '200', 'x', 'abc', 'y', '1', 'y', '23'];
  assert.is(outboundFault(block, 'trailers', 42 + 36 + 34 + 35), null);
  const fault = outboundFault(block, 'trailers', 42 + 36 + 34 + 34);
  assert.is(String(fault), 'RESOURCE_EXHAUSTED: trailers of 147 bytes exceed the 146 that the peer takes');
  assert.is(outboundFault(['x', 'v'.repeat(MAX_FIELD_BYTES)], 'trailers', Number.POSITIVE_INFINITY), null);
  const long = outboundFault(['x', 'a', 'x', 'v'.repeat(MAX_FIELD_BYTES + 1)], 'trailers', Number.POSITIVE_INFINITY);
  assert.match(String(long), /^RESOURCE_EXHAUSTED: a field of 64513 bytes in the trailers exceeds the 64512/);
});

test('gRPC’s content-types', () => {
  for (const type of [
    'application/grpc',
    'application/grpc+proto',
    'Application/GRPC;x',
    'application/grpc;charset=utf-8',
  ]) {
    assert.ok(isGrpcContentType(type), type);
  }
  for (const type of [null, '', 'application/grpc-web', 'application/grpc ', 'text/grpc', 'xapplication/grpc']) {
    assert.not(isGrpcContentType(type), `${type}`);
  }
});

test('grpc-status: 0 to 16 by number, all else UNKNOWN with what came', () => {
  for (let code = 0; code <= 16; code += 1) assert.is(readStatus(`${code}`, null).code, code);
  assert.is(readStatus('5', 'a%20b').toString(), 'NOT_FOUND: a b');
  assert.is(readStatus('5', '').description, null);
  for (const code of ['17', '99', '100', '-1', '', ' 1', '1.0', 'x', '0, 5']) {
    assert.is(readStatus(code, null).toString(), `UNKNOWN: unknown grpc-status '${code}'`);
  }
  assert.is(readStatus('17', 'text').description, "unknown grpc-status '17'\ntext");
  assert.ok((readStatus('9'.repeat(5_000), null).description?.length ?? 0) < 100);
});

test.run();
