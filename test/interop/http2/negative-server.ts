/**
 * gRPC's negative HTTP/2 test server: UnaryCall of the test service on raw frames, misbehaving as one case says. Above:
 * negative-server-main.ts, negative.test.ts, external/negative-go.test.ts. Below: exchange.ts, raw-http2.ts. Holds: what the
 * client does that its case forbids, or fails to do, is in `faults`, once `settled` has resolved. Source: grpc
 * doc/negative-http2-interop-test-descriptions.md.
 */
import { once } from 'node:events';
import net from 'node:net';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Frame, Settings } from '../../support/http2-frame.ts';
import { grpcFrame, RawConnection } from '../../support/raw-http2.ts';
import { within } from '../../support/within.ts';
import { SimpleRequestSchema, SimpleResponseSchema } from '../gen/grpc/testing/messages_pb.ts';
import { Exchange, Windows } from './exchange.ts';

const PATIENCE_MS = 10_000;
const UNARY_CALL = '/grpc.testing.TestService/UnaryCall';
const OK = 0;
const UNIMPLEMENTED = 12;

/** How the server misbehaves; the names are the official ones. */
export type NegativeCase =
  | 'goaway'
  | 'rst_after_header'
  | 'rst_during_data'
  | 'rst_after_data'
  | 'ping'
  | 'max_streams'
  | 'data_frame_padding'
  | 'no_df_padding_sanity_test';

/** What a case does on each connection. */
interface Script {
  readonly settings?: Settings;
  /** Every frame of a request, as it comes. */
  readonly onFrame?: (link: Link) => void;
  /** The headers of a request. True if the stream is over with that. */
  readonly onHeaders?: (exchange: Exchange) => boolean;
  /** The request is whole; `body` is what is to be sent between headers and trailers. */
  readonly answer: (exchange: Exchange, body: Uint8Array, link: Link) => Promise<void>;
}

const SCRIPTS: { readonly [name in NegativeCase]: Script } = {
  /** Each connection serves the streams that have come when the first of them is answered, and no other. */
  goaway: {
    async answer(exchange, body, link) {
      exchange.headers();
      await exchange.data(body);
      if (link.lastStream !== null) exchange.trailers(OK);
      else exchange.trailersAndGoaway(OK, link.goAway());
    },
  },
  /** While the request is still on its way. */
  rst_after_header: {
    onHeaders(exchange) {
      exchange.headers();
      exchange.reset();
      return true;
    },
    async answer() {},
  },
  rst_during_data: {
    async answer(exchange, body) {
      exchange.headers();
      await exchange.data(body.subarray(0, body.length / 2));
      exchange.reset();
    },
  },
  rst_after_data: {
    async answer(exchange, body) {
      exchange.headers();
      await exchange.data(body);
      exchange.reset();
    },
  },
  /** Around every frame, and the trailers only once all PINGs so far were answered. */
  ping: {
    onFrame: (link) => link.ping(),
    async answer(exchange, body, link) {
      link.ping();
      exchange.headers();
      link.ping();
      await exchange.data(body.subarray(0, body.length / 2));
      link.ping();
      await exchange.data(body.subarray(body.length / 2));
      link.ping();
      await link.pingsAnswered();
      exchange.trailers(OK);
    },
  },
  /** Answers after a round trip: a stream that the client opened beside this one has come by then. */
  max_streams: {
    settings: { MAX_CONCURRENT_STREAMS: 1 },
    async answer(exchange, body, link) {
      link.ping();
      await link.pingsAnswered();
      exchange.headers();
      await exchange.data(body);
      exchange.trailers(OK);
    },
  },
  data_frame_padding: {
    async answer(exchange, body) {
      exchange.headers();
      await exchange.data(body, { bytes: 5, padding: 255 });
      exchange.trailers(OK);
    },
  },
  no_df_padding_sanity_test: {
    async answer(exchange, body) {
      exchange.headers();
      await exchange.data(body, { bytes: 5 });
      exchange.trailers(OK);
    },
  },
};

/** All cases. */
export const NEGATIVE_CASES: readonly NegativeCase[] = Object.keys(SCRIPTS) as NegativeCase[];

/** Whether there is such a case. */
export function isNegativeCase(name: string): name is NegativeCase {
  return Object.hasOwn(SCRIPTS, name);
}

/** One connection, with its requests under way. */
class Link {
  readonly connection: RawConnection;
  /** The last id of the GOAWAY that was sent; null before. */
  lastStream: number | null = null;
  readonly #script: Script;
  readonly #faults: string[];
  readonly #windows: Windows;
  /** Streams that are not answered yet. */
  readonly #open: Map<number, { readonly exchange: Exchange; readonly chunks: Buffer[] }> = new Map();
  readonly #running: Promise<void>[] = [];
  #highestStream = 0;
  #pings = 0;

  constructor(socket: net.Socket, script: Script, faults: string[]) {
    this.#script = script;
    this.#faults = faults;
    const onFrame = (frame: Frame): void => this.#onFrame(frame);
    this.connection = new RawConnection(socket, 'server', 'http2', { settings: script.settings ?? {}, onFrame });
    this.#windows = new Windows(this.connection);
  }

  /** Sends a PING of its own payload. */
  ping(): void {
    const payload = Buffer.alloc(8);
    this.#pings += 1;
    payload.writeUInt32BE(this.#pings, 4);
    this.connection.sendPing(payload);
  }

  /** Waits for the answers to all PINGs so far, which have to bring their payloads back in order. */
  async pingsAnswered(): Promise<void> {
    const sent = this.#pings;
    let last: Frame | undefined;
    for (let number = 1; number <= sent; number += 1) {
      last = await this.connection.frame('PING', { ack: true, ...(last === undefined ? {} : { after: last }) });
      const answered = last.payload.readUInt32BE(4);
      if (answered !== number) this.#faults.push(`PING ${number} was answered as ${answered}`);
    }
  }

  /** The last id for a GOAWAY that is sent now. */
  goAway(): number {
    this.lastStream = this.#highestStream;
    return this.lastStream;
  }

  /** Resolves once everything is answered that has come. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  #onFrame(frame: Frame): void {
    this.#windows.onFrame(frame);
    if (frame.type === 'GOAWAY' && frame.code !== 'NO_ERROR') this.#faults.push(`the client sent ${frame}`);
    if (frame.type !== 'HEADERS' && frame.type !== 'DATA') return;
    this.#script.onFrame?.(this);
    if (frame.type === 'HEADERS') this.#onHeaders(frame);
    else this.#open.get(frame.stream)?.chunks.push(frame.payload);
    if (frame.endStream) this.#onRequest(frame.stream);
  }

  #onHeaders(frame: Frame): void {
    const { stream } = frame;
    if (this.lastStream !== null) this.#faults.push(`stream ${stream} came behind the GOAWAY with ${this.lastStream}`);
    const limit = this.#script.settings?.MAX_CONCURRENT_STREAMS ?? Number.POSITIVE_INFINITY;
    if (this.#open.size >= limit) this.#faults.push(`stream ${stream} came beside ${[...this.#open.keys()].join()}`);
    this.#highestStream = stream;
    const exchange = new Exchange(this.connection, this.#windows, frame);
    if (this.#script.onHeaders?.(exchange) !== true) this.#open.set(stream, { exchange, chunks: [] });
  }

  #onRequest(stream: number): void {
    const request = this.#open.get(stream);
    if (request === undefined) return;
    this.#running.push(
      this.#answer(request.exchange, Buffer.concat(request.chunks))
        .catch((error) => void this.#faults.push(`stream ${stream}: ${error instanceof Error ? error.message : error}`))
        .finally(() => this.#open.delete(stream)),
    );
  }

  async #answer(exchange: Exchange, body: Buffer): Promise<void> {
    if (exchange.path !== UNARY_CALL) {
      exchange.headers();
      exchange.trailers(UNIMPLEMENTED);
      return;
    }
    const { responseSize } = fromBinary(SimpleRequestSchema, body.subarray(5));
    const response = create(SimpleResponseSchema, { payload: { body: new Uint8Array(responseSize) } });
    await this.#script.answer(exchange, grpcFrame(toBinary(SimpleResponseSchema, response)), this);
  }
}

/** A port of 127.0.0.1 that misbehaves as one case says. */
export class NegativeServer implements AsyncDisposable {
  /** What a client did against the rules of the case so far. */
  readonly faults: string[] = [];
  readonly #script: Script;
  readonly #server: net.Server;
  readonly #links: Link[] = [];

  private constructor(script: Script) {
    this.#script = script;
    this.#server = net.createServer((socket) => this.#links.push(new Link(socket, this.#script, this.faults)));
  }

  /** Port 0 finds a free one. Rejects if the port is taken. */
  static async listen(name: NegativeCase, port = 0): Promise<NegativeServer> {
    const server = new NegativeServer(SCRIPTS[name]);
    server.#server.listen(port, '127.0.0.1');
    await within(PATIENCE_MS, once(server.#server, 'listening'), 'the negative server to listen');
    return server;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** In the order in which they came. */
  get connections(): readonly RawConnection[] {
    return this.#links.map((link) => link.connection);
  }

  /** Resolves once everything is answered that has come. */
  async settled(): Promise<void> {
    for (const link of this.#links) await link.settled();
  }

  /** Closes every connection and the port, and waits for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const { connection } of this.#links) await connection[Symbol.asyncDispose]();
    await within(PATIENCE_MS, closed, 'the negative server to close');
    await this.settled();
  }
}
