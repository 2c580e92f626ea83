/**
 * gRPC's negative HTTP/2 cases: a server that misbehaves within the protocol, and each face's client, which has to come to
 * the right end with it.
 */
import { type Channel, ChannelCredentials, createChannel } from '../../../src/index.ts';
import { DEFAULT_WINDOW } from '../../support/http2-frame.ts';
import type { RawConnection } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { FACES } from '../faces.ts';
import { largeUnary, NEGATIVE_CLIENT_CASES, type UnaryClient } from './negative-cases.ts';
import { NEGATIVE_CASES, type NegativeCase, NegativeServer } from './negative-server.ts';

const PATIENCE_MS = 20_000;
const LONG = { timeoutMs: PATIENCE_MS + 5_000 };

const test = suite('negative HTTP/2 cases');

type MakeClient = (channel: Channel) => UnaryClient;

/** Runs something against a server of one case; the client has then done nothing that the case forbids. */
async function against(
  name: NegativeCase,
  makeClient: MakeClient,
  act: (client: UnaryClient, server: NegativeServer) => Promise<void>,
): Promise<void> {
  await using server = await NegativeServer.listen(name);
  await using channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure());
  await within(PATIENCE_MS, act(makeClient(channel), server), `the case ${name}`);
  await server.settled();
  assert.equal(server.faults, []);
  channel.shutdownNow();
}

function connection(server: NegativeServer, index: number): RawConnection {
  const found = server.connections[index];
  if (found === undefined) throw new Error(`there is no connection ${index}`);
  return found;
}

/** The only connection. */
function only(server: NegativeServer): RawConnection {
  assert.is(server.connections.length, 1, 'one connection');
  return connection(server, 0);
}

for (const face of Object.values(FACES)) {
  for (const name of NEGATIVE_CASES) {
    test(`${name}, ${face.name}`, LONG, async () => {
      await against(name, face.client, async (client, server) => {
        // A connection without calls that has read a GOAWAY is closed by the client.
        await NEGATIVE_CLIENT_CASES[name](client, () => connection(server, 0).closed);
        assert.is(server.connections.length, name === 'goaway' ? 2 : 1);
      });
    });
  }
}

const calls: MakeClient = FACES.calls.client;

test(
  'goaway: calls that the server goes on with are not lost, and every later one goes to a new connection',
  LONG,
  async () => {
    await against('goaway', calls, async (client, server) => {
      await Promise.all(Array.from({ length: 8 }, () => largeUnary(client)));
      const first = only(server);
      assert.ok(first.has('HEADERS', { stream: 15 }), first.text());
      for (let round = 0; round < 3; round += 1) {
        assert.is(await connection(server, round).closed, 'fin', 'the client lets go of the old connection');
        await largeUnary(client);
        assert.is(server.connections.length, round + 2);
      }
    });
  },
);

for (const name of ['rst_after_header', 'rst_during_data', 'rst_after_data'] as const) {
  test(`${name}: costs the call, not the connection nor its window`, LONG, async () => {
    await against(name, calls, async (client, server) => {
      for (let call = 0; call < 6; call += 1) await NEGATIVE_CLIENT_CASES[name](client, async () => {});
      const { frames } = only(server);
      const streams = frames.filter((frame) => frame.type === 'HEADERS').map((frame) => frame.stream);
      assert.equal(streams, [1, 3, 5, 7, 9, 11]);
    });
  });
}

test('data_frame_padding: stream and connection get back what the padding took', LONG, async () => {
  await against('data_frame_padding', calls, async (client, server) => {
    await largeUnary(client);
    const { frames } = only(server);
    const returned = (stream: number): number =>
      frames.reduce((sum, frame) => (frame.stream === stream ? sum + frame.increment : sum), 0);
    const initial = frames.find((frame) => frame.type === 'SETTINGS')?.settings.INITIAL_WINDOW_SIZE ?? DEFAULT_WINDOW;
    // Each five bytes of the response came with their padding and its length.
    const taken = (314_159 / 5) * (1 + 5 + 255);
    assert.ok(returned(0) + DEFAULT_WINDOW > taken, `${returned(0)} of ${taken} bytes of the connection`);
    assert.ok(returned(1) + initial > taken, `${returned(1)} of ${taken} bytes of the stream`);
  });
});

for (const face of Object.values(FACES)) {
  test(`goaway: without a pause the calls right behind it come through as well, ${face.name}`, LONG, async () => {
    await against('goaway', face.client, async (client, server) => {
      for (let call = 0; call < 5; call += 1) await largeUnary(client);
      assert.is(server.connections.length, 5, 'each GOAWAY costs its connection');
    });
  });
}

test.run();
