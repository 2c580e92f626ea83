/** Http2ClientStream: what it makes of every kind of response, right and wrong. */
import { CompressorRegistry, GZIP } from '../../../src/framing/compressor.ts';
import { Metadata } from '../../../src/values/metadata.ts';
import type { HeaderPair } from '../../support/http2-frame.ts';
import { grpcFrame, responseHeaders, trailers, trailersOnly } from '../../support/raw-http2.ts';
import { assert, suite } from '../../support/suite.ts';
import { ClientRig, type StreamEnd } from './client-rig.ts';

const test = suite('Http2ClientStream, response');

/** How a unary call ends that gets these blocks: the last one with END_STREAM. */
async function endAfter(...blocks: (readonly HeaderPair[] | Buffer)[]): Promise<StreamEnd & { names: string[] }> {
  await using rig = await ClientRig.open();
  const call = await rig.unary();
  call.request(2);
  for (const [i, block] of blocks.entries()) {
    const options = { endStream: i === blocks.length - 1 };
    if (Buffer.isBuffer(block)) rig.peer.sendData(1, block, options);
    else rig.peer.sendHeaders(1, block, options);
  }
  return { ...(await call.closed), names: call.names };
}

const HTML = (status: string): HeaderPair[] => [
  [':status', status],
  ['content-type', 'text/html'],
];

test('headers, messages and trailers, each with its metadata', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.unary();
  call.request(5);
  rig.peer.sendHeaders(
    1,
    responseHeaders([
      ['x-a', '1'],
      ['x-a', '2'],
      ['b-bin', 'AQ,Ag=='],
    ]),
  );
  rig.peer.sendData(1, Buffer.concat([grpcFrame(Buffer.from('one')), grpcFrame(Buffer.alloc(0))]));
  rig.peer.sendHeaders(
    1,
    trailers(5, [
      ['grpc-message', 'no%20such%25'],
      ['x-t', 't'],
    ]),
    { endStream: true },
  );
  const { status, trailers: end, progress } = await call.closed;
  assert.is(status.toString(), 'NOT_FOUND: no such%');
  assert.is(progress, 'processed');
  assert.equal([...end], [['x-t', 't']]);
  const [{ headers } = { headers: new Metadata() }] = call.log.all('headers');
  assert.equal(
    [...headers],
    [
      ['x-a', '1'],
      ['x-a', '2'],
      ['b-bin', Buffer.of(1)],
      ['b-bin', Buffer.of(2)],
    ],
  );
  assert.equal(call.messages, ['one', '']);
  assert.equal(call.names, ['written', 'headers', 'message', 'message', 'close']);
});

test('another HTTP status than 200 with a gRPC content-type is taken', async () => {
  const end = await endAfter(
    [
      [':status', '500'],
      ['content-type', 'application/grpc'],
    ],
    trailers(0),
  );
  assert.is(end.status.name, 'OK');
});

test('content-types of gRPC in any case, with subtype and parameters, are taken; others are not', async () => {
  for (const type of ['application/grpc+proto', 'APPLICATION/GRPC', 'application/grpc; x=1', 'application/grpc+json']) {
    assert.is(
      (
        await endAfter(
          [
            [':status', '200'],
            ['content-type', type],
          ],
          trailers(0),
        )
      ).status.name,
      'OK',
      type,
    );
  }
  for (const type of ['application/grpc-web', 'application/grpcx', 'application/json', '']) {
    assert.is(
      (
        await endAfter(
          [
            [':status', '200'],
            ['content-type', type],
          ],
          trailers(0),
        )
      ).status.name,
      'UNKNOWN',
      type,
    );
  }
});

test('200 with text/html is UNKNOWN and names both', async () => {
  const { status, names } = await endAfter(HTML('200'), Buffer.from('<p>hello'));
  assert.is(status.toString(), 'UNKNOWN: HTTP status code 200\ninvalid content-type: text/html\n<p>hello');
  assert.equal(names, ['written', 'close']);
});

for (const [http, code] of [
  ['401', 'UNAUTHENTICATED'],
  ['403', 'PERMISSION_DENIED'],
  ['404', 'UNIMPLEMENTED'],
  ['503', 'UNAVAILABLE'],
] as const) {
  test(`${http} with text/html is ${code} and shows the body`, async () => {
    const { status, trailers: end } = await endAfter([...HTML(http), ['x-proxy', 'p']], Buffer.from('go away'));
    assert.is(status.toString(), `${code}: HTTP status code ${http}\ninvalid content-type: text/html\ngo away`);
    assert.equal([...end], [['x-proxy', 'p']]);
  });
}

test('a foreign response of headers alone, and one without content-type', async () => {
  assert.is(
    (await endAfter(HTML('503'))).status.toString(),
    'UNAVAILABLE: HTTP status code 503\ninvalid content-type: text/html',
  );
  const bare = await endAfter([[':status', '502']]);
  assert.is(bare.status.toString(), 'UNAVAILABLE: HTTP status code 502\nmissing content-type in response headers');
});

test('a foreign response with trailers, even with a grpc-status in them, goes by its HTTP status', async () => {
  const end = await endAfter(HTML('503'), Buffer.from('busy'), trailers(0));
  assert.is(end.status.name, 'UNAVAILABLE');
});

test('of a long foreign body the beginning is shown, and the rest is not waited for', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.unary();
  rig.peer.sendHeaders(1, HTML('503'));
  rig.peer.sendData(1, Buffer.alloc(600, 'a'));
  rig.peer.sendData(1, Buffer.alloc(600, 'b'));
  const { status } = await call.closed;
  assert.ok(status.description?.endsWith(`${'a'.repeat(600)}${'b'.repeat(400)}`));
  await rig.peer.frame('RST_STREAM', { stream: 1, code: 'CANCEL' });
});

for (const code of ['NO_ERROR', 'CANCEL', 'INTERNAL_ERROR'] as const) {
  test(`a foreign response that is reset with ${code} goes by its HTTP status`, async () => {
    await using rig = await ClientRig.open();
    const call = await rig.unary();
    rig.peer.sendHeaders(1, HTML('403'));
    rig.peer.sendData(1, Buffer.from('denied'));
    rig.peer.sendRst(1, code);
    const { status } = await call.closed;
    assert.is(status.toString(), 'PERMISSION_DENIED: HTTP status code 403\ninvalid content-type: text/html\ndenied');
  });
}

test('1xx blocks are passed over', async () => {
  const end = await endAfter(
    [[':status', '100']],
    [
      [':status', '103'],
      ['link', 'l'],
    ],
    responseHeaders(),
    trailers(0),
  );
  assert.is(end.status.name, 'OK');
  assert.equal(end.names, ['written', 'headers', 'close']);
});

test('Trailers-Only: the status, all metadata as trailers, no onHeaders', async () => {
  const end = await endAfter(
    trailersOnly(5, [
      ['grpc-message', 'gone'],
      ['x-t', 't'],
    ]),
  );
  assert.is(end.status.toString(), 'NOT_FOUND: gone');
  assert.equal([...end.trailers], [['x-t', 't']]);
  assert.equal(end.names, ['written', 'close']);
  assert.is((await endAfter(trailersOnly(0))).status.name, 'OK');
});

test('Trailers-Only without grpc-status goes by the HTTP status', async () => {
  const inferred = (http: string): string =>
    `HTTP status code ${http}\nmissing GRPC status, inferred error from HTTP status code`;
  const ok = await endAfter(responseHeaders());
  assert.is(ok.status.toString(), `UNKNOWN: ${inferred('200')}`);
  const denied = await endAfter([
    [':status', '401'],
    ['content-type', 'application/grpc'],
  ]);
  assert.is(denied.status.toString(), `UNAUTHENTICATED: ${inferred('401')}`);
});

test('Trailers-Only without content-type goes by the HTTP status, whatever its grpc-status', async () => {
  const end = await endAfter([
    [':status', '404'],
    ['grpc-status', '5'],
  ]);
  assert.is(end.status.name, 'UNIMPLEMENTED');
});

test('a grpc-status in headers that do not end the stream is passed over', async () => {
  const end = await endAfter(responseHeaders([['grpc-status', '5']]), trailers(0));
  assert.is(end.status.name, 'OK');
  const cut = await endAfter(responseHeaders([['grpc-status', '0']]), grpcFrame(Buffer.from('one')));
  assert.is(cut.status.name, 'INTERNAL');
});

test('trailers without grpc-status are UNKNOWN, whatever the HTTP status', async () => {
  const head: HeaderPair[] = [
    [':status', '503'],
    ['content-type', 'application/grpc'],
  ];
  const end = await endAfter(head, [['x-t', 't']]);
  assert.is(end.status.toString(), 'UNKNOWN: missing GRPC status in response');
  assert.equal([...end.trailers], [['x-t', 't']]);
});

test('END_STREAM without trailers while our side is open: INTERNAL, and the slot is free', async () => {
  await using rig = await ClientRig.open({ server: { settings: { MAX_CONCURRENT_STREAMS: 1 } } });
  const call = await rig.bidi();
  rig.peer.sendHeaders(1, responseHeaders());
  rig.peer.sendData(1, grpcFrame(Buffer.from('one')), { endStream: true });
  await rig.peer.roundTrip();
  assert.not(call.names.includes('close'), 'a message is unread');
  call.request(1);
  assert.is(await call.outcome(), 'INTERNAL processed');
  await rig.unary(3);
});

test('END_STREAM without trailers is INTERNAL, after the messages', async () => {
  const end = await endAfter(responseHeaders(), grpcFrame(Buffer.from('one')));
  assert.is(end.status.toString(), 'INTERNAL: the server ended the stream without a status');
  assert.equal(end.names, ['written', 'headers', 'message', 'close']);
});

for (const [grpcStatus, text] of [
  ['17', "UNKNOWN: unknown grpc-status '17'"],
  ['-1', "UNKNOWN: unknown grpc-status '-1'"],
  ['abc', "UNKNOWN: unknown grpc-status 'abc'"],
  ['', "UNKNOWN: unknown grpc-status ''"],
  ['16', 'UNAUTHENTICATED'],
] as const) {
  test(`a grpc-status of '${grpcStatus}' is ${text}`, async () => {
    assert.is((await endAfter(responseHeaders(), [['grpc-status', grpcStatus]])).status.toString(), text);
  });
}

test('a grpc-status that comes twice is UNKNOWN', async () => {
  const { status } = await endAfter(responseHeaders(), [
    ['grpc-status', '0'],
    ['grpc-status', '5'],
  ]);
  assert.is(status.toString(), "UNKNOWN: unknown grpc-status '0, 5'");
});

test('an unknown encoding is INTERNAL before onHeaders, and resets the stream', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.unary();
  rig.peer.sendHeaders(1, responseHeaders([['grpc-encoding', 'brainwave']]));
  assert.is((await call.closed).status.toString(), "INTERNAL: Can't find decompressor for brainwave");
  assert.equal(call.names, ['written', 'close']);
  await rig.peer.frame('RST_STREAM', { stream: 1, code: 'CANCEL' });
});

test('a compressed message is inflated with the encoding of the headers, and INTERNAL without one', async () => {
  const packed = grpcFrame(GZIP.compress(Buffer.from('unpacked')), 1);
  await using rig = await ClientRig.open();
  const call = rig.stream('unary', {}, { decompressors: CompressorRegistry.DEFAULT }).start().halfClose().request(1);
  await rig.peer.frame('HEADERS');
  rig.peer.sendHeaders(1, responseHeaders([['grpc-encoding', 'gzip']]));
  rig.peer.sendData(1, packed);
  rig.peer.sendHeaders(1, trailers(0), { endStream: true });
  assert.is(await call.outcome(), 'OK processed');
  assert.equal(call.messages, ['unpacked']);
  assert.is((await endAfter(responseHeaders(), packed, trailers(0))).status.name, 'INTERNAL');
});

test('a field ending in -bin that is not base64 is INTERNAL and named, in headers and in trailers', async () => {
  const broken: HeaderPair[] = [['x-bin', '!']];
  const inHeaders = await endAfter(responseHeaders(broken), trailers(0));
  assert.is(inHeaders.status.toString(), "INTERNAL: the field 'x-bin' of the response headers is not base64");
  assert.not(inHeaders.names.includes('headers'));
  const inTrailers = await endAfter(responseHeaders(), trailers(0, broken));
  assert.is(inTrailers.status.toString(), "INTERNAL: the field 'x-bin' of the trailers is not base64");
  assert.is((await endAfter(trailersOnly(0, broken))).status.name, 'INTERNAL');
});

test('metadata beyond our limit is RESOURCE_EXHAUSTED, in headers, in trailers, and far beyond', async () => {
  const long = (bytes: number): HeaderPair[] => [['x-long', 'v'.repeat(bytes)]];
  assert.is((await endAfter(responseHeaders(long(9_000)), trailers(0))).status.name, 'RESOURCE_EXHAUSTED');
  assert.is((await endAfter(responseHeaders(), trailers(0, long(9_000)))).status.name, 'RESOURCE_EXHAUSTED');
  assert.is((await endAfter(responseHeaders(long(30_000)), trailers(0))).status.name, 'RESOURCE_EXHAUSTED');
  assert.is((await endAfter(responseHeaders(long(7_900)), trailers(0))).status.name, 'OK');
});

test('a response of two hundred fields is taken', async () => {
  const fields = Array.from({ length: 200 }, (_, i): HeaderPair => ['x', `${i}`]);
  assert.is((await endAfter(responseHeaders(fields), trailers(0))).status.name, 'OK');
});

test('a message beyond the limit is RESOURCE_EXHAUSTED, and resets the stream', async () => {
  await using rig = await ClientRig.open();
  const call = rig.stream('unary', {}, { maxInboundMessageBytes: 10 }).start().halfClose().request(2);
  await rig.peer.frame('HEADERS');
  rig.peer.sendHeaders(1, responseHeaders());
  rig.peer.sendData(1, grpcFrame(Buffer.alloc(10)));
  rig.peer.sendData(1, grpcFrame(Buffer.alloc(11)));
  assert.is(await call.outcome(), 'RESOURCE_EXHAUSTED processed');
  assert.is(call.messages.length, 1);
  await rig.peer.frame('RST_STREAM', { stream: 1, code: 'CANCEL' });
});

test.run();
