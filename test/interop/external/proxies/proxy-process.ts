/**
 * A proxy program as a child of the test: started on free ports with a configuration of its own, told to reload, to leave
 * or to die. Above: proxied.ts. Below: the programs of interop/tools.ts. Holds: everything that the program writes lies in
 * one temporary folder; dispose ends the program with all that it forked, waits for that and removes the folder. All of it
 * stays in the test's process group, with which the runner ends it if the test cannot.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Certificates } from '../../../support/certificates.ts';
import { freePorts } from '../../../support/free-ports.ts';
import { within } from '../../../support/within.ts';
import type { Tool } from '../../tools.ts';

const PATIENCE_MS = 5_000;
const POLL_MS = 10;
/** How much of what the program prints is kept for messages, in characters. */
const KEPT_OUTPUT = 4_000;

/** What a configuration is made of. */
export interface ProxySetup {
  /** Where everything belongs that the program writes. */
  readonly folder: string;
  /** The port for clients in cleartext. */
  readonly port: number;
  /** The port for clients with TLS. */
  readonly tlsPort: number;
  /** Where the server listens on 127.0.0.1. */
  readonly upstreamPort: number;
  /** PEM files in the folder. */
  readonly certFile: string;
  readonly keyFile: string;
  /** The certificate and its key in one file. */
  readonly bundleFile: string;
  /** How long the proxy waits for an upstream that says nothing, in milliseconds. */
  readonly patienceMs: number;
}

/** One kind of proxy. */
export interface ProxyKind {
  readonly name: string;
  readonly tool: Tool;
  /** The text of its configuration file. */
  configuration(setup: ProxySetup): string;
  /** How it is started in the foreground. */
  args(configFile: string): readonly string[];
  /**
   * How it starts anew, configuration and all, while open streams go on: at a signal, or as a second program with these
   * arguments, which takes over from the first.
   */
  readonly reload: NodeJS.Signals | ((configFile: string, pid: number) => readonly string[]);
  /** Makes it accept nothing new, and end once all open streams have. */
  readonly leaveSignal: NodeJS.Signals;
}

/** Whether somebody accepts connections on a port. */
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

/** What a proxy may be told. */
export interface ProxyOptions {
  /** Default: 30 s. */
  readonly patienceMs?: number;
}

/** A proxy that runs, or ran. Its ports stay the same over restarts. */
export class ProxyProcess {
  readonly setup: ProxySetup;
  readonly #kind: ProxyKind;
  readonly #program: string;
  readonly #configFile: string;
  /** The one that takes connections; null while none does. */
  #child: ChildProcess | null = null;
  /** With those that have handed over. */
  readonly #children = new Set<ChildProcess>();
  #output = '';

  private constructor(kind: ProxyKind, setup: ProxySetup) {
    if ('missing' in kind.tool) throw new Error(kind.tool.missing);
    this.setup = setup;
    this.#kind = kind;
    this.#program = kind.tool.path;
    this.#configFile = path.join(setup.folder, 'proxy.conf');
    writeFileSync(this.#configFile, kind.configuration(setup));
  }

  /** Starts a proxy in front of `upstreamPort` and waits until it listens. */
  static async start(
    kind: ProxyKind,
    upstreamPort: number,
    { server }: Certificates,
    { patienceMs = 30_000 }: ProxyOptions = {},
  ): Promise<ProxyProcess> {
    const folder = mkdtempSync(path.join(tmpdir(), `halfclose-${kind.name}-`));
    const [port = 0, tlsPort = 0] = await freePorts(2);
    const [certFile, keyFile, bundleFile] = ['cert.pem', 'key.pem', 'bundle.pem'].map((name) =>
      path.join(folder, name),
    );
    if (certFile === undefined || keyFile === undefined || bundleFile === undefined) throw new Error('three files');
    writeFileSync(certFile, server.cert);
    writeFileSync(keyFile, server.key);
    writeFileSync(bundleFile, `${server.cert}\n${server.key}`);
    const setup = { folder, port, tlsPort, upstreamPort, certFile, keyFile, bundleFile, patienceMs };
    const proxy = new ProxyProcess(kind, setup);
    try {
      await proxy.launch();
    } catch (error) {
      await proxy[Symbol.asyncDispose]();
      throw error;
    }
    return proxy;
  }

  /** What the program printed, cut to its end. */
  get output(): string {
    return this.#output;
  }

  /** Starts the program, which must not run, and waits until it listens. */
  async launch(): Promise<void> {
    const child = this.#spawn(this.#kind.args(this.#configFile));
    const giveUpAt = performance.now() + PATIENCE_MS;
    for (const port of [this.setup.port, this.setup.tlsPort]) {
      while (!(await isListening(port))) {
        if (hasExited(child) || performance.now() > giveUpAt) {
          throw new Error(`${this.#kind.name} does not listen: ${this.#output}`);
        }
        await sleep(POLL_MS);
      }
    }
  }

  #spawn(args: readonly string[]): ChildProcess {
    const child = spawn(this.#program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    child.on('error', (error) => this.#print(error.message));
    child.stdout.on('data', (chunk) => this.#print(chunk));
    child.stderr.on('data', (chunk) => this.#print(chunk));
    this.#child = child;
    this.#children.add(child);
    return child;
  }

  #print(text: string): void {
    this.#output = `${this.#output}${text}`.slice(-KEPT_OUTPUT);
  }

  /** Starts anew while open streams go on. Returns before it is done. */
  reload(): void {
    const child = this.#child;
    const { reload } = this.#kind;
    if (child?.pid === undefined) throw new Error(`${this.#kind.name} does not run`);
    if (typeof reload === 'string') child.kill(reload);
    else this.#spawn(reload(this.#configFile, child.pid));
  }

  /** Accepts nothing new, and ends once all open streams have. Resolves then. */
  async leave(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null) return;
    child.kill(this.#kind.leaveSignal);
    await within(PATIENCE_MS, ended(child), `${this.#kind.name} to leave`);
  }

  /** Ends the program and all that it forked, with no time to say anything. */
  async kill(): Promise<void> {
    const children = [...this.#children];
    this.#children.clear();
    this.#child = null;
    const ends = children.map(ended);
    for (const child of children) killTree(child);
    await within(PATIENCE_MS, Promise.all(ends), `${this.#kind.name} to end`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.kill();
    } finally {
      rmSync(this.setup.folder, { recursive: true, force: true });
    }
  }
}

function hasExited(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

/** Kills a child and all that it forked. */
function killTree(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined || hasExited(child)) return;
  // Stopped, it forks no more: what it has is all there will be.
  child.kill('SIGSTOP');
  const forked = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  for (const id of [...forked.map(Number), pid]) killIfThere(id);
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Once a child has ended and its pipes are closed, by itself and by all that inherited them. */
async function ended(child: ChildProcess): Promise<void> {
  const pipes = [child.stdout, child.stderr];
  if (hasExited(child) && pipes.every((pipe) => pipe === null || pipe.closed)) return;
  await once(child, 'close');
}
