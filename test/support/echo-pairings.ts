/**
 * Our ends and those of grpc-js, paired: every case of the interop tests runs for each pairing. Above:
 * test/transport/http2/grpc-js*.test.ts. Below: echo-service.ts, grpc-js.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EchoClient, EchoServer } from './echo.ts';
import { type EchoClientOptions, type EchoServerOptions, echoClient, startEchoServer } from './echo-service.ts';
import { grpcJsClient, startGrpcJsServer } from './grpc-js.ts';
import type { Suite } from './suite.ts';

/** What a case asks of either end; each side of a pairing translates. */
export interface Wishes {
  readonly tls?: EchoServerOptions['tls'];
  readonly mutual?: boolean;
  readonly identity?: EchoClientOptions['identity'];
  /** Inbound message limits in bytes. */
  readonly serverLimit?: number;
  readonly clientLimit?: number;
}

type StartServer = (wishes: Wishes) => Promise<EchoServer>;
type MakeClient = (port: number, wishes: Wishes) => EchoClient;

const ourServer: StartServer = ({ tls, mutual = false, serverLimit: maxInboundMessageBytes }) =>
  startEchoServer({
    ...(tls && { tls, mutual }),
    ...(maxInboundMessageBytes && { options: { maxInboundMessageBytes } }),
  });
const ourClient: MakeClient = (port, { tls, identity, clientLimit: maxInboundMessageBytes }) =>
  echoClient(port, {
    ...(tls && { tls }),
    ...(identity && { identity }),
    ...(maxInboundMessageBytes && { options: { maxInboundMessageBytes } }),
  });
const theirServer: StartServer = ({ tls, mutual = false, serverLimit }) =>
  startGrpcJsServer({ ...(tls && { tls, mutual }), options: limited(serverLimit) });
const theirClient: MakeClient = (port, { tls, identity, clientLimit }) =>
  grpcJsClient(port, { ...(tls && { tls }), ...(identity && { identity }), options: limited(clientLimit) });

function limited(limit: number | undefined): Readonly<Record<string, number>> {
  return limit === undefined ? {} : { 'grpc.max_send_message_length': -1, 'grpc.max_receive_message_length': limit };
}

export interface Pairing {
  readonly name: string;
  readonly start: StartServer;
  readonly make: MakeClient;
  readonly server: 'ours' | 'theirs';
  readonly client: 'ours' | 'theirs';
}

/** Both directions, and our two ends with each other, where the same must hold. */
export const PAIRINGS: readonly Pairing[] = [
  { name: 'our client at grpc-js', start: theirServer, make: ourClient, server: 'theirs', client: 'ours' },
  { name: 'grpc-js at our server', start: ourServer, make: theirClient, server: 'ours', client: 'theirs' },
  { name: 'our client at our server', start: ourServer, make: ourClient, server: 'ours', client: 'ours' },
];

export type Act = (client: EchoClient, server: EchoServer) => Promise<void>;

/** The same test for every pairing of ends. */
export function everywhere(
  test: Suite,
  title: string,
  wishes: Wishes,
  act: (pairing: Pairing) => Act,
  timeoutMs = 10_000,
): void {
  for (const pairing of PAIRINGS) {
    test(`${pairing.name}: ${title}`, { timeoutMs }, async () => {
      await using server = await pairing.start(wishes);
      await using client = pairing.make(server.port, wishes);
      await act(pairing)(client, server);
    });
  }
}

export const bytes = (...texts: string[]): Uint8Array[] => texts.map((text) => Buffer.from(text));
export const text = (messages: readonly Uint8Array[]): string[] =>
  messages.map((message) => Buffer.from(message).toString());

export async function until(what: string, condition: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`not within 5 s: ${what}`);
    await sleep(5);
  }
}
