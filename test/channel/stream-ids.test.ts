/** A channel over connections that run out of stream ids, as after a thousand million calls. */
import http2, { type ClientHttp2Session } from 'node:http2';
import { createChannel } from '../../src/channel/create-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { Server } from '../../src/server/server.ts';
import { createClient } from '../../src/stub/client.ts';
import { implement, unimplemented } from '../../src/stub/implement.ts';
import { TEXT_METHODS } from '../reactor/reactor-pair.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('stream ids');

/** node's sessions can skip ids, which its typings leave out. */
type SkippingSession = ClientHttp2Session & { setNextStreamID(id: number): void };

const LAST_ID = 2 ** 31 - 1;
const connect = http2.connect;
let sessions = 0;

test.before(() => {
  // The ids cannot be used up in a test's time: each connection begins with the last two.
  http2.connect = ((...args: Parameters<typeof connect>): ClientHttp2Session => {
    const session = connect(...args);
    session.once('connect', () => (session as SkippingSession).setNextStreamID(LAST_ID - 2));
    sessions += 1;
    return session;
  }) as typeof connect;
});
test.after(() => {
  http2.connect = connect;
});

test('a connection without ids is followed by another, and no call is lost', async () => {
  const server = new Server().addService(
    implement(TEXT_METHODS, {
      unary: (text) => text,
      read: unimplemented,
      write: unimplemented,
      async *bidi(texts) {
        yield* texts;
      },
    }),
  );
  server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  await server.start();
  await using _server = server;
  await using channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure());
  const client = createClient(TEXT_METHODS, channel);
  const old = client.bidi();
  await old.send('on the first connection');
  assert.is((await within(5_000, old.next())).value, 'on the first connection');
  for (let i = 0; i < 8; i += 1) assert.is(await within(5_000, client.unary(`${i}`)), `${i}`);
  const together = Array.from({ length: 9 }, (_, i) => client.unary(`together ${i}`));
  assert.equal(
    await within(5_000, Promise.all(together)),
    together.map((_, i) => `together ${i}`),
  );
  await old.send('still there');
  assert.is((await within(5_000, old.next())).value, 'still there');
  old.closeSend();
  assert.is((await within(5_000, old.status)).toString(), 'OK');
  assert.ok(sessions >= 9, `${sessions} connections`);
});

test.run();
