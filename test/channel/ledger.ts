/**
 * Servers of `test.Echo` that may be stopped and started at will, calls that are told apart by an id, and a ledger of how
 * often each was begun on any of them. Above: faults*.test.ts, fleet*.test.ts. Below: our Server, the echo service. Holds: no
 * call waits longer than its bound, and a listener that hears anything against its contract fails the running test.
 */
import type { CallOptions } from '../../src/call/call-options.ts';
import type { Channel } from '../../src/call/channel.ts';
import { createChannel, type Http2ChannelOptions } from '../../src/channel/create-channel.ts';
import type { ManagedChannel } from '../../src/channel/managed-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { Server, type ServerOptions } from '../../src/server/server.ts';
import { Status } from '../../src/values/status.ts';
import { type CallInit, type EchoKind, echoMethods, type Outcome } from '../support/echo.ts';
import { until } from '../support/echo-pairings.ts';
import { callEcho, type EchoJournal, echoService } from '../support/echo-service.ts';
import { assert, within } from '../support/suite.ts';

const PATIENCE_MS = 5_000;
/** How long a call may take unless the test says otherwise. */
const BOUND_MS = 8_000;
const ID_KEY = 'x-call-id';

/** Back-off for tests: short, and always the same. */
const QUICK: Pick<Http2ChannelOptions, 'backoff'> = { backoff: { initialMs: 20, multiplier: 1, jitter: 0 } };

/** A call that is over. */
export interface Told extends Outcome {
  readonly id: string;
  /** `OK`, `UNAVAILABLE: text`. */
  readonly status: string;
}

export interface LedgerCall extends Omit<CallInit, 'pairs'> {
  /** Default: `unary`. */
  readonly kind?: EchoKind;
  readonly messages?: readonly Uint8Array[];
  /** Whether it waits for ready. Default: false. */
  readonly patient?: boolean;
  /** The test fails if it has not ended within so many milliseconds. */
  readonly boundMs?: number;
}

const QUESTION = [Buffer.from('question')];

/** Which calls were made, and how often servers began each. */
export class Ledger {
  readonly #journals: EchoJournal[] = [];
  #calls = 0;

  newJournal(): EchoJournal {
    const journal: EchoJournal = { events: [], requests: [], deadlinesMs: [] };
    this.#journals.push(journal);
    return journal;
  }

  newId(): string {
    this.#calls += 1;
    return `call-${this.#calls}`;
  }

  /** How often each call was begun, by its id; those that never were are missing. */
  begun(): Map<string, number> {
    const times = new Map<string, number>();
    for (const { requests } of this.#journals) {
      for (const [key, id] of requests.flat()) {
        if (key === ID_KEY) times.set(String(id), (times.get(String(id)) ?? 0) + 1);
      }
    }
    return times;
  }

  /** No call was begun twice; those that ended well were begun once. */
  assertNeverTwice(told: readonly Told[]): void {
    const begun = this.begun();
    const twice = [...begun].filter(([, times]) => times > 1);
    assert.equal(twice, [], 'begun more than once');
    const unseen = told.filter(({ code, id }) => code === 0 && !begun.has(id));
    assert.equal(unseen, [], 'ended well though no server began it');
  }

  /** One call, to its end. */
  async call(channel: Channel, init: LedgerCall = {}): Promise<Told> {
    const { kind = 'unary', messages = QUESTION, patient = false, boundMs = BOUND_MS, ...rest } = init;
    const id = this.newId();
    const over = callEcho(patient ? patiently(channel) : channel, echoMethods[kind], messages, {
      ...rest,
      pairs: [[ID_KEY, id]],
    });
    const outcome = await within(boundMs, over, `${id} to end`);
    return { ...outcome, id, status: textOf(outcome) };
  }

  /** So many calls at once, all to their ends. */
  calls(channel: Channel, count: number, init: LedgerCall = {}): Promise<Told[]> {
    return Promise.all(Array.from({ length: count }, () => this.call(channel, init)));
  }
}

function textOf({ code, message }: Outcome): string {
  return Status.fromCode(code)
    .withDescription(message || null)
    .toString();
}

/** The same channel for calls that wait for ready. */
function patiently(channel: Channel): Channel {
  return {
    newCall: (method, options: CallOptions) => channel.newCall(method, options.withWaitForReady(true)),
    authority: () => channel.authority(),
  };
}

/** The ids of calls by how they ended, without the descriptions: `{ OK: 3, UNAVAILABLE: 1 }`. */
export function tally(told: readonly Told[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of told) {
    const name = status.replace(/:.*/s, '');
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** What every one of them said, each text once. */
export function texts(told: readonly Told[]): string[] {
  return [...new Set(told.map(({ status }) => status))];
}

/** Nothing waits in the channel, and no stream is open. */
export async function becomesQuiet(channel: ManagedChannel): Promise<void> {
  await until('a quiet channel', () => {
    const { waitingCalls, suspendedCalls, subchannels } = channel.inspect();
    const open = subchannels.flatMap(({ transports }) => transports).filter(({ openStreams }) => openStreams > 0);
    return waitingCalls.length === 0 && suspendedCalls === 0 && open.length === 0;
  });
}

/** A channel without TLS; dispose ends it. */
export function open(target: string | number, options: Http2ChannelOptions = {}): ManagedChannel {
  const text = typeof target === 'number' ? `127.0.0.1:${target}` : target;
  return createChannel(text, ChannelCredentials.insecure(), { ...QUICK, ...options });
}

export interface MemberInit {
  readonly ledger: Ledger;
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** Default: a free one, which it keeps when it is started anew. */
  readonly port?: number;
  readonly options?: ServerOptions;
  /** Serves `test.Echo` in place of the echo service. */
  readonly service?: typeof echoService;
}

/** A server that comes and goes at one address. */
export class Member {
  readonly host: string;
  /** Of the server that runs, or ran last. */
  journal: EchoJournal;
  readonly #init: MemberInit;
  #port: number;
  #server: Server;
  /** All that were ever started. */
  readonly #servers: Server[] = [];

  private constructor(init: MemberInit) {
    this.#init = init;
    this.host = init.host ?? '127.0.0.1';
    this.#port = init.port ?? 0;
    this.journal = init.ledger.newJournal();
    this.#server = this.#newServer();
  }

  static async start(init: MemberInit): Promise<Member> {
    const member = new Member(init);
    await member.#listen();
    return member;
  }

  #newServer(): Server {
    const { service = echoService, options = {} } = this.#init;
    const server = new Server(options).addService(service(this.journal));
    server.addListener({ host: this.host, port: this.#port }, ServerCredentials.insecure());
    this.#servers.push(server);
    return server;
  }

  async #listen(): Promise<void> {
    await within(PATIENCE_MS, this.#server.start(), `a server at ${this.host}:${this.#port} to listen`);
    this.#port = this.#server.port;
  }

  get port(): number {
    return this.#port;
  }

  /** How many calls were begun since it was started last. */
  get begun(): number {
    return this.journal.requests.length;
  }

  /** How many of them have not ended. */
  get running(): number {
    const count = (word: string): number => this.journal.events.filter((event) => event.startsWith(word)).length;
    return count('start') - count('end') - count('cancelled');
  }

  /** Starts a new server at the same address, after drain or kill. */
  async startAnew(): Promise<void> {
    this.journal = this.#init.ledger.newJournal();
    this.#server = this.#newServer();
    await this.#listen();
  }

  /** Takes no new calls, and resolves once the last has ended. */
  async drain(): Promise<void> {
    this.#server.shutdown();
    assert.ok(await this.#server.awaitTermination(PATIENCE_MS), `${this.host} did not drain`);
  }

  /** Ends everything at once. */
  async kill(): Promise<void> {
    this.#server.shutdownNow();
    await within(PATIENCE_MS, this.#server.awaitTermination(), `the server at ${this.host} to end`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) server.shutdownNow();
    for (const server of this.#servers) await within(PATIENCE_MS, server.awaitTermination(), 'a server to end');
  }
}

/** Calls without end, so many at a time, until it is told to stop; the end of the test stops it too. */
export class Load {
  readonly told: Told[] = [];
  readonly #next: () => Promise<Told>;
  #stopped = false;
  readonly #walkers: Promise<void>[];

  constructor(width: number, next: () => Promise<Told>) {
    this.#next = next;
    this.#walkers = Array.from({ length: width }, () => this.#walk());
  }

  async #walk(): Promise<void> {
    while (!this.#stopped) this.told.push(await this.#next());
  }

  /** Resolves once so many more calls have ended, however slow the machine: what must not happen is that none ends for long. */
  async more(count: number): Promise<void> {
    const enough = this.told.length + count;
    while (this.told.length < enough) {
      const { length } = this.told;
      await until(`a call behind the ${length} that have ended`, () => this.told.length > length);
    }
  }

  /** Begins no more; resolves to all that ended, once the last has. */
  async stop(): Promise<readonly Told[]> {
    this.#stopped = true;
    await Promise.all(this.#walkers);
    return this.told;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled(this.#walkers);
  }
}
