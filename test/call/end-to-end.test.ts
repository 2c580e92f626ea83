/** Calls from end to end, through createChannel and Server: what grpc-java's AbstractInteropTest asks of a call. */
import { CallOptions } from '../../src/call/call-options.ts';
import { BROTLI, CompressorRegistry } from '../../src/framing/compressor.ts';
import { LOCAL_ADDRESS, REMOTE_ADDRESS } from '../../src/values/attributes.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { BYTES_MARSHALLER, MethodDescriptor } from '../../src/values/method.ts';
import { Status } from '../../src/values/status.ts';
import type { StatusError } from '../../src/values/status-error.ts';
import { type CallInit, type EchoKind, echoMethods } from '../support/echo.ts';
import { callEcho, echoChannel, startEchoServer } from '../support/echo-service.ts';
import { RecordingClientListener } from '../support/recorder.ts';
import { assert, suite } from '../support/suite.ts';
import { aWhile, CallPair, METHODS } from './call-pair.ts';

const test = suite('a call from end to end');

type Bytes = Uint8Array;

function bytes(text: string): Bytes {
  return Buffer.from(text);
}

/** Runs `body` with a way to call an echo server. */
async function withEcho(
  body: (
    echo: (kind: EchoKind, messages: readonly Bytes[], init?: CallInit) => ReturnType<typeof callEcho>,
  ) => Promise<void>,
): Promise<void> {
  await using server = await startEchoServer();
  await using channel = echoChannel(server.port);
  await body((kind, messages, init) => callEcho(channel, echoMethods[kind], messages, init));
}

test('unary: empty and large', async () => {
  await withEcho(async (echo) => {
    for (const size of [0, 1, 314_159, 4 * 1024 * 1024 - 1]) {
      const message = Buffer.alloc(size, 7);
      const outcome = await echo('unary', [message]);
      assert.is(outcome.code, 0, outcome.message);
      assert.is(outcome.messages.length, 1);
      assert.ok(message.equals(outcome.messages[0] ?? bytes('none')));
    }
  });
});

test('compressed both ways', async () => {
  await withEcho(async (echo) => {
    const message = Buffer.from('again and again '.repeat(20_000));
    const outcome = await echo('unary', [message], { compression: 'gzip', command: { compression: 'deflate' } });
    assert.is(outcome.code, 0, outcome.message);
    assert.ok(message.equals(outcome.messages[0] ?? bytes('none')));
  });
});

test('server streaming, client streaming, ping-pong: sizes and order', async () => {
  await withEcho(async (echo) => {
    const many = await echo('server_streaming', [bytes('again')], { command: { count: 50, size: 10_000 } });
    assert.equal(
      [many.code, many.messages.length, many.messages.every(({ length }) => length === 10_000)],
      [0, 50, true],
    );
    const parts = Array.from({ length: 50 }, (_, i) => bytes(`${i} `));
    const sum = await echo('client_streaming', parts);
    assert.equal(sum.messages.map(String), [Buffer.concat(parts).toString()]);
    const pong = await echo('bidi_streaming', parts);
    assert.equal(pong.messages.map(String), parts.map(String));
  });
});

test('a bidi call without messages ends OK', async () => {
  await withEcho(async (echo) => {
    const outcome = await echo('bidi_streaming', []);
    assert.equal([outcome.code, outcome.messages.length], [0, 0]);
  });
});

test('ping-pong: nothing comes unasked', async () => {
  await using pair = await CallPair.open({ transport: 'http2' });
  const { call, listener, served } = await pair.bidi();
  served.call.sendHeaders(new Metadata());
  for (let i = 0; i < 5; i += 1) {
    call.sendMessage(`ping ${i}`);
    served.call.request(1);
    assert.is(await served.listener.message(), `ping ${i}`);
    served.call.sendMessage(`pong ${i}`);
    await aWhile(5);
    assert.is(listener.messages.length, i);
    call.request(1);
    assert.is(await listener.message(), `pong ${i}`);
  }
  call.halfClose();
  await served.listener.event('half-close');
  served.call.close(Status.OK, new Metadata());
  assert.ok((await listener.closed).status.isOk);
});

test('cancelled right after the start: CANCELLED, no message', async () => {
  await withEcho(async (echo) => {
    const outcome = await echo('client_streaming', [bytes('never')], { cancel: 'at once' });
    assert.equal([outcome.code, outcome.messages.length], [1, 0]);
  });
});

test('cancelled after the first answer: that one, then CANCELLED', async () => {
  await withEcho(async (echo) => {
    const outcome = await echo('bidi_streaming', [bytes('one'), bytes('two')], { cancel: 'after the first message' });
    assert.equal([outcome.code, outcome.messages.map(String)], [1, ['one']]);
  });
});

test('one permit, one message; the second comes with the second, then OK', async () => {
  await using pair = await CallPair.open({ transport: 'http2' });
  const { call, listener } = pair.start('server_streaming');
  call.sendMessage('question');
  call.halfClose();
  const { call: served } = await pair.served.next();
  served.sendHeaders(new Metadata());
  served.sendMessage('one');
  served.sendMessage('two');
  served.close(Status.OK, new Metadata());
  await listener.headers();
  await aWhile();
  assert.equal(listener.messages, []);
  call.request(1);
  await listener.message();
  await aWhile();
  assert.equal(
    listener.names.filter((name) => name !== 'written'),
    ['headers', 'closing', 'message'],
  );
  call.request(1);
  assert.ok((await listener.closed).status.isOk);
  assert.equal(listener.messages, ['one', 'two']);
});

test('10 MiB each way with raised limits', async () => {
  const limit = 11 * 1024 * 1024;
  await using server = await startEchoServer({ options: { maxInboundMessageBytes: limit } });
  await using channel = echoChannel(server.port, { options: { maxInboundMessageBytes: limit } });
  const message = Buffer.alloc(10 * 1024 * 1024, 3);
  const outcome = await callEcho(channel, echoMethods.unary, [message]);
  assert.is(outcome.code, 0, outcome.message);
  assert.ok(message.equals(outcome.messages[0] ?? bytes('none')));
});

test('metadata comes back in headers and trailers, unary and streaming', async () => {
  await withEcho(async (echo) => {
    const pairs = [
      ['x-text', 'one'],
      ['x-text', 'two'],
      ['x-bytes-bin', Uint8Array.of(0, 1, 255)],
    ] as const;
    const plain = (list: Iterable<readonly [string, string | Uint8Array]> | null): unknown[] =>
      [...(list ?? [])].map(([key, value]) => `${key}=${typeof value === 'string' ? value : [...value]}`).sort();
    for (const kind of ['unary', 'server_streaming', 'bidi_streaming'] as const) {
      const outcome = await echo(kind, [bytes('hello')], { pairs });
      assert.equal(plain(outcome.headers), plain(pairs));
      assert.equal(plain(outcome.trailers), plain(pairs));
    }
  });
});

test('the server sees the timeout, or a little less', async () => {
  await using server = await startEchoServer();
  await using channel = echoChannel(server.port);
  await callEcho(channel, echoMethods.unary, [bytes('hello')], { timeoutMs: 300_000 });
  const left = server.deadlinesMs[0] ?? 0;
  assert.ok(left > 240_000 && left <= 300_001, String(left));
});

test('deadline exceeded: code and text; also in the midst of server streaming', async () => {
  await withEcho(async (echo) => {
    const silent = await echo('unary', [bytes('hello')], { timeoutMs: 30, command: { delayMs: 5_000 } });
    assert.is(silent.code, 4);
    assert.match(silent.message, /^deadline exceeded after 0\.0\d\d s \(/);
    const command = { count: 1_000, delayMs: 20 };
    const streaming = await echo('server_streaming', [bytes('hello')], { timeoutMs: 150, command });
    assert.is(streaming.code, 4);
    assert.ok(streaming.messages.length > 0 && streaming.messages.length < 1_000);
  });
});

test('a deadline in the past, on a cold and on a warm channel', async () => {
  await withEcho(async (echo) => {
    for (const _channel of ['cold', 'warm']) {
      const outcome = await echo('unary', [bytes('hello')], { timeoutMs: -10_000 });
      assert.is(outcome.code, 4);
      assert.match(outcome.message, /^ClientCall started after its deadline was exceeded 10\.\d{3} s ago$/);
      assert.is((await echo('unary', [bytes('hello')])).code, 0);
    }
  });
});

test('a deadline of 1 ms against a silent server', async () => {
  await withEcho(async (echo) => {
    assert.is((await echo('unary', [bytes('hello')])).code, 0);
    assert.is((await echo('bidi_streaming', [bytes('hello')], { timeoutMs: 1, command: { deaf: true } })).code, 4);
  });
});

test('inbound: exactly the limit passes, a byte more is RESOURCE_EXHAUSTED, at either end', async () => {
  await using server = await startEchoServer({ options: { maxInboundMessageBytes: 1_000 } });
  await using channel = echoChannel(server.port, { options: { maxInboundMessageBytes: 2_000 } });
  const codeOf = async (request: number, size: number): Promise<number> =>
    (await callEcho(channel, echoMethods.unary, [Buffer.alloc(request)], { command: { size } })).code;
  assert.is(await codeOf(1_000, 2_000), 0);
  assert.is(await codeOf(1_001, 1), Status.RESOURCE_EXHAUSTED.code);
  assert.is(await codeOf(1, 2_001), Status.RESOURCE_EXHAUSTED.code);
});

test('outbound: over the limit is CANCELLED, with the reason as cause', async () => {
  await using pair = await CallPair.open({ transport: 'http2' });
  const { call, listener } = pair.start('unary', {}, CallOptions.DEFAULT.withMaxOutboundMessageSize(10));
  call.sendMessage('eleven byte');
  call.halfClose();
  const { status } = await listener.closed;
  assert.is(status.code, Status.CANCELLED.code);
  assert.match((status.cause as StatusError).message, 'message too large 11 > 10');
});

test('shutdown of the channel lets a bidi call run to its end', async () => {
  await using pair = await CallPair.open({ transport: 'http2' });
  const { call, listener, served } = await pair.bidi();
  pair.channel.shutdown();
  call.sendMessage('still here');
  served.call.request(1);
  await served.listener.message();
  served.call.sendHeaders(new Metadata());
  served.call.sendMessage('so am I');
  call.request(1);
  assert.is(await listener.message(), 'so am I');
  const late = pair.start('unary');
  assert.is((await late.listener.closed).status.toString(), 'UNAVAILABLE: Channel shutdown invoked');
  call.halfClose();
  served.call.close(Status.OK, new Metadata());
  assert.ok((await listener.closed).status.isOk);
  assert.ok(await pair.channel.awaitTermination(2_000));
});

test('code and text come back, with tabs, line ends and all of Unicode', async () => {
  await withEcho(async (echo) => {
    for (const message of [
      'test status message',
      '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n',
      '100 %',
      'ä',
    ]) {
      for (const kind of ['unary', 'bidi_streaming'] as const) {
        const outcome = await echo(kind, [bytes('hello')], { command: { code: 2, message } });
        assert.equal([outcome.code, outcome.message], [2, message]);
      }
    }
    for (let code = 1; code <= 16; code += 1) {
      assert.is((await echo('unary', [bytes('hello')], { command: { code } })).code, code);
    }
  });
});

test('unknown method, unknown service: UNIMPLEMENTED, with the name', async () => {
  await using pair = await CallPair.open({ transport: 'http2', methods: [METHODS.unary] });
  const elsewhere = new MethodDescriptor<Bytes, Bytes>({
    service: 'test.Elsewhere',
    name: 'Any',
    kind: 'unary',
    requestMarshaller: BYTES_MARSHALLER,
    responseMarshaller: BYTES_MARSHALLER,
  });
  const { listener } = pair.start('bidi_streaming');
  assert.is((await listener.closed).status.toString(), 'UNIMPLEMENTED: Method not found: test.Text/bidi_streaming');
  const recorder = new RecordingClientListener<Bytes>();
  const call = pair.channel.newCall(elsewhere, CallOptions.DEFAULT);
  call.start(recorder, new Metadata());
  call.halfClose();
  assert.is((await recorder.closed).status.toString(), 'UNIMPLEMENTED: Method not found: test.Elsewhere/Any');
});

test('an encoding that the server lacks is UNIMPLEMENTED, without the handler', async () => {
  await using server = await startEchoServer();
  const compressors = CompressorRegistry.DEFAULT.with(BROTLI);
  await using channel = echoChannel(server.port, { options: { compressors } });
  const recorder = new RecordingClientListener<Bytes>();
  const call = channel.newCall(echoMethods.unary, CallOptions.DEFAULT.withCompression('br'));
  call.start(recorder, new Metadata());
  call.sendMessage(bytes('hello'));
  call.halfClose();
  assert.is((await recorder.closed).status.toString(), "UNIMPLEMENTED: Can't find decompressor for br");
  assert.equal(server.events, []);
});

test('the client’s call knows both addresses', async () => {
  await using pair = await CallPair.open({ transport: 'http2' });
  const { call, listener, served } = await pair.bidi();
  served.call.sendHeaders(new Metadata());
  await listener.headers();
  const attributes = call.getAttributes();
  const theirs = served.call.getAttributes();
  assert.equal(attributes.get(REMOTE_ADDRESS), theirs.get(LOCAL_ADDRESS));
  assert.equal(attributes.get(LOCAL_ADDRESS), theirs.get(REMOTE_ADDRESS));
});

test.run();
