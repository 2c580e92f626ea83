/**
 * One end of one stack, in a process of its own, that counts. Above: worker-process.ts, which forks it and sends it
 * requests. Below: the stacks, Tally, Allocations, drive.ts. Holds: it ends with its parent.
 */
import type { StackClient, StackOptions, StackServer } from '../stack.ts';
import { loadStack, type StackName } from '../stacks.ts';
import { answerParent } from '../worker-ipc.ts';
import { Allocations } from './allocations.ts';
import { type CountedWork, driveExactly } from './drive.ts';
import { type Counts, Tally } from './tally.ts';

/** What a worker does, as its parent asks for it. Every method's arguments and result can be cloned. */
export class CountingWorker {
  #server: StackServer | null = null;
  #client: StackClient | null = null;
  #connect: (() => StackClient) | null = null;
  #tally: Tally | null = null;
  #allocations: Allocations | null = null;

  /** Starts a server; its target. */
  async serve(stack: StackName, options: StackOptions): Promise<string> {
    this.#server = await (await loadStack(stack)).serve(options);
    return this.#server.target;
  }

  /** Makes a client and its connection. */
  async connect(name: StackName, target: string, options: StackOptions): Promise<void> {
    const stack = await loadStack(name);
    this.#connect = () => stack.connect(target, options);
    this.#client = this.#connect();
    await this.#client.ready?.();
  }

  async drive(work: CountedWork, operations: number): Promise<void> {
    if (this.#client === null || this.#connect === null) throw new Error('not connected');
    await driveExactly(this.#client, work, operations, this.#connect);
  }

  /** From here on async resources are counted. */
  async beginResources(): Promise<void> {
    this.#tally = new Tally();
  }

  async endResources(): Promise<Counts> {
    if (this.#tally === null) throw new Error('nothing is counted');
    return this.#tally.stop();
  }

  /** From here on bytes are counted. Not while resources are: counting those allocates. */
  async beginBytes(): Promise<void> {
    globalThis.gc?.();
    this.#allocations = new Allocations();
  }

  async endBytes(): Promise<number> {
    if (this.#allocations === null) throw new Error('nothing is counted');
    return this.#allocations.stop();
  }
}

answerParent(new CountingWorker());
