/**
 * CallbackServerContext: what a handler knows of its RPC and may say beside messages and status. Above: users' handlers.
 * Below: the ServerCall; Outgoing, which it shares with the RPC. Holds: isCancelled() is true before any reaction that was
 * failed by the cancel; what was inherited from an RPC is cancelled when that completes.
 * Source: grpc::ServerContextBase, grpc::CallbackServerContext, grpc::GenericCallbackServerContext.
 */
import type { ServerCall } from '../call/server-call.ts';
import type { Deadline } from '../values/deadline.ts';
import { IllegalStateError } from '../values/illegal-state-error.ts';
import type { Metadata, MetadataValue } from '../values/metadata.ts';
import { Status } from '../values/status.ts';
import { AuthContext, peerOf } from './peer.ts';
import { DefaultReactor, type ServerUnaryReactor } from './server-reactors.ts';
import type { Outgoing } from './server-rpc.ts';

/** How hard to try to make responses smaller. Source: grpc_compression_level. */
export type CompressionLevel = 'none' | 'low' | 'medium' | 'high';

/** A call that was made on behalf of an RPC. */
export interface Child {
  tryCancel(): void;
}

let outgoingOf: (context: CallbackServerContext) => Outgoing;

/** One RPC, as its handler sees it beside the messages. */
export class CallbackServerContext {
  readonly #call: ServerCall<unknown, unknown>;
  readonly #headers: Metadata;
  readonly #outgoing: Outgoing;
  #hasDefaultReactor = false;
  #algorithm: string | null = null;
  #level: CompressionLevel | null = null;

  static {
    outgoingOf = (context) => context.#outgoing;
  }

  /** Made by the service for each RPC; in tests of handlers alone by `halfclose/testing`. */
  constructor(call: ServerCall<never, never>, headers: Metadata, outgoing: Outgoing) {
    this.#call = call as ServerCall<unknown, unknown>;
    this.#headers = headers;
    this.#outgoing = outgoing;
  }

  /** The request's metadata, as the client sent it. */
  clientMetadata(): Metadata {
    return this.#headers;
  }

  /**
   * Adds an entry to the response's headers. Throws IllegalStateError once they are sent: with
   * startSendInitialMetadata, the first write, or finish.
   */
  addInitialMetadata<K extends string>(key: K, value: MetadataValue<K>): void {
    const { headers } = this.#outgoing;
    if (headers === null) throw new IllegalStateError('addInitialMetadata was called after the headers were sent');
    headers.append(key, value);
  }

  /** Adds an entry to the trailers. Throws IllegalStateError after finish. */
  addTrailingMetadata<K extends string>(key: K, value: MetadataValue<K>): void {
    const { trailers } = this.#outgoing;
    if (trailers === null) throw new IllegalStateError('addTrailingMetadata was called after finish');
    trailers.append(key, value);
  }

  /** When the client's patience ends: an instant, in milliseconds since 1970; Infinity if it set no deadline. */
  deadline(): number {
    const { deadline } = this.#call;
    return deadline === null ? Number.POSITIVE_INFINITY : Date.now() + deadline.remainingMs();
  }

  /** As deadline(), on the clock that it counts by; null for none. */
  deadlineInstant(): Deadline | null {
    return this.#call.deadline;
  }

  /**
   * Whether the RPC failed before its status was out: the client cancelled or went away, the deadline passed, tryCancel
   * was called. Not because it was finished with a status other than OK, be it CANCELLED. Source: gRFC L66.
   */
  isCancelled(): boolean {
    return this.#call.isCancelled();
  }

  /**
   * Ends the RPC: the client sees CANCELLED, what is outstanding here fails, and onCancel follows. finish is owed all the
   * same, though its status is ignored. Where nothing was queued the better style is `finish(Status.CANCELLED)`.
   */
  tryCancel(): void {
    this.#call.cancel(CANCELLED_HERE);
  }

  /**
   * A reactor that reacts to nothing, to be finished and returned by the handler of a unary method; at once or later.
   * `response` is what the method sends. Throws IllegalStateError on a second call.
   */
  defaultReactor<Res>(): ServerUnaryReactor<Res> {
    if (this.#hasDefaultReactor) throw new IllegalStateError('defaultReactor was called already');
    this.#hasDefaultReactor = true;
    return new DefaultReactor<Res>();
  }

  /**
   * Compresses the response with the compressor of this name, if the client accepts it. Throws IllegalStateError after
   * the headers were sent, TypeError for an unknown name.
   */
  setCompressionAlgorithm(name: string): void {
    this.#call.setCompression(name);
    this.#algorithm = name;
  }

  /** Null if none was chosen. */
  compressionAlgorithm(): string | null {
    return this.#algorithm;
  }

  /** `none` is identity, every other level gzip, if the client accepts it. Else as setCompressionAlgorithm. */
  setCompressionLevel(level: CompressionLevel): void {
    this.setCompressionAlgorithm(level === 'none' ? 'identity' : 'gzip');
    this.#level = level;
  }

  /** Null if none was chosen. */
  compressionLevel(): CompressionLevel | null {
    return this.#level;
  }

  /** Who the client is, such as `ipv4:127.0.0.1:50051`. Not authenticated: see authContext. */
  peer(): string {
    return peerOf(this.#call.getAttributes());
  }

  /** What is known of the client for certain. */
  authContext(): AuthContext {
    return new AuthContext(this.#call.getAttributes());
  }

  /** `:authority` of the request; null if it had none. */
  getAuthority(): string | null {
    return this.#call.authority;
  }

  /** `/package.Service/Method`. */
  protected get path(): string {
    return this.#call.method.path;
  }
}

/** The context of an RPC whose method was not known beforehand. */
export class GenericCallbackServerContext extends CallbackServerContext {
  /** `/package.Service/Method`. */
  method(): string {
    return this.path;
  }

  /** `:authority` of the request; empty if it had none. */
  host(): string {
    return this.getAuthority() ?? '';
  }
}

const CANCELLED_HERE: Status = Status.CANCELLED.withDescription('the server cancelled the call');

/** Cancels `child` once the RPC of `parent` has completed, which may be now. */
export function addChild(parent: CallbackServerContext, child: Child): void {
  const outgoing = outgoingOf(parent);
  if (outgoing.isComplete) child.tryCancel();
  else outgoing.children.add(child);
}

/** The call of a child is over. */
export function removeChild(parent: CallbackServerContext, child: Child): void {
  outgoingOf(parent).children.delete(child);
}
