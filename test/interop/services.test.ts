/**
 * The test service in each face's style, in what the official cases do not reach: intervals and their end, HalfDuplexCall,
 * failures amid a stream, mistakes in requests, who and where a client is; and with a client that is not ours.
 */
import { create } from '@bufbuild/protobuf';
import { credentials, Metadata as GrpcJsMetadata } from '@grpc/grpc-js';
import { Code, createClient, type Metadata, MethodDescriptor, type Status } from '../../src/index.ts';
import { until } from '../support/echo-pairings.ts';
import { assert, suite, within } from '../support/suite.ts';
import { ACCOUNTS } from './faces/service-rules.ts';
import { FACE_NAMES } from './faces.ts';
import {
  PayloadSchema,
  type PayloadType,
  SimpleRequestSchema,
  StreamingInputCallRequestSchema,
  StreamingOutputCallRequestSchema,
} from './gen/grpc/testing/messages_pb.ts';
import { GrpcJsChannel } from './peers/grpc-js-calls.ts';
import { TEST_SERVICE as GRPC_JS_SERVICE } from './peers/grpc-js-service.ts';
import { asking, EMPTY, failing, failureOf, Rig, readAll, sizeOf } from './service-rig.ts';
import { TEST_SERVICE, UNIMPLEMENTED_METHOD, wasCompressed } from './test-service.ts';

const ECHO = {
  'x-grpc-test-echo-initial': 'seen before',
  'x-grpc-test-echo-trailing-bin': Uint8Array.of(0xab, 0xab, 0xab),
};
const UNKNOWN_PAYLOAD_TYPE = 7 as number as PayloadType;

function assertRefused({ status }: { readonly status: Status }): void {
  assert.is(status.name, 'INVALID_ARGUMENT');
  // Ours, not the UNKNOWN of an exception.
  assert.match(status.description ?? '', /payload|compressed/);
}

const bytesOf = (value: Uint8Array | undefined): number[] => [...(value ?? [])];

const test = suite('interop services');

for (const face of FACE_NAMES) {
  const name = (sentence: string): string => `${face}: ${sentence}`;

  test(name('each interval begins when the response before it was sent'), async () => {
    await using rig = await Rig.start({ face });
    const { clock } = rig;
    const request = asking({ size: 1 }, { size: 2, intervalUs: 1_000_000 }, { size: 3, intervalUs: 500_000 });
    const call = rig.client.streamingOutputCall(request);
    const received: number[] = [];
    const read = (async () => {
      for await (const response of call) received.push(sizeOf(response));
    })();
    await until('the first interval', () => received.length === 1 && clock.armed === 1);
    clock.advance(998);
    assert.is(clock.armed, 1);
    clock.advance(2);
    await until('the second interval', () => received.length === 2 && clock.armed === 1);
    clock.advance(498);
    assert.is(clock.armed, 1);
    clock.advance(2);
    await within(3000, read);
    assert.equal(received, [1, 2, 3]);
    assert.is(clock.armed, 0);
  });

  for (const method of ['streamingOutputCall', 'fullDuplexCall', 'halfDuplexCall'] as const) {
    test(name(`a cancelled ${method} waits for no interval`), async () => {
      await using rig = await Rig.start({ face });
      const request = asking({ size: 1 }, { size: 2, intervalUs: 1_000_000 });
      const { client } = rig;
      const call = method === 'streamingOutputCall' ? client[method](request) : client[method]([request]);
      assert.is((await call.next()).value?.payload?.body.length, 1);
      await until('the interval', () => rig.clock.armed === 1);
      call.cancel();
      assert.is((await call.status).name, 'CANCELLED');
      await until('the end of the interval', () => rig.clock.armed === 0);
      // Nothing of the call is left that would keep the server from ending.
      rig.channel.shutdown();
      rig.server.shutdown();
      assert.ok(await rig.server.awaitTermination(3000));
    });
  }

  test(name('FullDuplexCall that is half-closed amid an interval is answered to its end'), async () => {
    await using rig = await Rig.start({ face });
    const call = rig.client.fullDuplexCall();
    await call.send(asking({ size: 4, intervalUs: 1000 }));
    call.closeSend();
    await until('the interval', () => rig.clock.armed === 1);
    // The half-close has come when a later call was answered.
    await rig.client.emptyCall(EMPTY);
    rig.clock.advance(1);
    const { sizes, status } = await readAll(call);
    assert.equal(sizes, [4]);
    assert.is(status.name, 'OK');
  });

  test(name('HalfDuplexCall answers nothing before the client has half-closed'), async () => {
    await using rig = await Rig.start({ face });
    const call = rig.client.halfDuplexCall();
    let answered = false;
    const first = call.next().then((result) => {
      answered = true;
      return result;
    });
    await call.send(asking({ size: 5 }, { size: 6 }));
    await call.send(asking({ size: 7 }));
    // On the same connection: whatever the server would have said at once comes before these answers.
    for (let i = 0; i < 2; i += 1) await rig.client.emptyCall(EMPTY);
    assert.not(answered);
    call.closeSend();
    assert.is((await first).value?.payload?.body.length, 5);
    const { sizes, status } = await readAll(call);
    assert.equal(sizes, [6, 7]);
    assert.is(status.name, 'OK');
  });

  for (const method of ['fullDuplexCall', 'halfDuplexCall'] as const) {
    test(name(`a status amid ${method} ends it behind the responses before, with the trailers`), async () => {
      await using rig = await Rig.start({ face });
      const requests = [asking({ size: 8 }, { size: 9 }), failing('lost ☺', { size: 10 }), asking({ size: 11 })];
      const call = rig.client[method](requests, { metadata: ECHO });
      const { sizes, status, trailers } = await readAll(call);
      assert.equal(sizes, [8, 9]);
      assert.is(status.toString(), 'DATA_LOSS: lost ☺');
      assert.is((await call.headers).get('x-grpc-test-echo-initial'), 'seen before');
      assert.equal(bytesOf(trailers.get('x-grpc-test-echo-trailing-bin')), [0xab, 0xab, 0xab]);
    });

    test(name(`${method} sends back headers before anything was asked`), async () => {
      await using rig = await Rig.start({ face });
      const call = rig.client[method]({ metadata: ECHO });
      const headers = await within(3000, call.headers, 'the headers');
      assert.is(headers.get('x-grpc-test-echo-initial'), 'seen before');
      call.closeSend();
      assert.is((await readAll(call)).status.name, 'OK');
    });
  }

  test(name('a status that is asked for of the other methods'), async () => {
    await using rig = await Rig.start({ face });
    const output = await readAll(rig.client.streamingOutputCall(failing('none', { size: 1 }), { metadata: ECHO }));
    assert.equal(output.sizes, []);
    assert.is(output.status.toString(), 'DATA_LOSS: none');
    assert.equal(bytesOf(output.trailers.get('x-grpc-test-echo-trailing-bin')), [0xab, 0xab, 0xab]);
    const unary = create(SimpleRequestSchema, { responseStatus: { code: Code.DATA_LOSS, message: 'one' } });
    const heard: Metadata[] = [];
    const onHeaders = (headers: Metadata): void => void heard.push(headers);
    const failure = await failureOf(rig.client.unaryCall(unary, { metadata: ECHO, onHeaders }));
    assert.is(failure.status.toString(), 'DATA_LOSS: one');
    assert.equal(
      heard.map((headers) => headers.get('x-grpc-test-echo-initial')),
      ['seen before'],
    );
    assert.equal(bytesOf(failure.trailers.get('x-grpc-test-echo-trailing-bin')), [0xab, 0xab, 0xab]);
    const ok = create(SimpleRequestSchema, { responseStatus: { code: Code.OK, message: 'ignored' } });
    assert.is((await rig.client.unaryCall(ok)).payload?.body.length, 0);
  });

  test(name('a status number that gRPC does not know is UNKNOWN'), async () => {
    await using rig = await Rig.start({ face });
    const request = create(SimpleRequestSchema, { responseStatus: { code: 99, message: 'strange' } });
    assert.is((await failureOf(rig.client.unaryCall(request))).status.toString(), 'UNKNOWN: strange');
  });

  test(name('metadata is echoed by every method'), async () => {
    await using rig = await Rig.start({ face });
    const { client } = rig;
    const seen: string[] = [];
    const settings = {
      metadata: ECHO,
      onHeaders: (headers: Metadata) => void seen.push(headers.get('x-grpc-test-echo-initial') ?? 'none'),
      onTrailers: (trailers: Metadata) =>
        void seen.push(bytesOf(trailers.get('x-grpc-test-echo-trailing-bin')).join(' ')),
    };
    const echoed = ['seen before', '171 171 171'];
    await client.emptyCall(EMPTY, settings);
    assert.equal(seen.splice(0), echoed);
    await client.unaryCall(create(SimpleRequestSchema), settings);
    assert.equal(seen.splice(0), echoed);
    await client.cacheableUnaryCall(create(SimpleRequestSchema), settings);
    assert.equal(seen.splice(0), echoed);
    await client.streamingInputCall([], settings);
    assert.equal(seen.splice(0), echoed);
    await readAll(client.streamingOutputCall(asking(), settings));
    assert.equal(seen.splice(0), echoed);
    await readAll(client.fullDuplexCall([asking({ size: 1 })], settings));
    assert.equal(seen.splice(0), echoed);
    await readAll(client.halfDuplexCall([asking({ size: 1 })], settings));
    assert.equal(seen.splice(0), echoed);
  });

  test(name('negative sizes are refused before anything is answered'), async () => {
    await using rig = await Rig.start({ face });
    const { client } = rig;
    const negative = asking({ size: 1 }, { size: -1 });
    assertRefused(await failureOf(client.unaryCall(create(SimpleRequestSchema, { responseSize: -1 }))));
    for (const call of [client.streamingOutputCall(negative), client.halfDuplexCall([negative])]) {
      const ended = await readAll(call);
      assertRefused(ended);
      assert.equal(ended.sizes, []);
    }
    const duplex = await readAll(client.fullDuplexCall([asking({ size: 2 }), negative]));
    assertRefused(duplex);
    assert.equal(duplex.sizes, [2]);
  });

  test(name('payload types that the server does not know are refused'), async () => {
    await using rig = await Rig.start({ face });
    const responseType = UNKNOWN_PAYLOAD_TYPE;
    assertRefused(await failureOf(rig.client.unaryCall(create(SimpleRequestSchema, { responseType }))));
    const request = create(StreamingOutputCallRequestSchema, { responseType });
    assertRefused(await readAll(rig.client.streamingOutputCall(request)));
    assertRefused(await readAll(rig.client.fullDuplexCall([request])));
  });

  test(name('responses tell the client’s address, if asked'), async () => {
    await using rig = await Rig.start({ face });
    const request = asking({ size: 1, fillPeerSocketAddress: { value: true } }, { size: 1 });
    const expected = await rig.localAddress();
    assert.match(expected, /^127\.0\.0\.1:\d+$/);
    const { client } = rig;
    for (const call of [
      client.streamingOutputCall(request),
      client.fullDuplexCall([request]),
      client.halfDuplexCall([request]),
    ]) {
      const addresses: string[] = [];
      for await (const { peerSocketAddress } of call) addresses.push(peerSocketAddress);
      assert.equal(addresses, [expected, '']);
    }
  });

  test(name('the server’s id is one and the same, and comes only if asked for'), async () => {
    await using one = await Rig.start({ face });
    await using other = await Rig.start({ face: 'calls' });
    const request = create(SimpleRequestSchema, { fillServerId: true });
    const { serverId } = await one.client.unaryCall(request);
    assert.match(serverId, /./);
    assert.is((await one.client.unaryCall(request)).serverId, serverId);
    assert.is((await other.client.unaryCall(request)).serverId, serverId);
    assert.is((await one.client.unaryCall(create(SimpleRequestSchema))).serverId, '');
  });

  test(name('a client is known by its token'), async () => {
    await using rig = await Rig.start({ face });
    const asked = create(SimpleRequestSchema, { fillUsername: true, fillOauthScope: true });
    for (const [authorization, account] of ACCOUNTS) {
      const response = await rig.client.unaryCall(asked, { metadata: { authorization } });
      assert.is(response.username, account.username);
      assert.is(response.oauthScope, account.oauthScope);
      const silent = await rig.client.unaryCall(create(SimpleRequestSchema), { metadata: { authorization } });
      assert.equal([silent.username, silent.oauthScope], ['', '']);
    }
    const stranger = await rig.client.unaryCall(asked, { metadata: { authorization: 'Bearer of nothing' } });
    assert.equal([stranger.username, stranger.oauthScope], ['', '']);
  });

  test(name('a cacheable response is the time, and says how long it holds'), async () => {
    await using rig = await Rig.start({ face });
    const heard: (string | undefined)[] = [];
    const onHeaders = (headers: Metadata): void => void heard.push(headers.get('cache-control'));
    const before = BigInt(Date.now()) * 1_000_000n;
    const { payload } = await rig.client.cacheableUnaryCall(create(SimpleRequestSchema), { onHeaders });
    const nanoseconds = BigInt(Buffer.from(payload?.body ?? []).toString());
    const apart = nanoseconds > before ? nanoseconds - before : before - nanoseconds;
    assert.ok(apart < 60_000_000_000n, `${nanoseconds} is far from ${before}`);
    assert.equal(heard, ['max-age=60']);
  });

  test(name('each response is compressed as its request says, else not'), async () => {
    await using rig = await Rig.start({ face });
    const { client } = rig;
    const sizes = asking(
      { size: 100, compressed: { value: true } },
      { size: 100, compressed: { value: false } },
      { size: 100 },
      { size: 100, compressed: { value: true } },
    );
    for (const call of [
      client.streamingOutputCall(sizes),
      client.fullDuplexCall([sizes]),
      client.halfDuplexCall([sizes]),
    ]) {
      assert.equal((await readAll(call)).compressed, [true, false, false, true]);
    }
    for (const [responseCompressed, expected] of [
      [{ value: true }, true],
      [{ value: false }, false],
      [undefined, false],
    ] as const) {
      const said = responseCompressed === undefined ? {} : { responseCompressed };
      const request = create(SimpleRequestSchema, { responseSize: 100, ...said });
      assert.is(wasCompressed(await client.unaryCall(request)), expected);
    }
    assert.not(wasCompressed(await client.streamingInputCall([])));
  });

  test(name('with --compression each response is compressed unless its request says otherwise'), async () => {
    await using rig = await Rig.start({ face, compression: 'gzip' });
    const { client } = rig;
    const ended = await readAll(
      client.fullDuplexCall([asking({ size: 100 }, { size: 100, compressed: { value: false } })]),
    );
    assert.equal(ended.compressed, [true, false]);
    const unary = create(SimpleRequestSchema, { responseSize: 100 });
    assert.ok(wasCompressed(await client.unaryCall(unary)));
    const plain = create(SimpleRequestSchema, { responseSize: 100, responseCompressed: { value: false } });
    assert.not(wasCompressed(await client.unaryCall(plain)));
    const input = [create(StreamingInputCallRequestSchema, { payload: { body: new Uint8Array(100) } })];
    assert.ok(wasCompressed(await client.streamingInputCall(input)));
    assert.ok(wasCompressed(await client.cacheableUnaryCall(unary)));
  });

  test(name('a message amid StreamingInputCall that should be compressed and is not'), async () => {
    await using rig = await Rig.start({ face });
    const body = { payload: { body: new Uint8Array(50) } };
    const compressed = create(StreamingInputCallRequestSchema, { ...body, expectCompressed: { value: true } });
    const any = create(StreamingInputCallRequestSchema, { ...body, expectCompressed: { value: false } });
    const good = rig.client.streamingInputCall({ compression: 'gzip' });
    await good.send(compressed);
    // What is compressed without need is no mistake.
    await good.send(any);
    good.setMessageCompression(false);
    await good.send(any);
    good.closeSend();
    assert.is((await good.response).aggregatedPayloadSize, 150);
    const bad = rig.client.streamingInputCall({ compression: 'gzip' });
    await bad.send(compressed);
    bad.setMessageCompression(false);
    await bad.send(compressed);
    bad.closeSend();
    assertRefused(await failureOf(bad.response));
  });

  test(name('a stream larger than what may be under way arrives whole, and in order'), async () => {
    await using rig = await Rig.start({ face });
    const sizes = Array.from({ length: 30 }, (_, i) => 200_000 + i);
    const request = asking(...sizes.map((size) => ({ size })));
    assert.equal((await readAll(rig.client.streamingOutputCall(request))).sizes, sizes);
    assert.equal((await readAll(rig.client.fullDuplexCall([request, asking({ size: 1 })]))).sizes, [...sizes, 1]);
  });

  test(name('no response is made that the client does not take'), async () => {
    await using rig = await Rig.start({ face });
    const large = Array.from({ length: 20 }, () => ({ size: 200_000 }));
    // The server comes to the interval once all before it is on its way.
    const request = asking(...large, { size: 1, intervalUs: 1000 });
    const call = rig.client.streamingOutputCall(request, { prefetch: 0 });
    for (let i = 0; i < 2; i += 1) await rig.client.emptyCall(EMPTY);
    assert.is(rig.clock.armed, 0);
    for (const { size } of large) assert.is((await call.next()).value?.payload?.body.length, size);
    await until('the interval', () => rig.clock.armed === 1);
    rig.clock.advance(1);
    assert.equal((await readAll(call)).sizes, [1]);
  });

  test(name('a stream that is OK without a response has its headers'), async () => {
    await using rig = await Rig.start({ face });
    let heard = 0;
    const onHeaders = (): void => {
      heard += 1;
    };
    const { client } = rig;
    for (const call of [
      client.streamingOutputCall(asking(), { onHeaders }),
      client.fullDuplexCall([], { onHeaders }),
      client.halfDuplexCall([asking()], { onHeaders }),
    ]) {
      const { sizes, status } = await readAll(call);
      assert.equal(sizes, []);
      assert.is(status.name, 'OK');
    }
    assert.is(heard, 3);
  });

  test(name('a call that lacks its one request is refused, and one with two where both are read'), async () => {
    await using rig = await Rig.start({ face });
    const { unaryCall, streamingOutputCall } = TEST_SERVICE;
    const unbound = createClient(
      {
        unaryCall: new MethodDescriptor({ ...unaryCall, kind: 'bidi_streaming' }),
        streamingOutputCall: new MethodDescriptor({ ...streamingOutputCall, kind: 'bidi_streaming' }),
      },
      rig.channel,
      { timeoutMs: 5000 },
    );
    const unary = create(SimpleRequestSchema);
    for (const call of [unbound.unaryCall([]), unbound.streamingOutputCall([])]) {
      assert.is((await call.status).name, 'UNIMPLEMENTED');
    }
    // A reactor's handler runs with the first request, and has answered before the second has come.
    const expected = face === 'reactors' ? 'OK' : 'UNIMPLEMENTED';
    for (const call of [unbound.unaryCall([unary, unary]), unbound.streamingOutputCall([asking(), asking()])]) {
      assert.is((await call.status).name, expected);
    }
  });

  test(name('UnimplementedCall is not implemented'), async () => {
    await using rig = await Rig.start({ face });
    const { nothing } = createClient({ nothing: UNIMPLEMENTED_METHOD }, rig.channel);
    assert.is((await failureOf(nothing(EMPTY))).status.name, 'UNIMPLEMENTED');
  });

  test(name('a cancelled StreamingInputCall leaves nothing behind'), async () => {
    await using rig = await Rig.start({ face });
    const call = rig.client.streamingInputCall();
    await call.send(create(StreamingInputCallRequestSchema));
    await rig.client.emptyCall(EMPTY);
    call.cancel();
    assert.is((await call.status).name, 'CANCELLED');
    rig.channel.shutdown();
    rig.server.shutdown();
    assert.ok(await rig.server.awaitTermination(3000));
  });

  test(name('grpc-js as client'), async () => {
    await using rig = await Rig.start({ face });
    const address = `127.0.0.1:${rig.server.port}`;
    const channel = new GrpcJsChannel(
      address,
      credentials.createInsecure(),
      { 'grpc.default_compression_algorithm': 2 },
      new GrpcJsMetadata(),
    );
    try {
      await askWithGrpcJs(channel);
    } finally {
      channel.close();
    }
  });
}

/** A mistake in a request, a failure amid a stream, and compressed responses, as grpc-js sees them. */
async function askWithGrpcJs(channel: GrpcJsChannel): Promise<void> {
  const { unaryCall, fullDuplexCall, halfDuplexCall } = GRPC_JS_SERVICE;
  const expecting = create(SimpleRequestSchema, {
    payload: create(PayloadSchema, { body: new Uint8Array(100) }),
    expectCompressed: { value: true },
    responseCompressed: { value: true },
    responseSize: 1000,
  });
  const compressed = await channel.call(unaryCall, expecting).outcome();
  assert.is(compressed.code, Code.OK);
  assert.is(compressed.messages[0]?.payload?.body.length, 1000);
  const plain = await channel.call(unaryCall, { ...expecting }, { compressed: false }).outcome();
  assert.is(plain.code, Code.INVALID_ARGUMENT);

  const metadata = new GrpcJsMetadata();
  for (const [key, value] of Object.entries(ECHO))
    metadata.set(key, typeof value === 'string' ? value : Buffer.from(value));
  for (const method of [fullDuplexCall, halfDuplexCall]) {
    const call = channel.open(method, { metadata });
    for (const request of [asking({ size: 3 }, { size: 4, compressed: { value: true } }), failing('gone')]) {
      call.send(request);
    }
    call.halfClose();
    const outcome = await call.outcome();
    assert.equal(outcome.messages.map(sizeOf), [3, 4]);
    assert.equal([outcome.code, outcome.details], [Code.DATA_LOSS, 'gone']);
    assert.equal(outcome.headers?.get('x-grpc-test-echo-initial'), ['seen before']);
    assert.equal(outcome.trailers.get('x-grpc-test-echo-trailing-bin'), [Buffer.from([0xab, 0xab, 0xab])]);
  }
}

test.run();
