/**
 * Transparent retries, over connections worked by hand: a stream that no application saw is followed by another one, and the
 * listener hears nothing of it. Source: gRFC A6 "Transparent Retries"; upstream: io.grpc.internal.RetriableStreamTest. By
 * chance: replay.test.ts. Over HTTP/2: transparent-retry-http2.test.ts. Past 500 lines because each rule of when and what is said
 * again has its case here.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { CallOptions } from '../../src/call/call-options.ts';
import { DirectChannel } from '../../src/channel/direct-channel.ts';
import { Server } from '../../src/server/server.ts';
import { Faults } from '../../src/testing/faults.ts';
import { InProcessServer } from '../../src/transport/in-process/server.ts';
import { type StreamProgress, WriteFlag } from '../../src/transport/stream.ts';
import { Attributes } from '../../src/values/attributes.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Code, Status } from '../../src/values/status.ts';
import { nextTick } from '../channel/hand-transport.ts';
import { ECHO_KINDS, echoMethods } from '../support/echo.ts';
import { callEcho, echoService } from '../support/echo-service.ts';
import { type ClientReactions, RecordingClientListener } from '../support/recorder.ts';
import { assert, suite, within } from '../support/suite.ts';
import {
  aFewTurns,
  CALLS_IN_BUDGET,
  GONE,
  type MadeCall,
  MIB,
  REFUSED,
  REFUSED_AGAIN,
  Tokens,
  textOf,
  WHOLE_BUDGET,
  World,
} from './ending-streams.ts';

const test = suite('Transparent retries');
const { DEFAULT } = CallOptions;

// ---- what is followed ----

for (const kind of ECHO_KINDS) {
  test(`refused before headers: begun anew a turn later, unheard, and answered there (${kind})`, async () => {
    await using world = new World();
    const { call, listener } = world.start({ kind });
    call.request(2);
    call.sendMessage(Buffer.from('a'));
    call.halfClose();
    listener.forbid(() => world.last.end(REFUSED, 'refused'));
    assert.is(world.streams.length, 1, 'not in the same turn');
    await nextTick();
    assert.is(world.streams.length, 2);
    assert.is(world.last.method.path, echoMethods[kind].path);
    assert.equal(world.last.said, ['start', 'write a', 'halfClose', 'request 2']);
    assert.equal(listener.names, []);
    world.last.receive('b');
    world.last.close();
    assert.ok((await listener.closed).status.isOk);
    assert.equal(listener.names, ['headers', 'message', 'close']);
    await aFewTurns();
    assert.is(world.streams.length, 2);
  });
}

test('refused twice: ends with what the second refusal said', async () => {
  await using world = new World();
  const made = world.start();
  world.last.end(REFUSED, 'refused');
  await nextTick();
  world.last.end(REFUSED_AGAIN, 'refused');
  assert.is(await textOf(made), 'UNAVAILABLE: refused again');
  await aFewTurns();
  assert.is(world.streams.length, 2);
});

test('never sent: begun anew as often as it takes, before and behind one refusal', async () => {
  await using world = new World();
  const made = world.start();
  for (const progress of ['not-sent', 'not-sent', 'refused', 'not-sent', 'not-sent'] as const) {
    world.last.end(REFUSED, progress);
    await nextTick();
  }
  assert.is(world.streams.length, 6);
  assert.equal(made.listener.names, []);
  world.last.end(REFUSED_AGAIN, 'refused');
  assert.is(await textOf(made), 'UNAVAILABLE: refused again');
});

test('on another connection where the first takes no more: the call waits for that, and ends if it cannot be made', async () => {
  for (const comes of [true, false]) {
    await using world = new World();
    const made = world.start();
    made.call.sendMessage(Buffer.from('a'));
    world.transport.goAway(GONE);
    world.last.end(REFUSED, 'refused');
    await nextTick();
    assert.is(world.transports.length, 2);
    assert.is(world.streams.length, 1, 'waits');
    made.call.sendMessage(Buffer.from('b'));
    if (comes) {
      world.transport.connect();
      assert.equal(world.last.said, ['start', 'write a', 'write b']);
      world.last.close();
      assert.is(await textOf(made), 'OK');
    } else {
      world.transport.fail(Status.UNAVAILABLE.withDescription('nobody there'));
      await aFewTurns();
      assert.equal(made.listener.names, ['close'], 'at once');
      assert.is(await textOf(made), 'UNAVAILABLE: nobody there');
      assert.is(world.transports.length, 2);
    }
  }
});

// ---- what is not ----

test('a server that may have seen the call, and an end of our own, are never followed', async () => {
  const ends: (readonly [Status, StreamProgress])[] = [
    [REFUSED, 'processed'],
    [REFUSED, 'dropped'],
    [Status.OK, 'processed'],
  ];
  for (const code of Object.values(Code)) {
    if (typeof code !== 'number' || code === Code.UNAVAILABLE || code === Code.OK) continue;
    for (const progress of ['not-sent', 'refused', 'processed', 'dropped'] as const) {
      ends.push([Status.fromCode(code).withDescription('so it was'), progress]);
    }
  }
  assert.ok(ends.length > 60);
  await using world = new World();
  for (const [status, progress] of ends) {
    const streams = world.streams.length;
    const made = world.start();
    world.last.end(status, progress);
    assert.is(await textOf(made), status.toString());
    await aFewTurns();
    assert.is(world.streams.length, streams + 1, `${status} ${progress}`);
  }
});

test('once the response has begun nothing is begun anew', async () => {
  await using world = new World();
  for (const progress of ['refused', 'not-sent'] as const) {
    const streams = world.streams.length;
    const made = world.start();
    world.last.tellHeaders();
    world.last.end(REFUSED, progress);
    assert.is(await textOf(made), 'UNAVAILABLE: refused');
    await aFewTurns();
    assert.is(world.streams.length, streams + 1);
  }
});

test('a call that was cancelled, aborted or late while its stream is about to end, unseen, stays so', async () => {
  await using world = new World();
  const ends: readonly ((call: MadeCall['call'], abort: AbortController) => void)[] = [
    (call) => call.cancel('enough'),
    (_call, abort) => abort.abort(),
    () => world.clock.advance(100),
  ];
  for (const [index, end] of ends.entries()) {
    for (const progress of ['refused', 'not-sent'] as const) {
      const streams = world.streams.length;
      const abort = new AbortController();
      const made = world.start({ options: DEFAULT.withSignal(abort.signal).withTimeout(100, world.clock) });
      world.last.endSoon(REFUSED, progress);
      made.listener.forbid(() => end(made.call, abort));
      await aFewTurns();
      assert.equal(made.listener.names, ['close']);
      assert.match(await textOf(made), index < 2 ? /^CANCELLED/ : /^DEADLINE_EXCEEDED: /);
      assert.is(world.streams.length, streams + 1);
    }
  }
});

test('a connection that cannot be made fails the call at once, one that was never private too', async () => {
  let attempts = 0;
  const channel = new DirectChannel(() => {
    attempts += 1;
    throw new Error('no transport today');
  }, 'some.host:443');
  const listener = new RecordingClientListener<Uint8Array>();
  channel.newCall(echoMethods.unary, DEFAULT).start(listener, new Metadata());
  await aFewTurns();
  assert.equal(listener.names, ['close'], 'at once');
  assert.is((await listener.closed).status.toString(), 'UNAVAILABLE: could not make a transport');
  await aFewTurns();
  assert.is(attempts, 1);
  channel.shutdownNow();

  await using world = new World();
  world.transport.attributes = Attributes.EMPTY;
  const made = world.start({ options: DEFAULT.withCredentials(new Tokens()) });
  assert.match(await textOf(made), /^UNAUTHENTICATED: /);
  await aFewTurns();
  assert.is(world.streams.length, 0);
});

test('credentials that fail UNAVAILABLE are asked once', async () => {
  await using world = new World();
  const tokens = new Tokens(() => Status.UNAVAILABLE.withDescription('no tokens'));
  const made = world.start({ options: DEFAULT.withCredentials(tokens) });
  assert.match(await textOf(made), /^UNAVAILABLE: /);
  await aFewTurns();
  assert.is(tokens.asked.length, 1);
});

// ---- what is said again ----

test('everything is said again in order, with its flags; the metadata is the same and untouched, the options too', async () => {
  await using world = new World();
  const headers = new Metadata([['x-one', '1']]);
  const options = DEFAULT.withAuthority('another.host').withCompression('gzip').withTimeout(5_000, world.clock);
  const { call } = world.start({ headers, options });
  const { BUFFER_HINT, WRITE_THROUGH } = WriteFlag;
  call.sendMessage(Buffer.from('a'), BUFFER_HINT);
  call.request(1);
  call.setMessageCompression(false);
  call.sendMessage(Buffer.from('b'), WRITE_THROUGH);
  call.setMessageCompression(true);
  call.sendMessage(Buffer.from('c'));
  call.request(2);
  const { said, options: first } = world.last;
  assert.equal(said, ['start', 'write a flagged 2', 'request 1', 'write b flagged 5', 'write c', 'request 2']);
  world.last.end(REFUSED, 'refused');
  await nextTick();
  assert.equal(world.last.said, ['start', 'write a flagged 2', 'write b flagged 5', 'write c', 'request 3']);
  assert.is(world.last.headers, headers);
  assert.equal([...headers], [['x-one', '1']]);
  assert.equal(world.last.options, first);
  assert.is(first.authority, 'another.host');
  assert.is(first.compressor.name, 'gzip');
  call.cancel('enough');
});

test('what is said between the two streams is said behind the rest', async () => {
  await using world = new World();
  const { call, listener } = world.start();
  call.sendMessage(Buffer.from('a'));
  call.request(1);
  world.last.end(GONE, 'not-sent');
  call.sendMessage(Buffer.from('b'));
  call.request(2);
  call.halfClose();
  await nextTick();
  assert.equal(world.last.said, ['start', 'write a', 'write b', 'halfClose', 'request 3']);
  // And once more, all of it.
  world.last.end(REFUSED, 'refused');
  call.request(1);
  await nextTick();
  assert.equal(world.last.said, ['start', 'write a', 'write b', 'halfClose', 'request 4']);
  for (const text of ['c', 'd', 'e', 'f', 'g']) world.last.receive(text);
  assert.equal(listener.messages.map(String), ['c', 'd', 'e', 'f'], 'no more than were asked for');
  call.cancel('enough');
});

test('permits without a limit stay so, and none are made up', async () => {
  await using world = new World();
  for (const asked of [[], [0], [Number.POSITIVE_INFINITY], [1, Number.POSITIVE_INFINITY, 2]]) {
    const { call } = world.start();
    for (const count of asked) call.request(count);
    world.last.end(REFUSED, 'refused');
    await nextTick();
    const sum = asked.reduce((all, count) => all + count, 0);
    assert.equal(world.last.said, sum === 0 ? ['start'] : ['start', `request ${sum}`]);
    call.cancel('enough');
  }
});

test('what a listener says while its call asks for messages again comes behind all that was said', async () => {
  await using world = new World();
  const reactions: ClientReactions<Uint8Array> = {
    onMessage: () => {
      made.call.sendMessage(Buffer.from('answer'));
      made.call.request(1);
    },
  };
  const made = world.start({ reactions });
  made.call.sendMessage(Buffer.from('a'));
  made.call.request(1);
  world.transport.goAway(GONE);
  world.last.end(REFUSED, 'refused');
  await nextTick();
  world.transport.connect();
  world.last.receive('question');
  assert.equal(world.last.said, ['start', 'write a', 'request 1', 'write answer', 'request 1']);
  made.call.cancel('enough');
});

test('is not ready between the two streams, and told when it is again', async () => {
  await using world = new World();
  const { call, listener } = world.start();
  world.last.becomeReady();
  assert.ok(call.isReady());
  world.last.end(REFUSED, 'refused');
  assert.not(call.isReady());
  await nextTick();
  assert.not(call.isReady());
  world.last.becomeReady();
  assert.ok(call.isReady());
  assert.equal(listener.names, ['ready', 'ready']);
  call.cancel('enough');
});

test('no message is told as written twice, over four streams', async () => {
  await using world = new World();
  const { call, listener } = world.start();
  for (const text of ['a', 'b', 'c', 'd', 'e']) call.sendMessage(Buffer.from(text));
  // What each stream tells, and what the listener knows then.
  const streams: readonly (readonly [tells: number[], knows: number])[] = [
    [[2], 2],
    [[1], 2],
    [[1, 2], 3],
    [[1, 1, 1], 3],
  ];
  for (const [index, [tells, knows]] of streams.entries()) {
    for (const count of tells) world.last.tellWritten(count);
    assert.is(listener.written, knows);
    if (index === streams.length - 1) break;
    world.last.end(REFUSED, index === 1 ? 'refused' : 'not-sent');
    await nextTick();
  }
  world.last.tellWritten(2);
  assert.is(listener.written, 5);
  assert.equal(
    listener.log.all('written').map(({ count }) => count),
    [2, 1, 2],
  );
  call.cancel('enough');
});

// ---- bounds ----

test('a call that has said more than 1 MiB is not begun anew', async () => {
  await using world = new World();
  for (const [more, followed] of [
    [0, true],
    [1, false],
  ] as const) {
    const made = world.startLarge();
    const streams = world.streams.length;
    // An empty message costs too.
    if (more > 0) made.call.sendMessage(Buffer.alloc(0));
    made.stream.end(REFUSED, 'refused');
    await aFewTurns();
    assert.is(world.streams.length, streams + (followed ? 1 : 0));
    assert.equal(made.listener.names, followed ? [] : ['close']);
    if (followed) made.call.cancel('enough');
    else assert.is(await textOf(made), 'UNAVAILABLE: refused');
  }
  await world.assertBudgetIsFree();
});

test('between two streams all is kept, however much; then it is let go', async () => {
  await using world = new World();
  const made = world.start();
  world.last.end(GONE, 'not-sent');
  for (let count = 0; count < 3; count += 1) made.call.sendMessage(WHOLE_BUDGET);
  await nextTick();
  const write = `write ${WHOLE_BUDGET.length} bytes`;
  assert.equal(world.last.said, ['start', write, write, write]);
  world.last.end(GONE, 'not-sent');
  assert.is(await textOf(made), `UNAVAILABLE: ${GONE.description}`);
  await world.assertBudgetIsFree();
});

test('when all calls of a channel keep more than 16 MiB, the one that says more is not begun anew', async () => {
  await using world = new World();
  const calls = Array.from({ length: CALLS_IN_BUDGET }, () => world.startLarge());
  const last = world.start();
  const lastStream = world.last;
  last.call.sendMessage(Buffer.from('one too many'));
  lastStream.end(REFUSED, 'refused');
  assert.is(await textOf(last), 'UNAVAILABLE: refused');
  for (const { stream } of calls) stream.end(REFUSED, 'refused');
  await nextTick();
  for (const { call, listener } of calls) {
    assert.equal(listener.names, []);
    call.cancel('enough');
    await listener.closed;
  }
  await world.assertBudgetIsFree();
});

const ENDINGS: Readonly<Record<string, (world: World) => Promise<unknown>>> = {
  'at the response': async (world) => {
    const { stream } = world.startLarge();
    stream.tellHeaders();
  },
  'with success': async (world) => {
    const made = world.startLarge();
    made.stream.close();
    await made.listener.closed;
  },
  'with a failure': async (world) => {
    const made = world.startLarge();
    made.stream.close(Status.INTERNAL);
    await made.listener.closed;
  },
  'refused twice': async (world) => {
    const made = world.startLarge();
    made.stream.end(REFUSED, 'refused');
    await nextTick();
    world.last.end(REFUSED, 'refused');
    await made.listener.closed;
  },
  cancelled: async (world) => {
    const made = world.startLarge();
    made.call.cancel('enough');
    await made.listener.closed;
  },
  'cancelled between': async (world) => {
    const made = world.startLarge();
    made.stream.end(REFUSED, 'refused');
    made.call.cancel('enough');
    await made.listener.closed;
  },
  'late between': async (world) => {
    const made = world.startLarge(DEFAULT.withTimeout(100, world.clock));
    made.stream.end(REFUSED, 'refused');
    world.clock.advance(100);
    await made.listener.closed;
  },
  'said too much': async (world) => {
    const made = world.startLarge();
    made.call.sendMessage(WHOLE_BUDGET);
    made.call.sendMessage(WHOLE_BUDGET);
  },
  'said after the end': async (world) => {
    const made = world.startLarge();
    made.stream.close();
    made.call.sendMessage(WHOLE_BUDGET);
    await made.listener.closed;
  },
  'said while it is cancelled by a message that could not be sent': async (world) => {
    const made = world.startLarge(DEFAULT.withMaxOutboundMessageSize(MIB));
    made.call.sendMessage(Buffer.alloc(MIB + 1));
    made.call.sendMessage(WHOLE_BUDGET);
    await made.listener.closed;
  },
};

for (const [ending, end] of Object.entries(ENDINGS)) {
  test(`what a call keeps is given back: ${ending}`, async () => {
    await using world = new World();
    for (let count = 0; count < 3; count += 1) await end(world);
    await world.assertBudgetIsFree();
  });
}

// ---- between two streams ----

test('cancel, abort and deadline between two streams: one end, in the next tick, and nothing is opened', async () => {
  const abort = new AbortController();
  await using world = new World();
  const ends: readonly [string, CallOptions, (made: MadeCall) => void][] = [
    ['CANCELLED: enough', DEFAULT, ({ call }) => call.cancel('enough')],
    ['CANCELLED', DEFAULT.withSignal(abort.signal), () => abort.abort()],
    [
      'DEADLINE_EXCEEDED: deadline exceeded after 0.100 s',
      DEFAULT.withTimeout(100, world.clock),
      () => world.clock.advance(100),
    ],
  ];
  for (const [text, options, end] of ends) {
    const streams = world.streams.length;
    const made = world.start({ options });
    made.call.sendMessage(Buffer.from('a'));
    world.last.end(REFUSED, 'refused');
    made.listener.forbid(() => end(made));
    made.call.request(1);
    assert.not(made.call.isReady());
    await Promise.resolve();
    await aFewTurns();
    assert.equal(made.listener.names, ['close']);
    assert.ok((await textOf(made)).startsWith(text), await textOf(made));
    assert.is(world.streams.length, streams + 1);
    assert.is(world.clock.armed, 0, 'the deadline is disarmed');
  }
});

test('shutdownNow of the channel between two streams: the call ends UNAVAILABLE once, and nothing is opened', async () => {
  await using world = new World();
  const made = world.start();
  made.call.sendMessage(Buffer.from('a'));
  world.last.end(REFUSED, 'refused');
  made.listener.forbid(() => world.channel.shutdownNow());
  made.call.sendMessage(Buffer.from('b'));
  assert.is(await textOf(made), 'UNAVAILABLE: Channel shutdownNow invoked');
  await aFewTurns();
  assert.equal(made.listener.names, ['close']);
  assert.is(world.streams.length, 1);
  assert.is(world.transports.length, 1);
});

test('shutdown of the channel between two streams: the second is opened, with all that was said meanwhile', async () => {
  await using world = new World();
  const made = world.start();
  made.call.sendMessage(Buffer.from('a'));
  world.last.end(REFUSED, 'refused');
  world.channel.shutdown();
  made.call.sendMessage(Buffer.from('b'));
  await aFewTurns();
  assert.equal(world.last.said, ['start', 'write a', 'write b']);
  assert.is(world.streams.length, 2);
  world.last.end(Status.OK);
  assert.is(await textOf(made), 'OK');
  await aFewTurns();
  assert.ok(world.channel.isTerminated);
});

test('a cancel while the second stream waits for its connection takes back the wish for one', async () => {
  await using world = new World();
  const made = world.start();
  world.transport.goAway(GONE);
  world.last.end(GONE, 'not-sent');
  await nextTick();
  made.call.cancel('enough');
  assert.is(await textOf(made), 'CANCELLED: enough');
  world.transport.connect();
  await aFewTurns();
  assert.is(world.streams.length, 1);
});

// ---- credentials, context ----

test('credentials are asked again, each time for the call’s own headers, in the context of its start', async () => {
  await using world = new World();
  const context = new AsyncLocalStorage<string>();
  const tokens = new Tokens(() => null, context);
  const headers = new Metadata({ own: '1' });
  const told: string[] = [];
  const note = (name: string) => (): void => void told.push(`${name} ${context.getStore()}`);
  const reactions: ClientReactions<Uint8Array> = {
    onHeaders: note('headers'),
    onMessage: note('message'),
    onReady: note('ready'),
    onWritten: note('written'),
    onClose: note('close'),
  };
  const options = DEFAULT.withCredentials(tokens);
  const { call, listener } = context.run('start', () => world.start({ options, headers, reactions }));
  context.run('elsewhere', () => {
    call.sendMessage(Buffer.from('a'));
    call.request(1);
    world.last.end(REFUSED, 'refused');
  });
  await nextTick();
  assert.equal(tokens.asked, ['start', 'start']);
  assert.equal(
    world.streams.map(({ headers: sent }) => [...(sent ?? [])]),
    ['token 1', 'token 2'].map((token) => [
      ['own', '1'],
      ['authorization', token],
    ]),
  );
  assert.equal([...headers], [['own', '1']]);
  context.run('elsewhere', () => {
    world.last.becomeReady();
    world.last.tellWritten(1);
    world.last.receive('b');
    world.last.close();
  });
  await listener.closed;
  assert.equal(
    told,
    ['ready', 'written', 'headers', 'message', 'close'].map((name) => `${name} start`),
  );
});

test('what credentials that are asked again have the call say is said once, behind the rest', async () => {
  await using world = new World();
  const tokens = new Tokens((asked) => {
    if (asked === 2) {
      made.call.sendMessage(Buffer.from('b'));
      made.call.request(1);
      made.call.halfClose();
    }
    return null;
  });
  const made = world.start({ options: DEFAULT.withCredentials(tokens) });
  made.call.sendMessage(Buffer.from('a'));
  made.call.request(1);
  world.last.end(REFUSED, 'refused');
  await nextTick();
  assert.equal(world.last.said, ['start', 'write a', 'write b', 'halfClose', 'request 2']);
  made.call.cancel('enough');
});

test('a call that its credentials cancel, when they are asked again, ends CANCELLED, once', async () => {
  await using world = new World();
  const tokens = new Tokens((asked) => {
    if (asked === 2) made.listener.forbid(() => made.call.cancel('no more tokens'));
    return null;
  });
  const made = world.start({ options: DEFAULT.withCredentials(tokens) });
  made.call.sendMessage(Buffer.from('a'));
  world.last.end(REFUSED, 'refused');
  assert.is(await textOf(made), 'CANCELLED: no more tokens');
  await aFewTurns();
  assert.equal(made.listener.names, ['close']);
  assert.ok(world.streams.every((stream) => stream.closed || stream.said.includes('cancel CANCELLED')));
});

// ---- no end of it ----

test('streams that never leave are made one a turn, until the deadline', async () => {
  await using world = new World();
  world.transport.miscarries = true;
  const made = world.start({ options: DEFAULT.withTimeout(100, world.clock) });
  for (let turn = 1; turn < 50; turn += 1) {
    await nextTick();
    assert.ok(world.streams.length <= turn + 1, `${world.streams.length} streams in ${turn} turns`);
  }
  assert.ok(world.streams.length > 40, 'goes on');
  world.clock.advance(100);
  assert.match(await textOf(made), /^DEADLINE_EXCEEDED: /);
  const { length } = world.streams;
  await aFewTurns();
  assert.is(world.streams.length, length);
});

test('streams that never leave are not made for ever: the call ends with what the last of them said', async () => {
  await using world = new World();
  world.transport.miscarries = true;
  const made = world.start();
  assert.is(await textOf(made), `UNAVAILABLE: ${GONE.description}`);
  assert.is(world.streams.length, 1_001);
  assert.equal(made.listener.names, ['close']);
});

// ---- within the process ----

for (const kind of ECHO_KINDS) {
  test(`within the process: a call that was refused runs its handler once (${kind})`, async () => {
    const journal = { events: [] as string[], requests: [], deadlinesMs: [] };
    const listener = InProcessServer.anonymous();
    await using server = new Server().addService(echoService(journal)).addServerListener(listener);
    await within(1_000, server.start());
    const faults = new Faults();
    await using channel = faults.channel(listener);
    faults.refuseStreams(1);
    const { code, messages } = await callEcho(channel, echoMethods[kind], [Buffer.from('a')]);
    assert.equal([code, messages.map(String)], [0, ['a']]);
    assert.is(journal.events.filter((event) => event.startsWith('start')).length, 1);
  });
}

test.run();
