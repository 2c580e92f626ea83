/**
 * The soak: mixed calls over a channel to several servers, with cancels, deadlines, and servers that restart, for as long as
 * one likes. From time to time it falls quiet, and then nothing may be left: no open stream, no waiting call, and no more
 * memory, handles and listeners than before. Above: soak-main.ts, soak.test.ts. Below: the public API alone.
 */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import {
  ChannelCredentials,
  type Client,
  Code,
  createChannel,
  createClient,
  type ManagedChannel,
  Metadata,
  Server,
  ServerCredentials,
  type ServerOptions,
  StatusError,
} from '../../src/index.ts';
import { freePorts } from '../support/free-ports.ts';
import { activeResources, type Resources } from '../support/resources.ts';
import { within } from '../support/within.ts';
import { numberMessage, numberOf, SOAK_METHODS, soakService } from './service.ts';

/** What a soak is told. */
export interface SoakOptions {
  readonly durationMs: number;
  /** How long calls go on before a quiet moment. */
  readonly stretchMs: number;
  readonly servers: number;
  /** Calls at a time. */
  readonly walkers: number;
  /** Gives numbers from 0 up to 1. */
  readonly random: () => number;
  readonly onQuiet: (moment: QuietMoment) => void;
}

/** What was seen when nothing ran. */
export interface QuietMoment {
  readonly calls: number;
  readonly restarts: number;
  readonly heapBytes: number;
  readonly rssBytes: number;
  readonly resources: Resources;
  /** Listeners on the process and on signals that many calls share. */
  readonly listeners: number;
}

/** What a soak found. */
export interface SoakReport {
  readonly moments: readonly QuietMoment[];
  readonly calls: number;
  /** By outcome. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** What should not have happened; a few of many. */
  readonly faults: readonly string[];
}

const PATIENCE_MS = 20_000;
const MOST_FAULTS = 20;

/**
 * Connections are replaced all the time, which no call may notice. Node 20 ends one that has seen more than 1,000 resets, and 33 a
 * second, with GOAWAY INTERNAL_ERROR (docs/node-http2.md): none gets as old as that here.
 */
const AGEING: ServerOptions = { maxConnectionAgeMs: 2_000, maxConnectionAgeGraceMs: 20_000 };

/** How a call may end that was ended on purpose. */
const ON_PURPOSE: ReadonlySet<Code> = new Set([Code.CANCELLED, Code.DEADLINE_EXCEEDED]);

/** One soak. */
export class Soak {
  readonly #options: SoakOptions;
  readonly #faults: string[] = [];
  readonly #outcomes = new Map<string, number>();
  readonly #moments: QuietMoment[] = [];
  /** Calls by id, and how often a handler began them. */
  readonly #begun = new Map<string, number>();
  readonly #ports: number[] = [];
  readonly #servers: Server[] = [];
  #channel: ManagedChannel | null = null;
  #calls = 0;
  #restarts = 0;
  #runs = false;
  /** Whether a server went down hard in this stretch: calls may have been lost. */
  #hard = false;

  constructor(options: SoakOptions) {
    this.#options = options;
  }

  async run(): Promise<SoakReport> {
    const onWarning = (warning: Error): void => this.#fault(`warning: ${warning.message}`);
    process.on('warning', onWarning);
    try {
      await this.#open();
      const endMs = performance.now() + this.#options.durationMs;
      while (performance.now() < endMs) await this.#stretch();
    } finally {
      await this.#close();
      process.off('warning', onWarning);
    }
    return { moments: this.#moments, calls: this.#calls, outcomes: this.#outcomes, faults: this.#faults };
  }

  async #open(): Promise<void> {
    this.#ports.push(...(await freePorts(this.#options.servers)));
    for (const port of this.#ports) this.#servers.push(await this.#serve(port));
    const target = `ipv4:${this.#ports.map((port) => `127.0.0.1:${port}`).join(',')}`;
    this.#channel = createChannel(target, ChannelCredentials.insecure(), {
      balancer: 'round_robin',
      // Servers are back soon: with longer pauses all of them would be waited for at once.
      backoff: { initialMs: 20, maxMs: 100 },
    });
  }

  async #serve(port: number): Promise<Server> {
    const server = new Server(AGEING).addService(soakService((id) => this.#onCall(id)));
    server.addListener({ host: '127.0.0.1', port }, ServerCredentials.insecure());
    await server.start();
    return server;
  }

  async #close(): Promise<void> {
    await this.#channel?.[Symbol.asyncDispose]();
    for (const server of this.#servers) await server[Symbol.asyncDispose]();
  }

  #onCall(id: string | null): void {
    if (id !== null) this.#begun.set(id, (this.#begun.get(id) ?? 0) + 1);
  }

  #fault(text: string): void {
    if (this.#faults.length < MOST_FAULTS) this.#faults.push(text);
  }

  /** Calls and restarts for a while, and then a quiet moment. */
  async #stretch(): Promise<void> {
    this.#runs = true;
    this.#hard = false;
    const abort = new AbortController();
    const client = this.#newClient();
    const walkers = Array.from({ length: this.#options.walkers }, () => this.#walk(client, abort.signal));
    const restarting = this.#restartServers();
    await sleep(this.#options.stretchMs);
    this.#runs = false;
    await within(PATIENCE_MS, Promise.all([...walkers, restarting]), 'all calls to end');
    await this.#fallQuiet();
  }

  #newClient(): Client<typeof SOAK_METHODS> {
    if (this.#channel === null) throw new Error('not open');
    return createClient(SOAK_METHODS, this.#channel);
  }

  async #walk(client: Client<typeof SOAK_METHODS>, shared: AbortSignal): Promise<void> {
    while (this.#runs) await this.#call(client, shared);
  }

  async #call(client: Client<typeof SOAK_METHODS>, shared: AbortSignal): Promise<void> {
    const id = `${this.#calls}`;
    this.#calls += 1;
    const kind = Math.floor(this.#options.random() * 7);
    const onPurpose = kind >= 4;
    try {
      await this.#act(client, kind, new Metadata({ 'soak-call': id }), shared);
      this.#count('OK');
    } catch (error) {
      this.#onFailure(error, onPurpose);
    }
    const begun = this.#begun.get(id) ?? 0;
    this.#begun.delete(id);
    // Only a hard end of a server lets an idempotent call begin twice.
    if (begun > 1 && !this.#hard) this.#fault(`call ${id} of kind ${kind} was begun ${begun} times`);
  }

  #count(outcome: string): void {
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
  }

  #onFailure(error: unknown, onPurpose: boolean): void {
    const code = error instanceof StatusError ? error.status.name : 'no status';
    this.#count(code);
    if (onPurpose && error instanceof StatusError && ON_PURPOSE.has(error.status.code)) return;
    // A server that is killed takes its calls with it.
    if (this.#hard && code === 'UNAVAILABLE') return;
    this.#fault(`unexpected failure: ${error}`);
  }

  /** One call, checked to the last message. */
  async #act(
    client: Client<typeof SOAK_METHODS>,
    kind: number,
    metadata: Metadata,
    signal: AbortSignal,
  ): Promise<void> {
    const { random } = this.#options;
    const size = random() < 0.1 ? 100_000 : 64;
    const count = 1 + Math.floor(random() * 40);
    switch (kind) {
      case 0: {
        const value = Math.floor(random() * 1e9);
        const answer = await client.get(numberMessage(value, size), { metadata, signal });
        check(numberOf(answer) === value && answer.length === size, 'get gave something else');
        return;
      }
      case 1: {
        let next = 0;
        for await (const message of client.list(numberMessage(count), { metadata, signal })) {
          check(numberOf(message) === next, `list gave ${numberOf(message)} for ${next}`);
          next += 1;
        }
        check(next === count, `list gave ${next} of ${count}`);
        return;
      }
      case 2: {
        const answer = await client.put(numbers(count, size), { metadata, signal });
        check(numberOf(answer) === count, `put got ${numberOf(answer)} of ${count}`);
        return;
      }
      case 3: {
        let next = 0;
        for await (const message of client.chat(numbers(count, size), { metadata, signal })) {
          check(numberOf(message) === next, `chat gave ${numberOf(message)} for ${next}`);
          next += 1;
        }
        check(next === count, `chat gave ${next} of ${count}`);
        return;
      }
      case 4: {
        for await (const _ of client.list(numberMessage(1_000), { metadata, signal })) if (random() < 0.1) break;
        return;
      }
      case 5: {
        for await (const _ of client.list(numberMessage(10_000), { metadata, timeoutMs: 1 + random() * 30 }));
        return;
      }
      default: {
        const own = new AbortController();
        const timer = setTimeout(() => own.abort(), random() * 20);
        try {
          for await (const _ of client.chat(endless(), { metadata, signal: own.signal }));
        } finally {
          clearTimeout(timer);
        }
      }
    }
  }

  /** One server after the other goes down and comes back at its port: mostly gently, now and then hard. */
  async #restartServers(): Promise<void> {
    while (this.#runs) {
      await sleep(100 + this.#options.random() * 300);
      if (!this.#runs) return;
      const index = Math.floor(this.#options.random() * this.#servers.length);
      const server = this.#servers[index];
      const port = this.#ports[index];
      if (server === undefined || port === undefined) continue;
      const isHard = this.#options.random() < 0.2;
      if (isHard) {
        this.#hard = true;
        server.shutdownNow();
      } else {
        server.shutdown();
      }
      await within(PATIENCE_MS, server.awaitTermination(), 'a server to stop');
      // Else a call of the next stretch, in which no server may go down hard, could still meet the dead connection.
      if (isHard) await this.#untilNoticed(port);
      this.#servers[index] = await this.#serve(port);
      this.#restarts += 1;
    }
  }

  /** The channel knows that the connection to a port is gone. */
  async #untilNoticed(port: number): Promise<void> {
    const giveUpMs = performance.now() + PATIENCE_MS;
    const isReady = (): boolean =>
      this.#channel
        ?.inspect()
        .subchannels.some(({ address, state }) => address.endsWith(`:${port}`) && state === 'READY') === true;
    while (isReady() && performance.now() < giveUpMs) await sleep(1);
    if (isReady()) this.#fault(`the connection to a dead server at port ${port} is READY`);
  }

  async #fallQuiet(): Promise<void> {
    await this.#untilNothingIsOpen();
    // Calls that were cancelled before their handler began are counted after their end.
    this.#begun.clear();
    for (let i = 0; i < 4; i += 1) {
      globalThis.gc?.();
      await setImmediate();
    }
    const { heapUsed, rss } = process.memoryUsage();
    const moment: QuietMoment = {
      calls: this.#calls,
      restarts: this.#restarts,
      heapBytes: heapUsed,
      rssBytes: rss,
      resources: await activeResources(),
      listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    };
    this.#moments.push(moment);
    this.#options.onQuiet(moment);
  }

  async #untilNothingIsOpen(): Promise<void> {
    const giveUpMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const snapshot = this.#channel?.inspect();
      const open = snapshot?.subchannels
        .flatMap((each) => each.transports)
        .reduce((sum, each) => sum + each.openStreams, 0);
      if (snapshot?.waitingCalls.length === 0 && snapshot.suspendedCalls === 0 && open === 0) return;
      if (performance.now() > giveUpMs) {
        this.#fault(`something is left at a quiet moment: ${JSON.stringify(snapshot)}`);
        return;
      }
      await sleep(10);
    }
  }
}

function check(holds: boolean, text: string): void {
  if (!holds) throw new Error(text);
}

function* numbers(count: number, size: number): Generator<Uint8Array> {
  for (let i = 0; i < count; i += 1) yield numberMessage(i, size);
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (let i = 0; ; i += 1) {
    yield numberMessage(i);
    if (i % 8 === 0) await sleep(1);
  }
}
