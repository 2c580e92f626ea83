/** That calls within the process leave nothing behind, however they end: no bytes, no handles, no stream that is kept. */

import { CallOptions } from '../../../src/call/call-options.ts';
import { ClientCallListener } from '../../../src/call/client-call.ts';
import { type ServerCall, ServerCallListener } from '../../../src/call/server-call.ts';
import { ServiceDefinition } from '../../../src/call/service-definition.ts';
import { StreamClientCall } from '../../../src/call/stream-client-call.ts';
import { createInProcessChannel } from '../../../src/channel/create-in-process-channel.ts';
import type { DirectChannel } from '../../../src/channel/direct-channel.ts';
import { Server } from '../../../src/server/server.ts';
import { InProcessClientTransport } from '../../../src/transport/in-process/client-transport.ts';
import { InProcessServer } from '../../../src/transport/in-process/server.ts';
import { Metadata } from '../../../src/values/metadata.ts';
import { BYTES_MARSHALLER, MethodDescriptor } from '../../../src/values/method.ts';
import { Status } from '../../../src/values/status.ts';
import { collectGarbage, usedBytes } from '../../support/memory.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { ClientConnection, ServerSide } from '../ends.ts';

const test = suite('InProcessTransport, what it keeps');

const CALLS = 100_000;
const AT_ONCE = 100;
/** A call that stays weighs some hundred bytes at the least. */
const GROWTH_PER_CALL = 20;

const METHOD = new MethodDescriptor<Uint8Array, Uint8Array>({
  service: 'test.Leaks',
  name: 'Unary',
  kind: 'unary',
  requestMarshaller: BYTES_MARSHALLER,
  responseMarshaller: BYTES_MARSHALLER,
});
const ANSWER = Uint8Array.of(1, 2, 3);

/** Answers at the half-close. */
class Answering extends ServerCallListener<Uint8Array> {
  readonly #call: ServerCall<Uint8Array, Uint8Array>;

  constructor(call: ServerCall<Uint8Array, Uint8Array>) {
    super();
    this.#call = call;
    call.request(2);
  }

  override onHalfClose(): void {
    this.#call.sendHeaders(new Metadata());
    this.#call.sendMessage(ANSWER);
    this.#call.close(Status.OK, new Metadata());
  }
}

class Ending extends ClientCallListener<Uint8Array> {
  readonly #resolve: (status: Status) => void;

  constructor(resolve: (status: Status) => void) {
    super();
    this.#resolve = resolve;
  }

  override onClose(status: Status): void {
    this.#resolve(status);
  }
}

async function service(): Promise<{ server: Server; channel: DirectChannel }> {
  const listener = InProcessServer.anonymous();
  const definition = new ServiceDefinition('test.Leaks').addMethod(METHOD, (call) => new Answering(call));
  const server = new Server().addService(definition).addServerListener(listener);
  await within(5_000, server.start(), 'the server to listen');
  return { server, channel: createInProcessChannel(listener) };
}

/** `cancelled` calls end in the tick after their half-close. */
function call(channel: DirectChannel, cancelled: boolean): Promise<Status> {
  return new Promise((resolve) => {
    const made = channel.newCall(METHOD, CallOptions.DEFAULT.withTimeout(60_000));
    assert.instance(made, StreamClientCall);
    made.start(new Ending(resolve), new Metadata());
    made.request(2);
    made.sendMessage(ANSWER);
    made.halfClose();
    if (cancelled) process.nextTick(() => made.cancel('leaks'));
  });
}

async function callOften(channel: DirectChannel, count: number): Promise<void> {
  for (let done = 0; done < count; done += AT_ONCE) {
    const ended = Array.from({ length: AT_ONCE }, (_, index) => call(channel, index % 10 === 0));
    for (const [index, status] of (await Promise.all(ended)).entries()) assert.is(status.isOk, index % 10 !== 0);
  }
}

test('a hundred thousand calls, every tenth cancelled, leave nothing behind', { timeoutMs: 30_000 }, async () => {
  const { server, channel } = await service();
  await callOften(channel, CALLS / 10);
  const [bytes, handles] = [await usedBytes(), process.getActiveResourcesInfo().length];
  await callOften(channel, CALLS);
  const growth = ((await usedBytes()) - bytes) / CALLS;
  assert.ok(growth < GROWTH_PER_CALL, `${growth} bytes a call`);
  assert.ok(process.getActiveResourcesInfo().length <= handles);
  await channel[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** How a stream may end. */
type Ends = (client: { cancel(reason: Status): void }, server: { close(status: Status): void }) => void;

const ENDS: Readonly<Record<string, Ends>> = {
  'the server’s close': (_client, server) => server.close(Status.OK),
  'the client’s cancel': (client) => client.cancel(Status.CANCELLED),
  'both at once': (client, server) => {
    server.close(Status.OK);
    client.cancel(Status.CANCELLED);
  },
};

for (const [name, end] of Object.entries(ENDS)) {
  test(`after ${name} no connection holds either stream`, async () => {
    const server = InProcessServer.anonymous();
    const side = new ServerSide(server);
    await side.listen();
    const client = await new ClientConnection(new InProcessClientTransport({ server })).connect();
    const run = async (): Promise<WeakRef<object>[]> => {
      const here = client.open();
      const there = await side.streams.next();
      here.write('unread');
      there.sendHeaders();
      there.write('unread');
      end(here, there);
      here.request(1);
      await here.closed;
      await there.closed;
      side.streams.all.length = 0;
      return [new WeakRef(here.stream), new WeakRef(there.stream)];
    };
    const streams = await run();
    await collectGarbage();
    assert.equal(
      streams.map((stream) => stream.deref() === undefined),
      [true, true],
    );
    client.transport.shutdown(Status.UNAVAILABLE);
    await client.log.end();
    side.listener.close();
    await side.log.end();
  });
}

test.run();
