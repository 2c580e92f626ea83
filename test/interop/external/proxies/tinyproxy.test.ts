/**
 * Our client through Tinyproxy, an HTTP proxy that others wrote: CONNECT, with and without TLS behind it, with a password,
 * and ports that it does not connect to.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DirectChannel } from '../../../../src/channel/direct-channel.ts';
import { ChannelCredentials } from '../../../../src/credentials/channel-credentials.ts';
import { Http2ClientTransport } from '../../../../src/transport/http2/client-transport.ts';
import { certificates } from '../../../support/certificates.ts';
import { ECHO_KINDS, echoMethods, type Outcome } from '../../../support/echo.ts';
import { callEcho, startEchoServer } from '../../../support/echo-service.ts';
import { freePorts } from '../../../support/free-ports.ts';
import { assert, suite, within } from '../../../support/suite.ts';
import { debianTool } from '../../tools.ts';

const test = suite('Tinyproxy');

const TOOL = debianTool('tinyproxy', 'tinyproxy', ['-v']);
const PATIENCE_MS = 5_000;

/** The program, on a port of its own. */
class Tinyproxy implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  readonly #child: ChildProcess;

  private constructor(port: number, program: string, lines: readonly string[]) {
    this.port = port;
    this.#folder = mkdtempSync(path.join(tmpdir(), 'halfclose-tinyproxy-'));
    const file = path.join(this.#folder, 'proxy.conf');
    writeFileSync(file, [`Port ${port}`, 'Listen 127.0.0.1', 'Timeout 30', ...lines, ''].join('\n'));
    this.#child = spawn(program, ['-d', '-c', file], { stdio: 'ignore' });
  }

  static async start(...lines: readonly string[]): Promise<Tinyproxy> {
    if ('missing' in TOOL) throw new Error(TOOL.missing);
    const [port = 0] = await freePorts(1);
    const proxy = new Tinyproxy(port, TOOL.path, lines);
    const giveUpAt = performance.now() + PATIENCE_MS;
    while (!(await isListening(port))) {
      if (performance.now() > giveUpAt) throw new Error('tinyproxy does not listen');
      await sleep(10);
    }
    return proxy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await within(PATIENCE_MS, ended, 'tinyproxy to end');
    rmSync(this.#folder, { recursive: true });
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

interface Way {
  readonly proxy: Tinyproxy;
  readonly port: number;
  readonly credentials?: ChannelCredentials;
  /** `user:password@`. */
  readonly userInfo?: string;
}

/** How one call of each kind ends through the proxy. */
async function callAll({
  proxy,
  port,
  credentials = ChannelCredentials.insecure(),
  userInfo,
}: Way): Promise<Outcome[]> {
  const target = `localhost:${port}`;
  const url = new URL(`http://${userInfo ?? ''}127.0.0.1:${proxy.port}`);
  const address = { host: 'localhost', port };
  const connect = (): Http2ClientTransport =>
    new Http2ClientTransport({ address, authority: target, credentials, proxy: { url, target } });
  await using channel = new DirectChannel(connect, target);
  const messages = [Buffer.from('a'), Buffer.alloc(300_000, 'b')];
  const outcomes: Outcome[] = [];
  for (const kind of ECHO_KINDS)
    outcomes.push(await within(PATIENCE_MS, callEcho(channel, echoMethods[kind], messages)));
  return outcomes;
}

if ('missing' in TOOL) {
  test.skip('calls through it', TOOL.missing);
} else {
  for (const secure of [false, true]) {
    test(`calls with ${secure ? 'TLS' : 'cleartext'} through it`, async () => {
      const tls = await certificates();
      await using server = await startEchoServer(secure ? { tls } : {});
      await using proxy = await Tinyproxy.start();
      const credentials = secure ? ChannelCredentials.tls({ ca: tls.ca.cert }) : ChannelCredentials.insecure();
      const outcomes = await callAll({ proxy, port: server.port, credentials });
      assert.equal(
        outcomes.map(({ code, message }) => `${code} ${message}`),
        outcomes.map(() => '0 '),
      );
    });
  }

  test('a password: the right one leads through, no other', async () => {
    await using server = await startEchoServer();
    await using proxy = await Tinyproxy.start('BasicAuth user secret');
    const way = { proxy, port: server.port };
    for (const { code } of await callAll({ ...way, userInfo: 'user:secret@' })) assert.is(code, 0);
    for (const userInfo of ['', 'user:wrong@']) {
      for (const { code, message } of await callAll({ ...way, userInfo })) {
        assert.is(code, 14);
        assert.match(message, /the proxy 127\.0\.0\.1:\d+ answered 40[17] /);
      }
    }
  });

  test('a port that it does not connect to', async () => {
    await using server = await startEchoServer();
    await using proxy = await Tinyproxy.start('ConnectPort 443');
    const [first] = await callAll({ proxy, port: server.port });
    assert.match(`${first?.code} ${first?.message}`, /^14 .*the proxy 127\.0\.0\.1:\d+ answered 403 /);
  });
}

test.run();
