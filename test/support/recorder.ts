/**
 * Listeners that write down what a call tells them, in order, and check the contract of src/call while they do: headers
 * before messages, the end once and last, no event inside another, none where it is forbidden. Above: tests of calls and
 * everything that stands on them. Holds: a breach fails the running test even if the test does not look.
 */
import { ClientCallListener } from '../../src/call/client-call.ts';
import { ServerCallListener } from '../../src/call/server-call.ts';
import type { Metadata } from '../../src/values/metadata.ts';
import type { Status } from '../../src/values/status.ts';
import { within } from './within.ts';

const PATIENCE_MS = 5_000;
/** In runs of equal events. */
const LONGEST_TEXT = 40;

/** Hears of a breach of contract. The default throws on a stack of its own, which fails the running test. */
export type BreachHandler = (breach: Error) => void;

function failTest(breach: Error): void {
  queueMicrotask(() => {
    throw breach;
  });
}

/** Events in order, whoever tells them; the listeners below are made of one. */
export class EventLog<E extends { readonly type: string }> {
  /** All so far. */
  readonly events: E[] = [];
  /** Every breach of contract so far, in words. */
  readonly breaches: string[] = [];
  readonly #onBreach: BreachHandler;
  readonly #finals: readonly E['type'][];
  readonly #taken: Map<string, number> = new Map();
  readonly #watchers: Set<() => void> = new Set();
  #current: string | null = null;
  #forbidden = 0;
  #ended = false;

  /** `finals` are the events of which one must come, once and last. */
  constructor(finals: readonly E['type'][], onBreach: BreachHandler = failTest) {
    this.#finals = finals;
    this.#onBreach = onBreach;
  }

  /** Writes an event down, then runs what the test wants to do in it. What that throws goes on. */
  record(event: E, reaction?: () => void): void {
    if (this.#current !== null) this.breach(`${event.type} came inside ${this.#current}`);
    if (this.#forbidden > 0) this.breach(`${event.type} came where no event may come`);
    if (this.#ended) this.breach(`${event.type} came after the end`);
    this.events.push(event);
    this.#ended ||= this.#finals.includes(event.type);
    for (const watcher of this.#watchers) watcher();
    if (reaction === undefined) return;
    const outer = this.#current;
    this.#current = event.type;
    try {
      reaction();
    } finally {
      this.#current = outer;
    }
  }

  breach(what: string): void {
    this.breaches.push(what);
    this.#onBreach(new Error(`${what}\nevents: ${this.text()}`));
  }

  /** All so far: `headers, 3 × message, close`. */
  text(): string {
    const runs: { name: string; count: number }[] = [];
    for (const name of this.names()) {
      const last = runs.at(-1);
      if (last?.name === name) last.count += 1;
      else runs.push({ name, count: 1 });
    }
    const shown = runs.length <= LONGEST_TEXT ? runs : runs.slice(-LONGEST_TEXT);
    const words = shown.map(({ name, count }) => (count === 1 ? name : `${count} × ${name}`));
    return (shown === runs ? words : [`${runs.length - LONGEST_TEXT} runs of events`, ...words]).join(', ') || 'none';
  }

  /** Runs `act`; an event during it is a breach. */
  forbid<T>(act: () => T): T {
    this.#forbidden += 1;
    try {
      return act();
    } finally {
      this.#forbidden -= 1;
    }
  }

  names(): E['type'][] {
    return this.events.map((event) => event.type);
  }

  /** All so far of one type. */
  all<T extends E['type']>(type: T): Extract<E, { type: T }>[] {
    return this.events.filter((event): event is Extract<E, { type: T }> => event.type === type);
  }

  /** The first event of this type that no earlier call took, once it has come. Rejects once it can come no more. */
  async next<T extends E['type']>(type: T, ms: number = PATIENCE_MS): Promise<Extract<E, { type: T }>> {
    const index = this.#taken.get(type) ?? 0;
    this.#taken.set(type, index + 1);
    return await this.#when(() => this.all(type)[index], type, ms);
  }

  /** The end, at every call. */
  async end(ms: number = PATIENCE_MS): Promise<E> {
    return await this.#when(() => this.events.find((event) => this.#finals.includes(event.type)), 'the end', ms);
  }

  async #when<F>(find: () => F | undefined, what: string, ms: number): Promise<F> {
    let watcher = (): void => {};
    const come = new Promise<F>((resolve, reject) => {
      watcher = (): void => {
        const found = find();
        if (found !== undefined) resolve(found);
        else if (this.#ended) reject(new Error(`${what} can come no more`));
      };
      this.#watchers.add(watcher);
      watcher();
    });
    try {
      return await within(ms, come, what);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new Error(`${text}; events: ${this.text()}`);
    } finally {
      this.#watchers.delete(watcher);
    }
  }
}

/** What a client's call told. */
export type ClientEvent<Res> =
  | { readonly type: 'headers'; readonly headers: Metadata }
  | { readonly type: 'message'; readonly message: Res }
  | { readonly type: 'ready' }
  | { readonly type: 'written'; readonly count: number }
  | { readonly type: 'closing'; readonly status: Status }
  | { readonly type: 'close'; readonly status: Status; readonly trailers: Metadata };

/** What the test does inside an event. */
export type ClientReactions<Res> = { readonly [name in keyof ClientCallListener<Res>]?: ClientCallListener<Res>[name] };

/** Records a ClientCall. */
export class RecordingClientListener<Res> extends ClientCallListener<Res> {
  readonly log: EventLog<ClientEvent<Res>>;
  readonly #reactions: ClientReactions<Res>;

  constructor(reactions: ClientReactions<Res> = {}, onBreach?: BreachHandler) {
    super();
    this.#reactions = reactions;
    this.log = new EventLog<ClientEvent<Res>>(['close'], onBreach);
  }

  override onHeaders(headers: Metadata): void {
    const seen = this.log.names();
    if (seen.includes('headers')) this.log.breach('headers came twice');
    if (seen.includes('message')) this.log.breach('headers came after a message');
    this.log.record({ type: 'headers', headers }, () => this.#reactions.onHeaders?.(headers));
  }

  override onMessage(message: Res): void {
    if (!this.log.names().includes('headers')) this.log.breach('a message came before headers');
    this.log.record({ type: 'message', message }, () => this.#reactions.onMessage?.(message));
  }

  override onReady(): void {
    this.log.record({ type: 'ready' }, () => this.#reactions.onReady?.());
  }

  override onWritten(count: number): void {
    if (!(count > 0)) this.log.breach(`written told of ${count} messages`);
    this.log.record({ type: 'written', count }, () => this.#reactions.onWritten?.(count));
  }

  override onClosing(status: Status): void {
    if (this.log.names().includes('closing')) this.log.breach('closing came twice');
    this.log.record({ type: 'closing', status }, () => this.#reactions.onClosing?.(status));
  }

  override onClose(status: Status, trailers: Metadata): void {
    this.log.record({ type: 'close', status, trailers }, () => this.#reactions.onClose?.(status, trailers));
  }

  /** The names of all events so far. */
  get names(): string[] {
    return this.log.names();
  }

  /** All messages so far. */
  get messages(): Res[] {
    return this.log.all('message').map((event) => event.message);
  }

  /** How many messages were told as written so far. */
  get written(): number {
    return this.log.all('written').reduce((sum, event) => sum + event.count, 0);
  }

  /** The end, once it has come. */
  get closed(): Promise<{ readonly status: Status; readonly trailers: Metadata }> {
    return this.log.end() as Promise<Extract<ClientEvent<Res>, { type: 'close' }>>;
  }

  /** The next message that was not yet taken. */
  async message(ms?: number): Promise<Res> {
    return (await this.log.next('message', ms)).message;
  }

  /** The response headers. */
  async headers(ms?: number): Promise<Metadata> {
    return (await this.log.next('headers', ms)).headers;
  }

  /** The next event of this name that was not yet taken. */
  event<T extends ClientEvent<Res>['type']>(type: T, ms?: number): Promise<Extract<ClientEvent<Res>, { type: T }>> {
    return this.log.next(type, ms);
  }

  /** Runs `act`, in which no event may come: `recorder.forbid(() => call.start(recorder, headers))`. */
  forbid<T>(act: () => T): T {
    return this.log.forbid(act);
  }
}

/** What a server's call told. */
export type ServerEvent<Req> =
  | { readonly type: 'message'; readonly message: Req }
  | { readonly type: 'half-close' }
  | { readonly type: 'ready' }
  | { readonly type: 'written'; readonly count: number }
  | { readonly type: 'complete' }
  | { readonly type: 'cancel' };

/** What the test does inside an event. */
export type ServerReactions<Req> = { readonly [name in keyof ServerCallListener<Req>]?: ServerCallListener<Req>[name] };

/** Records a ServerCall. */
export class RecordingServerListener<Req> extends ServerCallListener<Req> {
  readonly log: EventLog<ServerEvent<Req>>;
  readonly #reactions: ServerReactions<Req>;

  constructor(reactions: ServerReactions<Req> = {}, onBreach?: BreachHandler) {
    super();
    this.#reactions = reactions;
    this.log = new EventLog<ServerEvent<Req>>(['complete', 'cancel'], onBreach);
  }

  override onMessage(message: Req): void {
    if (this.log.names().includes('half-close')) this.log.breach('a message came after half-close');
    this.log.record({ type: 'message', message }, () => this.#reactions.onMessage?.(message));
  }

  override onHalfClose(): void {
    if (this.log.names().includes('half-close')) this.log.breach('half-close came twice');
    this.log.record({ type: 'half-close' }, () => this.#reactions.onHalfClose?.());
  }

  override onReady(): void {
    this.log.record({ type: 'ready' }, () => this.#reactions.onReady?.());
  }

  override onWritten(count: number): void {
    if (!(count > 0)) this.log.breach(`written told of ${count} messages`);
    this.log.record({ type: 'written', count }, () => this.#reactions.onWritten?.(count));
  }

  override onComplete(): void {
    this.log.record({ type: 'complete' }, () => this.#reactions.onComplete?.());
  }

  override onCancel(): void {
    this.log.record({ type: 'cancel' }, () => this.#reactions.onCancel?.());
  }

  /** The names of all events so far. */
  get names(): string[] {
    return this.log.names();
  }

  /** All messages so far. */
  get messages(): Req[] {
    return this.log.all('message').map((event) => event.message);
  }

  /** How many messages were told as written so far. */
  get written(): number {
    return this.log.all('written').reduce((sum, event) => sum + event.count, 0);
  }

  /** `complete` or `cancel`, once it has come. */
  get closed(): Promise<'complete' | 'cancel'> {
    return this.log.end().then((event) => (event.type === 'complete' ? 'complete' : 'cancel'));
  }

  /** The next message that was not yet taken. */
  async message(ms?: number): Promise<Req> {
    return (await this.log.next('message', ms)).message;
  }

  /** The next event of this name that was not yet taken. */
  event<T extends ServerEvent<Req>['type']>(type: T, ms?: number): Promise<Extract<ServerEvent<Req>, { type: T }>> {
    return this.log.next(type, ms);
  }

  /** Runs `act`, in which no event may come: `recorder.forbid(() => call.sendMessage(message))`. */
  forbid<T>(act: () => T): T {
    return this.log.forbid(act);
  }
}
