/**
 * One end of one stack, in a process of its own: serves, or connects and drives. Above: worker-process.ts, which forks it and
 * sends it requests, one at a time. Below: the stacks, Meter, drive.ts. Holds: it ends with its parent.
 */
import { drive, type Round } from './drive.ts';
import { heldBytes, type Measures, Meter } from './meter.ts';
import type { Work } from './scenarios.ts';
import { simpleRequest } from './service.ts';
import type { OpenCall, StackClient, StackOptions, StackServer } from './stack.ts';
import { loadStack, type StackName } from './stacks.ts';
import { answerParent } from './worker-ipc.ts';

/** What a worker does, as its parent asks for it. Every method's arguments and result can be cloned. */
export class Worker {
  #server: StackServer | null = null;
  #client: StackClient | null = null;
  #connect: (() => StackClient) | null = null;
  #meter: Meter | null = null;
  #held = 0;
  #open: OpenCall[] = [];

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

  /** From here on the process is measured. */
  async begin(): Promise<void> {
    this.#meter = new Meter();
  }

  async end(): Promise<Measures> {
    if (this.#meter === null) throw new Error('nothing is measured');
    return this.#meter.stop();
  }

  async drive(work: Work, durationMs: number): Promise<Round> {
    if (this.#client === null || this.#connect === null) throw new Error('not connected');
    return await drive(this.#client, work, durationMs, this.#connect);
  }

  /** From here on what the process holds on to is counted. */
  async beginHeld(): Promise<void> {
    this.#held = heldBytes();
  }

  /** So many bytes are held more than at beginHeld. */
  async endHeld(): Promise<number> {
    return heldBytes() - this.#held;
  }

  /** Opens silent streams. */
  async openIdle(streams: number): Promise<void> {
    const client = this.#client;
    if (client === null) throw new Error('not connected');
    const request = simpleRequest(0, 0);
    for (let i = 0; i < streams; i += 1) {
      await new Promise<void>((resolve, reject) => {
        client.open(request, (error, call) => {
          this.#open.push(call);
          if (error === null) resolve();
          else reject(error);
        });
      });
    }
  }

  async close(): Promise<void> {
    for (const call of this.#open.splice(0)) call.cancel();
    await this.#client?.close();
    await this.#server?.close();
  }
}

answerParent(new Worker());
