/**
 * createChannel(): a channel to one address over HTTP/2. Above: users. Below: DirectChannel, Http2ClientTransport.
 * Source of the target's form: grpc doc/naming.md, of which this takes the forms that need no lookup of our own.
 */
import type { ChannelCredentials } from '../credentials/channel-credentials.ts';
import {
  type Http2Address,
  type Http2ClientOptions,
  Http2ClientTransport,
} from '../transport/http2/client-transport.ts';
import { type ChannelOptions, DirectChannel } from './direct-channel.ts';

/**
 * What createChannel may be told: what a channel may, and what concerns its connections. Call credentials are composed
 * with the channel's.
 */
export interface Http2ChannelOptions
  extends Omit<ChannelOptions, 'callCredentials'>,
    Omit<Http2ClientOptions, 'address' | 'authority' | 'credentials' | 'clock'> {
  /**
   * `:authority` of the calls; with TLS also the name that the certificate must bear. Default: the target's
   * `host:port`, `localhost` for a Unix socket.
   */
  readonly authority?: string;
}

/** Where a target leads. */
interface Target {
  readonly address: Http2Address;
  readonly authority: string;
}

/**
 * A channel to `target`: `host:port`, `[v6]:port`, or `unix:` and the path of a socket, absolute or not. Connects at
 * the first call. Throws TypeError for a target of another form.
 */
export function createChannel(
  target: string,
  credentials: ChannelCredentials,
  options: Http2ChannelOptions = {},
): DirectChannel {
  const { address, authority: ownAuthority } = parseTarget(target);
  const authority = options.authority ?? ownAuthority;
  const transportOptions: Http2ClientOptions = { ...options, address, authority, credentials };
  const channelOptions: ChannelOptions = { ...options, callCredentials: credentials.callCredentials };
  return new DirectChannel(() => new Http2ClientTransport(transportOptions), authority, channelOptions);
}

/** `unix:path` or `unix:///path`; two slashes alone would begin an authority, which a socket has not. */
const UNIX = /^unix:(?:\/\/(?=\/))?((?!\/\/)[^\0]+)$/;
const HOST_PORT = /^(?:\[([0-9a-fA-F:.]+(?:%[^\]]+)?)\]|([^:/?#@[\]\s]+)):(\d{1,5})$/;

function parseTarget(target: string): Target {
  const path = UNIX.exec(target)?.[1];
  if (path !== undefined) return { address: { path }, authority: 'localhost' };
  const [, v6, name, digits] = HOST_PORT.exec(target) ?? [];
  const host = v6 ?? name;
  const port = Number(digits);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new TypeError(`not a target: '${target}'; it must be host:port, [v6]:port or unix:path`);
  }
  return { address: { host, port }, authority: target };
}
