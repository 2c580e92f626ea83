/**
 * etcd as a child of the test: a cluster of one, on ports and in a folder that stay the same over restarts. Above: etcd.ts.
 * Below: Debian's programs, by interop/tools.ts. Holds: dispose ends the program, also one that stands still, waits for it and
 * removes the folder.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePorts } from '../../../support/free-ports.ts';
import { within } from '../../../support/within.ts';
import { debianTool, type Tool } from '../../tools.ts';

export const ETCD: Tool = debianTool('etcd', 'etcd-server', ['--version']);
/** etcd's own client, as a witness. */
export const ETCDCTL: Tool = debianTool('etcdctl', 'etcd-client', ['version']);

const PATIENCE_MS = 10_000;
/** How much of what the program prints is kept for messages, in characters. */
const KEPT_OUTPUT = 4_000;

/** Runs a program to its end and gives what it printed. Throws when it fails. */
async function outputOf(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ETCDCTL_API: '3' } });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  try {
    await within(PATIENCE_MS, once(child, 'close'), `${path.basename(program)} ${args.join(' ')}`);
  } finally {
    child.kill('SIGKILL');
  }
  if (child.exitCode !== 0) throw new Error(`${path.basename(program)} ${args.join(' ')}: ${errors}`);
  return output;
}

/** etcd that runs, or ran. */
export class EtcdProcess {
  /** Where clients connect on 127.0.0.1. */
  readonly port: number;
  readonly #peerPort: number;
  readonly #program: string;
  readonly #folder: string = mkdtempSync(path.join(tmpdir(), 'halfclose-etcd-'));
  #child: ChildProcess | null = null;
  #output = '';

  private constructor(program: string, port: number, peerPort: number) {
    this.#program = program;
    this.port = port;
    this.#peerPort = peerPort;
  }

  /** Chooses ports and makes the folder; nothing runs yet. */
  static async create(): Promise<EtcdProcess> {
    if ('missing' in ETCD) throw new Error(ETCD.missing);
    const [port = 0, peerPort = 0] = await freePorts(2);
    return new EtcdProcess(ETCD.path, port, peerPort);
  }

  /** What the program printed, cut to its end. */
  get output(): string {
    return this.#output;
  }

  /** Starts the program, which must not run. It takes a moment to be ready. */
  launch(): void {
    const [url, peerUrl] = [this.port, this.#peerPort].map((port) => `http://127.0.0.1:${port}`);
    const flags = {
      'data-dir': this.#folder,
      'listen-client-urls': url,
      'advertise-client-urls': url,
      'listen-peer-urls': peerUrl,
      'initial-advertise-peer-urls': peerUrl,
      'initial-cluster': `default=${peerUrl}`,
      // Alone in its cluster it elects itself at once; leases of one second come with it.
      'heartbeat-interval': '20',
      'election-timeout': '100',
    };
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    const child = spawn(this.#program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        this.#output = `${this.#output}${chunk}`.slice(-KEPT_OUTPUT);
      });
    }
  }

  /** Sends a signal and does not wait. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Resolves once the program, which was told to, has ended. */
  async ended(ms: number = PATIENCE_MS): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    const pipes = [child.stdout, child.stderr];
    const exited = child.exitCode !== null || child.signalCode !== null;
    if (!exited || !pipes.every((pipe) => pipe === null || pipe.closed)) {
      await within(ms, once(child, 'close'), 'etcd to end');
    }
    this.#child = null;
  }

  /** Ends the program with no time to say anything. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended();
  }

  /** Runs etcdctl against it and gives what it printed. */
  async etcdctl(...args: readonly string[]): Promise<string> {
    if ('missing' in ETCDCTL) throw new Error(ETCDCTL.missing);
    return await outputOf(ETCDCTL.path, [`--endpoints=127.0.0.1:${this.port}`, ...args]);
  }

  /** The sum of a metric over all its labels, or over those that hold `label`. Throws if there is none. */
  async metric(name: string, label = ''): Promise<number> {
    const request = http.get({ host: '127.0.0.1', port: this.port, path: '/metrics', agent: false });
    const [response] = (await within(PATIENCE_MS, once(request, 'response'), 'metrics')) as [http.IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    const samples = Buffer.concat(chunks)
      .toString()
      .split('\n')
      .filter((line) => line.startsWith(name) && /^[ {]/.test(line.slice(name.length)) && line.includes(label));
    if (samples.length === 0) throw new Error(`etcd has no metric ${name} ${label}`);
    return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.kill();
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }
}
