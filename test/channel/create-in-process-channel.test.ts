/** createInProcessChannel: what a server may be, its authority, and that nobody there is a status. */
import { CallOptions } from '../../src/call/call-options.ts';
import { ServiceDefinition } from '../../src/call/service-definition.ts';
import { createInProcessChannel } from '../../src/channel/create-in-process-channel.ts';
import type { DirectChannel } from '../../src/channel/direct-channel.ts';
import type { DirectServiceConfig } from '../../src/channel/fixed-settings.ts';
import { Server } from '../../src/server/server.ts';
import { InProcessServer } from '../../src/transport/in-process/server.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { METHODS } from '../call/call-pair.ts';
import { RecordingClientListener, RecordingServerListener } from '../support/recorder.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('createInProcessChannel');

/** Ends every call OK, with a word on what came with it in the trailers. */
function serverAt(address: InProcessServer): Server {
  const service = new ServiceDefinition('test.Text').addMethod(METHODS.unary, (call, headers) => {
    const facts = { 'x-authority': call.authority ?? '', 'x-agent': headers.get('user-agent') ?? '' };
    call.close(Status.NOT_FOUND, new Metadata(facts));
    return new RecordingServerListener<string>();
  });
  return new Server().addService(service).addServerListener(address);
}

async function ask(channel: DirectChannel): Promise<{ status: Status; trailers: Metadata }> {
  const listener = new RecordingClientListener<string>();
  const call = channel.newCall(METHODS.unary, CallOptions.DEFAULT);
  call.start(listener, new Metadata());
  call.sendMessage('');
  call.halfClose();
  call.request(1);
  return await listener.closed;
}

test('reaches a server by its name or as an object', async () => {
  const anonymous = InProcessServer.anonymous();
  for (const [address, to] of [
    [InProcessServer.named('here'), 'here'],
    [anonymous, anonymous],
  ] as const) {
    await using server = serverAt(address);
    await server.start();
    await using channel = createInProcessChannel(to);
    assert.is(channel.authority(), address.name);
    const { status, trailers } = await ask(channel);
    assert.is(status.name, 'NOT_FOUND');
    assert.is(trailers.get('x-authority'), address.name);
  }
});

test('tells the server its own authority and user agent', async () => {
  const address = InProcessServer.anonymous();
  await using server = serverAt(address);
  await server.start();
  await using channel = createInProcessChannel(address, { authority: 'example.com', userAgent: 'me/1' });
  assert.is(channel.authority(), 'example.com');
  const { trailers } = await ask(channel);
  assert.is(trailers.get('x-authority'), 'example.com');
  assert.match(trailers.get('x-agent') ?? '', /^me\/1 /);
});

test('is UNAVAILABLE while nobody listens, and finds a server that comes later', async () => {
  await using channel = createInProcessChannel('latecomer');
  assert.is((await ask(channel)).status.toString(), 'UNAVAILABLE: Could not find server: latecomer');
  await using server = serverAt(InProcessServer.named('latecomer'));
  await server.start();
  channel.resetConnectBackoff();
  assert.is((await ask(channel)).status.name, 'NOT_FOUND');
});

test('heeds a service config: timeouts and retries', async () => {
  const address = InProcessServer.anonymous();
  let calls = 0;
  const service = new ServiceDefinition('test.Text').addMethod(METHODS.unary, (call) => {
    calls += 1;
    call.close(calls < 3 ? Status.UNAVAILABLE : Status.NOT_FOUND, new Metadata());
    return new RecordingServerListener<string>();
  });
  await using server = new Server().addService(service).addServerListener(address);
  await server.start();
  const retryPolicy = {
    maxAttempts: 4,
    initialBackoff: '0.001s',
    maxBackoff: '0.001s',
    backoffMultiplier: 1,
    retryableStatusCodes: ['UNAVAILABLE'],
  } as const;
  const serviceConfig = { methodConfig: [{ name: [{}], retryPolicy }] };
  await using channel = createInProcessChannel(address, { serviceConfig });
  assert.is((await ask(channel)).status.name, 'NOT_FOUND');
  assert.is(calls, 3);
  calls = 0;
  await using strict = createInProcessChannel(address, { serviceConfig, serviceConfigLimits: { maxAttempts: 2 } });
  assert.is((await ask(strict)).status.name, 'UNAVAILABLE');
  assert.is(calls, 2);
  calls = 2;
  const hurried = { methodConfig: [{ name: [{ service: 'test.Text' }], timeout: '0s' }] } as const;
  await using late = createInProcessChannel(address, { serviceConfig: hurried });
  assert.is((await ask(late)).status.name, 'DEADLINE_EXCEEDED');
});

test('refuses a service config with a fault, and one that would balance', () => {
  const faulty = { methodConfig: [{ name: [{}], timeout: 'soon' }] } as unknown as DirectServiceConfig;
  const balanced = { loadBalancingConfig: [{ round_robin: {} }] } as DirectServiceConfig;
  for (const serviceConfig of [faulty, balanced]) {
    assert.throws(
      () => createInProcessChannel('somewhere', { serviceConfig }),
      (error: unknown) => error instanceof TypeError && error.message.startsWith('serviceConfig: '),
    );
  }
});

test('refuses an empty name', () => {
  assert.throws(
    () => createInProcessChannel(''),
    (error: unknown) => error instanceof TypeError,
  );
});

test.run();
