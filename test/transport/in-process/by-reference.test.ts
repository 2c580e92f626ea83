/** Messages by reference: calls within the process hand over the very object, and over HTTP/2 they fail by status. */
import { CallOptions } from '../../../src/call/call-options.ts';
import type { ServerCall } from '../../../src/call/server-call.ts';
import { ServiceDefinition } from '../../../src/call/service-definition.ts';
import { createChannel } from '../../../src/channel/create-channel.ts';
import { createInProcessChannel } from '../../../src/channel/create-in-process-channel.ts';
import type { DirectChannel } from '../../../src/channel/direct-channel.ts';
import { ChannelCredentials } from '../../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../../src/credentials/server-credentials.ts';
import { Server } from '../../../src/server/server.ts';
import { InProcessServer } from '../../../src/transport/in-process/server.ts';
import { Metadata } from '../../../src/values/metadata.ts';
import { MethodDescriptor } from '../../../src/values/method.ts';
import { byReference } from '../../../src/values/reference-payload.ts';
import { Status } from '../../../src/values/status.ts';
import { RecordingClientListener, RecordingServerListener } from '../../support/recorder.ts';
import { assert, suite, within } from '../../support/suite.ts';

const test = suite('Messages by reference');

interface Parcel {
  readonly items: readonly unknown[];
}

const METHOD = new MethodDescriptor<Parcel, Parcel>({
  service: 'test.Reference',
  name: 'Echo',
  kind: 'bidi_streaming',
  requestMarshaller: byReference(),
  responseMarshaller: byReference(),
});

/** Sends every message back, and ends with the client. */
function echo(call: ServerCall<Parcel, Parcel>): RecordingServerListener<Parcel> {
  call.sendHeaders(new Metadata());
  call.request(Number.POSITIVE_INFINITY);
  return new RecordingServerListener<Parcel>({
    onMessage: (message) => call.sendMessage(message),
    onHalfClose: () => call.close(Status.OK, new Metadata()),
  });
}

const inProcess = InProcessServer.anonymous();
let server: Server;
let errors: unknown[];

test.before(async () => {
  errors = [];
  server = new Server({ onHandlerError: (error) => errors.push(error) })
    .addService(new ServiceDefinition('test.Reference').addMethod(METHOD, echo))
    .addServerListener(inProcess)
    .addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  await within(5_000, server.start());
});

test.after(async () => {
  await within(5_000, server[Symbol.asyncDispose]());
});

async function send(channel: DirectChannel, parcels: readonly Parcel[]): Promise<RecordingClientListener<Parcel>> {
  const call = channel.newCall(METHOD, CallOptions.DEFAULT);
  const listener = new RecordingClientListener<Parcel>();
  call.start(listener, new Metadata());
  call.request(Number.POSITIVE_INFINITY);
  for (const parcel of parcels) call.sendMessage(parcel);
  call.halfClose();
  await listener.closed;
  await within(5_000, channel[Symbol.asyncDispose]());
  return listener;
}

test('what comes back is what was sent, the very objects, on a channel that had yet to connect', async () => {
  const parcels = Array.from({ length: 500 }, (_, index) => ({ items: [index, Symbol('of no type that travels')] }));
  const { messages, log } = await send(createInProcessChannel(inProcess), parcels);
  assert.is(messages.length, parcels.length);
  assert.ok(messages.every((message, index) => message === parcels[index]));
  assert.ok(log.all('close')[0]?.status.isOk === true);
});

test('a writer is still told to wait', async () => {
  const channel = createInProcessChannel(inProcess);
  const call = channel.newCall(METHOD, CallOptions.DEFAULT);
  const listener = new RecordingClientListener<Parcel>();
  call.start(listener, new Metadata());
  await listener.event('ready');
  let sent = 0;
  while (call.isReady() && sent < 1_000) {
    call.sendMessage({ items: [] });
    sent += 1;
  }
  assert.is(sent, 32);
  call.cancel('enough');
  await listener.closed;
  await within(5_000, channel[Symbol.asyncDispose]());
});

test('over HTTP/2 the call fails by status: such a message is no request that a server could read', async () => {
  const channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure());
  const { log } = await send(channel, [{ items: [] }]);
  assert.is(log.all('close')[0]?.status.toString(), 'INTERNAL: Failed to parse the request');
  assert.equal(errors, []);
});

test.run();
