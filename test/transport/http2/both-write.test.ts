/**
 * Two ends that write at once: a session of node does not read while a write of its own is under way, so windows larger
 * than the socket buffers can stop both for ever. What node does, and that our defaults stay clear of it.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import http2 from 'node:http2';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import {
  BYTES_MARSHALLER,
  CallOptions,
  ChannelCredentials,
  ClientCallListener,
  createChannel,
  Metadata,
  MethodDescriptor,
  Server,
  ServerCallListener,
  ServerCredentials,
  ServiceDefinition,
  Status,
} from '../../../src/index.ts';
import { certificates } from '../../support/certificates.ts';
import { assert, suite, within } from '../../support/suite.ts';

const test = suite('two ends that write at once');

const MIB = 1024 * 1024;
const MESSAGE = Buffer.alloc(MIB);
const MESSAGES = 24;

const flood = new MethodDescriptor({
  service: 'test.Flood',
  name: 'Both',
  kind: 'bidi_streaming',
  requestMarshaller: BYTES_MARSHALLER,
  responseMarshaller: BYTES_MARSHALLER,
});

/** Writes without looking at isReady, while the client does the same: the worst that an application can do. */
function floodService(): ServiceDefinition {
  return new ServiceDefinition('test.Flood').addMethod(flood, (call) => {
    call.request(Number.POSITIVE_INFINITY);
    call.sendHeaders(new Metadata());
    for (let i = 0; i < MESSAGES; i += 1) call.sendMessage(MESSAGE);
    return new (class extends ServerCallListener<Uint8Array> {
      override onHalfClose(): void {
        call.close(Status.OK, new Metadata());
      }
    })();
  });
}

async function floodBothWays(
  address: { host: string; port: number } | { path: string },
  serverCredentials: ServerCredentials,
  credentials: ChannelCredentials,
): Promise<number> {
  await using server = new Server().addService(floodService()).addListener(address, serverCredentials);
  await server.start();
  const target = 'path' in address ? `unix:${address.path}` : `localhost:${server.port}`;
  await using channel = createChannel(target, credentials);
  const call = channel.newCall(flood, CallOptions.DEFAULT);
  let received = 0;
  const closed = new Promise<Status>((resolve) => {
    const listener = new (class extends ClientCallListener<Uint8Array> {
      override onMessage(): void {
        received += 1;
      }
      override onClose(status: Status): void {
        resolve(status);
      }
    })();
    call.start(listener, new Metadata());
  });
  call.request(Number.POSITIVE_INFINITY);
  for (let i = 0; i < MESSAGES; i += 1) call.sendMessage(MESSAGE);
  call.halfClose();
  assert.is(String(await within(20_000, closed, 'the end of the call')), 'OK');
  return received;
}

const STALL = 'node: with windows beyond the socket buffers both ends stop';
const major = Number(process.versions.node.split('.')[0]);
if (major >= 26) test.skip(STALL, 'from 26 on node reads while it writes');
else test(STALL, bothStop);

async function bothStop(): Promise<void> {
  const file = path.join(os.tmpdir(), `halfclose-${randomUUID()}.sock`);
  const settings = { initialWindowSize: 8 * MIB };
  const server = http2.createServer({ settings });
  const sockets: net.Socket[] = [];
  server.on('connection', (socket: net.Socket) => sockets.push(socket));
  server.on('session', (session) => session.setLocalWindowSize(8 * MIB));
  let received = 0;
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    stream.respond({ ':status': 200 });
    stream.end(Buffer.alloc(8 * MIB));
  });
  server.listen(file);
  await once(server, 'listening');
  const socket = net.connect(file);
  sockets.push(socket);
  const client = http2.connect('http://localhost', { settings, createConnection: () => socket });
  await within(2_000, once(client, 'remoteSettings'), 'the SETTINGS');
  client.setLocalWindowSize(8 * MIB);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const stream = client.request({ ':method': 'POST', ':path': '/' });
  stream.on('error', () => {});
  stream.resume();
  stream.end(Buffer.alloc(8 * MIB));
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.ok(received < 8 * MIB, 'node has learnt to read while it writes: the windows may grow');
  client.destroy();
  for (const one of sockets) one.destroy();
  server.close();
  await rm(file, { force: true });
}

test('over TCP with the windows as they are by default', { timeoutMs: 30_000 }, async () => {
  const address = { host: '127.0.0.1', port: 0 };
  assert.is(await floodBothWays(address, ServerCredentials.insecure(), ChannelCredentials.insecure()), MESSAGES);
});

test('over TLS with the windows as they are by default', { timeoutMs: 30_000 }, async () => {
  const made = await certificates();
  const serverCredentials = ServerCredentials.tls(made.server);
  const credentials = ChannelCredentials.tls({ ca: made.ca.cert });
  assert.is(await floodBothWays({ host: 'localhost', port: 0 }, serverCredentials, credentials), MESSAGES);
});

test('over a Unix socket with the windows as they are by default', { timeoutMs: 30_000 }, async () => {
  const file = path.join(os.tmpdir(), `halfclose-${randomUUID()}.sock`);
  assert.is(await floodBothWays({ path: file }, ServerCredentials.insecure(), ChannelCredentials.insecure()), MESSAGES);
});

test.run();
