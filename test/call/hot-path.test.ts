/** What a call costs below the stub: no promise, and a short way from sendMessage to the socket. */
import { createHook } from 'node:async_hooks';
import { CallOptions } from '../../src/call/call-options.ts';
import { type ClientCall, ClientCallListener } from '../../src/call/client-call.ts';
import { type ServerCall, ServerCallListener } from '../../src/call/server-call.ts';
import { ServiceDefinition } from '../../src/call/service-definition.ts';
import { createChannel } from '../../src/channel/create-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { type CompressionCallback, type Compressor, CompressorRegistry } from '../../src/framing/compressor.ts';
import { Server } from '../../src/server/server.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite, within } from '../support/suite.ts';
import { type Kind, METHODS } from './call-pair.ts';

const test = suite('the hot path');

/** Answers every message, and ends OK. */
class Echo extends ServerCallListener<string> {
  readonly #call: ServerCall<string, string>;

  constructor(call: ServerCall<string, string>) {
    super();
    this.#call = call;
    call.sendHeaders(new Metadata());
    call.request(2);
  }

  override onMessage(text: string): void {
    this.#call.sendMessage(text);
    this.#call.request(1);
  }

  override onHalfClose(): void {
    this.#call.close(Status.OK, new Metadata());
  }
}

/** One call after another, without a promise of its own. */
class Caller extends ClientCallListener<string> {
  readonly #makeCall: () => ClientCall<string, string>;
  readonly #onDone: (failed: number) => void;
  #left: number;
  #failed = 0;

  constructor(count: number, makeCall: () => ClientCall<string, string>, onDone: (failed: number) => void) {
    super();
    this.#left = count;
    this.#makeCall = makeCall;
    this.#onDone = onDone;
  }

  next(): void {
    const call = this.#makeCall();
    call.start(this, new Metadata());
    call.request(2);
    call.sendMessage('hello');
    call.halfClose();
  }

  override onClose(status: Status): void {
    this.#left -= 1;
    if (!status.isOk) this.#failed += 1;
    if (this.#left === 0) this.#onDone(this.#failed);
    else this.next();
  }
}

function callMany(count: number, makeCall: () => ClientCall<string, string>): Promise<number> {
  return new Promise((resolve) => new Caller(count, makeCall, resolve).next());
}

async function startServer(compressors: CompressorRegistry = CompressorRegistry.DEFAULT): Promise<Server> {
  const service = new ServiceDefinition('test.Text');
  for (const method of Object.values(METHODS)) service.addMethod(method, (call) => new Echo(call));
  const server = new Server({ compressors }).addService(service);
  await within(5_000, server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure()).start());
  return server;
}

for (const kind of ['unary', 'bidi_streaming'] as const satisfies Kind[]) {
  test(`1,000 ${kind} calls on a channel that is READY make no promise`, async () => {
    await using server = await startServer();
    await using channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure());
    const { signal } = new AbortController();
    const options = CallOptions.DEFAULT.withSignal(signal);
    const makeCall = (): ClientCall<string, string> => channel.newCall(METHODS[kind], options.withTimeout(60_000));
    assert.is(await within(5_000, callMany(50, makeCall)), 0);
    const places: string[] = [];
    const done = callMany(1_000, makeCall);
    const waiting = within(10_000, done);
    const hook = createHook({
      init: (_id, type) => void (type === 'PROMISE' && places.push(new Error('a promise').stack ?? '')),
    });
    hook.enable();
    // The one promise behind await is ours.
    const failed = await waiting;
    hook.disable();
    assert.is(failed, 0);
    assert.ok(places.length <= 1, `${places.length} promises, such as ${places.at(-1)}`);
  });
}

/** Notes the stack at the moment when a message is framed. */
class Spy implements Compressor {
  readonly name = 'spy';
  readonly stacks: string[] = [];

  compress(payload: Uint8Array): Uint8Array {
    this.stacks.push(new Error('here').stack ?? '');
    return payload;
  }

  compressLater(payload: Uint8Array, done: CompressionCallback): void {
    process.nextTick(done, null, payload);
  }

  decompress(payload: Uint8Array): Uint8Array {
    return payload;
  }

  decompressLater(payload: Uint8Array, _maxBytes: number, done: CompressionCallback): void {
    process.nextTick(done, null, payload);
  }
}

test('no more than three objects of ours stand between sendMessage and the http2 stream', async () => {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 50;
  const spy = new Spy();
  const compressors = CompressorRegistry.DEFAULT.with(spy);
  await using server = await startServer(compressors);
  await using channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure(), { compressors });
  const options = CallOptions.DEFAULT.withCompression(spy.name);
  assert.is(
    await within(
      5_000,
      callMany(3, () => channel.newCall(METHODS.bidi_streaming, options)),
    ),
    0,
  );
  Error.stackTraceLimit = stackTraceLimit;
  const [, , last] = spy.stacks;
  // From the innermost frame to the caller: which of our files each frame is in.
  const files = [...(last ?? '').matchAll(/\/src\/([\w/-]+)\.[jt]s/g)].map(([, file]) => file ?? '');
  const caller = files.lastIndexOf('call/stream-client-call');
  const way = new Set(files.slice(0, caller + 1));
  assert.equal([...way].reverse(), [
    'call/stream-client-call',
    'transport/http2/message-stream',
    'framing/message-framer',
  ]);
});

test.run();
