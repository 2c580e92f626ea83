/**
 * A client in the promise style of a server that answers by hand and writes every frame down. Above: tests of what the
 * promise style says on the wire. Below: createClient, RawServer.
 */
import { createChannel, type Http2ChannelOptions } from '../../../src/channel/create-channel.ts';
import type { DirectChannel } from '../../../src/channel/direct-channel.ts';
import { ChannelCredentials } from '../../../src/credentials/channel-credentials.ts';
import type { CallSettings } from '../../../src/stub/call-settings.ts';
import { createClient } from '../../../src/stub/client.ts';
import { TEXT_METHODS } from '../../reactor/reactor-pair.ts';
import type { Frame } from '../../support/http2-frame.ts';
import {
  grpcFrame,
  type RawConnection,
  RawServer,
  type RawServerOptions,
  responseHeaders,
  trailers,
  trailersOnly,
} from '../../support/raw-http2.ts';
import type { TextClient } from './promise-pair.ts';

export interface RawPeerInit {
  readonly server?: RawServerOptions;
  readonly channel?: Http2ChannelOptions;
  /** Settings of the client. Default: none. */
  readonly defaults?: CallSettings;
}

/** A call as the server has it. */
export class RawCall {
  readonly peer: RawConnection;
  /** The request's headers. */
  readonly head: Frame;

  constructor(peer: RawConnection, head: Frame) {
    this.peer = peer;
    this.head = head;
  }

  get stream(): number {
    return this.head.stream;
  }

  /** A header of the request; undefined for none. */
  header(name: string): string | undefined {
    return this.head.headers.find(([key]) => key === name)?.[1];
  }

  headers(): void {
    this.peer.sendHeaders(this.stream, responseHeaders());
  }

  message(text: string): void {
    this.peer.sendData(this.stream, grpcFrame(Buffer.from(text)));
  }

  /** Ends the call, after headers. */
  end(code: number): void {
    this.peer.sendHeaders(this.stream, trailers(code), { endStream: true });
  }

  /** Ends the call with nothing but a status. */
  refuse(code: number): void {
    this.peer.sendHeaders(this.stream, trailersOnly(code), { endStream: true });
  }

  /** How the client reset the stream, and whether it said before that no message will follow. */
  async reset(): Promise<{ code: Frame['code']; halfClosed: boolean }> {
    const reset = await this.peer.frame('RST_STREAM', { stream: this.stream });
    const before = this.peer.frames.slice(0, this.peer.frames.indexOf(reset));
    const halfClosed = before.some((frame) => frame.stream === this.stream && frame.endStream);
    return { code: reset.code, halfClosed };
  }
}

/** Server, channel and client. */
export class RawPeer implements AsyncDisposable {
  readonly server: RawServer;
  readonly channel: DirectChannel;
  readonly client: TextClient;

  private constructor(server: RawServer, channel: DirectChannel, defaults?: CallSettings) {
    this.server = server;
    this.channel = channel;
    this.client = createClient(TEXT_METHODS, channel, defaults);
  }

  static async open(init: RawPeerInit = {}): Promise<RawPeer> {
    const server = await RawServer.listen(init.server);
    const channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure(), init.channel);
    return new RawPeer(server, channel, init.defaults);
  }

  /** The call with this number, counted from 0, once it has come. */
  async call(index = 0): Promise<RawCall> {
    const peer = await this.server.connection();
    return new RawCall(peer, await peer.frame('HEADERS', { stream: 2 * index + 1 }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.channel.shutdownNow();
    await this.server[Symbol.asyncDispose]();
  }
}
