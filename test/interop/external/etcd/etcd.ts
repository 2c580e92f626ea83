/**
 * etcd with clients of ours, made by protobufjs at run time from proto/; and what the tests do with them again and again. Above:
 * the tests. Below: etcd-process.ts, the public surface of halfclose. Holds: dispose ends channel and program, even when one of
 * them fails to end.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import protobuf from 'protobufjs';
import {
  ChannelCredentials,
  type Client,
  type CodeName,
  createChannel,
  type DirectChannel,
  type DuplexCall,
  type Http2ChannelOptions,
  type ResponseStream,
  StatusError,
} from '../../../../src/index.ts';
import { createClient, serviceMethods } from '../../../../src/stub/codec/protobufjs.ts';
import { assert, type Suite, within } from '../../../support/suite.ts';
import { ETCD, EtcdProcess } from './etcd-process.ts';
import {
  type Event,
  type KeyRange,
  type KvMethods,
  type LeaseMethods,
  type MaintenanceMethods,
  PUT,
  type WatchCreateRequest,
  type WatchMethods,
  type WatchRequest,
  type WatchResponse,
} from './messages.ts';

export const PATIENCE_MS = 10_000;
const POLL_MS = 10;

/** The folder above this one, however deep the build lies, that holds package.json. */
function projectRoot(folder: string = import.meta.dirname): string {
  return existsSync(path.join(folder, 'package.json')) ? folder : projectRoot(path.dirname(folder));
}

const ROOT = await protobuf.load(path.join(projectRoot(), 'test/interop/external/etcd/proto/rpc.proto'));

function service(name: string): protobuf.Service {
  return ROOT.lookupService(`etcdserverpb.${name}`);
}

/** For calls and reactors. */
export const WATCH_METHODS: Readonly<WatchMethods> = serviceMethods<WatchMethods>(service('Watch'));

/** Clients over one channel. Their calls end after PATIENCE_MS, but for the streams. */
export class Clients {
  readonly kv: Client<KvMethods>;
  readonly watch: Client<WatchMethods>;
  readonly lease: Client<LeaseMethods>;
  readonly maintenance: Client<MaintenanceMethods>;

  constructor(channel: DirectChannel) {
    const bounded = { timeoutMs: PATIENCE_MS };
    this.kv = createClient<KvMethods>(service('KV'), channel, bounded);
    this.watch = createClient<WatchMethods>(service('Watch'), channel);
    this.lease = createClient<LeaseMethods>(service('Lease'), channel, bounded);
    this.maintenance = createClient<MaintenanceMethods>(service('Maintenance'), channel, bounded);
  }
}

/** A channel to a port, impatient with connections that fail. */
export function channelTo(port: number, options: Http2ChannelOptions = {}): DirectChannel {
  const backoff = { initialMs: 20, maxMs: 100 };
  return createChannel(`127.0.0.1:${port}`, ChannelCredentials.insecure(), { backoff, ...options });
}

/** An etcd and a channel to it. */
export class Etcd extends Clients {
  readonly process: EtcdProcess;
  readonly channel: DirectChannel;

  private constructor(process: EtcdProcess, channel: DirectChannel) {
    super(channel);
    this.process = process;
    this.channel = channel;
  }

  /** Starts an etcd of the test's own. */
  static async start(): Promise<Etcd> {
    const etcd = await Etcd.create();
    try {
      etcd.process.launch();
      await etcd.ready();
    } catch (error) {
      await etcd[Symbol.asyncDispose]();
      throw error;
    }
    return etcd;
  }

  /** As start, without an etcd that runs. */
  static async create(): Promise<Etcd> {
    const process = await EtcdProcess.create();
    return new Etcd(process, channelTo(process.port));
  }

  /** Waits until it answers. */
  async ready(): Promise<void> {
    try {
      const { leader } = await this.maintenance.status({}, { waitForReady: true });
      assert.is.not(`${leader}`, '0');
    } catch (error) {
      throw new Error(`etcd does not answer: ${this.process.output}`, { cause: error });
    }
  }

  /** How many watches it has. */
  watchers(): Promise<number> {
    return this.process.metric('etcd_debugging_mvcc_watcher_total');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await within(PATIENCE_MS, this.channel[Symbol.asyncDispose](), 'the channel to end');
    } finally {
      await this.process[Symbol.asyncDispose]();
    }
  }
}

/** Says in the report that etcd is missing, if it is. */
export function hasEtcd(test: Suite): boolean {
  if ('missing' in ETCD) test.skip('etcd', ETCD.missing);
  return 'path' in ETCD;
}

/** One etcd for a whole suite; its tests keep to keys of their own. */
export function sharedEtcd(test: Suite): () => Etcd {
  let etcd: Etcd | null = null;
  test.before(async () => {
    etcd = await Etcd.start();
  });
  test.after(async () => {
    await etcd?.[Symbol.asyncDispose]();
  });
  return () => {
    if (etcd === null) throw new Error('etcd does not run yet');
    return etcd;
  };
}

/** Text as the bytes that keys and values are. */
export function bytes(text: string): Buffer {
  return Buffer.from(text);
}

/** All keys that begin so. */
export function prefix(text: string): Required<KeyRange> {
  const rangeEnd = bytes(text);
  rangeEnd.writeUInt8(rangeEnd.readUInt8(rangeEnd.length - 1) + 1, rangeEnd.length - 1);
  return { key: bytes(text), rangeEnd };
}

/** The status with which a call fails. */
export async function failure(promise: Promise<unknown>): Promise<{ name: CodeName; description: string }> {
  try {
    await within(PATIENCE_MS, promise, 'a call to fail');
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { name: error.status.name, description: error.status.description ?? '' };
  }
  throw new Error('the call did not fail');
}

/** The next response. Throws if there is none. */
export async function nextOf<Res>(stream: ResponseStream<Res>): Promise<Res> {
  const { value } = await within(PATIENCE_MS, stream.next(), 'a response');
  if (value === undefined) throw new Error('the stream has ended');
  return value;
}

/** The first request of a stream that watches one range. */
export function create(request: WatchCreateRequest): WatchRequest {
  return { createRequest: request };
}

/** Creates a watch on an open stream, and gives its number once etcd has confirmed it. */
export async function createWatch(
  stream: DuplexCall<WatchRequest, WatchResponse>,
  request: WatchCreateRequest,
): Promise<number> {
  await within(PATIENCE_MS, stream.send(create(request)), 'a watch to be asked for');
  const response = await nextOf(stream);
  assert.ok(response.created && !response.canceled, response.cancelReason);
  return response.watchId.toNumber();
}

/** Reads until so many events have come; no more may. */
export async function readEvents(stream: ResponseStream<WatchResponse>, count: number): Promise<Event[]> {
  const events: Event[] = [];
  while (events.length < count) events.push(...(await nextOf(stream)).events);
  assert.is(events.length, count);
  return events;
}

/** `PUT key=value` or `DELETE key`, for comparing. */
export function describe({ type, kv }: Event): string {
  return type === PUT ? `PUT ${kv.key}=${kv.value}` : `DELETE ${kv.key}`;
}

/** Runs `act` for every number below `count`, at most `width` of them at once. */
export async function inParallel(
  count: number,
  width: number,
  act: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await act(index);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker));
}

/** Waits for something that no event tells of. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    await sleep(POLL_MS);
  }
}
