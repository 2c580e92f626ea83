/**
 * An RPC by chance: a plan of what both ends do and when, one run of it, and what must hold in the end whatever came of it.
 * Above: cancel-fuzz.test.ts. Below: FuzzedClient, FuzzedServer, ReactorPair. Holds: a run ends; what went against a rule is
 * said in words.
 */
import { CallOptions } from '../../src/call/call-options.ts';
import { ClientContext } from '../../src/reactor/client-context.ts';
import type { CallbackServerContext } from '../../src/reactor/server-context.ts';
import { Deadline } from '../../src/values/deadline.ts';
import { Code, Status } from '../../src/values/status.ts';
import { within } from '../support/within.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { FuzzedClient, FuzzedServer, type Kind, ThrownByChance } from './fuzzed-ends.ts';
import { ReactorPair, type TextService } from './reactor-pair.ts';

const PATIENCE_MS = 5_000;
const DEADLINE_MS = 50;

/** How long the world waits before an act. */
export type Wait = 'none' | 'microtask' | 'tick' | 'immediate' | 'round trip';

/** Something that happens to the world rather than at one end. */
export type Shutdown = 'client now' | 'server now' | 'client' | 'server' | 'time';

export interface Step {
  readonly wait: Wait;
  readonly who: 'client' | 'server' | Shutdown;
  readonly pick: number;
}

export interface Plan {
  readonly kind: Kind;
  readonly corked: boolean;
  readonly hasDeadline: boolean;
  readonly isCancelledFirst: boolean;
  /** What the client does before anything else, in the tick that binds it. */
  readonly atFirst: readonly number[];
  readonly inHandler: readonly number[];
  readonly handler: 'returns' | 'throws' | 'null';
  readonly clientReactions: readonly (readonly number[])[];
  readonly serverReactions: readonly (readonly number[])[];
  readonly steps: readonly Step[];
  /** How what is left open ends. */
  readonly ending: 'in order' | 'the client cancels' | 'the server cancels';
}

/** A server and a channel for many runs. */
export class FuzzedWorld {
  readonly clock: WoundClock;
  readonly pair: ReactorPair;
  readonly #current: { run: FuzzedRun | null };

  private constructor(clock: WoundClock, pair: ReactorPair, current: { run: FuzzedRun | null }) {
    this.clock = clock;
    this.pair = pair;
    this.#current = current;
  }

  static async open(transport: 'in-process' | 'http2'): Promise<FuzzedWorld> {
    const clock = new WoundClock();
    const current: { run: FuzzedRun | null } = { run: null };
    const serve = (kind: Kind) => (context: CallbackServerContext) => current.run?.serve(kind, context) ?? null;
    const service = {
      unary: (context: CallbackServerContext) => {
        if (!context.clientMetadata().has('x-barrier')) return serve('unary')(context);
        const reactor = context.defaultReactor<string>();
        reactor.finish(Status.OK, '');
        return reactor;
      },
      read: serve('read'),
      write: serve('write'),
      bidi: serve('bidi'),
    } as unknown as TextService;
    const pair = await ReactorPair.open(service, { transport, server: { clock }, channel: { clock } });
    const world = new FuzzedWorld(clock, pair, current);
    await world.roundTrip();
    return world;
  }

  async run(plan: Plan): Promise<string[]> {
    const run = new FuzzedRun(this, plan);
    this.#current.run = run;
    try {
      return await run.play();
    } finally {
      this.#current.run = null;
    }
  }

  /** What was sent before has come to the server, and what it said to that has come back. */
  async roundTrip(): Promise<void> {
    const context = new ClientContext();
    context.addMetadata('x-barrier', 'yes');
    const done = new Promise<void>((resolve) => this.pair.stub.unary(context, '', () => resolve()));
    await within(PATIENCE_MS, done, 'a round trip');
  }

  /** Ends in order: with a stream left open it would not. */
  async close(): Promise<void> {
    this.pair.channel.shutdown();
    await within(PATIENCE_MS, this.pair.channel.awaitTermination(), 'the channel to end, on which no RPC is left');
    this.pair.server.shutdown();
    await within(PATIENCE_MS, this.pair.server.awaitTermination(), 'the server to end, on which no RPC is left');
  }
}

function wait(how: Wait, world: FuzzedWorld): Promise<void> {
  if (how === 'microtask') return Promise.resolve();
  if (how === 'tick') return new Promise((resolve) => process.nextTick(resolve));
  if (how === 'immediate') return new Promise((resolve) => setImmediate(resolve));
  return world.roundTrip();
}

/** One run of a plan. */
class FuzzedRun {
  readonly #world: FuzzedWorld;
  readonly #plan: Plan;
  readonly #client: FuzzedClient;
  #server: FuzzedServer | null = null;
  readonly #breaches: string[] = [];
  readonly #shutdowns = new Set<Shutdown>();
  #isWindingDown = false;

  constructor(world: FuzzedWorld, plan: Plan) {
    this.#world = world;
    this.#plan = plan;
    const deadline = plan.hasDeadline ? Deadline.after(DEADLINE_MS, world.clock) : null;
    const context = new ClientContext(CallOptions.DEFAULT.withDeadline(deadline));
    if (plan.corked) context.setInitialMetadataCorked(true);
    this.#client = new FuzzedClient(plan.kind, plan.clientReactions, context);
  }

  /** The handler. */
  serve(kind: Kind, context: CallbackServerContext): unknown {
    if (this.#server !== null || kind !== this.#plan.kind) this.#breaches.push('a handler ran that should not');
    const server = new FuzzedServer(kind, this.#plan.serverReactions, context);
    this.#server = server;
    for (const pick of this.#plan.inHandler) server.act(pick);
    server.hasReturned = true;
    server.isBound = this.#plan.handler === 'returns';
    if (this.#plan.handler === 'throws') throw new ThrownByChance('in the handler');
    // The handler may run when all is to end already.
    if (this.#isWindingDown) process.nextTick(() => this.#servedEnd?.windDown());
    return server.isBound ? server.reactor : null;
  }

  async play(): Promise<string[]> {
    const { atFirst, isCancelledFirst, steps } = this.#plan;
    const client = this.#client;
    if (isCancelledFirst) client.cancel();
    this.#bind();
    for (const pick of atFirst) client.act(pick);
    for (const step of steps) await this.#step(step);
    this.#end();
    await this.#done(client, 'the client');
    await this.#settled();
    if (this.#server?.isBound === true) await this.#done(this.#server, 'the server');
    return this.#check();
  }

  #bind(): void {
    const { stub } = this.#world.pair;
    const { context, kind, reactor } = this.#client;
    if (kind === 'unary' || kind === 'read') stub[kind](context, 'the request', reactor as never);
    else stub[kind](context, reactor as never);
  }

  async #step({ wait: how, who, pick }: Step): Promise<void> {
    if (how === 'round trip' && this.#shutdowns.size > 0) await wait('immediate', this.#world);
    else if (how !== 'none') await wait(how, this.#world);
    if (who === 'client') this.#client.act(pick);
    else if (who === 'server') this.#servedEnd?.act(pick);
    else this.#shutDown(who);
  }

  /** The server's end while there is anything to do for it. */
  get #servedEnd(): FuzzedServer | null {
    return this.#server?.isBound === true ? this.#server : null;
  }

  #shutDown(who: Shutdown): void {
    this.#shutdowns.add(who);
    const { channel, server } = this.#world.pair;
    if (who === 'client now') channel.shutdownNow();
    else if (who === 'server now') server.shutdownNow();
    else if (who === 'client') channel.shutdown();
    else if (who === 'server') server.shutdown();
    else this.#world.clock.advance(DEADLINE_MS);
  }

  #end(): void {
    const { ending } = this.#plan;
    if (ending === 'the client cancels') this.#client.cancel();
    if (ending === 'the server cancels') this.#servedEnd?.cancel();
    this.#isWindingDown = true;
    this.#client.windDown();
    this.#servedEnd?.windDown();
  }

  async #done(end: FuzzedClient | FuzzedServer, what: string): Promise<void> {
    try {
      await end.log.done();
    } catch (error) {
      throw new Error(`${what} was never done: ${(error as Error).message}\n${this.#story()}`);
    }
  }

  /** The server knows of everything. */
  async #settled(): Promise<void> {
    const hasEnded = [...this.#shutdowns].some((shutdown) => shutdown !== 'time');
    if (hasEnded) await this.#world.close();
    else await this.#world.roundTrip();
  }

  #story(): string {
    const server = this.#server === null ? 'none' : this.#server.log.events.map(shorten).join(', ');
    return `client: ${this.#client.log.events.map(shorten).join(', ')}\nserver: ${server}`;
  }

  // ---- what must hold ----

  #check(): string[] {
    const client = this.#client;
    const server = this.#servedEnd;
    const found = [
      ...this.#breaches,
      ...client.log.breaches,
      ...(server?.log.breaches ?? []),
      ...(server?.breaches ?? []),
    ];
    const must = (holds: boolean, what: string): void => {
      if (!holds) found.push(what);
    };
    must(client.log.count('onDone') === 1, 'onDone of the client did not come once');
    must(client.log.count('onReadInitialMetadataDone') === 1, 'the client did not hear of initial metadata once');
    must(client.log.events.at(-1)?.startsWith('onDone') === true, 'onDone was not the client’s last');
    const { status } = client;
    must(status !== null && this.#allowedCodes().has(status.code), `the client cannot have got ${status}`);
    if (server !== null) this.#checkServed(server, must);
    else must(status?.isOk !== true, 'OK without a handler');
    this.#checkErrors(must);
    return found.length === 0 ? [] : [...found, this.#story()];
  }

  #checkServed(server: FuzzedServer, must: (holds: boolean, what: string) => void): void {
    const client = this.#client;
    must(server.log.count('onDone') === 1, 'onDone of the server did not come once');
    must(server.log.events.at(-1) === 'onDone', 'onDone was not the server’s last');
    must(isPrefix(server.received, client.sent), 'the server read what was not sent');
    must(isPrefix(client.received, server.sent), 'the client read what was not sent');
    if (server.sawHalfClose) {
      must(client.hasClosedWrites, 'the server saw a half-close that there was none of');
      must(server.received.length === client.sent.length, 'a half-close came before all messages had');
    }
    if (client.status?.isOk === true) {
      must(server.finished?.isOk === true, 'OK though the handler did not finish so');
      must(client.received.length === server.sent.length, 'OK before all messages were read');
      must(client.response === server.response, 'another response came than was sent');
      must(!client.writeResults.includes(false) || !server.sawHalfClose, 'a write failed that had come');
    } else {
      must(client.response === undefined, 'a response came with an error');
    }
    const isUndisturbed = this.#isUndisturbed(server);
    must(
      !isUndisturbed || client.status?.code === server.finished?.code,
      'nobody disturbed, but the status is another',
    );
    must(!isUndisturbed || !server.context.isCancelled(), 'nobody disturbed, but the RPC was cancelled');
  }

  /** Whether nothing but finish can have ended the RPC. */
  #isUndisturbed(server: FuzzedServer): boolean {
    const ends = [this.#client, server];
    const isDisturbed = ends.some((end) => end.hasCancelled || end.thrown > 0 || end.hasSentUnwritable);
    return !isDisturbed && this.#shutdowns.size === 0;
  }

  #allowedCodes(): Set<Code> {
    const client = this.#client;
    const server = this.#server;
    const codes = new Set<Code>();
    const allow = (applies: boolean | undefined, ...more: Code[]): void => {
      if (applies === true) for (const code of more) codes.add(code);
    };
    if (server !== null && server.finished !== null && server.isBound) codes.add(server.finished.code);
    allow(client.hasCancelled || client.thrown > 0, Code.CANCELLED);
    allow(client.hasSentUnwritable, Code.INTERNAL);
    allow(server?.hasCancelled, Code.CANCELLED);
    allow((server?.thrown ?? 0) > 0, Code.UNKNOWN, Code.CANCELLED);
    allow(server?.hasSentUnwritable, Code.INTERNAL, Code.CANCELLED);
    allow(server?.isBound === false, this.#plan.handler === 'null' ? Code.UNIMPLEMENTED : Code.UNKNOWN);
    allow(this.#shutdowns.has('time') && this.#plan.hasDeadline, Code.DEADLINE_EXCEEDED);
    allow(
      ['client now', 'server now', 'client', 'server'].some((how) => this.#shutdowns.has(how as Shutdown)),
      Code.UNAVAILABLE,
    );
    allow(this.#shutdowns.has('server now'), Code.CANCELLED);
    return codes;
  }

  #checkErrors(must: (holds: boolean, what: string) => void): void {
    const reported = this.#world.pair.errors.splice(0).filter((error) => error instanceof ThrownByChance);
    const inHandler = this.#server !== null && this.#plan.handler === 'throws' ? 1 : 0;
    const thrown = this.#client.thrown + (this.#servedEnd?.thrown ?? 0) + inHandler;
    must(reported.length === thrown, `${reported.length} errors were reported of ${thrown} that were thrown`);
  }
}

function isPrefix(of: readonly string[], all: readonly string[]): boolean {
  return of.every((one, index) => one === all[index]);
}

function shorten(event: string): string {
  return event.replaceAll(/\.{4,}/g, '…');
}
