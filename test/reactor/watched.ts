/**
 * Reactors under watch: what they react to is written down, and the rules of reactions are checked while they run: none
 * inside an operation, none inside another, onDone once and last, one reaction for each operation. Above: tests of
 * reactors. Holds: a breach fails the running test even if the test does not look.
 */
import type { ClientReactor } from '../../src/reactor/client-reactors.ts';
import type { ServerReactor } from '../../src/reactor/server-reactors.ts';
import { within } from '../support/within.ts';

const PATIENCE_MS = 5_000;

type Member = (...values: unknown[]) => unknown;

/** The reaction that answers each operation. */
const ANSWERS: Readonly<Record<string, string>> = {
  startRead: 'onReadDone',
  startWrite: 'onWriteDone',
  startWriteLast: 'onWriteDone',
  startWritesDone: 'onWritesDoneDone',
  startSendInitialMetadata: 'onSendInitialMetadataDone',
};
const OPERATIONS = [
  ...Object.keys(ANSWERS),
  'startCall',
  'startWriteAndFinish',
  'finish',
  'addHold',
  'addMultipleHolds',
  'removeHold',
];
const REACTIONS = [
  'onReadInitialMetadataDone',
  'onSendInitialMetadataDone',
  'onReadDone',
  'onWriteDone',
  'onWritesDoneDone',
  'onCancel',
  'onDone',
];

/** What one reactor did and was told. */
export class ReactorLog {
  /** Reactions in order: `onReadDone(true, hello)`. */
  readonly events: string[] = [];
  /** Breaches of the rules, in words; each also throws on a stack of its own, which fails the running test. */
  readonly breaches: string[] = [];
  /** How often each operation was started and each reaction ran. */
  readonly counts: Map<string, number> = new Map();
  readonly #watchers: Set<() => void> = new Set();
  #inside = 0;
  #current: string | null = null;
  #isDone = false;

  count(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  /** How often an event came, such as `onReadDone(false)`. */
  times(event: string): number {
    return this.events.filter((one) => one === event).length;
  }

  /** Whether onDone has returned. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Waits until `holds`, which is asked again after each reaction. */
  async until(holds: () => boolean): Promise<void> {
    if (holds()) return;
    const waiting = new Promise<void>((resolve) => {
      const look = (): void => {
        if (!holds()) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
    });
    try {
      await within(PATIENCE_MS, waiting, 'a reaction');
    } catch (error) {
      throw new Error(`${(error as Error).message}; seen: ${this.events.join(', ')}`, { cause: error });
    }
  }

  /** Waits for onDone. */
  async done(): Promise<void> {
    await this.until(() => this.#isDone);
  }

  /** Runs an operation: no reaction may run inside. One that throws was not started. */
  operate(name: string, operation: () => unknown): unknown {
    this.#inside += 1;
    try {
      const result = operation();
      this.#add(name);
      return result;
    } finally {
      this.#inside -= 1;
    }
  }

  react(name: string, values: readonly unknown[], reaction: () => unknown): unknown {
    const shown = values.filter((value) => value !== undefined).map(String);
    this.events.push(shown.length === 0 ? name : `${name}(${shown.join(', ')})`);
    this.#add(name);
    if (this.#inside > 0) this.#breach(`${name} ran inside an operation`);
    if (this.#current !== null) this.#breach(`${name} ran inside ${this.#current}`);
    if (this.#isDone) this.#breach(`${name} ran after onDone`);
    this.#current = name;
    try {
      return reaction();
    } finally {
      this.#current = null;
      if (name === 'onDone') this.#onDone();
      for (const watcher of this.#watchers) watcher();
    }
  }

  #onDone(): void {
    this.#isDone = true;
    for (const answer of new Set(Object.values(ANSWERS))) {
      const started = Object.keys(ANSWERS).filter((operation) => ANSWERS[operation] === answer);
      const starts = started.reduce((sum, operation) => sum + this.count(operation), 0);
      if (starts !== this.count(answer))
        this.#breach(`${starts} × ${started.join('/')}, ${this.count(answer)} × ${answer}`);
    }
  }

  #add(name: string): void {
    this.counts.set(name, this.count(name) + 1);
  }

  #breach(what: string): void {
    this.breaches.push(what);
    queueMicrotask(() => {
      throw new Error(`${what}; seen: ${this.events.join(', ')}`);
    });
  }
}

/** The members of reactors as they were before the watch, for the next RPC of one that is used again. */
const UNWATCHED: WeakMap<object, ReadonlyMap<string, Member | undefined>> = new WeakMap();

/**
 * Puts a reactor under watch, with a new log; to be called before its first operation that is to be counted, and once for
 * each RPC. What a subclass starts in its constructor is not counted: start it after.
 */
export function watch<Req, Res>(reactor: ClientReactor<Req, Res> | ServerReactor<Req, Res>): ReactorLog {
  const log = new ReactorLog();
  const members = reactor as unknown as Record<string, Member | undefined>;
  const plain = UNWATCHED.get(reactor) ?? new Map([...OPERATIONS, ...REACTIONS].map((name) => [name, members[name]]));
  UNWATCHED.set(reactor, plain);
  for (const name of OPERATIONS) {
    const operation = plain.get(name);
    if (operation === undefined) continue;
    members[name] = (...values) => log.operate(name, () => operation.apply(reactor, values));
  }
  for (const name of REACTIONS) {
    const reaction = plain.get(name);
    if (reaction === undefined) continue;
    members[name] = (...values) => log.react(name, values, () => reaction.apply(reactor, values));
  }
  return log;
}
