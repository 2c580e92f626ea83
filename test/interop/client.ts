/**
 * The interop client on halfclose, through any face. Above: client-program.ts, tests. Below: cases/, faces.ts. Holds: every
 * channel is closed in the end; what a case does not say of a call, the client's settings do.
 */
import {
  type CallCredentials,
  ChannelCredentials,
  type ClientCallListener,
  type ClientInterceptor,
  createChannel,
  ForwardingClientCall,
  type Metadata,
} from '../../src/index.ts';
import type { CaseSettings, OwnClient, SoakSettings } from './cases/case.ts';
import { runCase } from './cases/cases.ts';
import type { FaceClient, FaceName } from './face.ts';
import { FACES } from './faces.ts';
import { PROBED_COMPRESSORS } from './test-service.ts';

/** Those of the official flags. */
export const DEFAULT_SOAK: SoakSettings = {
  iterations: 10,
  maxFailures: 0,
  maxLatencyMs: 1000,
  overallTimeoutMs: 10_000,
  minIntervalMs: 0,
  requestBytes: 271_828,
  responseBytes: 314_159,
  threads: 1,
};

const CONCURRENT_CALLS = 1000;
/** What a server may take to let go of a connection that the client has closed. */
const CLOSING_MS = 5000;

/** Where the server is, and how it is called. */
export interface InteropClientInit {
  /** `host:port`. */
  readonly target: string;
  /** Default: `calls`. */
  readonly face?: FaceName;
  /** `ca` as PEM in place of what the platform trusts. Default: cleartext. */
  readonly tls?: { readonly ca?: string | Buffer };
  /** The name that the server's certificate is for, and the :authority. Default: the target. */
  readonly authority?: string;
  /** What requests are compressed with of which their case says nothing. Default: nothing. */
  readonly compression?: 'gzip';
  /** Goes along with every call. */
  readonly metadata?: Metadata;
  /** What differs from the defaults of the official flags. */
  readonly soak?: Partial<SoakSettings>;
  /** Default: 1000. */
  readonly concurrentCalls?: number;
  /** Default: says nothing. */
  readonly log?: (line: string) => void;
}

/** A client that runs cases over one channel. */
export class InteropClient implements AsyncDisposable, CaseSettings {
  readonly #init: InteropClientInit;
  readonly #own: OwnClient;
  readonly soak: SoakSettings;

  constructor(init: InteropClientInit) {
    this.#init = init;
    this.soak = { ...DEFAULT_SOAK, ...init.soak };
    this.#own = this.newClient();
  }

  get client(): FaceClient {
    return this.#own.client;
  }

  get isPrivate(): boolean {
    return this.#init.tls !== undefined;
  }

  get concurrentCalls(): number {
    return this.#init.concurrentCalls ?? CONCURRENT_CALLS;
  }

  log(line: string): void {
    this.#init.log?.(line);
  }

  newClient(credentials?: CallCredentials): OwnClient {
    const { target, face = 'calls', tls, authority } = this.#init;
    const own = credentials === undefined ? [] : [credentials];
    const channelCredentials = tls === undefined ? ChannelCredentials.insecure() : ChannelCredentials.tls(tls);
    const channel = createChannel(target, ChannelCredentials.compose(channelCredentials, ...own), {
      compressors: PROBED_COMPRESSORS,
      interceptors: interceptorsOf(this.#init),
      ...(authority === undefined ? {} : { authority }),
    });
    const dispose = async (): Promise<void> => {
      channel.shutdownNow();
      await channel.awaitTermination(CLOSING_MS);
    };
    return { client: FACES[face].client(channel), [Symbol.asyncDispose]: dispose };
  }

  /** Resolves if the case passed, rejects with what was wrong. */
  run(name: string): Promise<void> {
    return runCase(name, this.client, this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#own[Symbol.asyncDispose]();
  }
}

function interceptorsOf({ compression, metadata }: InteropClientInit): ClientInterceptor[] {
  const interceptors: ClientInterceptor[] = [];
  if (compression !== undefined) {
    interceptors.push((method, options, next) =>
      next.newCall(method, options.compression === null ? options.withCompression(compression) : options),
    );
  }
  if (metadata !== undefined && metadata.size > 0) {
    interceptors.push((method, options, next) => new MetadataCall(next.newCall(method, options), metadata));
  }
  return interceptors;
}

/** Takes more metadata along. */
class MetadataCall<Req, Res> extends ForwardingClientCall<Req, Res> {
  readonly #metadata: Metadata;

  constructor(delegate: ForwardingClientCall<Req, Res>['delegate'], metadata: Metadata) {
    super(delegate);
    this.#metadata = metadata;
  }

  override start(listener: ClientCallListener<Res>, headers: Metadata): void {
    super.start(listener, headers.merge(this.#metadata));
  }
}
