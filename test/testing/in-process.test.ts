/**
 * startInProcess: a service under test in one line, with its time and its faults, and what it says of calls left open.
 */
import { CallOptions } from '../../src/call/call-options.ts';
import { ServerCallListener } from '../../src/call/server-call.ts';
import { ServiceDefinition } from '../../src/call/service-definition.ts';
import { createInProcessChannel } from '../../src/channel/create-in-process-channel.ts';
import type { DirectChannel } from '../../src/channel/direct-channel.ts';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { Server } from '../../src/server/server.ts';
import { Faults } from '../../src/testing/faults.ts';
import { type InProcessRig, startInProcess } from '../../src/testing/in-process.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { InProcessServer } from '../../src/transport/in-process/server.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Code, Status } from '../../src/values/status.ts';
import { METHODS } from '../call/call-pair.ts';
import { RecordingClientListener } from '../support/recorder.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('startInProcess');

/** Answers every unary call with its request. */
const echo = new ServiceDefinition('test.Text').addMethod(METHODS.unary, (call) => {
  call.request(1);
  return new (class extends ServerCallListener<string> {
    override onMessage(message: string): void {
      call.sendHeaders(new Metadata());
      call.sendMessage(message);
    }
    override onHalfClose(): void {
      call.close(Status.OK, new Metadata());
    }
  })();
});

/** Never answers. */
const silent = new ServiceDefinition('test.Text').addMethod(METHODS.unary, () => new ServerCallListener());

function ask(channel: DirectChannel, options = CallOptions.DEFAULT): RecordingClientListener<string> {
  const listener = new RecordingClientListener<string>();
  const call = channel.newCall(METHODS.unary, options);
  call.start(listener, new Metadata());
  call.request(2);
  call.sendMessage('hello');
  call.halfClose();
  return listener;
}

/** The status of a call, and what it brought. */
async function outcome(listener: RecordingClientListener<string>): Promise<[string, string[]]> {
  return [(await listener.closed).status.name, listener.messages];
}

/** What disposal says. */
async function complaint(rig: InProcessRig): Promise<string> {
  return await within(
    5_000,
    rig[Symbol.asyncDispose]().then(
      () => 'nothing',
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    ),
  );
}

test('starts services and a channel to them, and shuts both down', async () => {
  let ends: InProcessRig;
  {
    await using rig = await startInProcess(echo);
    ends = rig;
    assert.equal(await outcome(ask(rig.channel)), ['OK', ['hello']]);
  }
  assert.ok(ends.server.isTerminated);
  assert.ok(ends.channel.isTerminated);
});

test('takes no service at all', async () => {
  await using rig = await startInProcess();
  assert.equal(await outcome(ask(rig.channel)), ['UNIMPLEMENTED', []]);
});

test('hands options and interceptors to both ends', async () => {
  const seen: string[] = [];
  await using rig = await startInProcess({
    services: [echo],
    server: {
      interceptors: [
        (call, headers, next) => {
          seen.push(`server ${call.method.name}`);
          return next(call, headers);
        },
      ],
    },
    channel: {
      authority: 'elsewhere',
      interceptors: [
        (method, options, next) => {
          seen.push(`client ${method.name}`);
          return next.newCall(method, options);
        },
      ],
    },
  });
  await outcome(ask(rig.channel));
  assert.equal(seen, ['client unary', 'server unary']);
  assert.is(rig.channel.authority(), 'elsewhere');
});

test('deadlines pass when the clock is moved', async () => {
  const clock = new ManualClock();
  await using rig = await startInProcess({ services: [silent], clock });
  const listener = ask(rig.channel, CallOptions.DEFAULT.withTimeout(60_000, clock));
  await clock.advanceAsync(59_999);
  assert.equal(listener.names, ['written']);
  clock.advance(1);
  assert.equal(await outcome(listener), ['DEADLINE_EXCEEDED', []]);
  assert.is(clock.pending, 0);
});

test('names the calls that are left open, and ends them', async () => {
  const clock = new ManualClock();
  const rig = await startInProcess({ services: [silent], clock, disposeTimeoutMs: 20 });
  const ended = ask(rig.channel, CallOptions.DEFAULT.withTimeout(1, clock));
  await clock.advanceAsync(1);
  await ended.closed;
  const listeners = [ask(rig.channel), ask(rig.channel)];
  assert.is(await complaint(rig), 'still open 20 ms after the end of the test: test.Text/unary, test.Text/unary');
  for (const listener of listeners) assert.equal(await outcome(listener), ['UNAVAILABLE', []]);
  assert.ok(rig.server.isTerminated);
});

test('waits for calls that end in time, and has no complaint after shutdownNow', async () => {
  const rig = await startInProcess(echo);
  const listener = ask(rig.channel);
  assert.is(await complaint(rig), 'nothing');
  assert.equal(await outcome(listener), ['OK', ['hello']]);
  const left = await startInProcess(silent);
  ask(left.channel);
  left.channel.shutdownNow();
  assert.is(await complaint(left), 'nothing');
});

test('a connection that breaks ends the call, and the next one connects anew', async () => {
  await using rig = await startInProcess(echo);
  rig.faults.dropConnectionAfter({ sentMessages: 1 });
  assert.equal(await outcome(ask(rig.channel)), ['UNAVAILABLE', []]);
  assert.equal(await outcome(ask(rig.channel)), ['OK', ['hello']]);
});

test('after a GOAWAY the next call gets a new connection', async () => {
  await using rig = await startInProcess(echo);
  await outcome(ask(rig.channel));
  rig.faults.goAway();
  assert.is(rig.channel.getState(), 'IDLE');
  assert.equal(await outcome(ask(rig.channel)), ['OK', ['hello']]);
});

test('back-off runs on the same clock', async () => {
  const clock = new ManualClock();
  await using rig = await startInProcess({ services: [echo], clock });
  rig.faults.refuseConnections(1);
  assert.equal(await outcome(ask(rig.channel)), ['UNAVAILABLE', []]);
  const patient = ask(rig.channel, CallOptions.DEFAULT.withWaitForReady(true));
  await clock.advanceAsync(100);
  assert.equal(patient.names, []);
  await clock.advanceAsync(2_000);
  assert.equal(await outcome(patient), ['OK', ['hello']]);
});

test('a slow network costs as much time as it says', async () => {
  const clock = new ManualClock();
  await using rig = await startInProcess({ services: [echo], clock });
  await outcome(ask(rig.channel));
  rig.faults.delay(20);
  const listener = ask(rig.channel);
  await clock.advanceAsync(39);
  assert.equal(listener.names, []);
  await clock.advanceAsync(1);
  assert.equal(await outcome(listener), ['OK', ['hello']]);
  rig.faults.clear();
});

test('a deadline passes in a stall, and disposal does not wait for its end', async () => {
  const clock = new ManualClock();
  await using rig = await startInProcess({ services: [echo], clock });
  rig.faults.stall();
  const listener = ask(rig.channel, CallOptions.DEFAULT.withTimeout(1_000, clock));
  await clock.advanceAsync(1_000);
  const { status } = await listener.closed;
  assert.is(status.code, Code.DEADLINE_EXCEEDED);
  assert.match(status.description ?? '', 'waiting for a connection');
});

test('delivers as many messages as were asked for, however many were written (row 199)', async () => {
  const flood = new ServiceDefinition('test.Text').addMethod(METHODS.server_streaming, (call) => {
    call.request(1);
    call.sendHeaders(new Metadata());
    for (let i = 0; i < 20; i += 1) call.sendMessage(`${i}`);
    call.close(Status.OK, new Metadata());
    return new ServerCallListener();
  });
  const clock = new ManualClock();
  await using rig = await startInProcess({ services: [flood], clock });
  const listener = new RecordingClientListener<string>();
  const call = rig.channel.newCall(METHODS.server_streaming, CallOptions.DEFAULT);
  call.start(listener, new Metadata());
  call.sendMessage('');
  call.halfClose();
  for (const [asked, sum] of [
    [1, 1],
    [0, 1],
    [3, 4],
    [15, 19],
  ] as const) {
    call.request(asked);
    await clock.advanceAsync(0);
    assert.is(listener.messages.length, sum);
  }
  assert.is(listener.names.includes('close'), false);
  call.request(1);
  assert.is((await listener.closed).status.code, Code.OK);
});

test('faults can be given to a channel of its own, by name and over HTTP/2', async () => {
  const faults = new Faults();
  const server = new Server()
    .addService(echo)
    .addServerListener(InProcessServer.named('faulty'))
    .addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  await using _server = server;
  await server.start();
  await using named = faults.channel('faulty');
  await using http2 = faults.channel({ host: '127.0.0.1', port: server.port });
  assert.equal([named.authority(), http2.authority()], ['faulty', `127.0.0.1:${server.port}`]);
  for (const channel of [named, http2]) assert.equal(await outcome(ask(channel)), ['OK', ['hello']]);
  // Two for each: a call that was refused once begins anew.
  faults.refuseStreams(4);
  for (const channel of [named, http2]) assert.equal(await outcome(ask(channel)), ['UNAVAILABLE', []]);
  await using healthy = createInProcessChannel('faulty');
  faults.stall();
  assert.equal(await outcome(ask(healthy)), ['OK', ['hello']], 'a channel without the faults');
});

test.run();
