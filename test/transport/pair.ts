/**
 * A connection of any transport, both ends, and what a transport's tests must bring along for it. Above: contract-*.ts.
 * Below: ends.ts. Holds: disposing a pair waits until both connections and the address have told their end.
 */
import type { ClientTransport, ServerListener } from '../../src/transport/transport.ts';
import type { SocketAddress } from '../../src/values/attributes.ts';
import { Status } from '../../src/values/status.ts';
import { ClientConnection, type ClientEnd, type ServerConnection, type ServerEnd, ServerSide, UNARY } from './ends.ts';

/** What a test may ask of one end. */
export interface EndOptions {
  /** The most metadata to accept in one block. Default: the transport's. */
  readonly maxInboundMetadataBytes?: number;
  /** The largest message to accept; a client's goes by the stream. Default: the transport's. */
  readonly maxInboundMessageBytes?: number;
}

/** One kind of transport. */
export interface TransportKit {
  /** Takes connections at `address`; null for one that is free. Not listening yet. */
  listener(address: SocketAddress | null, options: EndOptions): ServerListener;
  /** A connection to `address`, not started. */
  client(address: SocketAddress, options: EndOptions): ClientTransport;
  /** An address where nobody listens. */
  nowhere(): Promise<SocketAddress>;
  /** Asks the peer for a sign of life; null for transports that have none. */
  readonly ping: ((client: ClientTransport, done: (error: Error | null) => void) => void) | null;
  /** The promises that it does not keep yet: the name of a test, and why it is left out. */
  readonly faults: Readonly<Record<string, string>>;
}

/** Registers a test of the contract. */
export type Promised = (name: string, body: () => unknown) => void;

/** What a test may say about its pair. */
export interface PairInit {
  readonly client?: EndOptions;
  readonly server?: EndOptions;
}

/** A connection, both ends. */
export class Pair {
  readonly kit: TransportKit;
  readonly address: SocketAddress;
  readonly side: ServerSide;
  readonly client: ClientConnection;
  readonly server: ServerConnection;

  private constructor(
    kit: TransportKit,
    address: SocketAddress,
    side: ServerSide,
    client: ClientConnection,
    server: ServerConnection,
  ) {
    this.kit = kit;
    this.address = address;
    this.side = side;
    this.client = client;
    this.server = server;
  }

  static async connect(kit: TransportKit, init: PairInit = {}): Promise<Pair> {
    const side = new ServerSide(kit.listener(null, init.server ?? {}));
    const address = await side.listen();
    const client = await new ClientConnection(kit.client(address, init.client ?? {})).connect();
    return new Pair(kit, address, side, client, await side.connections.next());
  }

  /** A bidi stream that has reached the server. */
  async stream(): Promise<[ClientEnd, ServerEnd]> {
    return [this.client.open(), await this.side.streams.next()];
  }

  /** Waits until all that was written before and is not held back has arrived: another call goes all the way. */
  async roundTrip(): Promise<void> {
    const client = this.client.open(UNARY);
    client.halfClose();
    for (;;) {
      const server = await this.side.streams.next();
      if (server.path !== UNARY.path) continue;
      server.close(Status.OK);
      break;
    }
    await client.closed;
  }

  /** Ends everything, and waits until both connections and the address have told so. */
  async [Symbol.asyncDispose](): Promise<void> {
    const reason = Status.UNAVAILABLE.withDescription('the test is over');
    this.side.listener.close();
    this.client.transport.shutdownNow(reason);
    for (const { transport } of this.side.connections.all) transport.shutdownNow(reason);
    await this.client.log.end();
    for (const { log } of this.side.connections.all) await log.end();
    await this.side.log.end();
  }
}
