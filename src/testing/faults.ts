/**
 * Faults: what goes wrong on the client connections of a test, whatever they run over. Above: users' tests, through
 * `halfclose/testing`. Below: FaultyTransport. Holds: without a fault nothing is changed; each fault ends calls with
 * the status, the order and the progress of the real thing.
 */
import { constants } from 'node:http2';
import type { Http2ChannelOptions } from '../channel/create-channel.ts';
import type { InProcessChannelOptions } from '../channel/create-in-process-channel.ts';
import { DirectChannel } from '../channel/direct-channel.ts';
import { ChannelCredentials } from '../credentials/channel-credentials.ts';
import type { Http2Address } from '../transport/http2/client-socket.ts';
import { Http2ClientTransport } from '../transport/http2/client-transport.ts';
import { statusOfGoaway, statusOfReset } from '../transport/http2/status-mapping.ts';
import { InProcessClientTransport } from '../transport/in-process/client-transport.ts';
import { InProcessServer } from '../transport/in-process/server.ts';
import type { ClientTransport } from '../transport/transport.ts';
import { formatAddress } from '../values/attributes.ts';
import { type Clock, SYSTEM_CLOCK } from '../values/clock.ts';
import { Status } from '../values/status.ts';
import { type FaultSource, FaultyTransport } from './faulty-transport.ts';

/** What Faults may be told at birth. */
export interface FaultsOptions {
  /** What delays are measured with. Default: the system's. */
  readonly clock?: Clock;
}

/**
 * How far a connection goes before it breaks, counted over all calls and without framing; the limit that is reached
 * first counts. A message that fits arrives, the one after it does not; of bytes, only whole messages arrive.
 */
export interface DropLimits {
  /** Messages delivered to calls. Default: no limit, as with all of them. */
  readonly receivedMessages?: number;
  readonly receivedBytes?: number;
  /** Messages that the network took from calls. */
  readonly sentMessages?: number;
  readonly sentBytes?: number;
}

/** What a channel over HTTP/2 with faults may be told. */
export interface FaultyHttp2Options extends Http2ChannelOptions {
  /** Default: insecure. */
  readonly credentials?: ChannelCredentials;
}

const LOST: Status = Status.UNAVAILABLE.withDescription('lost the connection (injected fault)');
const UNREACHABLE: Status = Status.UNAVAILABLE.withDescription('cannot connect (injected fault)');
const REFUSED: Status = statusOfReset(constants.NGHTTP2_REFUSED_STREAM);
const GOAWAY: Status = statusOfGoaway({ code: 0, lastStreamId: 0, debug: 'injected fault' });

const NO_LIMITS: Required<DropLimits> = Object.freeze({
  receivedMessages: Number.POSITIVE_INFINITY,
  receivedBytes: Number.POSITIVE_INFINITY,
  sentMessages: Number.POSITIVE_INFINITY,
  sentBytes: Number.POSITIVE_INFINITY,
});

/**
 * The handle by which a test breaks its connections: those of `channel`, and every transport that went through `wrap`.
 */
export class Faults {
  readonly #source: Source;

  constructor(options: FaultsOptions = {}) {
    this.#source = new Source(options.clock ?? SYSTEM_CLOCK);
  }

  /** `transport`, which has not been started, seen through these faults. For channels of your own making. */
  wrap(transport: ClientTransport): ClientTransport {
    return new FaultyTransport(transport, this.#source);
  }

  /** A channel to a server in this process, as createInProcessChannel makes one, with these faults. */
  channel(server: string | InProcessServer, options?: InProcessChannelOptions): DirectChannel;
  /** A channel over HTTP/2 to `{ host, port }` or the `{ path }` of a socket, with these faults. */
  channel(server: Http2Address, options?: FaultyHttp2Options): DirectChannel;
  channel(
    server: string | InProcessServer | Http2Address,
    options: InProcessChannelOptions | FaultyHttp2Options = {},
  ): DirectChannel {
    if (typeof server === 'string' || server instanceof InProcessServer) {
      const authority = options.authority ?? (typeof server === 'string' ? server : server.name);
      const make = (): ClientTransport => new InProcessClientTransport({ ...options, server, authority });
      return new DirectChannel(() => this.wrap(make()), authority, options);
    }
    const authority = options.authority ?? ('path' in server ? 'localhost' : formatAddress(server));
    const credentials = ('credentials' in options ? options.credentials : null) ?? ChannelCredentials.insecure();
    const make = (): ClientTransport =>
      new Http2ClientTransport({ ...options, address: server, authority, credentials, proxy: null });
    const { callCredentials } = credentials;
    return new DirectChannel(() => this.wrap(make()), authority, { ...options, callCredentials });
  }

  /**
   * From now on everything takes `ms` to the server and `ms` back, connecting included; 0 ends it. What is under way
   * keeps its time, order is kept. Ending a call on this side takes no time. Throws RangeError unless `ms` is from 0
   * up.
   */
  delay(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`nothing can be delayed by ${ms} ms`);
    this.#source.delayMs = ms;
  }

  /**
   * The network stands still: nothing leaves, nothing arrives, connecting takes for ever, until release. Calls can be
   * cancelled and deadlines pass.
   */
  stall(): void {
    this.#source.setStalled(true);
  }

  /** Ends a stall: all that it held up goes on, in order. */
  release(): void {
    this.#source.setStalled(false);
  }

  /**
   * Breaks every connection that is there. Calls end UNAVAILABLE without what they had yet to read; channels
   * reconnect.
   */
  dropConnection(): void {
    this.#source.drop();
  }

  /**
   * Breaks the connections once so much, counted from now, has gone over them. Takes the place of earlier limits.
   * Throws RangeError unless each is from 0 up.
   */
  dropConnectionAfter(limits: DropLimits): void {
    for (const [name, limit] of Object.entries(limits)) {
      if (!(limit >= 0)) throw new RangeError(`${name} cannot be ${limit}`);
    }
    this.#source.setLimits({ ...NO_LIMITS, ...limits });
  }

  /**
   * The server says that it closes the connection: calls that it knows go on, others end UNAVAILABLE, new ones get a
   * new connection. Source: RFC 9113 §6.8.
   */
  goAway(): void {
    this.#source.goAway();
  }

  /**
   * The next `count` streams whose headers leave end, as by RST_STREAM(REFUSED_STREAM): nobody has seen them. A call
   * begins anew by itself once; refused again it is UNAVAILABLE.
   */
  refuseStreams(count: number): void {
    this.#source.refusedStreams = checkCount(count);
  }

  /** The next `count` attempts to connect fail. */
  refuseConnections(count: number): void {
    this.#source.refusedConnections = checkCount(count);
  }

  /** Ends every fault: no delay, no stall, no limit, nothing refused. What is broken stays so. */
  clear(): void {
    this.delay(0);
    this.refuseStreams(0);
    this.refuseConnections(0);
    this.dropConnectionAfter({});
    this.release();
  }
}

function checkCount(count: number): number {
  if (!(count >= 0)) throw new RangeError(`a count must be a number from 0 up, not ${count}`);
  return count;
}

/** What Faults holds for its connections. */
class Source implements FaultSource {
  readonly clock: Clock;
  delayMs = 0;
  refusedStreams = 0;
  refusedConnections = 0;
  isStalled = false;
  isBroken = false;
  readonly #transports = new Set<FaultyTransport>();
  /** What is left of the limits. */
  #left: { -readonly [K in keyof DropLimits]-?: number } = { ...NO_LIMITS };
  /** Whether the connections break as soon as what was sent is written. */
  #dropDue = false;
  /** Messages that were sent and are not yet written. */
  #unwritten = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  setStalled(isStalled: boolean): void {
    this.isStalled = isStalled;
    for (const transport of this.#transports) transport.onTrafficChanged();
  }

  setLimits(limits: Required<DropLimits>): void {
    this.#left = { ...limits };
    this.#dropDue = false;
  }

  drop(): void {
    this.setLimits(NO_LIMITS);
    this.isBroken = false;
    for (const transport of [...this.#transports]) transport.lose(LOST);
  }

  goAway(): void {
    for (const transport of [...this.#transports]) transport.goAway(GOAWAY);
  }

  onConnecting(transport: FaultyTransport): Status | null {
    this.#transports.add(transport);
    if (this.refusedConnections < 1) return null;
    this.refusedConnections -= 1;
    return UNREACHABLE;
  }

  onTerminated(transport: FaultyTransport): void {
    this.#transports.delete(transport);
  }

  onHeadersLeaving(): Status | null {
    if (this.refusedStreams < 1) return null;
    this.refusedStreams -= 1;
    return REFUSED;
  }

  onSending(bytes: number): boolean {
    const left = this.#left;
    const fits = !this.#dropDue && left.sentMessages >= 1 && bytes <= left.sentBytes;
    if (fits) {
      left.sentMessages -= 1;
      left.sentBytes -= bytes;
      this.#unwritten += 1;
    }
    this.#dropDue ||= !fits || left.sentMessages < 1 || left.sentBytes === 0;
    this.#dropWhenWritten();
    return fits;
  }

  onSent(count: number): void {
    this.#unwritten -= count;
    this.#dropWhenWritten();
  }

  #dropWhenWritten(): void {
    if (!this.#dropDue || this.#unwritten > 0 || this.isBroken) return;
    this.isBroken = true;
    // Later: the half-close that goes with a message is on this stack, and the server is to read what has arrived.
    setImmediate(() => this.drop());
  }

  onReceiving(bytes: number): boolean {
    const left = this.#left;
    if (left.receivedMessages >= 1 && bytes <= left.receivedBytes) {
      left.receivedMessages -= 1;
      left.receivedBytes -= bytes;
      return true;
    }
    this.drop();
    return false;
  }

  onReceived(): void {
    if (this.#left.receivedMessages < 1 || this.#left.receivedBytes === 0) this.drop();
  }
}
