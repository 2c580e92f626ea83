/**
 * What both ends of an HTTP/2 connection share: the options that every session gets, and the facts of its socket.
 * Above: client-transport, server-listener, server-transport. Below: node:http2, node:net, node:tls.
 */
import type { ClientSessionOptions, Http2Session, ServerOptions, Settings } from 'node:http2';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import {
  Attributes,
  LOCAL_ADDRESS,
  REMOTE_ADDRESS,
  SECURITY_LEVEL,
  type SocketAddress,
  TLS_FACTS,
  type TlsFacts,
} from '../../values/attributes.ts';

/** Flow-control windows and header limits of one end; each with its default. */
export interface SessionTuning {
  /** Bytes that the peer may send ahead on one stream. Default 512 KiB. */
  readonly streamWindowBytes?: number;
  /**
   * Bytes that the peer may send ahead on all streams together. Default 512 KiB over TCP, 64 KiB over a Unix socket. The
   * sockets' own buffers must be able to hold as much: two Node processes that both write more than that at once wait for each
   * other for ever.
   */
  readonly connectionWindowBytes?: number;
  /**
   * The largest header list to accept, in bytes (RFC 9113 §6.5.2). Default 8 KiB. Twice as much is advertised: between the
   * two the call ends with a status that says so, above it HTTP/2 itself refuses the block.
   */
  readonly maxInboundMetadataBytes?: number;
}

/** SessionTuning with nothing left out. */
export type Tuning = Required<SessionTuning>;

const STREAM_WINDOW_BYTES = 512 * 1024;

// node:http2: a session does not read while a write of its own is under way, so two ends whose writes fill the socket
// buffers wait for ever (test/transport/http2/both-write.test.ts). What is under way towards us never exceeds our window:
// if the buffers hold that much, the peer's write comes to its end, and with it the waiting. Loopback and Ethernet
// sockets of Linux were seen to hold 1 MiB and not 4, its Unix sockets 128 KiB and not 256.
const TCP_CONNECTION_WINDOW_BYTES = 512 * 1024;
const UNIX_CONNECTION_WINDOW_BYTES = 65_535;

/** Fills in the defaults for a connection by TCP, or by a Unix socket. Throws RangeError for what is not a size. */
export function completeTuning(tuning: SessionTuning, carrier: 'tcp' | 'unix'): Tuning {
  const connectionWindowBytes = carrier === 'tcp' ? TCP_CONNECTION_WINDOW_BYTES : UNIX_CONNECTION_WINDOW_BYTES;
  const complete: Tuning = {
    streamWindowBytes: tuning.streamWindowBytes ?? STREAM_WINDOW_BYTES,
    connectionWindowBytes: tuning.connectionWindowBytes ?? connectionWindowBytes,
    maxInboundMetadataBytes: tuning.maxInboundMetadataBytes ?? 8 * 1024,
  };
  for (const [name, bytes] of Object.entries(complete)) {
    if (!Number.isInteger(bytes) || bytes < 1 || bytes > 2 ** 31 - 1)
      throw new RangeError(`${name} cannot be ${bytes}`);
  }
  return complete;
}

/** Options that node knows and its typings do not, or not on every version. */
interface ExtraOptions {
  readonly strictFieldWhitespaceValidation: boolean;
}

/**
 * Session options for either end. Our own limits stand in for node's: its memory limit refuses streams when many large
 * messages are under way, its limit of 128 fields resets calls, and its send limit closes the connection.
 */
export function sessionOptions(
  tuning: Tuning,
  settings: Settings,
): ClientSessionOptions & ServerOptions & ExtraOptions {
  return {
    maxSessionMemory: Number.MAX_SAFE_INTEGER,
    maxSendHeaderBlockLength: Number.MAX_SAFE_INTEGER,
    maxHeaderListPairs: 2000,
    strictFieldWhitespaceValidation: false,
    settings: {
      initialWindowSize: tuning.streamWindowBytes,
      maxHeaderListSize: tuning.maxInboundMetadataBytes * 2,
      ...settings,
    },
  };
}

/** Opens the connection's window; a setting only opens the streams'. */
export function openConnectionWindow(session: Http2Session, tuning: Tuning): void {
  // node:http2: the connection's window stays at 64 KiB unless asked, and only growing it is reliable
  // (test/transport/http2/windows.test.ts).
  if (tuning.connectionWindowBytes > 65_535) session.setLocalWindowSize(tuning.connectionWindowBytes);
}

/**
 * The facts of a connection. `path` stands for the addresses that a Unix socket does not tell. TLS that ends before the
 * peer, at a proxy, protects nothing: then `isEndToEnd` is false.
 */
export function socketAttributes(socket: Socket, path: string | null, isEndToEnd = true): Attributes {
  const tls = isEndToEnd && socket instanceof TLSSocket ? tlsFacts(socket) : null;
  const attributes = Attributes.EMPTY.with(REMOTE_ADDRESS, addressOf(socket.remoteAddress, socket.remotePort, path))
    .with(LOCAL_ADDRESS, addressOf(socket.localAddress, socket.localPort, path))
    .with(SECURITY_LEVEL, tls === null ? 'none' : 'privacy-and-integrity');
  return tls === null ? attributes : attributes.with(TLS_FACTS, tls);
}

function addressOf(host: string | undefined, port: number | undefined, path: string | null): SocketAddress {
  if (host !== undefined && port !== undefined) return { host, port };
  return { path: path ?? '' };
}

function tlsFacts(socket: TLSSocket): TlsFacts {
  const certificate = socket.getPeerCertificate(true);
  return {
    protocol: socket.getProtocol(),
    cipher: socket.getCipher()?.standardName ?? null,
    authorized: socket.authorized,
    // Without a certificate node gives an empty object.
    peerCertificate: certificate !== undefined && Object.keys(certificate).length > 0 ? certificate : null,
  };
}
