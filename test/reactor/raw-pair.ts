/**
 * A channel with an open connection to a server on bare sockets, and a stub of texts over it. Above: tests that look at the
 * frames of a client's reactors. Below: newStub, RawServer.
 */
import { createChannel } from '../../src/channel/create-channel.ts';
import type { DirectChannel } from '../../src/channel/direct-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { type AsyncMethods, newStub } from '../../src/reactor/stub.ts';
import {
  grpcFrame,
  type RawConnection,
  RawServer,
  type RawServerOptions,
  responseHeaders,
  trailers,
} from '../support/raw-http2.ts';
import { TEXT_METHODS, type TextMethods } from './reactor-pair.ts';

/** A stub with an open connection to a raw server. */
export class RawPair implements AsyncDisposable {
  readonly server: RawServer;
  readonly channel: DirectChannel;
  readonly stub: AsyncMethods<TextMethods>;
  readonly peer: RawConnection;

  private constructor(server: RawServer, channel: DirectChannel, peer: RawConnection) {
    this.server = server;
    this.channel = channel;
    this.peer = peer;
    this.stub = newStub(TEXT_METHODS, channel).async();
  }

  static async open(options: RawServerOptions = {}): Promise<RawPair> {
    const server = await RawServer.listen(options);
    const channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure());
    channel.connect();
    const peer = await server.connection();
    await peer.roundTrip();
    return new RawPair(server, channel, peer);
  }

  /** The frames of RPCs that have come, once all is read that was sent so far. */
  async frames(): Promise<string[]> {
    await this.peer.roundTrip();
    return this.peer.frames.filter((frame) => frame.stream !== 0 && frame.type !== 'WINDOW_UPDATE').map(String);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.channel[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

/** The answer to an RPC: headers, messages, and OK. */
export function answer(peer: RawConnection, stream: number, ...texts: string[]): void {
  peer.sendHeaders(stream, responseHeaders());
  for (const text of texts) peer.sendData(stream, grpcFrame(Buffer.from(text)));
  peer.sendHeaders(stream, trailers(0), { endStream: true });
}
