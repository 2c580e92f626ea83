/**
 * Calls that have ended die young: what they held is not kept by the connection that they were on. Node's own http2 streams are,
 * in its Map of them (values/linked-set.test.ts shows why); they must hold nothing of ours.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { CallOptions } from '../../src/call/call-options.ts';
import type { Channel } from '../../src/call/channel.ts';
import { ClientCallListener } from '../../src/call/client-call.ts';
import { type ServerCall, ServerCallListener } from '../../src/call/server-call.ts';
import { ServiceDefinition } from '../../src/call/service-definition.ts';
import { createChannel } from '../../src/channel/create-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { Server } from '../../src/server/server.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { echoMethods } from '../support/echo.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('Dying young');

const CALLS = 3_000;
const WIDTH = 50;
/** What each end of a call holds in its listener, roughly, in bytes. */
const LOAD_BYTES = 40_000;

const load = (): number[] => new Array<number>(LOAD_BYTES / 8).fill(1);

class Caller extends ClientCallListener<Uint8Array> {
  readonly load: readonly number[] = load();
  readonly #onEnd: (status: Status) => void;

  constructor(onEnd: (status: Status) => void) {
    super();
    this.#onEnd = onEnd;
  }

  override onClose(status: Status): void {
    this.#onEnd(status);
  }
}

/** A class of its own: one that each call made anew would grow old, and keep its call. */
class Answerer extends ServerCallListener<Uint8Array> {
  readonly load: readonly number[] = load();
  readonly #call: ServerCall<Uint8Array, Uint8Array>;

  constructor(call: ServerCall<Uint8Array, Uint8Array>) {
    super();
    this.#call = call;
    call.request(2);
  }

  override onHalfClose(): void {
    this.#call.sendHeaders(new Metadata());
    this.#call.sendMessage(Buffer.from('answer'));
    this.#call.close(Status.OK, new Metadata());
  }
}

const service = new ServiceDefinition('test.Echo').addMethod(echoMethods.unary, (call) => new Answerer(call));

function call(channel: Channel): Promise<Status> {
  return new Promise((resolve) => {
    const made = channel.newCall(echoMethods.unary, CallOptions.DEFAULT);
    made.start(new Caller(resolve), new Metadata());
    made.request(2);
    made.sendMessage(Buffer.from('question'));
    made.halfClose();
  });
}

/** How many bytes have grown old for each call, with a minor collection every few. */
async function oldBytesPerCall(channel: Channel): Promise<number> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options?: { readonly type: 'minor' }) => void;
  const used = (): number =>
    getHeapSpaceStatistics()
      .filter(({ space_name }) => space_name.startsWith('old_') || space_name === 'large_object_space')
      .reduce((sum, { space_used_size }) => sum + space_used_size, 0);
  /** Makes calls, and resolves to what grew old of them, whatever full collections do meanwhile. */
  const grownOld = async (count: number): Promise<number> => {
    let bytes = 0;
    for (let made = 0; made < count; made += WIDTH) {
      const before = used();
      const statuses = await Promise.all(Array.from({ length: WIDTH }, () => call(channel)));
      assert.ok(statuses.every(({ isOk }) => isOk));
      // Until the http2 streams have closed as well, at both ends.
      await sleep(5);
      gc({ type: 'minor' });
      bytes += Math.max(0, used() - before);
    }
    return bytes;
  };
  await grownOld(500);
  return (await grownOld(CALLS)) / CALLS;
}

test('over HTTP/2: neither end of a call grows old with its connection', { timeoutMs: 60_000 }, async () => {
  await using server = new Server().addService(service);
  server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  await server.start();
  await using channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure());
  const bytes = await oldBytesPerCall(channel);
  assert.ok(bytes < LOAD_BYTES / 2, `${Math.round(bytes)} bytes for each call`);
});

test.run();
