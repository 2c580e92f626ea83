/**
 * DirectChannel over transports worked by hand: states, waiting calls, shutdown. Upstream: ManagedChannelImplTest (rows
 * 202 to 206 of its checklist), DelayedClientTransportTest. Over HTTP/2: test/server/server.test.ts.
 */
import { CallOptions } from '../../src/call/call-options.ts';
import type { ClientCall } from '../../src/call/client-call.ts';
import type { ClientInterceptor } from '../../src/call/client-interceptor.ts';
import type { ConnectivityState } from '../../src/channel/connectivity.ts';
import { DirectChannel } from '../../src/channel/direct-channel.ts';
import type { ChannelOptions } from '../../src/channel/managed-channel.ts';
import { Deadline } from '../../src/values/deadline.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { echoMethods } from '../support/echo.ts';
import { RecordingClientListener } from '../support/recorder.ts';
import { assert, suite, within } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { HandTransport, nextTick } from './hand-transport.ts';

const test = suite('DirectChannel');

const REFUSED = Status.UNAVAILABLE.withDescription('connection refused');
const GONE = Status.UNAVAILABLE.withDescription('the peer went away');
const PATIENT = CallOptions.DEFAULT.withWaitForReady(true);

interface StartedCall {
  readonly call: ClientCall<Uint8Array, Uint8Array>;
  readonly listener: RecordingClientListener<Uint8Array>;
}

class SetUp {
  readonly clock = new WoundClock();
  readonly transports: HandTransport[] = [];
  readonly channel: DirectChannel;

  constructor(options: ChannelOptions = {}) {
    const factory = (): HandTransport => {
      const transport = new HandTransport();
      this.transports.push(transport);
      return transport;
    };
    this.channel = new DirectChannel(factory, 'some.host:443', {
      clock: this.clock,
      backoff: { random: () => 0.5 },
      ...options,
    });
  }

  get last(): HandTransport {
    const transport = this.transports.at(-1);
    if (transport === undefined) throw new Error('no transport was made');
    return transport;
  }

  start(options: CallOptions = CallOptions.DEFAULT): StartedCall {
    const call = this.channel.newCall(echoMethods.bidi_streaming, options);
    const listener = new RecordingClientListener<Uint8Array>();
    listener.forbid(() => call.start(listener, new Metadata()));
    return { call, listener };
  }

  /** Ends everything, so that each test shows that it can. */
  async finish(): Promise<void> {
    this.channel.shutdownNow();
    assert.ok(await within(1_000, this.channel.awaitTermination(), 'the end of the channel'));
    assert.is(this.clock.armed, 0, 'a timer is left');
  }
}

async function statusOf({ listener }: StartedCall): Promise<string> {
  return (await listener.closed).status.toString();
}

test('is IDLE at birth and makes no connection for a call that was not started', async () => {
  const setUp = new SetUp();
  setUp.channel.newCall(echoMethods.unary, CallOptions.DEFAULT);
  assert.is(setUp.channel.getState(), 'IDLE');
  assert.is(setUp.transports.length, 0);
  assert.is(setUp.channel.authority(), 'some.host:443');
  await setUp.finish();
});

test('connects at the start of the first call, which waits and then goes on', async () => {
  const setUp = new SetUp();
  const { call, listener } = setUp.start();
  assert.is(setUp.channel.getState(), 'CONNECTING');
  call.sendMessage(Buffer.from('a'));
  call.request(1);
  assert.not(call.isReady());
  setUp.start();
  assert.is(setUp.transports.length, 1);
  setUp.last.connect();
  assert.is(setUp.channel.getState(), 'READY');
  assert.is(setUp.last.streams.length, 2);
  const [first] = setUp.last.streams;
  assert.equal(first?.said, ['start', 'write a', 'request 1']);
  first?.receive('b');
  first?.close();
  assert.equal(listener.names, ['headers', 'message', 'close']);
  await setUp.finish();
});

test('gives calls on a READY channel the stream of the transport itself', async () => {
  const setUp = new SetUp();
  setUp.channel.connect();
  setUp.last.connect();
  const { call } = setUp.start();
  assert.is(setUp.last.streams.length, 1);
  call.sendMessage(Buffer.from('a'));
  assert.equal(setUp.last.last.said, ['start', 'write a']);
  await setUp.finish();
});

test('goes IDLE when the connection is lost, and the next call makes another', async () => {
  const setUp = new SetUp();
  const first = setUp.start();
  setUp.last.connect();
  setUp.last.fail(GONE);
  assert.is(await statusOf(first), GONE.toString());
  assert.is(setUp.channel.getState(), 'IDLE');
  assert.is(setUp.transports.length, 1);
  setUp.start();
  assert.is(setUp.transports.length, 2);
  setUp.last.connect();
  assert.is(setUp.last.streams.length, 1);
  await setUp.finish();
});

test('sends new calls elsewhere once the peer wants no more, while open ones run on', async () => {
  const setUp = new SetUp();
  const first = setUp.start();
  const old = setUp.last;
  old.connect();
  old.goAway(GONE);
  setUp.start();
  assert.is(setUp.transports.length, 2);
  setUp.last.connect();
  assert.is(setUp.last.streams.length, 1);
  old.last.close();
  assert.is(await statusOf(first), 'OK');
  assert.ok(old.terminated);
  await setUp.finish();
});

test('fails a waiting call with the connection error, unless it waits for ready (row 204)', async () => {
  const setUp = new SetUp();
  const hasty = setUp.start();
  const patient = setUp.start(PATIENT);
  setUp.last.fail(REFUSED);
  assert.is(await statusOf(hasty), 'UNAVAILABLE: connection refused');
  assert.is(setUp.channel.getState(), 'TRANSIENT_FAILURE');
  assert.equal(patient.listener.names, []);
  setUp.clock.advance(1_000);
  assert.is(setUp.channel.getState(), 'CONNECTING');
  setUp.last.fail(REFUSED.withDescription('refused again'));
  assert.equal(patient.listener.names, []);
  setUp.clock.advance(1_600);
  setUp.last.connect();
  setUp.last.last.close();
  assert.is(await statusOf(patient), 'OK');
  await setUp.finish();
});

test('fails calls at once, with the last error, while it waits to connect again', async () => {
  const setUp = new SetUp();
  setUp.start();
  setUp.last.fail(REFUSED);
  setUp.clock.advance(999);
  assert.is(await statusOf(setUp.start()), 'UNAVAILABLE: connection refused');
  assert.is(setUp.transports.length, 1);
  await setUp.finish();
});

test('connects for a call that comes after the wait, and lets it wait for that', async () => {
  const setUp = new SetUp();
  setUp.start();
  setUp.last.fail(REFUSED);
  assert.is(setUp.clock.armed, 0, 'nobody waits');
  setUp.clock.advance(1_000);
  const call = setUp.start();
  assert.is(setUp.channel.getState(), 'CONNECTING');
  setUp.last.connect();
  setUp.last.last.close();
  assert.is(await statusOf(call), 'OK');
  await setUp.finish();
});

test('runs the back-off timer only while a call waits for ready', async () => {
  const setUp = new SetUp();
  const first = setUp.start(PATIENT);
  const second = setUp.start(PATIENT);
  setUp.last.fail(REFUSED);
  assert.is(setUp.clock.armed, 1);
  first.call.cancel('given up');
  assert.is(setUp.clock.armed, 1);
  second.call.cancel('given up');
  assert.is(setUp.clock.armed, 0);
  assert.is(await statusOf(second), 'CANCELLED: given up');
  setUp.clock.advance(60_000);
  assert.is(setUp.transports.length, 1);
  assert.is(setUp.channel.getState(), 'IDLE');
  await setUp.finish();
});

test('lets go of a cancelled call that waits; the attempt goes on', async () => {
  const setUp = new SetUp();
  const { call, listener } = setUp.start();
  listener.forbid(() => call.cancel('given up'));
  assert.is((await listener.closed).status.description, 'given up');
  setUp.last.connect();
  assert.is(setUp.channel.getState(), 'READY');
  assert.is(setUp.last.streams.length, 0);
  await setUp.finish();
});

test('says in the status of a deadline what the call waited for', async () => {
  const setUp = new SetUp();
  const connecting = setUp.start(CallOptions.DEFAULT.withDeadline(Deadline.after(500, setUp.clock)));
  setUp.clock.advance(500);
  const first = await statusOf(connecting);
  assert.match(first, /^DEADLINE_EXCEEDED: .*waiting for a connection to some\.host:443\b/);
  assert.not.match(first, /attempt/);
  const backingOff = setUp.start(PATIENT.withDeadline(Deadline.after(400, setUp.clock)));
  setUp.last.fail(REFUSED);
  setUp.clock.advance(400);
  assert.match(await statusOf(backingOff), /the last attempt failed with UNAVAILABLE: connection refused/);
  await setUp.finish();
});

test('makes no connection for a call whose deadline has passed at start', async () => {
  const setUp = new SetUp();
  const call = setUp.start(CallOptions.DEFAULT.withDeadline(Deadline.after(-1, setUp.clock)));
  assert.match(await statusOf(call), /^DEADLINE_EXCEEDED/);
  assert.is(setUp.channel.getState(), 'IDLE');
  await setUp.finish();
});

test('leaves IDLE by getState(true), which tells the state from before (row 205)', async () => {
  const setUp = new SetUp();
  assert.is(setUp.channel.getState(false), 'IDLE');
  assert.is(setUp.channel.getState(true), 'IDLE');
  assert.is(setUp.channel.getState(), 'CONNECTING');
  assert.is(setUp.transports.length, 1);
  await setUp.finish();
});

test('connects once more after a failure when asked to, and only once', async () => {
  const setUp = new SetUp();
  setUp.channel.connect();
  setUp.last.fail(REFUSED);
  assert.is(setUp.clock.armed, 0);
  assert.is(setUp.channel.getState(true), 'TRANSIENT_FAILURE');
  assert.is(setUp.clock.armed, 1);
  const patient = setUp.start(PATIENT);
  patient.call.cancel('given up');
  assert.is(setUp.clock.armed, 1, 'the request stands');
  setUp.clock.advance(1_000);
  assert.is(setUp.channel.getState(), 'CONNECTING');
  setUp.last.fail(REFUSED);
  assert.is(setUp.clock.armed, 0);
  const other = setUp.start(PATIENT);
  other.call.cancel('given up');
  assert.is(setUp.clock.armed, 0, 'the request was met');
  await setUp.finish();
});

test('tells of a change of state once, at once if it has changed already (row 206)', async () => {
  const setUp = new SetUp();
  const seen: ConnectivityState[] = [];
  const look = (): void => void seen.push(setUp.channel.getState());
  setUp.channel.notifyWhenStateChanged('READY', look);
  assert.equal(seen, [], 'inside the question');
  await nextTick();
  assert.equal(seen, ['IDLE']);
  setUp.channel.notifyWhenStateChanged('IDLE', look);
  await nextTick();
  setUp.channel.connect();
  await nextTick();
  assert.equal(seen, ['IDLE', 'CONNECTING']);
  setUp.last.connect();
  await nextTick();
  assert.equal(seen, ['IDLE', 'CONNECTING']);
  setUp.channel.notifyWhenStateChanged('READY', look);
  setUp.channel.shutdown();
  await nextTick();
  assert.equal(seen, ['IDLE', 'CONNECTING', 'SHUTDOWN']);
  await setUp.finish();
});

test('tells whoever watches a failure at once when the wait after it is over', async () => {
  const setUp = new SetUp();
  setUp.channel.connect();
  setUp.last.fail(REFUSED);
  setUp.clock.advance(1_000);
  let told = 0;
  setUp.channel.notifyWhenStateChanged('TRANSIENT_FAILURE', () => {
    told += 1;
  });
  await nextTick();
  assert.is(told, 1);
  await setUp.finish();
});

test('connects at once when the back-off is reset', async () => {
  const setUp = new SetUp();
  const patient = setUp.start(PATIENT);
  setUp.last.fail(REFUSED);
  setUp.channel.resetConnectBackoff();
  assert.is(setUp.clock.armed, 0);
  setUp.last.connect();
  setUp.last.last.close();
  assert.is(await statusOf(patient), 'OK');
  await setUp.finish();
});

test('refuses new calls after shutdown, those that were made before but not started too (row 202)', async () => {
  const setUp = new SetUp();
  const early = setUp.channel.newCall(echoMethods.unary, CallOptions.DEFAULT);
  setUp.channel.shutdown();
  setUp.channel.shutdown();
  assert.ok(setUp.channel.isShutdown);
  assert.ok(setUp.channel.isTerminated);
  assert.is(setUp.channel.getState(true), 'SHUTDOWN');
  assert.is(await statusOf(setUp.start()), 'UNAVAILABLE: Channel shutdown invoked');
  assert.is(await statusOf(setUp.start(PATIENT)), 'UNAVAILABLE: Channel shutdown invoked');
  const listener = new RecordingClientListener<Uint8Array>();
  listener.forbid(() => early.start(listener, new Metadata()));
  assert.is((await listener.closed).status.toString(), 'UNAVAILABLE: Channel shutdown invoked');
  setUp.channel.connect();
  setUp.channel.resetConnectBackoff();
  assert.is(setUp.transports.length, 0);
  assert.is(setUp.channel.authority(), 'some.host:443');
});

test('lets open calls run on after shutdown, and terminates after the last (row 203)', async () => {
  const setUp = new SetUp();
  const open = setUp.start();
  setUp.last.connect();
  setUp.channel.shutdown();
  assert.is(setUp.channel.getState(), 'SHUTDOWN');
  assert.is(await statusOf(setUp.start()), 'UNAVAILABLE: Channel shutdown invoked');
  assert.not(setUp.channel.isTerminated);
  open.call.sendMessage(Buffer.from('still here'));
  assert.equal(setUp.last.last.said, ['start', 'write still here']);
  setUp.last.last.close();
  assert.is(await statusOf(open), 'OK');
  assert.ok(await setUp.channel.awaitTermination(1_000));
  assert.is(setUp.clock.armed, 0);
});

test('lets calls that wait for a connection go on after shutdown', async () => {
  const setUp = new SetUp();
  const hasty = setUp.start();
  const patient = setUp.start(PATIENT);
  setUp.channel.shutdown();
  setUp.last.fail(REFUSED);
  assert.is(await statusOf(hasty), 'UNAVAILABLE: connection refused');
  assert.not(setUp.channel.isTerminated);
  setUp.clock.advance(1_000);
  setUp.last.connect();
  assert.is(setUp.last.shutdownReason, null, 'the call may have to begin anew');
  setUp.last.last.close();
  assert.is(await statusOf(patient), 'OK');
  assert.ok(await within(1_000, setUp.channel.awaitTermination()));
});

test('refuses a call that is made amid the going on of others after shutdown', async () => {
  const setUp = new SetUp();
  let late: StartedCall | null = null;
  const listener = new RecordingClientListener<Uint8Array>({
    onMessage: () => {
      late = setUp.start();
    },
  });
  const call = setUp.channel.newCall(echoMethods.bidi_streaming, CallOptions.DEFAULT);
  call.start(listener, new Metadata());
  call.request(1);
  setUp.channel.shutdown();
  setUp.last.early = ['an answer that is there at once'];
  setUp.last.connect();
  assert.is(setUp.last.streams.length, 1);
  if (late === null) throw new Error('no message came');
  assert.is(await statusOf(late), 'UNAVAILABLE: Channel shutdown invoked');
  await setUp.finish();
});

test('terminates when the last call that waits for a connection is cancelled after shutdown', async () => {
  const setUp = new SetUp();
  const patient = setUp.start(PATIENT);
  setUp.last.fail(REFUSED);
  setUp.channel.shutdown();
  assert.not(setUp.channel.isTerminated);
  patient.call.cancel('given up');
  assert.ok(await within(1_000, setUp.channel.awaitTermination()));
  assert.is(setUp.clock.armed, 0);
  assert.is(await statusOf(patient), 'CANCELLED: given up');
});

test('ends every call at shutdownNow, also after shutdown (row 203)', async () => {
  const setUp = new SetUp();
  const open = setUp.start();
  setUp.last.connect();
  setUp.last.goAway(GONE);
  const waiting = setUp.start(PATIENT);
  setUp.channel.shutdown();
  assert.equal(open.listener.names, []);
  open.listener.forbid(() => waiting.listener.forbid(() => setUp.channel.shutdownNow()));
  assert.is(await statusOf(open), 'UNAVAILABLE: Channel shutdownNow invoked');
  assert.is(await statusOf(waiting), 'UNAVAILABLE: Channel shutdownNow invoked');
  assert.is(await statusOf(setUp.start()), 'UNAVAILABLE: Channel shutdownNow invoked');
  assert.ok(await within(1_000, setUp.channel.awaitTermination()));
});

test('waits for termination no longer than it is told to', async () => {
  const setUp = new SetUp();
  setUp.start();
  setUp.last.connect();
  const waits = [setUp.channel.awaitTermination(100), setUp.channel.awaitTermination(300)];
  assert.is(setUp.clock.armed, 2);
  setUp.clock.advance(100);
  setUp.channel.shutdownNow();
  assert.equal(await within(1_000, Promise.all(waits)), [false, true]);
  assert.is(setUp.clock.armed, 0);
  assert.ok(await setUp.channel.awaitTermination(0));
});

test('is over when it is disposed of', async () => {
  const setUp = new SetUp();
  const call = setUp.start();
  await within(1_000, setUp.channel[Symbol.asyncDispose]());
  assert.ok(setUp.channel.isTerminated);
  assert.is(await statusOf(call), 'UNAVAILABLE: Channel shutdownNow invoked');
});

test('lets every call pass its interceptors, the last one first', async () => {
  const passed: string[] = [];
  const interceptor = (name: string): ClientInterceptor => {
    return (method, options, next) => {
      passed.push(`${name} ${next.authority()}`);
      return next.newCall(method, options);
    };
  };
  const setUp = new SetUp({ interceptors: [interceptor('inner'), interceptor('outer')] });
  setUp.start();
  assert.equal(passed, ['outer some.host:443', 'inner some.host:443']);
  assert.is(setUp.transports.length, 1);
  await setUp.finish();
});

test('ends a call that has waited when its listener throws, and tells the hook (row 41)', async () => {
  const errors: unknown[] = [];
  const setUp = new SetUp({ onListenerError: (error, method) => errors.push(error, method) });
  const broken = new Error('broken listener');
  const listener = new RecordingClientListener<Uint8Array>({
    onReady: () => {
      throw broken;
    },
  });
  setUp.channel.newCall(echoMethods.bidi_streaming, CallOptions.DEFAULT).start(listener, new Metadata());
  setUp.last.connect();
  setUp.last.last.becomeReady();
  setUp.last.last.close();
  assert.is((await listener.closed).status.cause, broken);
  assert.equal(setUp.last.last.said, ['start', 'cancel CANCELLED']);
  assert.equal(errors, [broken, '/test.Echo/Bidi']);
  await setUp.finish();
});

test('keeps a stream’s limits to what the channel or the call says', async () => {
  const setUp = new SetUp({ maxInboundMessageBytes: 7 });
  setUp.start();
  setUp.start(CallOptions.DEFAULT.withMaxInboundMessageSize(9));
  setUp.last.connect();
  assert.equal(
    setUp.last.streams.map((stream) => stream.options.maxInboundMessageBytes),
    [7, 9],
  );
  await setUp.finish();
});

test.run();
