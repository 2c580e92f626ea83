/** AsyncLocalStorage and the promise style: what is stored around a call is there wherever code of that call runs. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { ServerInterceptor } from '../../../src/call/server-interceptor.ts';
import { assert, suite } from '../../support/suite.ts';
import { Gate, listOf, PromisePair, soon, type TextClient, TRANSPORTS, turns } from './promise-pair.ts';

const test = suite('async context in the promise style');

const storage = new AsyncLocalStorage<string>();
const stored = (): string => storage.getStore() ?? 'nothing';

/** Stores the name of the method around its handler. */
const storing: ServerInterceptor = (call, headers, next) => storage.run(call.method.name, () => next(call, headers));

const CALLS: readonly ((client: TextClient) => Promise<unknown>)[] = [
  (client) => client.unary('a'),
  (client) => listOf(client.read('a')),
  (client) => client.write(['a', 'b']),
  (client) => listOf(client.bidi(['a', 'b'])),
];

for (const transport of TRANSPORTS) {
  test(`${transport}: what an interceptor stores its handler sees, at first and after each wait`, async () => {
    const seen: string[] = [];
    const see = async (): Promise<string> => {
      seen.push(stored());
      await turns(1);
      seen.push(stored());
      return 'x';
    };
    await using pair = await PromisePair.open(
      {
        unary: see,
        async *read() {
          yield await see();
          yield await see();
        },
        async write(texts) {
          for await (const _ of texts) await see();
          return '';
        },
        async *bidi(texts) {
          for await (const _ of texts) yield await see();
        },
      },
      { transport, server: { interceptors: [storing] } },
    );
    for (const [index, call] of CALLS.entries()) {
      await soon(call(pair.client));
      const name = ['unary', 'server_streaming', 'client_streaming', 'bidi_streaming'][index] ?? '';
      assert.equal(
        seen.splice(0),
        Array.from({ length: index === 0 ? 2 : 4 }, () => name),
      );
    }
  });

  test(`${transport}: a handler whose client has left sees it in its finally and at its signal`, async () => {
    const ended = [new Gate<string>(), new Gate<string>(), new Gate<string>()] as const;
    const begun = new Gate();
    await using pair = await PromisePair.open(
      {
        unary: (_text, { signal }) => {
          signal.addEventListener('abort', () => ended[0].open(stored()));
          begun.open();
          return new Promise(() => {});
        },
        async *read() {
          try {
            for (;;) yield 'x'.repeat(10_000);
          } finally {
            ended[1].open(stored());
          }
        },
        async *bidi(texts) {
          try {
            for await (const text of texts) yield text;
          } finally {
            ended[2].open(stored());
          }
        },
      },
      { transport, server: { interceptors: [storing] } },
    );
    const controller = new AbortController();
    const unary = pair.client.unary('a', { signal: controller.signal }).catch(() => null);
    await begun.pass();
    controller.abort();
    await unary;
    for await (const _ of pair.client.read('a')) break;
    const chat = pair.client.bidi();
    await soon(chat.send('a'));
    for await (const _ of chat) break;
    assert.is(await ended[0].pass(), 'unary');
    assert.is(await ended[1].pass(), 'server_streaming');
    assert.is(await ended[2].pass(), 'bidi_streaming');
  });

  test(`${transport}: a caller’s callbacks and request iterables see what the call was made in`, async () => {
    const seen: string[] = [];
    const stopped = new Gate<string>();
    await using pair = await PromisePair.open(
      {
        async write(texts) {
          for await (const _ of texts) break;
          return '';
        },
      },
      { transport },
    );
    await storage.run('the caller', async () => {
      const requests = async function* (): AsyncGenerator<string> {
        try {
          for (;;) {
            seen.push(stored());
            yield 'x'.repeat(10_000);
          }
        } finally {
          stopped.open(stored());
        }
      };
      const see = (): void => void seen.push(stored());
      await soon(pair.client.write(requests(), { onHeaders: see, onTrailers: see }));
      seen.push(stored());
    });
    assert.is(await stopped.pass(), 'the caller');
    assert.ok(seen.length > 3);
    assert.ok(
      seen.every((name) => name === 'the caller'),
      seen.join(),
    );
  });
}

test.run();
