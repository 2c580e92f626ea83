/**
 * Certificates that change under running calls, at both ends, also with grpc-js at the other: what is open goes on, what is
 * new gets the new ones. Files: test/credentials/tls-files.test.ts.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { Client, type ClientDuplexStream, Metadata as GrpcJsMetadata, credentials as grpcJs } from '@grpc/grpc-js';
import { ChannelCredentials, type TlsClientOptions } from '../../../src/credentials/channel-credentials.ts';
import { ServerCredentials, type TlsServerOptions } from '../../../src/credentials/server-credentials.ts';
import { type TlsBesideFiles, type TlsFiles, tlsFiles } from '../../../src/credentials/tls-files.ts';
import type { TlsSource } from '../../../src/credentials/tls-source.ts';
import { Server } from '../../../src/server/server.ts';
import { Http2ClientTransport } from '../../../src/transport/http2/client-transport.ts';
import { Http2ServerListener } from '../../../src/transport/http2/server-listener.ts';
import type { ClientStream } from '../../../src/transport/stream.ts';
import { Status } from '../../../src/values/status.ts';
import { type Certificates, certificates, type KeyPair } from '../../support/certificates.ts';
import { echoMethods } from '../../support/echo.ts';
import { echoService } from '../../support/echo-service.ts';
import { freePorts } from '../../support/free-ports.ts';
import { startGrpcJsServer } from '../../support/grpc-js.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { WoundClock } from '../../support/wound-clock.ts';
import { RecordedStream, RecordingTransportListener, STREAM_OPTIONS } from './client-rig.ts';

const test = suite('TLS rotation');

const old = await certificates();
/** Of another CA: nobody who has this takes what is of the old one. */
const { foreign: fresh } = old;

type Side = Pick<Certificates, 'ca' | 'server' | 'client'>;

/** Turned by hand. */
class HandSource<Options> implements TlsSource<Options> {
  readonly listeners: Set<() => void> = new Set();
  #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  current(): Options {
    return this.#options;
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  change(options: Options): void {
    this.#options = options;
    for (const listener of this.listeners) listener();
  }
}

function serverOptions({ server, ca }: Side): TlsServerOptions {
  return { ...server, ca: ca.cert, clientCertificate: 'require' };
}

function clientOptions({ client, ca }: Side): TlsClientOptions {
  return { ...client, ca: ca.cert };
}

async function serve(source: TlsSource<TlsServerOptions>): Promise<Server> {
  const server = new Server().addService(echoService());
  server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.tls(source));
  await within(5_000, server.start(), 'our server to listen');
  return server;
}

/** One connection of ours and a bidi call over it. */
class OurCall implements AsyncDisposable {
  readonly #transport: Http2ClientTransport;
  readonly #listener: RecordingTransportListener = new RecordingTransportListener();
  readonly #call: RecordedStream;

  constructor(port: number, credentials: ChannelCredentials) {
    const address = { host: '127.0.0.1', port };
    this.#transport = new Http2ClientTransport({ address, authority: 'localhost', credentials });
    this.#transport.start(this.#listener);
    const method = echoMethods.bidi_streaming as Parameters<Http2ClientTransport['newStream']>[0];
    const stream: ClientStream = this.#transport.newStream(method, STREAM_OPTIONS);
    this.#call = new RecordedStream(stream).start().request(100);
  }

  /** What came back, or how the call ended. */
  async echo(text: string): Promise<string> {
    this.#call.send(text);
    const ended = async (): Promise<string> => (await this.#call.closed).status.name;
    return await this.#call.log.next('message').then(({ payload }) => payload.toString(), ended);
  }

  async end(): Promise<string> {
    return (await this.#call.halfClose().closed).status.name;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#transport.shutdownNow(Status.CANCELLED);
    await this.#listener.log.end();
  }
}

/** One connection of grpc-js and a bidi call over it. */
class TheirCall implements Disposable {
  readonly #client: Client;
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #over: Promise<string>;

  constructor(port: number, { ca, client }: Side) {
    const credentials = grpcJs.createSsl(Buffer.from(ca.cert), Buffer.from(client.key), Buffer.from(client.cert));
    this.#client = new Client(`localhost:${port}`, credentials, { 'grpc.use_local_subchannel_pool': 1 });
    const same = (bytes: Buffer): Buffer => bytes;
    const { path } = echoMethods.bidi_streaming;
    this.#call = this.#client.makeBidiStreamRequest(path, same, same, new GrpcJsMetadata(), {});
    this.#call.on('error', () => {});
    this.#over = new Promise((resolve) =>
      this.#call.once('status', ({ code }) => resolve(code === 0 ? 'OK' : 'failed')),
    );
  }

  async echo(text: string): Promise<string> {
    const answer = new Promise<string>((resolve) => this.#call.once('data', (bytes) => resolve(String(bytes))));
    this.#call.write(Buffer.from(text));
    return await within(5_000, Promise.race([answer, this.#over]), 'an echo');
  }

  async end(): Promise<string> {
    this.#call.end();
    return await within(5_000, this.#over, 'the end');
  }

  [Symbol.dispose](): void {
    this.#call.cancel();
    this.#client.close();
  }
}

test('our server: a call of grpc-js goes on, and new connections get, and must show, the new ones', async () => {
  const source = new HandSource(serverOptions(old));
  await using server = await serve(source);
  using running = new TheirCall(server.port, old);
  assert.is(await running.echo('before'), 'before');
  source.change(serverOptions(fresh));
  assert.is(await running.echo('after'), 'after');
  using outdated = new TheirCall(server.port, old);
  assert.is(await outdated.echo('x'), 'failed');
  using updated = new TheirCall(server.port, fresh);
  assert.is(await updated.echo('new'), 'new');
  assert.is(await running.echo('at last'), 'at last');
  assert.equal([await running.end(), await updated.end()], ['OK', 'OK']);
});

test('our client: a call to grpc-js goes on, and new connections show the new ones', async () => {
  await using server = await startGrpcJsServer({ tls: old, mutual: true });
  const source = new HandSource(clientOptions(old));
  const credentials = ChannelCredentials.tls(source);
  await using running = new OurCall(server.port, credentials);
  assert.is(await running.echo('before'), 'before');
  source.change({ ...fresh.client, ca: old.ca.cert });
  await using stranger = new OurCall(server.port, credentials);
  assert.is(await stranger.echo('x'), 'UNAVAILABLE', 'the server does not know the new certificate');
  source.change(clientOptions(fresh));
  await using mistrustful = new OurCall(server.port, credentials);
  assert.is(await mistrustful.echo('x'), 'UNAVAILABLE', 'the client does not know the server’s CA any more');
  source.change(clientOptions(old));
  await using again = new OurCall(server.port, credentials);
  assert.is(await again.echo('again'), 'again');
  assert.is(await running.echo('after'), 'after');
  assert.equal([await running.end(), await again.end()], ['OK', 'OK']);
});

/** The files of one end. */
class EndFiles<Beside extends TlsBesideFiles> implements Disposable {
  readonly folder: string = mkdtempSync(path.join(tmpdir(), 'halfclose-rotation-'));
  readonly failures: string[] = [];
  readonly files: TlsFiles<Beside>;

  constructor(pair: KeyPair, authority: KeyPair, beside: Beside) {
    this.write(pair, authority);
    const paths = { cert: this.#at('cert'), key: this.#at('key'), ca: this.#at('ca') };
    const onFailure = (error: Error): void => void this.failures.push(error.message);
    this.files = tlsFiles(paths, { tls: beside, onFailure, clock: new WoundClock() });
  }

  #at(name: string): string {
    return path.join(this.folder, `${name}.pem`);
  }

  write({ cert, key }: KeyPair, authority: KeyPair): void {
    writeFileSync(this.#at('cert'), cert);
    writeFileSync(this.#at('key'), key);
    writeFileSync(this.#at('ca'), authority.cert);
  }

  async change(pair: KeyPair, authority: KeyPair): Promise<void> {
    this.write(pair, authority);
    await this.files.reload();
  }

  [Symbol.dispose](): void {
    this.files.close();
    rmSync(this.folder, { recursive: true });
  }
}

test('both ends by files: calls run on through every change, and a broken file changes nothing', async () => {
  using server = new EndFiles(old.server, old.ca, { clientCertificate: 'require' });
  using client = new EndFiles(old.client, old.ca, {});
  await using serving = await serve(server.files);
  const credentials = ChannelCredentials.tls(client.files);
  await using first = new OurCall(serving.port, credentials);
  assert.is(await first.echo('1'), '1');

  await server.change({ cert: fresh.server.cert, key: old.server.key }, fresh.ca);
  assert.match(server.failures.join(), /key values mismatch/);
  await using second = new OurCall(serving.port, credentials);
  assert.is(await second.echo('2'), '2');

  await server.change(fresh.server, fresh.ca);
  await using outdated = new OurCall(serving.port, credentials);
  assert.is(await outdated.echo('x'), 'UNAVAILABLE');

  await client.change(fresh.client, fresh.ca);
  await using third = new OurCall(serving.port, credentials);
  assert.is(await third.echo('3'), '3');
  for (const call of [first, second, third]) {
    assert.is(await call.echo('still'), 'still');
    assert.is(await call.end(), 'OK');
  }
});

/** A client of node's own: what it got from the server. */
function look(port: number, options: tls.ConnectionOptions): Promise<{ reused: boolean; session: Buffer }> {
  const got = new Promise<{ reused: boolean; session: Buffer }>((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ALPNProtocols: ['h2'], ...options });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('disconnected')));
    let session: Buffer = Buffer.of();
    socket.on('session', (latest: Buffer) => {
      session = latest;
    });
    // The server's SETTINGS: it has taken our certificate.
    socket.once('data', () => {
      resolve({ reused: socket.isSessionReused(), session });
      socket.destroy();
    });
  });
  return within(5_000, got, 'a TLS session');
}

test('a session from before is no way around the new certificates', async () => {
  const source = new HandSource(serverOptions(old));
  await using server = await serve(source);
  const mine = { ...old.client, ca: old.ca.cert };
  const { session } = await look(server.port, mine);
  assert.ok((await look(server.port, { ...mine, session })).reused, 'sessions are resumed at all');
  source.change({ ...serverOptions(old), ca: fresh.ca.cert });
  const refused = await look(server.port, { ...mine, session }).catch((error: Error) => error.message);
  assert.match(String(refused), /unknown ca|certificate|ECONNRESET|disconnected/i);
  const anew = await look(server.port, { ...fresh.client, ca: old.ca.cert, session });
  assert.is(anew.reused, false);
});

test('what changed before the port was bound counts, and a closed port follows no more', async () => {
  const source = new HandSource(serverOptions(old));
  const server = new Server().addService(echoService());
  server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.tls(source));
  source.change(serverOptions(fresh));
  await within(5_000, server.start(), 'our server to listen');
  assert.is(source.listeners.size, 1);
  {
    await using call = new OurCall(server.port, ChannelCredentials.tls(clientOptions(fresh)));
    assert.is(await call.echo('new'), 'new');
  }
  await server[Symbol.asyncDispose]();
  assert.is(source.listeners.size, 0);
});

test('a port that cannot be bound follows nothing', async () => {
  await using server = await serve(new HandSource(serverOptions(old)));
  const source = new HandSource(serverOptions(old));
  const address = { host: '127.0.0.1', port: server.port };
  const listener = new Http2ServerListener(address, ServerCredentials.tls(source));
  const failed = new Promise<Error>((resolve) => {
    listener.listen({
      onListening: () => assert.unreachable(),
      onListenFailed: resolve,
      onTransport: () => assert.unreachable() as never,
      onClosed: () => {},
    });
  });
  assert.match((await within(5_000, failed)).message, /EADDRINUSE/);
  assert.is(source.listeners.size, 0);
  listener.close();
});

test('options of a source that node refuses are a warning, and those before go on', async () => {
  const source = new HandSource(serverOptions(old));
  await using server = await serve(source);
  const warning = new Promise<Error>((resolve) => process.once('warning', resolve));
  source.change({ ...serverOptions(old), cert: fresh.server.cert });
  assert.match((await within(5_000, warning)).message, /^new TLS options were not taken: .*key values mismatch/);
  await using call = new OurCall(server.port, ChannelCredentials.tls(clientOptions(old)));
  assert.is(await call.echo('x'), 'x');
  source.change(serverOptions(fresh));
  await using later = new OurCall(server.port, ChannelCredentials.tls(clientOptions(fresh)));
  assert.is(await later.echo('y'), 'y');
});

test('an authority that is an address is what the certificate is checked against', async () => {
  await using server = await serve(new HandSource({ ...old.server }));
  const [port] = await freePorts(1);
  const outcomes: string[] = [];
  for (const authority of ['127.0.0.1', '10.9.8.7', `10.9.8.7:${port}`]) {
    const address = { host: '127.0.0.1', port: server.port };
    const credentials = ChannelCredentials.tls({ ca: old.ca.cert });
    const transport = new Http2ClientTransport({ address, authority, credentials });
    const listener = new RecordingTransportListener();
    transport.start(listener);
    const event = await Promise.race([listener.log.next('ready'), listener.log.next('shutdown')]);
    outcomes.push(event.type === 'ready' ? 'ready' : (event.reason.description ?? ''));
    transport.shutdownNow(Status.CANCELLED);
    await listener.log.end();
  }
  assert.is(outcomes[0], 'ready');
  for (const refused of outcomes.slice(1)) assert.match(refused, /10\.9\.8\.7.*cert/);
});

test.run();
