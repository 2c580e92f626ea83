/** StatusErrors of the promise style: which call they are of, what led to them, and where in the user's code they arose. */
import { createChannel } from '../../../src/channel/create-channel.ts';
import { ChannelCredentials } from '../../../src/credentials/channel-credentials.ts';
import { createClient } from '../../../src/stub/client.ts';
import { Code, Status } from '../../../src/values/status.ts';
import { StatusError } from '../../../src/values/status-error.ts';
import { TEXT_METHODS } from '../../reactor/reactor-pair.ts';
import { assert, suite } from '../../support/suite.ts';
import { WoundClock } from '../../support/wound-clock.ts';
import { errorOf, listOf, PromisePair, soon, type TextClient, TRANSPORTS, turns } from './promise-pair.ts';
import { RawPeer } from './raw-peer.ts';

const test = suite('errors of calls');

/** One call of each kind. */
const CALLS: Readonly<Record<string, (client: TextClient) => Promise<unknown>>> = {
  'test.Text/unary': (client) => client.unary('a'),
  'test.Text/server_streaming': (client) => listOf(client.read('a')),
  'test.Text/client_streaming': (client) => client.write(['a']),
  'test.Text/bidi_streaming': (client) => listOf(client.bidi(['a'])),
};

// ---- which call ----

for (const transport of TRANSPORTS) {
  test(`${transport}: an error names its method and its server, and says how far the call had come`, async () => {
    const fail = (): never => {
      throw new StatusError(Status.ABORTED.withDescription('why'));
    };
    await using pair = await PromisePair.open({ unary: fail, write: fail, read: fail, bidi: fail }, { transport });
    for (const [method, call] of Object.entries(CALLS)) {
      const error = await errorOf(call(pair.client));
      assert.equal([error.code, error.status.description], [Code.ABORTED, 'why']);
      assert.is(error.message, `ABORTED: why (${method}, before any response)`);
      assert.equal([error.call?.method, error.call?.phase], [method, 'before any response']);
      if (transport === 'http2') assert.is(error.call?.peer, `127.0.0.1:${pair.server.port}`);
      else assert.type(error.call?.peer, 'string');
    }
  });
}

test('an error after the headers says so, and one without a connection has no peer', async () => {
  await using raw = await RawPeer.open();
  for (const [index, call] of Object.values(CALLS).entries()) {
    const failed = errorOf(call(raw.client));
    const served = await raw.call(index);
    served.headers();
    await served.peer.roundTrip();
    served.peer.sendRst(served.stream, 'INTERNAL_ERROR');
    const error = await failed;
    assert.equal([error.code, error.call?.phase], [Code.INTERNAL, 'after the response headers']);
    assert.is(error.call?.peer, `127.0.0.1:${raw.server.port}`);
  }
  const port = raw.server.port;
  await raw[Symbol.asyncDispose]();
  await using channel = createChannel(`127.0.0.1:${port}`, ChannelCredentials.insecure());
  const client = createClient(TEXT_METHODS, channel);
  for (const call of Object.values(CALLS)) {
    const error = await errorOf(call(client));
    assert.equal(
      [error.code, error.call?.peer, error.call?.phase],
      [Code.UNAVAILABLE, null, 'before anything was sent'],
    );
    assert.is((error.cause as NodeJS.ErrnoException).code, 'ECONNREFUSED');
  }
});

for (const transport of TRANSPORTS) {
  test(`${transport}: messages ahead of an error all arrive, however slow their reader`, async () => {
    await using pair = await PromisePair.open(
      {
        *read() {
          yield* ['one', 'two', 'three'];
          throw new StatusError(Status.DATA_LOSS);
        },
      },
      { transport },
    );
    for (const prefetch of [0, 1, 2, 10]) {
      for (let pause = 0; pause < 5; pause += 1) {
        const texts: string[] = [];
        const reading = (async (): Promise<void> => {
          for await (const text of pair.client.read('a', { prefetch })) {
            texts.push(text);
            await turns(pause);
          }
        })();
        assert.is((await errorOf(reading)).code, Code.DATA_LOSS);
        assert.equal(texts, ['one', 'two', 'three']);
      }
    }
  });
}

test('a lost connection is UNAVAILABLE behind the messages that came', async () => {
  await using raw = await RawPeer.open();
  const stream = raw.client.read('a');
  const served = await raw.call();
  served.headers();
  served.message('one');
  await served.peer.roundTrip();
  served.peer.destroy();
  await soon(stream.status);
  assert.is((await soon(stream.next())).value, 'one');
  assert.is((await errorOf(stream.next())).code, Code.UNAVAILABLE);
});

test('an error is a StatusError for users who know no more than Error', async () => {
  await using pair = await PromisePair.open({});
  const error = await errorOf(pair.client.unary('a'));
  assert.ok(error instanceof Error);
  assert.is(error.name, 'StatusError');
  assert.match(String(error), /^StatusError: UNIMPLEMENTED: .*test\.Text\/unary/);
});

// ---- responses that are not one ----

for (const [count, text] of [
  [0, 'no response'],
  [2, 'more than one response'],
] as const) {
  test(`${text} where one is due is UNIMPLEMENTED, for unary calls and uploads`, async () => {
    await using raw = await RawPeer.open();
    const calls = [
      errorOf(raw.client.unary('a')),
      errorOf(raw.client.write(['a'])),
      errorOf(raw.client.write().response),
    ];
    for (const [index, call] of calls.entries()) {
      const served = await raw.call(index);
      served.headers();
      for (let i = 0; i < count; i += 1) served.message(`answer ${i}`);
      served.end(0);
      const { status } = await call;
      assert.is(String(status), `UNIMPLEMENTED: the server sent ${text}`);
    }
  });
}

test('a response before a failure is no response', async () => {
  await using raw = await RawPeer.open();
  const call = errorOf(raw.client.unary('a'));
  const served = await raw.call();
  served.headers();
  served.message('answer');
  served.end(Code.DATA_LOSS);
  assert.is((await call).code, Code.DATA_LOSS);
});

test('a message that is undefined is a response like any other', async () => {
  const nothing = { serialize: () => new Uint8Array(), deserialize: () => undefined };
  await using pair = await PromisePair.open({ unary: () => '' });
  const { requestMarshaller } = TEXT_METHODS.unary;
  const client = createClient({ unary: TEXT_METHODS.unary.withMarshallers(requestMarshaller, nothing) }, pair.channel);
  assert.is(await soon(client.unary('a')), undefined);
});

// ---- black holes ----

for (const manner of ['mute', 'deaf'] as const) {
  test(`a peer that accepts and is ${manner} fails calls without a deadline, with the time it took to connect`, async () => {
    const clock = new WoundClock();
    await using raw = await RawPeer.open({ server: { manner }, channel: { clock } });
    const failures = Object.values(CALLS).map((call) => errorOf(call(raw.client)));
    await raw.server.connection();
    while (clock.armed === 0) await turns(1);
    clock.advance(20_000);
    for (const failure of failures) {
      const { code, message, call } = await failure;
      assert.is(code, Code.UNAVAILABLE);
      assert.match(message, /20 s/);
      assert.is(call?.phase, 'before anything was sent');
    }
  });
}

test('a peer that falls silent amid a call: the deadline ends it, and says that it was at the server', async () => {
  const clock = new WoundClock();
  await using raw = await RawPeer.open({ channel: { clock } });
  const failed = errorOf(raw.client.unary('a', { timeoutMs: 5_000 }));
  const served = await raw.call();
  clock.advance(5_000);
  const error = await failed;
  assert.is(error.code, Code.DEADLINE_EXCEEDED);
  assert.is(error.call?.peer, `127.0.0.1:${raw.server.port}`);
  assert.equal(await served.reset(), { code: 'CANCEL', halfClosed: true });
});

// ---- where it arose ----

const HERE = 'test/stub/promise/errors.test.';

/** The functions of this file that an error's stack names. */
function functionsIn({ stack = '' }: Error): string[] {
  const lines = stack.split('\n').filter((line) => line.includes(HERE));
  return lines.map((line) => /at (?:async )?(\S+) \(/.exec(line)?.[1] ?? 'anonymous');
}

async function awaitsUnary(client: TextClient): Promise<unknown> {
  return await client.unary('a');
}

async function awaitsUpload(client: TextClient): Promise<unknown> {
  return await client.write(['a']);
}

async function readsInLoop(client: TextClient): Promise<unknown> {
  let count = 0;
  for await (const _ of client.read('a')) count += 1;
  return count;
}

async function readsInLoopFromIterable(client: TextClient): Promise<unknown> {
  let count = 0;
  for await (const _ of client.bidi(['a'])) count += 1;
  return count;
}

async function readsByHand(client: TextClient): Promise<unknown> {
  const call = client.bidi();
  return await call.next();
}

async function readsAfterTheEnd(client: TextClient): Promise<unknown> {
  const call = client.bidi();
  await call.status;
  return await call.next();
}

async function awaitsHeaders(client: TextClient): Promise<unknown> {
  const call = client.bidi();
  return await call.headers;
}

async function awaitsHeadersAfterTheEnd(client: TextClient): Promise<unknown> {
  const call = client.bidi();
  await call.status;
  return await call.headers;
}

async function awaitsResponse(client: TextClient): Promise<unknown> {
  const call = client.write();
  return await call.response;
}

const AWAITS = [
  awaitsUnary,
  awaitsUpload,
  readsInLoop,
  readsInLoopFromIterable,
  readsByHand,
  readsAfterTheEnd,
  awaitsHeaders,
  awaitsHeadersAfterTheEnd,
  awaitsResponse,
];

for (const awaits of AWAITS) {
  test(`the stack of an error leads to the line that awaits: ${awaits.name}`, async () => {
    for (const transport of TRANSPORTS) {
      await using pair = await PromisePair.open({}, { transport });
      const error = await awaits(pair.client).then(
        () => null,
        (thrown: Error) => thrown,
      );
      assert.ok(error instanceof StatusError);
      assert.ok(functionsIn(error).includes(awaits.name), `${transport}: ${error.stack}`);
    }
  });
}

test.run();
