/**
 * Call credentials on a channel whose transports are worked by hand: when they are asked, what their answers bring about,
 * and what ends the wait. Upstream: CallCredentialsApplyingTest, CallCredentials2ApplyingTest. Over sockets:
 * call-credentials.test.ts.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import fc from 'fast-check';
import { CallOptions } from '../../src/call/call-options.ts';
import type { ClientCall } from '../../src/call/client-call.ts';
import { CredentialsStream, type CredentialsStreamOwner } from '../../src/channel/credentials-stream.ts';
import { DirectChannel } from '../../src/channel/direct-channel.ts';
import type { ChannelOptions } from '../../src/channel/managed-channel.ts';
import {
  CallCredentials,
  type CallCredentialsCallback,
  type CallCredentialsRequest,
} from '../../src/credentials/call-credentials.ts';
import { Attributes, SECURITY_LEVEL } from '../../src/values/attributes.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Code, type CodeName, Status } from '../../src/values/status.ts';
import { StatusError } from '../../src/values/status-error.ts';
import { echoMethods } from '../support/echo.ts';
import { RecordingClientListener } from '../support/recorder.ts';
import { assert, suite, within } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { type HandStream, HandTransport, nextTick, RecordingStreamListener, STREAM_OPTIONS } from './hand-transport.ts';

const test = suite('CredentialsStream');

const GONE = Status.UNAVAILABLE.withDescription('the peer went away');
const BROKEN = new Error('no token today');
const PRIVATE = Attributes.EMPTY.with(SECURITY_LEVEL, 'privacy-and-integrity');

/** Credentials that the test answers for. */
class HandCredentials extends CallCredentials {
  readonly requests: CallCredentialsRequest[] = [];
  readonly callbacks: CallCredentialsCallback[] = [];

  requestMetadata(request: CallCredentialsRequest, callback: CallCredentialsCallback): void {
    this.requests.push(request);
    this.callbacks.push(callback);
  }

  get last(): CallCredentialsRequest {
    const request = this.requests.at(-1);
    if (request === undefined) throw new Error('nobody asked');
    return request;
  }

  /** Answers the latest request, or the one with that index. */
  give(token: string, index = -1): void {
    this.callbacks.at(index)?.(null, new Metadata({ authorization: token }));
  }

  fail(error: unknown): void {
    this.callbacks.at(-1)?.(error, null);
  }
}

interface StartedCall {
  readonly call: ClientCall<Uint8Array, Uint8Array>;
  readonly listener: RecordingClientListener<Uint8Array>;
}

class SetUp {
  readonly clock = new WoundClock();
  readonly credentials = new HandCredentials();
  readonly transports: HandTransport[] = [];
  readonly channel: DirectChannel;
  attributes: Attributes = PRIVATE;

  constructor(options: ChannelOptions = {}) {
    const factory = (): HandTransport => {
      const transport = new HandTransport();
      transport.attributes = this.attributes;
      this.transports.push(transport);
      return transport;
    };
    this.channel = new DirectChannel(factory, 'some.host:443', {
      clock: this.clock,
      backoff: { random: () => 0.5 },
      ...options,
    });
  }

  /** With a connection that stands. */
  static ready(options: ChannelOptions = {}): SetUp {
    const setUp = new SetUp(options);
    setUp.channel.connect();
    setUp.last.connect();
    return setUp;
  }

  get last(): HandTransport {
    const transport = this.transports.at(-1);
    if (transport === undefined) throw new Error('no transport was made');
    return transport;
  }

  get streams(): HandStream[] {
    return this.transports.flatMap(({ streams }) => streams);
  }

  start(
    credentials: CallCredentials | null = this.credentials,
    options: CallOptions = CallOptions.DEFAULT,
    headers: Metadata = new Metadata(),
  ): StartedCall {
    const call = this.channel.newCall(echoMethods.bidi_streaming, options.withCredentials(credentials));
    const listener = new RecordingClientListener<Uint8Array>();
    listener.forbid(() => call.start(listener, headers));
    return { call, listener };
  }

  /** Ends everything, so that each test shows that it can. */
  async finish(): Promise<void> {
    this.channel.shutdownNow();
    assert.ok(await within(1_000, this.channel.awaitTermination(), 'the end of the channel'));
    assert.is(this.clock.armed, 0, 'a timer is left');
  }
}

async function statusOf({ listener }: StartedCall): Promise<Status> {
  return (await listener.closed).status;
}

function tokensOf(stream: HandStream): string[] {
  return stream.headers?.getAll('authorization') ?? [];
}

test('nothing is sent before the answer; then all that was said, in order, with the metadata behind the headers', async () => {
  const setUp = SetUp.ready();
  const { call } = setUp.start(setUp.credentials, CallOptions.DEFAULT, new Metadata({ first: '1' }));
  call.sendMessage(Buffer.from('a'));
  call.request(2);
  call.halfClose();
  assert.not(call.isReady());
  await nextTick();
  assert.equal(setUp.streams, []);
  setUp.credentials.give('token');
  assert.equal(setUp.last.last.said, ['start', 'write a', 'halfClose', 'request 2']);
  assert.is(setUp.last.last.headers?.toString(), 'Metadata(first=1,authorization=token)');
  await setUp.finish();
});

test('an answer at once opens the stream inside start', async () => {
  const setUp = SetUp.ready();
  setUp.start(CallCredentials.from(() => new Metadata({ authorization: 'token' })));
  assert.equal(setUp.last.last.said, ['start']);
  assert.equal(tokensOf(setUp.last.last), ['token']);
  await setUp.finish();
});

test('they are asked once there is a connection, inside the start of the call, and told of it', async () => {
  const setUp = new SetUp();
  setUp.start();
  await nextTick();
  assert.equal(setUp.credentials.requests, [], 'the security of the connection is not known yet');
  setUp.last.connect();
  const { signal, ...request } = setUp.credentials.last;
  assert.equal(request, {
    serviceUrl: 'https://some.host/test.Echo',
    methodName: 'Bidi',
    path: '/test.Echo/Bidi',
    authority: 'some.host:443',
  });
  assert.not(signal.aborted);
  setUp.credentials.give('token');
  assert.equal(tokensOf(setUp.last.last), ['token']);
  await setUp.finish();
});

for (const [authority, serviceUrl] of [
  ['other.host', 'https://other.host/test.Echo'],
  ['other.host:8443', 'https://other.host:8443/test.Echo'],
  ['[::1]:443', 'https://[::1]/test.Echo'],
  ['other.host:4430', 'https://other.host:4430/test.Echo'],
] as const) {
  test(`the URL of a service at ${authority} is ${serviceUrl}`, async () => {
    const setUp = SetUp.ready();
    setUp.start(setUp.credentials, CallOptions.DEFAULT.withAuthority(authority));
    assert.is(setUp.credentials.last.serviceUrl, serviceUrl);
    assert.is(setUp.credentials.last.authority, authority);
    await setUp.finish();
  });
}

for (const [what, attributes] of [
  ['is not private', Attributes.EMPTY.with(SECURITY_LEVEL, 'none')],
  ['says nothing of its security', Attributes.EMPTY],
] as const) {
  test(`a connection that ${what} gets neither call nor question`, async () => {
    const setUp = new SetUp();
    setUp.attributes = attributes;
    const waited = setUp.start();
    setUp.last.connect();
    for (const started of [waited, setUp.start()]) {
      const status = await statusOf(started);
      assert.is(status.name, 'UNAUTHENTICATED');
      assert.match(status.description ?? '', /privacy and integrity, such as TLS/);
    }
    assert.equal(setUp.credentials.requests, []);
    assert.equal(setUp.streams, []);
    setUp.start(null);
    assert.is(setUp.streams.length, 1, 'a call without credentials may go');
    await setUp.finish();
  });
}

test('a call without credentials has the transport’s own stream', async () => {
  const setUp = SetUp.ready();
  const { call } = setUp.start(null);
  call.sendMessage(Buffer.from('a'));
  assert.equal(setUp.last.last.said, ['start', 'write a']);
  assert.is(call.getAttributes(), PRIVATE);
  await setUp.finish();
});

test('the channel’s own come before the call’s, and are asked for calls that have none', async () => {
  const own = CallCredentials.from(() => new Metadata({ authorization: 'channel' }));
  const setUp = SetUp.ready({ callCredentials: own });
  setUp.start(null);
  setUp.start();
  setUp.credentials.give('call');
  assert.equal(setUp.streams.map(tokensOf), [['channel'], ['channel', 'call']]);
  await setUp.finish();
});

test('each call asks anew, and the caller’s headers stay as they were', async () => {
  const setUp = SetUp.ready();
  const headers = new Metadata({ first: '1' });
  for (const token of ['a', 'b']) {
    setUp.start(setUp.credentials, CallOptions.DEFAULT, headers);
    setUp.credentials.give(token);
  }
  assert.equal(setUp.streams.map(tokensOf), [['a'], ['b']]);
  assert.is(headers.toString(), 'Metadata(first=1)');
  await setUp.finish();
});

test('a failure is UNAVAILABLE with its text and cause, and nothing is sent', async () => {
  const setUp = SetUp.ready();
  const started = setUp.start();
  const { signal } = setUp.credentials.last;
  started.listener.forbid(() => setUp.credentials.fail(BROKEN));
  const status = await statusOf(started);
  assert.is(status.toString(), 'UNAVAILABLE: call credentials failed: no token today');
  assert.is(status.cause, BROKEN);
  assert.ok(signal.aborted, 'others that are still asked can stop');
  assert.equal(setUp.streams, []);
  await setUp.finish();
});

test('failures at once, and those that are no Error, end the call the same way', async () => {
  const setUp = SetUp.ready();
  const throwing = (thrown: unknown): CallCredentials =>
    CallCredentials.from(() => {
      throw thrown;
    });
  assert.is((await statusOf(setUp.start(throwing(BROKEN)))).cause, BROKEN);
  for (const odd of ['a string', Object.create(null), Symbol('odd')]) {
    const status = await statusOf(setUp.start(throwing(odd)));
    assert.is(status.toString(), 'UNAVAILABLE: call credentials failed');
    assert.is(status.cause, odd);
  }
  assert.equal(setUp.streams, []);
  await setUp.finish();
});

const REWRITTEN: readonly CodeName[] = [
  'OK',
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'DATA_LOSS',
];

for (const name of Object.keys(Code) as CodeName[]) {
  const expected = REWRITTEN.includes(name) ? 'INTERNAL' : name;
  test(`credentials that fail with ${name} end the call ${expected}`, async () => {
    const setUp = SetUp.ready();
    const started = setUp.start();
    const error = new StatusError(Status[name].withDescription('said the issuer'));
    setUp.credentials.fail(error);
    const status = await statusOf(started);
    assert.is(status.name, expected);
    assert.is(status.cause, error);
    const original = `Illegal status code from call credentials; original status: ${name}: said the issuer`;
    assert.is(status.description, expected === name ? 'said the issuer' : original);
    assert.equal(setUp.streams, []);
    await setUp.finish();
  });
}

test('a status further down the chain of causes counts too', async () => {
  const setUp = SetUp.ready();
  const started = setUp.start();
  const error = new Error('no token', { cause: new StatusError(Status.PERMISSION_DENIED) });
  setUp.credentials.fail(error);
  const status = await statusOf(started);
  assert.is(status.name, 'PERMISSION_DENIED');
  assert.is(status.cause, error);
  await setUp.finish();
});

test('cancel ends the wait at once and aborts the signal; a late answer changes nothing', async () => {
  const setUp = SetUp.ready();
  const started = setUp.start();
  const { signal } = setUp.credentials.last;
  started.listener.forbid(() => started.call.cancel('given up'));
  assert.ok(signal.aborted);
  setUp.credentials.give('late');
  assert.is((await statusOf(started)).toString(), 'CANCELLED: given up');
  setUp.credentials.fail(BROKEN);
  await nextTick();
  assert.equal(setUp.streams, []);
  assert.equal(started.listener.names, ['close']);
  await setUp.finish();
});

test('the deadline ends the wait and says what was waited for', async () => {
  const setUp = SetUp.ready();
  const started = setUp.start(setUp.credentials, CallOptions.DEFAULT.withTimeout(1_500, setUp.clock));
  const { signal } = setUp.credentials.last;
  setUp.clock.advance(1_500);
  assert.is(
    (await statusOf(started)).toString(),
    'DEADLINE_EXCEEDED: deadline exceeded after 1.500 s (waiting for call credentials)',
  );
  assert.ok(signal.aborted);
  setUp.credentials.give('late');
  assert.equal(setUp.streams, []);
  await setUp.finish();
});

test('a call that ends after the answer leaves the signal alone', async () => {
  const setUp = SetUp.ready();
  const started = setUp.start();
  setUp.credentials.give('token');
  started.call.cancel('enough');
  assert.is((await statusOf(started)).description, 'enough');
  assert.equal(setUp.last.last.said, ['start', 'cancel CANCELLED']);
  assert.not(setUp.credentials.last.signal.aborted);
  await setUp.finish();
});

test('whoever answers the abort itself is not heard', async () => {
  const setUp = SetUp.ready();
  const { credentials } = setUp;
  const started = setUp.start();
  credentials.last.signal.addEventListener('abort', () => credentials.give('in spite'));
  started.call.cancel('given up');
  assert.is((await statusOf(started)).description, 'given up');
  assert.equal(setUp.streams, []);
  await setUp.finish();
});

test('a call that its own credentials cancel is not sent, whatever they answer', async () => {
  const setUp = SetUp.ready();
  const call = setUp.channel.newCall(
    echoMethods.bidi_streaming,
    CallOptions.DEFAULT.withCredentials(
      CallCredentials.from(() => {
        call.cancel('not for you');
        return new Metadata();
      }),
    ),
  );
  const listener = new RecordingClientListener<Uint8Array>();
  listener.forbid(() => call.start(listener, new Metadata()));
  assert.is((await listener.closed).status.description, 'not for you');
  assert.equal(setUp.streams, []);
  await setUp.finish();
});

test('the owner hears of one answer, in time, and a failure after it changes nothing', async () => {
  const heard: string[] = [];
  const transport = new HandTransport();
  const owner: CredentialsStreamOwner = {
    onMetadata: (stream, metadata) => {
      heard.push(metadata.toString());
      stream.open(transport, metadata);
    },
    onAbandoned: () => heard.push('abandoned'),
    onFailing: () => {},
    onFailed: () => {},
    describeWait: () => '',
  };
  const credentials = new HandCredentials();
  const make = (): CredentialsStream =>
    new CredentialsStream(owner, echoMethods.unary, STREAM_OPTIONS, { credentials, authority: 'some.host' });
  const [open, cancelled, failed] = [make(), make(), make()];
  const listener = new RecordingStreamListener();
  open.start(new Metadata(), listener);
  credentials.give('a');
  open.fail(GONE);
  open.start(new Metadata(), listener);
  assert.not(credentials.last.signal.aborted);
  cancelled.start(new Metadata(), new RecordingStreamListener());
  cancelled.cancel(GONE);
  credentials.give('late');
  assert.equal(heard, ['Metadata(authorization=a)', 'abandoned']);
  failed.fail(GONE);
  const closing = new RecordingStreamListener();
  closing.log.forbid(() => failed.start(new Metadata(), closing));
  assert.equal(await closing.log.end(), { type: 'close', status: GONE, progress: 'dropped' });
  assert.is(credentials.requests.length, 2, 'asked for a stream that had failed');
  assert.equal(transport.last.said, ['start']);
  assert.equal(listener.log.names(), []);
});

test('a second answer, or one behind a throw, changes nothing', async () => {
  const setUp = SetUp.ready();
  const started = setUp.start();
  setUp.credentials.give('first');
  setUp.credentials.give('second');
  setUp.credentials.fail(BROKEN);
  assert.equal(setUp.streams.map(tokensOf), [['first']]);
  setUp.last.last.close();
  assert.ok((await statusOf(started)).isOk);
  await setUp.finish();
});

test('credentials are asked, and the stream opened, in the async context of the start', async () => {
  const storage = new AsyncLocalStorage<string>();
  const setUp = new SetUp();
  const seen: unknown[] = [];
  const asking = CallCredentials.from(async () => {
    seen.push(storage.getStore());
    return new Metadata();
  });
  storage.run('the call', () => setUp.start(asking));
  storage.run('the connection', () => setUp.last.connect());
  const { newStream } = setUp.last;
  setUp.last.newStream = function (this: HandTransport, ...told) {
    seen.push(storage.getStore());
    return newStream.apply(this, told);
  };
  await nextTick();
  assert.equal(seen, ['the call', 'the call']);
  await setUp.finish();
});

test('credentials are asked anew for another connection when theirs was lost meanwhile', async () => {
  const setUp = SetUp.ready();
  const { call } = setUp.start(setUp.credentials, CallOptions.DEFAULT, new Metadata({ first: '1' }));
  call.sendMessage(Buffer.from('a'));
  setUp.last.goAway(GONE);
  setUp.credentials.give('for the old one');
  assert.is(setUp.transports.length, 2);
  setUp.last.connect();
  setUp.credentials.give('for the new one');
  assert.is(setUp.streams.length, 1);
  assert.equal(setUp.last.last.said, ['start', 'write a']);
  assert.is(setUp.last.last.headers?.toString(), 'Metadata(first=1,authorization=for the new one)');
  await setUp.finish();
});

test('a call whose next connection fails ends with that', async () => {
  const setUp = SetUp.ready();
  const started = setUp.start();
  setUp.last.fail(GONE);
  setUp.credentials.give('for the old one');
  setUp.last.fail(GONE.withDescription('nobody there'));
  assert.is((await statusOf(started)).toString(), 'UNAVAILABLE: nobody there');
  assert.equal(setUp.streams, []);
  await setUp.finish();
});

test('a call that waits for its credentials goes on after shutdown, on another connection too', async () => {
  for (const lost of [false, true]) {
    const setUp = SetUp.ready();
    const started = setUp.start();
    setUp.channel.shutdown();
    assert.not(setUp.channel.isTerminated);
    assert.is(setUp.last.shutdownReason, null);
    if (lost) {
      setUp.last.fail(GONE);
      setUp.credentials.give('for the old one');
      setUp.last.connect();
    }
    setUp.credentials.give('token');
    assert.is(setUp.last.shutdownReason, null, 'the call may have to begin anew');
    assert.equal(setUp.last.last.said, ['start']);
    setUp.last.last.close();
    assert.ok((await statusOf(started)).isOk);
    assert.ok(await within(1_000, setUp.channel.awaitTermination()));
  }
});

test('a line of calls that waited for the connection goes on after shutdown, whoever answers first', async () => {
  const setUp = new SetUp();
  const atOnce = CallCredentials.from(() => new Metadata({ authorization: 'at once' }));
  const calls = [setUp.start(atOnce), setUp.start(), setUp.start(null), setUp.start(atOnce)];
  setUp.channel.shutdown();
  setUp.last.connect();
  assert.is(setUp.last.shutdownReason, null);
  setUp.credentials.give('later');
  for (const stream of setUp.streams) stream.close();
  for (const started of calls) assert.ok((await statusOf(started)).isOk);
  assert.equal(setUp.streams.map(tokensOf), [['at once'], [], ['at once'], ['later']]);
  assert.ok(await within(1_000, setUp.channel.awaitTermination()));
});

test('the last call that waits for its credentials ends the channel when it is cancelled', async () => {
  const setUp = SetUp.ready();
  const started = setUp.start();
  setUp.channel.shutdown();
  started.call.cancel('given up');
  assert.is((await statusOf(started)).description, 'given up');
  assert.ok(await within(1_000, setUp.channel.awaitTermination()));
});

test('shutdownNow ends the wait and aborts the signal', async () => {
  const setUp = SetUp.ready();
  const started = setUp.start();
  started.listener.forbid(() => setUp.channel.shutdownNow());
  assert.ok(setUp.credentials.last.signal.aborted);
  setUp.credentials.give('late');
  assert.is((await statusOf(started)).toString(), 'UNAVAILABLE: Channel shutdownNow invoked');
  assert.equal(setUp.streams, []);
  await setUp.finish();
});

type Move = 'give' | 'fail' | 'cancel' | 'deadline' | 'lose' | 'connect' | 'shutdown' | 'shutdownNow';
const MOVES: readonly Move[] = ['give', 'fail', 'cancel', 'deadline', 'lose', 'connect', 'shutdown', 'shutdownNow'];

function perform(setUp: SetUp, { call }: StartedCall, move: Move, index: number): void {
  const { last, credentials, channel } = setUp;
  if (move === 'give') credentials.give(`token ${credentials.requests.length}`);
  else if (move === 'fail') credentials.fail(BROKEN);
  else if (move === 'cancel') call.cancel(`cancelled in step ${index}`);
  else if (move === 'deadline') setUp.clock.advance(1_000);
  else if (move === 'lose') last.goAway(GONE);
  else if (move === 'connect') last.connect();
  else if (move === 'shutdown') channel.shutdown();
  else channel.shutdownNow();
}

test('in whatever order answers, ends and losses come, the call is sent once with the latest answer or not at all', async () => {
  const property = fc.asyncProperty(fc.array(fc.constantFrom(...MOVES), { maxLength: 8 }), async (moves) => {
    const setUp = new SetUp();
    const started = setUp.start(setUp.credentials, CallOptions.DEFAULT.withTimeout(1_000, setUp.clock));
    for (const [index, move] of moves.entries()) {
      started.listener.forbid(() => perform(setUp, started, move, index));
      if (index % 2 === 1) await nextTick();
    }
    const [stream, ...others] = setUp.streams;
    assert.is(others.length, 0, 'sent twice');
    const asked = setUp.credentials.requests;
    for (const [index, { signal }] of asked.entries()) {
      const isLast = index === asked.length - 1;
      if (!isLast || stream !== undefined) assert.not(signal.aborted, 'aborted though it was answered');
    }
    if (stream === undefined) started.call.cancel('the test is over');
    else assert.equal(tokensOf(stream), [`token ${asked.length}`]);
    if (stream === undefined && asked.length > 0) await statusOf(started);
    await setUp.finish();
    await statusOf(started);
    for (const callback of setUp.credentials.callbacks) callback(null, new Metadata());
    assert.is(setUp.streams.length, stream === undefined ? 0 : 1, 'sent by a late answer');
    assert.is(started.listener.log.all('close').length, 1);
  });
  await fc.assert(property, { numRuns: 300 });
});

test.run();
