/** Handlers in the promise style: what becomes of what they give, throw and leave undone, and what they know of their call. */

import { ServerCallListener } from '../../../src/call/server-call.ts';
import { ForwardingServerCall, type ServerInterceptor } from '../../../src/call/server-interceptor.ts';
import { createClient } from '../../../src/stub/client.ts';
import type { HandlerContext } from '../../../src/stub/handler-context.ts';
import { unimplemented } from '../../../src/stub/implement.ts';
import { REMOTE_ADDRESS } from '../../../src/values/attributes.ts';
import { Metadata } from '../../../src/values/metadata.ts';
import { Code, Status } from '../../../src/values/status.ts';
import { StatusError } from '../../../src/values/status-error.ts';
import { thrownBy } from '../../call/call-pair.ts';
import { textMethod, UNREADABLE, UNWRITABLE } from '../../reactor/reactor-pair.ts';
import { assert, suite } from '../../support/suite.ts';
import {
  ECHO,
  errorOf,
  Gate,
  listOf,
  PromisePair,
  soon,
  type TextClient,
  type TextHandlers,
  TRANSPORTS,
  turns,
} from './promise-pair.ts';

const test = suite('handlers');

/** One call of each kind. */
const CALLS: readonly ((client: TextClient) => Promise<unknown>)[] = [
  (client) => client.unary('a'),
  (client) => listOf(client.read('a')),
  (client) => client.write(['a']),
  (client) => listOf(client.bidi(['a'])),
];

/** Handlers of every kind that do the same, whatever they are given. */
function alike(handle: (context: HandlerContext) => unknown): TextHandlers {
  const handler = (_input: unknown, context: HandlerContext): never => handle(context) as never;
  return { unary: handler, read: handler, write: handler, bidi: handler };
}

// ---- what they throw ----

const SECRET = 'a secret';

const THROWS: Readonly<Record<string, () => unknown>> = {
  'a throw': () => {
    throw new Error(SECRET);
  },
  'a rejection': () => Promise.reject(new Error(SECRET)),
  'a later rejection': async () => {
    await turns(1);
    throw new Error(SECRET);
  },
  'a throw of the iterator': () => ({
    [Symbol.asyncIterator]: () => {
      throw new Error(SECRET);
    },
  }),
  'a throw of what is no error': () => {
    throw SECRET;
  },
};

for (const [how, handle] of Object.entries(THROWS)) {
  test(`${how} is UNKNOWN to the client, without its text, and told to the hook once`, async () => {
    await using pair = await PromisePair.open(alike(handle));
    const calls = how.includes('iterator') ? [CALLS[1], CALLS[3]] : CALLS;
    for (const [index, call] of calls.entries()) {
      const error = await errorOf(call?.(pair.client) ?? Promise.resolve());
      assert.equal([error.code, error.status.description, error.trailers.size], [Code.UNKNOWN, null, 0]);
      assert.is(pair.failures.length, index + 1);
      const failure = pair.failures.at(-1);
      assert.is(failure instanceof Error ? failure.message : failure, SECRET);
    }
  });
}

test('a StatusError, thrown, rejected or as a cause, is the status; its trailers go behind those of the context', async () => {
  const thrown = new StatusError(Status.ABORTED.withDescription('why'), new Metadata({ 'x-why': 'w' }));
  for (const fail of [
    (): never => {
      throw thrown;
    },
    () => Promise.reject(thrown),
    async () => {
      throw new Error(SECRET, { cause: thrown });
    },
  ]) {
    await using pair = await PromisePair.open(
      alike(({ trailers }) => {
        trailers.set('x-trail', 't');
        return fail();
      }),
    );
    for (const call of CALLS) {
      const error = await errorOf(call(pair.client));
      assert.is(String(error.status), 'ABORTED: why');
      const trailers = [...error.trailers].filter(([key]) => key.startsWith('x-'));
      assert.equal(trailers, [
        ['x-trail', 't'],
        ['x-why', 'w'],
      ]);
    }
    assert.equal(pair.failures, []);
    // The error is the handler's own, and may be thrown again.
    assert.is(thrown.trailers.size, 1);
  }
});

test('a StatusError with OK is a failure all the same', async () => {
  await using pair = await PromisePair.open(
    alike(() => {
      throw new StatusError(Status.OK.withDescription('not really'));
    }),
  );
  for (const call of CALLS) assert.is(String((await errorOf(call(pair.client))).status), 'UNKNOWN: not really');
});

test('the error of a call that the handler made is UNKNOWN to its client, and told to the hook', async () => {
  await using behind = await PromisePair.open(
    alike(() => {
      throw new StatusError(Status.PERMISSION_DENIED.withDescription(SECRET), new Metadata({ 'x-why': SECRET }));
    }),
  );
  for (const wrap of [
    (error: unknown): unknown => error,
    (error: unknown): unknown => new Error('wrapped', { cause: error }),
  ]) {
    await using pair = await PromisePair.open(
      alike(async () => {
        try {
          return await behind.client.unary('a');
        } catch (error) {
          throw wrap(error);
        }
      }),
    );
    for (const [index, call] of CALLS.entries()) {
      const error = await errorOf(call(pair.client));
      assert.equal([String(error.status), error.trailers.size], ['UNKNOWN', 0]);
      assert.is(pair.failures.length, index + 1);
    }
    // Made a status of its own, it is passed on.
    await using open = await PromisePair.open(
      alike(async () => {
        const error = await errorOf(behind.client.unary('a'));
        throw new StatusError(error.status);
      }),
    );
    for (const call of CALLS) assert.is((await errorOf(call(open.client))).code, Code.PERMISSION_DENIED);
  }
});

test('a handler that is missing, and unimplemented, are UNIMPLEMENTED', async () => {
  await using pair = await PromisePair.open({ unary: unimplemented, read: unimplemented });
  for (const call of CALLS) assert.is((await errorOf(call(pair.client))).code, Code.UNIMPLEMENTED);
  assert.equal(pair.failures, []);
});

// ---- what they give ----

test('whatever is no response, or no iterable, is UNKNOWN, and told to the hook', async () => {
  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    unary: [undefined, Promise.resolve()],
    read: [undefined, null, 7, 'text', {}, Promise.resolve({})],
  };
  for (const [name, outputs] of Object.entries(wrong)) {
    for (const output of outputs) {
      await using pair = await PromisePair.open(alike(() => output));
      const calls = name === 'unary' ? [CALLS[0], CALLS[2]] : [CALLS[1], CALLS[3]];
      for (const call of calls) {
        const error = await errorOf(call?.(pair.client) ?? Promise.resolve());
        assert.is(error.code, Code.UNKNOWN, `${name} ${String(output)}`);
      }
      assert.is(pair.failures.length, 2);
      assert.ok(pair.failures.every((failure) => failure instanceof TypeError));
    }
  }
});

test('an async function that rejects where an iterable is due leaves no rejection behind', async () => {
  await using pair = await PromisePair.open(alike(async () => Promise.reject(new Error(SECRET))));
  for (const call of [CALLS[1], CALLS[3]]) {
    assert.is((await errorOf(call?.(pair.client) ?? Promise.resolve())).code, Code.UNKNOWN);
  }
  await turns();
});

test('arrays, sets, generators and promises of them are responses', async () => {
  const outputs: readonly (() => unknown)[] = [
    () => ['a', 'b'],
    () => new Set(['a', 'b']),
    function* () {
      yield* ['a', 'b'];
    },
    async function* () {
      yield* ['a', 'b'];
    },
    async () => ['a', 'b'],
    () => ReadableStream.from(['a', 'b']),
  ];
  for (const output of outputs) {
    await using pair = await PromisePair.open(alike(output));
    assert.equal(await soon(listOf(pair.client.read('x'))), ['a', 'b']);
    assert.equal(await soon(listOf(pair.client.bidi([]))), ['a', 'b']);
  }
});

test('a message that cannot be written ends the call INTERNAL, is told to the hook, and stops the handler', async () => {
  const stopped = new Gate();
  const read = new Gate();
  await using pair = await PromisePair.open({
    unary: () => UNWRITABLE,
    async *read() {
      try {
        yield 'one';
        await read.passed;
        yield UNWRITABLE;
        yield 'three';
      } finally {
        stopped.open();
      }
    },
  });
  assert.is((await errorOf(pair.client.unary('a'))).code, Code.INTERNAL);
  const stream = pair.client.read('a');
  assert.is((await soon(stream.next())).value, 'one');
  read.open();
  assert.is((await errorOf(stream.next())).code, Code.INTERNAL);
  await stopped.pass();
  assert.equal(
    pair.failures.map((failure) => (failure as Error).message),
    ['not to be serialized', 'not to be serialized'],
  );
});

test('a request that cannot be read ends the call INTERNAL; the reader is told, the hook is not', async () => {
  const read = new Gate<unknown>();
  await using pair = await PromisePair.open({
    unary: () => 'never',
    async write(texts) {
      await listOf(texts).catch(read.open);
      return 'never';
    },
  });
  assert.is((await errorOf(pair.client.unary(UNREADABLE))).code, Code.INTERNAL);
  assert.is((await errorOf(pair.client.write(['a', UNREADABLE]))).code, Code.INTERNAL);
  assert.ok((await read.pass()) instanceof StatusError);
  assert.equal(pair.failures, []);
});

// ---- what they leave undone ----

for (const transport of TRANSPORTS) {
  test(`${transport}: a handler may answer before it has read everything, or anything`, async () => {
    await using pair = await PromisePair.open(
      {
        async write(texts) {
          for await (const text of texts) return `${text}!`;
          return 'none';
        },
        bidi: () => ['early'],
      },
      { transport },
    );
    const endless = async function* (): AsyncGenerator<string> {
      for (let i = 0; ; i += 1) yield 'x'.repeat(1000) + i;
    };
    assert.match(await soon(pair.client.write(endless())), /^x+0!$/);
    assert.equal(await soon(listOf(pair.client.bidi(endless()))), ['early']);
    assert.equal(pair.failures, []);
  });

  test(`${transport}: the client learns of an early end while its own requests hang, and stops asking for them`, async () => {
    await using pair = await PromisePair.open(
      {
        write: async () => 'early',
        // biome-ignore lint/correctness/useYield: it fails before.
        async *bidi() {
          throw new StatusError(Status.ABORTED);
        },
      },
      { transport },
    );
    const hanging = (stopped: Gate): AsyncIterable<string> => ({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: async () => {
          stopped.open();
          return { done: true, value: undefined };
        },
      }),
    });
    const stopped = [new Gate(), new Gate()] as const;
    assert.is(await soon(pair.client.write(hanging(stopped[0]))), 'early');
    assert.is((await errorOf(pair.client.bidi(hanging(stopped[1])).next())).code, Code.ABORTED);
    await stopped[0].pass();
    await stopped[1].pass();
  });

  test(`${transport}: a cancel reaches a handler that never ends, by its signal`, async () => {
    const aborted = new Gate<unknown>();
    const begun = new Gate();
    await using pair = await PromisePair.open(
      {
        unary: (_text, { signal }) => {
          signal.addEventListener('abort', () => aborted.open(signal.reason));
          begun.open();
          return new Promise(() => {});
        },
      },
      { transport },
    );
    const controller = new AbortController();
    const call = errorOf(pair.client.unary('a', { signal: controller.signal }));
    await begun.pass();
    controller.abort();
    assert.is((await call).code, Code.CANCELLED);
    const reason = await aborted.pass();
    assert.ok(reason instanceof StatusError && reason.code === Code.CANCELLED);
  });

  test(`${transport}: requests that came and were not read are dropped by a cancel; every read throws what the call failed of`, async () => {
    const cancelled = new Gate<HandlerContext>();
    const outcome = new Gate<unknown[]>();
    await using pair = await PromisePair.open(
      {
        async write(texts, context) {
          await texts.next();
          await new Promise<void>((resolve) => context.signal.addEventListener('abort', () => resolve()));
          cancelled.open(context);
          const reads = [texts.next(), texts.next()];
          outcome.open((await Promise.allSettled(reads)).map((read) => ('reason' in read ? read.reason : read.value)));
          return 'too late';
        },
      },
      { transport },
    );
    const upload = pair.client.write();
    for (const text of ['a', 'b', 'c']) await soon(upload.send(text));
    await turns();
    upload.cancel();
    const { failure } = await cancelled.pass();
    assert.ok(failure instanceof StatusError);
    assert.equal(await outcome.pass(), [failure, failure]);
    assert.equal(pair.failures, []);
  });

  test(`${transport}: a generator’s finally runs when the client leaves, wherever the generator is`, async () => {
    const left = [new Gate(), new Gate()] as const;
    await using pair = await PromisePair.open(
      {
        async *read() {
          try {
            for (;;) yield 'x'.repeat(20_000);
          } finally {
            left[0].open();
          }
        },
        async *bidi(texts) {
          try {
            for await (const text of texts) yield text;
          } finally {
            left[1].open();
          }
        },
      },
      { transport },
    );
    for await (const _ of pair.client.read('a')) break;
    await left[0].pass();
    const call = pair.client.bidi();
    await soon(call.send('a'));
    for await (const _ of call) break;
    await left[1].pass();
    assert.equal(pair.failures, []);
  });

  test(`${transport}: what a handler does after its call has failed goes nowhere, and breaks nothing`, async () => {
    const begun = new Gate();
    const cancelled = new Gate<HandlerContext>();
    const go = new Gate();
    const settled = new Gate<string[]>();
    await using pair = await PromisePair.open(
      {
        async unary(_text, context) {
          context.signal.addEventListener('abort', () => cancelled.open(context));
          begun.open();
          await go.passed;
          const thrown = [() => context.sendHeaders(), () => context.trailers.set('x-trail', 't')].map(thrownBy);
          settled.open(thrown.map(String));
          throw new Error(SECRET);
        },
      },
      { transport },
    );
    const controller = new AbortController();
    const call = errorOf(pair.client.unary('a', { signal: controller.signal }));
    await begun.pass();
    controller.abort();
    await call;
    await cancelled.pass();
    go.open();
    assert.equal(await settled.pass(), ['null', 'null']);
    await turns();
    assert.equal(pair.failures, []);
  });
}

test('an iterable of responses is told to stop when the call ends, whatever return does then', async () => {
  for (const stop of [
    () => Promise.resolve({ done: true, value: undefined }),
    () => Promise.reject(new Error('return rejects')),
    (): never => {
      throw new Error('return throws');
    },
    () => new Promise(() => {}),
  ]) {
    const stopped = new Gate();
    let stops = 0;
    await using pair = await PromisePair.open({
      read: () =>
        ({
          [Symbol.asyncIterator]: () => ({
            next: async () => ({ done: false, value: 'x'.repeat(1000) }),
            return: () => {
              stops += 1;
              stopped.open();
              return stop();
            },
          }),
        }) as never,
    });
    for await (const _ of pair.client.read('a')) break;
    await stopped.pass();
    await turns();
    assert.is(stops, 1);
    assert.equal(pair.failures, []);
  }
});

test('an iterable that ends or throws by itself is not told to stop', async () => {
  for (const last of [{ done: true, value: undefined }, new Error('mine')]) {
    let stops = 0;
    const left = ['a'];
    const iterable = {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          const value = left.shift();
          if (value !== undefined) return { done: false, value };
          if (last instanceof Error) throw last;
          return last;
        },
        return: async () => {
          stops += 1;
          return { done: true, value: undefined };
        },
      }),
    } as AsyncIterable<string>;
    await using pair = await PromisePair.open({ ...ECHO, read: () => iterable });
    const outcome = await soon(listOf(pair.client.read('a')).catch((error: StatusError) => error.code));
    assert.equal(outcome, last instanceof Error ? Code.UNKNOWN : ['a']);
    left.push('a');
    const answer = await soon(pair.client.write(iterable).catch((error: StatusError) => error.cause));
    assert.equal(answer, last instanceof Error ? last : 'a');
    await turns();
    assert.is(stops, 0);
  }
});

// ---- what they know ----

for (const transport of TRANSPORTS) {
  test(`${transport}: the context tells of the request and takes headers, trailers and a compressor`, async () => {
    const contexts: HandlerContext[] = [];
    await using pair = await PromisePair.open(
      {
        unary(_text, context) {
          contexts.push(context);
          context.setCompression('gzip');
          context.sendHeaders(new Metadata({ 'x-head': 'h' }));
          context.trailers.append('x-trail', 't');
          return [
            context.method,
            context.metadata.get('x-sent'),
            context.authority,
            context.deadline?.isExpired(),
            context.failure,
            context.signal.aborted,
            context.peer === '' ? '' : 'a peer',
          ].join();
        },
      },
      { transport },
    );
    let headers: Metadata | null = null;
    let trailers: Metadata | null = null;
    const text = await soon(
      pair.client.unary('a', {
        metadata: { 'x-sent': 's' },
        authority: 'there.test',
        timeoutMs: 60_000,
        onHeaders: (given) => {
          headers = given;
        },
        onTrailers: (given) => {
          trailers = given;
        },
      }),
    );
    assert.is(text, 'test.Text/unary,s,there.test,false,,false,a peer');
    assert.is((headers as Metadata | null)?.get('x-head'), 'h');
    assert.is((trailers as Metadata | null)?.get('x-trail'), 't');
    const [context] = contexts;
    assert.is.not(context?.attributes.get(REMOTE_ADDRESS), null);
    if (transport === 'http2') assert.match(context?.peer ?? '', /^127\.0\.0\.1:\d+$/);
    assert.is(await soon(pair.client.unary('a')).then((line) => line.split(',')[3]), '');
  });
}

test('headers are sent once: a second time, and after the first message, sendHeaders throws', async () => {
  const thrown: (string | null)[] = [];
  await using pair = await PromisePair.open({
    async *read(_text, context) {
      context.sendHeaders({ 'x-head': 'h' });
      thrown.push(thrownBy(() => context.sendHeaders()));
      yield 'one';
      thrown.push(thrownBy(() => context.sendHeaders()));
      thrown.push(thrownBy(() => context.setCompression('gzip')));
    },
    async *bidi(_texts, context) {
      yield 'one';
      thrown.push(thrownBy(() => context.sendHeaders()));
    },
  });
  assert.equal(await soon(listOf(pair.client.read('a'))), ['one']);
  assert.equal(await soon(listOf(pair.client.bidi([]))), ['one']);
  const once = 'IllegalStateError: sendHeaders has already been called';
  assert.equal(thrown, [once, once, 'IllegalStateError: sendHeaders has been called', once]);
});

test('headers that Metadata refuses leave the headers to be sent', async () => {
  await using pair = await PromisePair.open({
    unary(_text, context) {
      assert.throws(() => context.sendHeaders({ 'grpc-reserved': 'x' }), /grpc-reserved/);
      return 'fine';
    },
  });
  assert.is(await soon(pair.client.unary('a')), 'fine');
});

test('the signal of a call that has failed before anyone asked for it is aborted', async () => {
  const begun = new Gate();
  const go = new Gate();
  const seen = new Gate<boolean>();
  await using pair = await PromisePair.open({
    async unary(_text, context) {
      begun.open();
      await go.passed;
      const { signal } = context;
      seen.open(signal.aborted && signal.reason === context.failure && signal === context.signal);
      return '';
    },
  });
  const controller = new AbortController();
  const call = errorOf(pair.client.unary('a', { signal: controller.signal }));
  await begun.pass();
  controller.abort();
  await call;
  await turns();
  go.open();
  assert.is(await seen.pass(), true);
});

test('handlers are methods of what they are given in', async () => {
  class Greeter implements Pick<TextHandlers, 'unary' | 'read'> {
    readonly #greeting = 'hello';

    unary(text: string): string {
      return `${this.#greeting}, ${text}`;
    }

    *read(text: string): Generator<string> {
      yield this.unary(text);
    }
  }
  await using pair = await PromisePair.open(new Greeter());
  assert.is(await soon(pair.client.unary('a')), 'hello, a');
  assert.equal(await soon(listOf(pair.client.read('a'))), ['hello, a']);
});

// ---- clients that do not keep to the method, and interceptors that end calls ----

for (const transport of TRANSPORTS) {
  test(`${transport}: no request, or two, where one is due are UNIMPLEMENTED, and no handler runs`, async () => {
    let runs = 0;
    await using pair = await PromisePair.open(
      alike(() => {
        runs += 1;
        return 'x';
      }),
      { transport },
    );
    for (const name of ['unary', 'server_streaming']) {
      for (const count of [0, 2]) {
        // A client that thinks the method takes many.
        const method = textMethod('bidi_streaming', name);
        const { call } = createClient({ call: method }, pair.channel);
        const texts = Array.from({ length: count }, () => 'a');
        const error = await errorOf(listOf(call(texts)));
        assert.is(error.code, Code.UNIMPLEMENTED, `${name} ${count}`);
      }
    }
    assert.is(runs, 0);
    assert.equal(pair.failures, []);
  });
}

test('an interceptor that closes the call under its handler ends it for the handler, too', async () => {
  const aborted = new Gate();
  const closing: ServerInterceptor = (call, headers, next) => {
    const listener = next(new ForwardingServerCall(call), headers);
    queueMicrotask(() => call.close(Status.RESOURCE_EXHAUSTED, new Metadata()));
    return listener;
  };
  let isStopped = false;
  await using pair = await PromisePair.open(
    {
      async *bidi(_texts, { signal }) {
        signal.addEventListener('abort', () => aborted.open());
        try {
          for (;;) {
            await turns(1);
            yield 'x';
          }
        } finally {
          isStopped = true;
        }
      },
    },
    { server: { interceptors: [closing] } },
  );
  assert.is((await errorOf(pair.client.bidi().next())).code, Code.RESOURCE_EXHAUSTED);
  await aborted.pass();
  await turns();
  assert.ok(isStopped);
});

test('an interceptor whose close throws is told to the hook, and leaves no call open', async () => {
  const broken = new Error('a broken interceptor');
  class Broken<Req, Res> extends ForwardingServerCall<Req, Res> {
    override close(): void {
      throw broken;
    }
  }
  await using pair = await PromisePair.open(ECHO, {
    server: { interceptors: [(call, headers, next) => next(new Broken(call), headers)] },
  });
  await errorOf(pair.client.unary('a'));
  assert.equal(pair.failures, [broken]);
});

test('an interceptor that refuses a call never meets the handler', async () => {
  const refusing: ServerInterceptor = (call) => {
    call.close(Status.UNAUTHENTICATED, new Metadata());
    return new ServerCallListener();
  };
  await using pair = await PromisePair.open(
    alike(() => {
      throw new Error('a handler ran');
    }),
    { server: { interceptors: [refusing] } },
  );
  for (const call of CALLS) assert.is((await errorOf(call(pair.client))).code, Code.UNAUTHENTICATED);
  assert.equal(pair.failures, []);
});

test.run();
