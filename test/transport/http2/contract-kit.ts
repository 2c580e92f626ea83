/** What the contract needs of HTTP/2: listeners and connections over TCP, TLS or a socket file. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { ChannelCredentials } from '../../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../../src/credentials/server-credentials.ts';
import { Http2ClientTransport } from '../../../src/transport/http2/client-transport.ts';
import { Http2ServerListener } from '../../../src/transport/http2/server-listener.ts';
import type { SocketAddress } from '../../../src/values/attributes.ts';
import type { Certificates } from '../../support/certificates.ts';
import type { TransportKit } from '../pair.ts';

export interface Http2KitInit {
  /** Default: cleartext. */
  readonly tls?: Certificates;
  /** Whether to use socket files. Default: free ports of 127.0.0.1. */
  readonly unix?: boolean;
}

export function http2Kit({ tls, unix = false }: Http2KitInit): TransportKit {
  const serverCredentials = tls === undefined ? ServerCredentials.insecure() : ServerCredentials.tls(tls.server);
  const credentials = tls === undefined ? ChannelCredentials.insecure() : ChannelCredentials.tls({ ca: tls.ca.cert });
  return {
    listener: (address, options) =>
      new Http2ServerListener(http2Address(address ?? (unix ? socketFile() : FREE)), serverCredentials, options),
    client: (address, options) =>
      new Http2ClientTransport({ ...options, address: http2Address(address), authority: 'localhost', credentials }),
    nowhere: async () => (unix ? socketFile() : await freePort()),
    ping: (client, done) => (client as Http2ClientTransport).ping(done),
    faults: {},
  };
}

const FREE: SocketAddress = { host: '127.0.0.1', port: 0 };

function socketFile(): SocketAddress {
  return { path: path.join(os.tmpdir(), `halfclose-${randomUUID()}.sock`) };
}

async function freePort(): Promise<SocketAddress> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return { host: '127.0.0.1', port };
}

function http2Address(address: SocketAddress): { host: string; port: number } | { path: string } {
  if ('name' in address) throw new TypeError(`HTTP/2 has no names: ${address.name}`);
  return address;
}
