/**
 * Reactions: when the reactions of one RPC run, and when all is done. Above: ClientRpc and ServerRpc extend it and say what
 * each reaction is. Below: values.
 * Holds: reactions of one RPC run one at a time, never inside an operation that the user starts, never inside one
 * another; what becomes due together runs in the order of Reaction's numbers; onDone runs once and last, when every
 * operation was answered, every hold removed, and every event that an RPC has been told. At most one reaction of a kind is
 * due at a time, so a bit for each is all the queue there is.
 *
 *   idle ─wake→ running ─nothing due→ idle
 *    └─leave─→ scheduled ─next tick─→ running ─nothing outstanding→ done
 *                   ↑──too many in one turn──┘
 */
import { isThenable } from '../values/thenable.ts';

/** The reactions, in the order in which they run when they are due together; each is one bit. */
export const Reaction: {
  readonly INITIAL_METADATA: number;
  readonly READ: number;
  readonly WRITE: number;
  readonly WRITES_DONE: number;
  readonly CANCEL: number;
  readonly DONE: number;
} = Object.freeze({ INITIAL_METADATA: 1, READ: 2, WRITE: 4, WRITES_DONE: 8, CANCEL: 16, DONE: 32 });

/** The reactions of a reactor as an object literal, with the reactor as `this`. */
export type ReactionsOf<Reactor> = {
  [K in keyof Reactor as K extends `on${string}` ? K : never]?: Reactor[K];
} & ThisType<Reactor>;

/**
 * So many reactions of one RPC run, then the event loop has a turn: where each write is accepted at once, or both ends
 * are in one process, a loop of operations and reactions would else keep sockets and timers from theirs.
 */
const REACTIONS_PER_TURN = 32;

/** The reactions of one RPC. */
export abstract class Reactions {
  #state: 'idle' | 'scheduled' | 'running' | 'done' = 'idle';
  /** The reactions that are due, as bits. */
  #due = 0;
  /** What onDone waits for: operations, holds, and the events that every RPC has. */
  #outstanding: number;
  /** How many operations of the user's are on the stack: no reaction may run inside them. */
  #inside = 0;
  #sinceTurn = 0;

  protected constructor(outstanding: number) {
    this.#outstanding = outstanding;
  }

  /** Runs one reaction of the user's; gives what it returned. */
  protected abstract react(reaction: number): unknown;
  /** Runs the user's onDone; gives what it returned. Once, last. */
  protected abstract reactDone(): unknown;
  /** What a reaction threw, or what the promise that it returned was rejected with. */
  protected abstract onThrown(reaction: number, error: unknown): void;
  /** No reaction is due for the moment. May make one due. */
  protected abstract onQuiet(): void;
  /** onDone has returned. */
  protected abstract onReleased(): void;

  /** Whether onDone has run, or is running. */
  get isDone(): boolean {
    return this.#state === 'done';
  }

  /** One thing more that onDone waits for. */
  protected begin(): void {
    this.#outstanding += 1;
  }

  /** One thing less, for which no reaction runs. */
  protected end(): void {
    this.#outstanding -= 1;
  }

  /** Makes a reaction due; it ends one thing that onDone waits for. Whoever calls this calls wake or leave after it. */
  protected due(reaction: number): void {
    this.#due |= reaction;
  }

  /** An operation of the user's begins; what becomes due in it runs later. Goes with leave. */
  protected enter(): void {
    this.#inside += 1;
  }

  /** The operation returns. */
  protected leave(): void {
    this.#inside -= 1;
    if (this.#inside === 0 && (this.#due !== 0 || this.#outstanding === 0)) this.wakeSoon();
  }

  /** An event came from the call: runs what is due, unless that must wait. */
  protected wake(): void {
    if (this.#state === 'idle' && this.#inside === 0) this.#run();
  }

  /** As wake, in the next tick. */
  protected wakeSoon(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'scheduled';
    process.nextTick(runTurn, this);
  }

  /** The tick, or the turn of the event loop, that was asked for. */
  onTurn(): void {
    if (this.#state === 'scheduled') this.#run();
  }

  #run(): void {
    this.#state = 'running';
    do {
      while (this.#due !== 0) {
        if (this.#sinceTurn === REACTIONS_PER_TURN) {
          this.#giveTurn();
          return;
        }
        this.#runNext();
      }
      this.onQuiet();
    } while (this.#due !== 0);
    this.#state = 'idle';
    if (this.#outstanding === 0) this.#finish();
  }

  #finish(): void {
    this.#state = 'done';
    this.#guard(Reaction.DONE);
    this.onReleased();
  }

  /** Runs a reaction so that what it throws goes no further. */
  #guard(reaction: number): void {
    try {
      const result = reaction === Reaction.DONE ? this.reactDone() : this.react(reaction);
      // A reaction returns nothing; one that was made async is not waited for, but its error is not lost either.
      if (isThenable(result)) result.then(undefined, (error) => this.onThrown(reaction, error));
    } catch (error) {
      this.onThrown(reaction, error);
    }
  }

  #runNext(): void {
    const reaction = this.#due & -this.#due;
    this.#due ^= reaction;
    this.#sinceTurn += 1;
    this.#guard(reaction);
    this.#outstanding -= 1;
  }

  #giveTurn(): void {
    this.#sinceTurn = 0;
    this.#state = 'scheduled';
    setImmediate(runTurn, this);
  }
}

function runTurn(reactions: Reactions): void {
  reactions.onTurn();
}
