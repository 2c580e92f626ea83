/**
 * startInProcess(): a server and a channel to it, without a port, that a test gets in one line and is rid of by itself.
 * Above: users' tests, through `halfclose/testing`. Below: Server, DirectChannel, Faults over the in-process transport.
 * Holds: everything is real but the network; what a test leaves open fails it, by name.
 */
import type { ClientCall, ClientCallListener } from '../call/client-call.ts';
import {
  type ClientInterceptor,
  ForwardingClientCall,
  ForwardingClientCallListener,
} from '../call/client-interceptor.ts';
import { ServiceDefinition } from '../call/service-definition.ts';
import type { InProcessChannelOptions } from '../channel/create-in-process-channel.ts';
import type { DirectChannel } from '../channel/direct-channel.ts';
import { Server, type ServerOptions } from '../server/server.ts';
import { InProcessServer } from '../transport/in-process/server.ts';
import type { Clock } from '../values/clock.ts';
import type { Metadata } from '../values/metadata.ts';
import type { Status } from '../values/status.ts';
import { Faults } from './faults.ts';

/** What startInProcess may be told. */
export interface InProcessInit {
  /** What the server serves. Default: nothing. */
  readonly services?: readonly ServiceDefinition[];
  /** For deadlines, back-off and injected delays at both ends, unless an end has its own. Default: the system's. */
  readonly clock?: Clock;
  readonly server?: ServerOptions;
  readonly channel?: InProcessChannelOptions;
  /** How long disposal waits for open calls, in milliseconds of real time. Default: 1000. */
  readonly disposeTimeoutMs?: number;
}

const DISPOSE_TIMEOUT_MS = 1000;

/** A started server of services, and a channel to it. */
export function startInProcess(...services: ServiceDefinition[]): Promise<InProcessRig>;
/** As above, with options. */
export function startInProcess(init: InProcessInit): Promise<InProcessRig>;
export async function startInProcess(...args: ServiceDefinition[] | [InProcessInit]): Promise<InProcessRig> {
  const init = args.length === 1 && !(args[0] instanceof ServiceDefinition) ? (args[0] as InProcessInit) : null;
  const { clock, server: serverOptions, channel: channelOptions, ...rest } = init ?? {};
  const services = init === null ? (args as ServiceDefinition[]) : (rest.services ?? []);
  const clocked = clock === undefined ? {} : { clock };
  const address = InProcessServer.anonymous();
  const server = new Server({ ...clocked, ...serverOptions }).addServerListener(address);
  for (const service of services) server.addService(service);
  await server.start();
  const calls = new OpenCalls();
  const faults = new Faults(clocked);
  const interceptors = [calls.interceptor, ...(channelOptions?.interceptors ?? [])];
  const channel = faults.channel(address, { ...clocked, ...channelOptions, interceptors });
  return new InProcessRig(server, channel, faults, calls, rest.disposeTimeoutMs ?? DISPOSE_TIMEOUT_MS);
}

/** A server, a channel to it, and the faults of the connection between them. Made by startInProcess. */
export class InProcessRig implements AsyncDisposable {
  readonly server: Server;
  readonly channel: DirectChannel;
  readonly faults: Faults;
  readonly #calls: OpenCalls;
  readonly #disposeTimeoutMs: number;

  constructor(server: Server, channel: DirectChannel, faults: Faults, calls: OpenCalls, disposeTimeoutMs: number) {
    this.server = server;
    this.channel = channel;
    this.faults = faults;
    this.#calls = calls;
    this.#disposeTimeoutMs = disposeTimeoutMs;
  }

  /**
   * Shuts the channel down, then the server, and waits for their end. Calls that are still open when the time is up
   * are ended, and the promise rejects with an Error that names them. A test that leaves calls open on purpose ends
   * them by channel.shutdownNow().
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const terminated = this.#shutDown();
    if (await isInTime(this.#disposeTimeoutMs, terminated)) return;
    const open = this.#calls.names();
    this.channel.shutdownNow();
    this.server.shutdownNow();
    await terminated;
    const what = open.length === 0 ? 'the server' : open.join(', ');
    throw new Error(`still open ${this.#disposeTimeoutMs} ms after the end of the test: ${what}`);
  }

  /** The channel first: a call that has yet to connect needs the server. */
  async #shutDown(): Promise<void> {
    this.channel.shutdown();
    await this.channel.awaitTermination();
    this.server.shutdown();
    await this.server.awaitTermination();
  }
}

/** Whether `promise` settles within so much real time: the clock of a test may stand still. */
async function isInTime(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Knows which calls have started and not closed. */
class OpenCalls {
  readonly #open = new Set<TrackedCall<unknown, unknown>>();
  readonly interceptor: ClientInterceptor = (method, options, next) =>
    new TrackedCall(next.newCall(method, options), method.fullName, this.#open);

  /** The methods of open calls, each as often as it is called. */
  names(): string[] {
    return [...this.#open].map(({ name }) => name);
  }
}

class TrackedCall<Req, Res> extends ForwardingClientCall<Req, Res> {
  readonly name: string;
  readonly #open: Set<unknown>;

  constructor(delegate: ClientCall<Req, Res>, name: string, open: Set<TrackedCall<unknown, unknown>>) {
    super(delegate);
    this.name = name;
    this.#open = open;
  }

  override start(listener: ClientCallListener<Res>, headers: Metadata): void {
    this.delegate.start(new TrackedListener(listener, () => this.#open.delete(this)), headers);
    this.#open.add(this);
  }
}

class TrackedListener<Res> extends ForwardingClientCallListener<Res> {
  readonly #onEnded: () => void;

  constructor(delegate: ClientCallListener<Res>, onEnded: () => void) {
    super(delegate);
    this.#onEnded = onEnded;
  }

  override onClose(status: Status, trailers: Metadata): void {
    this.#onEnded();
    super.onClose(status, trailers);
  }
}
