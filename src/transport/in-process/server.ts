/**
 * InProcessServer: a name in this process, or just an object, that takes connections. Above: Server (addServerListener),
 * channels that name it. Below: InProcessServerTransport. Holds: a name belongs to one server at a time; what a closed server
 * had accepted goes on. Source: io.grpc.inprocess.InProcessServerBuilder.
 */
import { Attributes, LOCAL_ADDRESS, REMOTE_ADDRESS, SECURITY_LEVEL } from '../../values/attributes.ts';
import { LinkedSet } from '../../values/linked-set.ts';
import type { Metadata } from '../../values/metadata.ts';
import { Status } from '../../values/status.ts';
import type { ServerAcceptor, ServerListener, ServerTransport, ServerTransportListener } from '../transport.ts';
import { listBytes, travelling } from '../wire-metadata.ts';
import type { InProcessClientStream, InProcessRequest } from './client-stream.ts';
import { type InProcessServerHost, InProcessServerStream } from './server-stream.ts';

/** What a server may be told at birth. */
export interface InProcessServerOptions {
  /** The largest request message to accept, in bytes. Default 4 MiB. */
  readonly maxInboundMessageBytes?: number;
  /** The largest header list to accept, in bytes, counted as RFC 9113 §6.5.2 does. Default 8 KiB. */
  readonly maxInboundMetadataBytes?: number;
  /** Whether the cause of a status goes along to the client, which no network would let it. Default: false. */
  readonly propagateCause?: boolean;
}

const MAX_INBOUND_MESSAGE_BYTES = 4 * 1024 * 1024;
const MAX_INBOUND_METADATA_BYTES = 8 * 1024;

/** The servers that listen under a name. */
const NAMED = new Map<string, InProcessServer>();

let anonymousCount = 0;

/** Takes connections from within the process. */
export class InProcessServer implements ServerListener {
  /** Its name; one that nobody else has, for an anonymous one, which can only be reached through the object. */
  readonly name: string;
  readonly #isNamed: boolean;
  readonly #options: Required<InProcessServerOptions>;
  #acceptor: ServerAcceptor | null = null;
  #state: 'idle' | 'listening' | 'closed' = 'idle';

  private constructor(name: string, isNamed: boolean, options: InProcessServerOptions) {
    this.name = name;
    this.#isNamed = isNamed;
    this.#options = {
      maxInboundMessageBytes: options.maxInboundMessageBytes ?? MAX_INBOUND_MESSAGE_BYTES,
      maxInboundMetadataBytes: options.maxInboundMetadataBytes ?? MAX_INBOUND_METADATA_BYTES,
      propagateCause: options.propagateCause ?? false,
    };
  }

  /** A server that channels reach by name. Throws TypeError for an empty name. */
  static named(name: string, options: InProcessServerOptions = {}): InProcessServer {
    if (name === '') throw new TypeError('an in-process server needs a name');
    return new InProcessServer(name, true, options);
  }

  /** A server that is reached only by who holds this object. */
  static anonymous(options: InProcessServerOptions = {}): InProcessServer {
    anonymousCount += 1;
    return new InProcessServer(`anonymous-${anonymousCount}`, false, options);
  }

  /** The server that listens under `name`, or null. */
  static find(name: string): InProcessServer | null {
    return NAMED.get(name) ?? null;
  }

  get isListening(): boolean {
    return this.#state === 'listening';
  }

  listen(acceptor: ServerAcceptor): void {
    if (this.#state !== 'idle') return;
    if (this.#isNamed && NAMED.has(this.name)) {
      this.#state = 'closed';
      process.nextTick(tellListenFailed, acceptor, this.name);
      return;
    }
    if (this.#isNamed) NAMED.set(this.name, this);
    this.#state = 'listening';
    this.#acceptor = acceptor;
    process.nextTick(tellListening, acceptor, this.name);
  }

  close(): void {
    if (this.#state !== 'listening') return;
    this.#state = 'closed';
    if (NAMED.get(this.name) === this) NAMED.delete(this.name);
    process.nextTick(tellClosed, this.#acceptor);
  }

  /** A client connects; null unless the server is listening. */
  accept(client: ClientConnection): InProcessServerTransport | null {
    if (this.#state !== 'listening' || this.#acceptor === null) return null;
    const transport = new InProcessServerTransport(this.name, client, this.#options);
    transport.start(this.#acceptor.onTransport(transport));
    return transport;
  }
}

/** What a server's connection tells the client's. */
export interface ClientConnection {
  readonly authority: string;
  readonly userAgent: string;
  /** No new streams, please. */
  onServerDraining(): void;
  /** The connection is gone; `reason` for the streams that had not ended, null if there are none. */
  onServerGone(reason: Status | null): void;
}

/** The server's end of a connection. */
export class InProcessServerTransport implements ServerTransport, InProcessServerHost {
  readonly attributes: Attributes;
  readonly maxInboundMessageBytes: number;
  readonly propagatesCause: boolean;
  readonly #maxInboundMetadataBytes: number;
  readonly #client: ClientConnection;
  readonly #streams = new LinkedSet<InProcessServerStream>();
  #listener: ServerTransportListener | null = null;
  #state: 'open' | 'draining' | 'closed' = 'open';

  constructor(name: string, client: ClientConnection, options: Required<InProcessServerOptions>) {
    this.attributes = inProcessAttributes(name);
    this.maxInboundMessageBytes = options.maxInboundMessageBytes;
    this.propagatesCause = options.propagateCause;
    this.#maxInboundMetadataBytes = options.maxInboundMetadataBytes;
    this.#client = client;
  }

  /** Begins to tell `listener` of streams. */
  start(listener: ServerTransportListener): void {
    this.#listener = listener;
  }

  /** A call has come: makes its other end, or says why not. */
  newStream(client: InProcessClientStream, request: InProcessRequest): InProcessServerStream | Status {
    const listener = this.#listener;
    if (listener === null || this.#state === 'closed') return Status.UNAVAILABLE.withDescription('the server is gone');
    const headers = travelling(request.headers, ['user-agent', this.#client.userAgent]);
    const fault = this.#faultOf(headers);
    if (fault !== null) return fault;
    const stream = new InProcessServerStream(
      this,
      client,
      request.authority ?? this.#client.authority,
      request.timeoutMs,
    );
    client.setPeer(stream);
    this.#streams.add(stream);
    stream.start(listener.onStream(stream, request.path, headers));
    return stream;
  }

  #faultOf(headers: Metadata): Status | null {
    const bytes = listBytes(headers);
    const limit = this.#maxInboundMetadataBytes;
    if (bytes <= limit) return null;
    return Status.RESOURCE_EXHAUSTED.withDescription(`request headers of ${bytes} bytes exceed the limit of ${limit}`);
  }

  onStreamClosed(stream: InProcessServerStream): void {
    this.#streams.delete(stream);
    if (this.#state === 'draining') this.#closeWhenEmpty(null);
    else if (this.#state === 'closed') this.#terminateWhenEmpty();
  }

  shutdown(): void {
    if (this.#state !== 'open') return;
    this.#state = 'draining';
    process.nextTick(drain, this);
  }

  /** The tick after shutdown: the client learns of it. */
  onDraining(): void {
    this.#client.onServerDraining();
    this.#closeWhenEmpty(null);
  }

  shutdownNow(reason: Status): void {
    if (this.#state === 'closed') return;
    for (const stream of this.#streams.toArray()) stream.onShutdownNow(reason);
    this.#state = 'closed';
    process.nextTick(tellGone, this.#client, reason.withCause(undefined));
    this.#terminateWhenEmpty();
  }

  #closeWhenEmpty(reason: Status | null): void {
    if (this.#state !== 'draining' || this.#streams.size > 0) return;
    this.#state = 'closed';
    process.nextTick(tellGone, this.#client, reason);
    this.#terminateWhenEmpty();
  }

  /** The client's end of the connection is closed; its streams have told theirs. */
  onClientGone(): void {
    this.#state = 'closed';
    this.#terminateWhenEmpty();
  }

  #terminateWhenEmpty(): void {
    if (this.#streams.size > 0) return;
    const listener = this.#listener;
    this.#listener = null;
    if (listener !== null) process.nextTick(tellTerminated, listener);
  }
}

/** The facts of a connection that never leaves the process. */
export function inProcessAttributes(name: string): Attributes {
  return Attributes.EMPTY.with(REMOTE_ADDRESS, { name })
    .with(LOCAL_ADDRESS, { name })
    .with(SECURITY_LEVEL, 'privacy-and-integrity');
}

function tellListening(acceptor: ServerAcceptor, name: string): void {
  acceptor.onListening({ name });
}

function tellListenFailed(acceptor: ServerAcceptor, name: string): void {
  acceptor.onListenFailed(new Error(`name already registered: ${name}`));
}

function tellClosed(acceptor: ServerAcceptor | null): void {
  acceptor?.onClosed();
}

function drain(transport: InProcessServerTransport): void {
  transport.onDraining();
}

function tellGone(client: ClientConnection, reason: Status | null): void {
  client.onServerGone(reason);
}

function tellTerminated(listener: { onTerminated(): void }): void {
  listener.onTerminated();
}
