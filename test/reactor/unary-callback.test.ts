/**
 * Unary RPCs in the callback form: how often the function is called and when, and what it is told of every end. Upstream:
 * client_callback_end2end_test.cc, the unary cases of end2end_test.cc.
 */
import { CallOptions } from '../../src/call/call-options.ts';
import { ClientContext } from '../../src/reactor/client-context.ts';
import { deadlineAfter } from '../../src/reactor/deadlines.ts';
import type { CallbackServerContext } from '../../src/reactor/server-context.ts';
import { ServerUnaryReactor } from '../../src/reactor/server-reactors.ts';
import { Code, Status } from '../../src/values/status.ts';
import { assert, suite } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { ReactorPair, UNREADABLE, UNWRITABLE } from './reactor-pair.ts';
import { hold, turns } from './rpc-ends.ts';
import { callUnary, type UnaryCall } from './unary-calls.ts';

const test = suite('unary callback');

const TRANSPORTS = ['in-process', 'http2'] as const;
const METADATA_KEY = 'x-custom-bin';

/** Bytes 0 to 7, the last one varied. */
function bytesWith(last: number): Uint8Array {
  return Uint8Array.of(0, 1, 2, 3, 4, 5, 6, last);
}

/** Answers with the request, and with its custom metadata as trailers. */
function echo(context: CallbackServerContext, request: string): ServerUnaryReactor<string> {
  for (const value of context.clientMetadata().getAll(METADATA_KEY)) context.addTrailingMetadata(METADATA_KEY, value);
  const reactor = context.defaultReactor<string>();
  reactor.finish(Status.OK, request);
  return reactor;
}

/** A handler whose reactor the test finishes, at once or later; cancelled, it finishes by itself. */
function holdUnary(inHandler?: (context: CallbackServerContext, reactor: ServerUnaryReactor<string>) => void) {
  return hold(
    () =>
      ServerUnaryReactor.from<string>({
        onCancel() {
          this.finish(Status.OK, 'too late');
        },
      }),
    ({ context, reactor }) => inHandler?.(context, reactor),
  );
}

for (const transport of TRANSPORTS) {
  test(`${transport}: the function hears OK and the response, once (SimpleRpc)`, async () => {
    await using pair = await ReactorPair.open({ unary: echo }, { transport });
    const call = callUnary(pair, 'hello');
    assert.is((await call.ended()).status, Status.OK);
    assert.is((await callUnary(pair, 'again').ended()).response, 'again');
    await turns();
  });

  test(`${transport}: empty messages are messages (SimpleRpcWithEmptyMessages)`, async () => {
    await using pair = await ReactorPair.open({ unary: echo }, { transport });
    const { status, response } = await callUnary(pair, '').ended();
    assert.is(status, Status.OK);
    assert.is(response, '');
  });

  test(`${transport}: the server’s own status comes as it was, is no cancel to it, and brings no response (SimpleRpcExpectedError)`, async () => {
    let cancelledAtEnd: boolean | null = null;
    const held = hold(
      () =>
        ServerUnaryReactor.from<string>({
          onDone() {
            cancelledAtEnd = held.served.all[0]?.context.isCancelled() ?? null;
          },
        }),
      ({ reactor }) => reactor.finish(Status.CANCELLED.withDescription('no, says the server'), 'not to be seen'),
    );
    await using pair = await ReactorPair.open({ unary: held.handler }, { transport });
    const { code, status, response } = await callUnary(pair, 'hello').ended();
    assert.is(code, Code.CANCELLED);
    assert.is(status.description, 'no, says the server');
    assert.is(response, undefined);
    const { log } = await held.served.next();
    await log.done();
    assert.equal(log.events, ['onDone']);
    assert.is(cancelledAtEnd, false);
  });

  test(`${transport}: the server ends CANCELLED after a while, which is no cancel (ServerCancelsRpc)`, async () => {
    const held = holdUnary();
    await using pair = await ReactorPair.open({ unary: held.handler }, { transport });
    const call = callUnary(pair, 'hello');
    const { context, reactor, log } = await held.served.next();
    await turns();
    reactor.finish(Status.CANCELLED);
    const { code, status, response } = await call.ended();
    assert.is(code, Code.CANCELLED);
    assert.is(status.description, null);
    assert.is(response, undefined);
    await log.done();
    assert.equal(log.events, ['onDone']);
    assert.not(context.isCancelled());
  });

  test(`${transport}: a hundred at the same time (MultipleRpcs)`, async () => {
    await using pair = await ReactorPair.open({ unary: echo }, { transport });
    const calls = Array.from({ length: 100 }, (_, i) => callUnary(pair, `hello ${i}`));
    for (const [i, call] of calls.entries()) {
      const { status, response } = await call.ended();
      assert.is(status, Status.OK);
      assert.is(response, `hello ${i}`);
    }
  });

  test(`${transport}: one after another, larger each time, with gzip asked for (SequentialRpcs)`, async () => {
    await using pair = await ReactorPair.open({ unary: echo }, { transport });
    let text = '';
    for (let i = 0; i < 10; i += 1) {
      text += `hello hello ${i} `.repeat(1000);
      const context = new ClientContext();
      context.setCompressionAlgorithm('gzip');
      const { status, response } = await callUnary(pair, text, context).ended();
      assert.is(status, Status.OK);
      assert.ok(response === text, `run ${i} brought ${response?.length} letters of ${text.length}`);
    }
  });

  test(`${transport}: bytes in metadata come back in the trailers (SimpleRpcWithBinaryMetadata, SequentialRpcsWithVariedBinaryMetadataValue)`, async () => {
    await using pair = await ReactorPair.open({ unary: echo }, { transport });
    for (const last of [7, 0, 127, 128, 255]) {
      const context = new ClientContext();
      context.addMetadata(METADATA_KEY, bytesWith(last));
      let seen: Uint8Array[] = [];
      const call = callUnary(pair, 'hello', context, () => {
        seen = context.getServerTrailingMetadata().getAll(METADATA_KEY);
      });
      await call.ended();
      assert.equal(
        seen.map((value) => [...value]),
        [[...bytesWith(last)]],
      );
    }
  });

  test(`${transport}: each of many RPCs has metadata of its own (MultipleRpcsWithVariedBinaryMetadataValue)`, async () => {
    await using pair = await ReactorPair.open({ unary: echo }, { transport });
    const calls = Array.from({ length: 100 }, (_, i) => {
      const context = new ClientContext();
      context.addMetadata(METADATA_KEY, bytesWith(i));
      return callUnary(pair, 'hello', context);
    });
    for (const [i, { context, ended }] of calls.entries()) {
      await ended();
      const [value = new Uint8Array()] = context.getServerTrailingMetadata().getAll(METADATA_KEY);
      assert.equal([...value], [...bytesWith(i)]);
    }
  });

  test(`${transport}: details of an error travel as bytes beside code and text, whatever is in them (BinaryTrailerTest, ExpectErrorTest)`, async () => {
    const errors = [
      { text: '', details: Uint8Array.of() },
      { text: 'text error message', details: Buffer.from('text error details') },
      { text: 'a\u0000\t\r\n% ünïcode \u{1f600}', details: Uint8Array.from({ length: 256 }, (_, i) => i) },
    ];
    await using pair = await ReactorPair.open(
      {
        unary(context, request) {
          const { text, details } = errors[Number(request)] ?? { text: '', details: new Uint8Array() };
          context.addTrailingMetadata('grpc-status-details-bin', details);
          const reactor = context.defaultReactor<string>();
          reactor.finish(Status.FAILED_PRECONDITION.withDescription(text === '' ? null : text));
          return reactor;
        },
      },
      { transport },
    );
    for (const [i, { text, details }] of errors.entries()) {
      const { context, ended } = callUnary(pair, `${i}`);
      const { code, status, response } = await ended();
      assert.is(code, Code.FAILED_PRECONDITION);
      assert.is(status.description ?? '', text);
      assert.is(response, undefined);
      const seen = context.getServerTrailingMetadata().getAll('grpc-status-details-bin');
      assert.equal(
        seen.map((value) => [...value]),
        [[...details]],
      );
    }
  });

  test(`${transport}: cancelled by the client while it runs: CANCELLED, and the server’s finish goes nowhere (ClientCancelsRpc)`, async () => {
    const held = holdUnary();
    await using pair = await ReactorPair.open({ unary: held.handler }, { transport });
    const { context, ended } = callUnary(pair, 'hello');
    const { context: serverContext, log } = await held.served.next();
    assert.not(serverContext.isCancelled());
    context.tryCancel();
    context.tryCancel();
    const { code, response } = await ended();
    assert.is(code, Code.CANCELLED);
    assert.is(response, undefined);
    await log.done();
    assert.equal(log.events, ['onCancel', 'onDone']);
    assert.ok(serverContext.isCancelled());
  });

  test(`${transport}: cancelled by the server in its handler, whatever it finishes with then (RequestEchoServerCancel)`, async () => {
    const held = holdUnary((context) => context.tryCancel());
    await using pair = await ReactorPair.open({ unary: held.handler }, { transport });
    const { code, response } = await callUnary(pair, 'hello').ended();
    assert.is(code, Code.CANCELLED);
    assert.is(response, undefined);
    const { log } = await held.served.next();
    await log.done();
    assert.equal(log.events, ['onCancel', 'onDone']);
  });

  test(`${transport}: a deadline that passes at the server: DEADLINE_EXCEEDED; the server hears of a cancel (RpcDeadlineExpires)`, async () => {
    const clock = new WoundClock();
    const held = hold(() => new ServerUnaryReactor<string>());
    await using pair = await ReactorPair.open(
      { unary: held.handler },
      { transport, server: { clock }, channel: { clock } },
    );
    const context = new ClientContext(CallOptions.DEFAULT.withTimeout(60_000, clock));
    const { ended } = callUnary(pair, 'hello', context);
    const { context: serverContext, reactor, log } = await held.served.next();
    clock.advance(59_999);
    await turns();
    assert.equal(log.events, []);
    clock.advance(1);
    const { code, response } = await ended();
    assert.is(code, Code.DEADLINE_EXCEEDED);
    assert.is(response, undefined);
    await log.until(() => log.count('onCancel') === 1);
    assert.ok(serverContext.isCancelled());
    reactor.finish(Status.OK, 'too late');
    await log.done();
    assert.equal(log.events, ['onCancel', 'onDone']);
  });

  test(`${transport}: an hour’s deadline disturbs nobody (RpcLongDeadline)`, async () => {
    await using pair = await ReactorPair.open({ unary: echo }, { transport });
    const context = new ClientContext();
    context.setDeadline(deadlineAfter(3_600_000));
    assert.is((await callUnary(pair, 'hello', context).ended()).response, 'hello');
  });

  test(`${transport}: a request over the server’s limit never comes to the handler (RpcMaxMessageSize)`, async () => {
    const held = holdUnary();
    await using pair = await ReactorPair.open(
      { unary: held.handler },
      { transport, server: { maxInboundMessageBytes: 8192 } },
    );
    const { code, response } = await callUnary(pair, 'x'.repeat(8193)).ended();
    assert.is(code, Code.RESOURCE_EXHAUSTED);
    assert.is(response, undefined);
    assert.equal(held.served.all, []);
  });
}

test('the next RPC may be started within the function of the one before, three deep (SimpleRpcUnderLockNested)', async () => {
  await using pair = await ReactorPair.open({ unary: echo });
  const heard: string[] = [];
  const calls: UnaryCall<string>[] = [];
  const start = (request: string, then: () => void): void => {
    const call = callUnary(pair, request, undefined, (_status, response) => {
      heard.push(`${response}`);
      then();
    });
    calls.push(call);
  };
  start('first', () => start('second', () => start('third', () => {})));
  for (let i = 0; i < 3; i += 1) {
    await calls[i]?.ended();
    await turns(1);
  }
  assert.equal(heard, ['first', 'second', 'third']);
});

test('however early an RPC ends, its function is not called within the method of the stub (SimpleRpcUnderLock)', async () => {
  // That it is not, the watch over each call checks; here are the ends that are known at once.
  await using pair = await ReactorPair.open({ unary: echo });
  const early: Readonly<Record<string, (context: ClientContext) => void>> = {
    CANCELLED: (context) => context.tryCancel(),
    DEADLINE_EXCEEDED: (context) => context.setDeadline(0),
    INTERNAL: (context) => context.setCompressionAlgorithm('no-such-compressor'),
  };
  for (const [name, prepare] of Object.entries(early)) {
    const context = new ClientContext();
    prepare(context);
    const { status, response } = await callUnary(pair, 'hello', context).ended();
    assert.is(status.name, name);
    assert.is(response, undefined);
    assert.is(context.getServerInitialMetadata().size, 0);
    assert.is(context.getServerTrailingMetadata().size, 0);
  }
  pair.channel.shutdown();
  assert.is((await callUnary(pair, 'hello').ended()).code, Code.UNAVAILABLE);
  await turns();
});

test('a context that is cancelled before the RPC: nothing reaches the server, one function call (CancelRpcBeforeStart)', async () => {
  const held = holdUnary();
  await using pair = await ReactorPair.open({ unary: held.handler });
  const context = new ClientContext();
  context.tryCancel();
  const { code, response } = await callUnary(pair, 'hello', context).ended();
  assert.is(code, Code.CANCELLED);
  assert.is(response, undefined);
  context.tryCancel();
  await turns();
  assert.equal(held.served.all, []);
  assert.is(pair.channel.getState(false), 'IDLE');
});

test('cancelled in the very tick in which it was started', async () => {
  await using pair = await ReactorPair.open({ unary: echo });
  const { context, ended } = callUnary(pair, 'hello');
  context.tryCancel();
  assert.is((await ended()).code, Code.CANCELLED);
  await turns();
});

test('a cancel from within the function, or after it, changes nothing', async () => {
  await using pair = await ReactorPair.open({ unary: echo });
  const context = new ClientContext();
  const call = callUnary(pair, 'hello', context, () => context.tryCancel());
  assert.is((await call.ended()).status, Status.OK);
  context.tryCancel();
  await turns();
  assert.is(context.getServerTrailingMetadata().size, 0);
});

test('a function that throws, or whose promise is rejected, is reported and breaks nothing (ExceptingRpc)', async () => {
  await using pair = await ReactorPair.open({ unary: echo });
  const thrown = new Error('thrown');
  const rejected = new Error('rejected');
  await callUnary(pair, 'hello', undefined, () => {
    throw thrown;
  }).ended();
  await callUnary(pair, 'hello', undefined, async () => {
    await turns(1);
    throw rejected;
  }).ended();
  // Nothing but the function itself stands between this error and the process.
  const cancelled = new ClientContext();
  cancelled.tryCancel();
  const early = new Error('before there was a call');
  await callUnary(pair, 'hello', cancelled, () => {
    throw early;
  }).ended();
  assert.is((await callUnary(pair, 'still there').ended()).response, 'still there');
  await turns();
  assert.equal(pair.errors, [thrown, rejected, early]);
});

test('a request that cannot be written, a response that cannot be read: INTERNAL, with the error as cause', async () => {
  await using pair = await ReactorPair.open({ unary: echo });
  const unwritten = await callUnary(pair, UNWRITABLE).ended();
  assert.is(unwritten.status.toString(), 'INTERNAL: Failed to serialize the request');
  assert.is((unwritten.status.cause as Error).message, 'not to be serialized');
  await using other = await ReactorPair.open({
    unary(context) {
      const reactor = context.defaultReactor<string>();
      reactor.finish(Status.OK, UNREADABLE);
      return reactor;
    },
  });
  const unread = await callUnary(other, 'hello').ended();
  assert.is(unread.status.toString(), 'INTERNAL: Failed to parse the response');
  assert.is((unread.status.cause as Error).message, 'not to be deserialized');
  assert.is(unread.response, undefined);
});

test.run();
