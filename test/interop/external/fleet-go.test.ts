/**
 * Three servers of grpc-go that are killed and started again, one after the other, under callers who never pause. They are
 * grpc-go's own interop servers, which know no graceful end: calls are cut off in the middle, and it takes a retry policy to
 * lose none. Needs Go. Servers that drain: test/channel/fleet-restart.test.ts.
 */
// file-timeout: 1200 s
import { setTimeout as sleep } from 'node:timers/promises';
import type { ManagedChannel } from '../../../src/channel/managed-channel.ts';
import { BYTES_MARSHALLER, Code, createClient, MethodDescriptor, StatusError } from '../../../src/index.ts';
import { connected } from '../../channel/fleet-servers.ts';
import { becomesQuiet, open } from '../../channel/ledger.ts';
import { until } from '../../support/echo-pairings.ts';
import { freePorts } from '../../support/free-ports.ts';
import { assert, suite } from '../../support/suite.ts';
import { Program } from '../matrix/program.ts';
import { grpcGoPeer } from '../peers/grpc-go.ts';
import type { Peer } from '../peers/peer.ts';

const test = suite('A fleet of grpc-go');
const peer = grpcGoPeer();

const WIDTH = 50;
const STARTUP_MS = 20_000;

const METHODS = {
  emptyCall: new MethodDescriptor({
    service: 'grpc.testing.TestService',
    name: 'EmptyCall',
    kind: 'unary',
    requestMarshaller: BYTES_MARSHALLER,
    responseMarshaller: BYTES_MARSHALLER,
  }),
};

/** One of grpc-go's interop servers, at a port that it keeps over restarts. */
class GoMember {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly #peer: Peer;
  #program: Program | null = null;

  constructor(of: Peer, port: number) {
    this.#peer = of;
    this.port = port;
  }

  async start(): Promise<void> {
    const { server } = this.#peer;
    const line = server.commandLine({ mode: 'cleartext', tls: null, port: this.port });
    const program = new Program([...line, `--port=${this.port}`]);
    this.#program = program;
    assert.ok(await program.printed(server.listening, STARTUP_MS), program.output);
  }

  async kill(): Promise<void> {
    this.#program?.signal('SIGKILL');
    await this.#program?.ended(STARTUP_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** How often calls ended with which code, of callers who never pause, while `act` runs; it may wait for more of them. */
async function under(
  channel: ManagedChannel,
  act: (more: () => Promise<void>) => Promise<void>,
): Promise<Map<Code, number>> {
  const ends = new Map<Code, number>();
  const client = createClient(METHODS, channel);
  let over = false;
  const call = async (): Promise<Code> => {
    try {
      await client.emptyCall(Buffer.alloc(0), { timeoutMs: 10_000 });
      return Code.OK;
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      return error.code;
    }
  };
  const walk = async (): Promise<void> => {
    while (!over) {
      const code = await call();
      ends.set(code, (ends.get(code) ?? 0) + 1);
      await sleep(1);
    }
  };
  const walkers = Array.from({ length: WIDTH }, walk);
  try {
    await act(async () => {
      const enough = (ends.get(Code.OK) ?? 0) + 20 * WIDTH;
      await until('more calls', () => (ends.get(Code.OK) ?? 0) >= enough);
    });
  } finally {
    over = true;
    await Promise.all(walkers);
  }
  return ends;
}

const SERVICE_CONFIG = {
  loadBalancingConfig: [{ round_robin: {} }],
  methodConfig: [
    {
      name: [{ service: 'grpc.testing.TestService' }],
      waitForReady: true,
      retryPolicy: {
        maxAttempts: 5,
        initialBackoff: '0.01s',
        maxBackoff: '0.1s',
        backoffMultiplier: 2,
        retryableStatusCodes: ['UNAVAILABLE'],
      },
    },
  ],
} as const;

const CASES = [
  { what: 'with a retry policy no call is lost', options: { serviceConfig: SERVICE_CONFIG }, allowed: [Code.OK] },
  {
    what: 'without one those that were cut off are UNAVAILABLE, and no others fail',
    options: { balancer: 'round_robin' },
    allowed: [Code.OK, Code.UNAVAILABLE],
  },
] as const;

for (const { what, options, allowed } of CASES) {
  const name = `servers are killed and started again under ${WIDTH} callers: ${what}`;
  if ('missing' in peer) {
    test.skip(name, peer.missing);
    continue;
  }
  test(name, { timeoutMs: 90_000 }, async () => {
    const [a = 0, b = 0, c = 0] = await freePorts(3);
    await using one = new GoMember(peer, a);
    await using two = new GoMember(peer, b);
    await using three = new GoMember(peer, c);
    const members = [one, two, three];
    for (const member of members) await member.start();
    await using channel = open(`ipv4:${members.map(({ port }) => `127.0.0.1:${port}`).join()}`, options);
    await connected(channel, members);
    const ends = await under(channel, async (more) => {
      for (const member of members) {
        await more();
        await member.kill();
        await more();
        await member.start();
        await connected(channel, members);
      }
    });
    assert.equal(
      [...ends.keys()].filter((code) => !allowed.some((each) => each === code)),
      [],
    );
    assert.ok((ends.get(Code.OK) ?? 0) > 10 * (ends.get(Code.UNAVAILABLE) ?? 0), [...ends].join('; '));
    await becomesQuiet(channel);
  });
}

test.run();
