/**
 * ClientContext: what a caller says of one RPC, and what the server said in its metadata. Above: users. Below: the RPC that it
 * was given to, which reads it at startCall. Holds: one context, one RPC; a cancel before the RPC starts is remembered.
 * Source: grpc::ClientContext, grpc::PropagationOptions.
 */
import { CallOptions } from '../call/call-options.ts';
import type { CallCredentials } from '../credentials/call-credentials.ts';
import type { Attributes } from '../values/attributes.ts';
import { Deadline } from '../values/deadline.ts';
import { IllegalStateError } from '../values/illegal-state-error.ts';
import { Metadata, type MetadataValue } from '../values/metadata.ts';
import type { Status } from '../values/status.ts';
import { deadlineOf } from './deadlines.ts';
import { AuthContext, peerOf } from './peer.ts';
import { addChild, type CallbackServerContext, removeChild } from './server-context.ts';

/** What a context asks of its RPC. */
export interface ContextRpc {
  /** Null before they are known; empty for a response that is nothing but a status. */
  readonly headers: Metadata | null;
  /** Null before the end. */
  readonly trailers: Metadata | null;
  /** Null before the end. */
  readonly status: Status | null;
  getAttributes(): Attributes;
  tryCancel(): void;
}

/** What an RPC starts with. */
export interface Launch {
  readonly options: CallOptions;
  readonly metadata: Metadata;
  readonly corked: boolean;
  readonly isCancelled: boolean;
}

/** What a call made on behalf of another inherits from it. Source: grpc::PropagationOptions; there is no census here. */
export interface PropagationOptions {
  /** The earlier of both deadlines holds. Default: true. */
  readonly deadline?: boolean;
  /** The call is cancelled once the other has completed, in whatever way. Default: true. */
  readonly cancellation?: boolean;
}

let bind: (context: ClientContext, rpc: ContextRpc) => void;
let read: (context: ClientContext) => Launch;
let end: (context: ClientContext) => void;

/** Settings of one RPC. Setters throw IllegalStateError once the RPC has started. */
export class ClientContext {
  #options: CallOptions;
  readonly #metadata = new Metadata();
  #deadlineMs = Number.POSITIVE_INFINITY;
  /** The deadline inherited from a call at our server. */
  #parentDeadline: Deadline | null = null;
  #parent: CallbackServerContext | null = null;
  #corked = false;
  #isCancelled = false;
  #isStarted = false;
  #rpc: ContextRpc | null = null;

  static {
    bind = (context, rpc) => context.#bind(rpc);
    read = (context) => context.#launch();
    end = (context) => context.#leaveParent();
  }

  /** `options` are what the setters here start from; through them a call may also carry options of one's own. */
  constructor(options: CallOptions = CallOptions.DEFAULT) {
    this.#options = options;
  }

  /**
   * A context for a call made on behalf of one that `parent` belongs to, as a proxy does. A parent that has completed
   * cancels it at once. Source: grpc::ClientContext::FromServerContext, FromCallbackServerContext.
   */
  static fromServerContext(parent: CallbackServerContext, propagation: PropagationOptions = {}): ClientContext {
    const context = new ClientContext();
    if (propagation.deadline !== false) context.#parentDeadline = parent.deadlineInstant();
    if (propagation.cancellation !== false) {
      context.#parent = parent;
      addChild(parent, context);
    }
    return context;
  }

  /** Adds an entry to the request's metadata; the same key may come several times. Keys ending in `-bin` take bytes. */
  addMetadata<K extends string>(key: K, value: MetadataValue<K>): void {
    this.#checkUnstarted('addMetadata');
    this.#metadata.append(key, value);
  }

  /** By when the RPC must have ended: an instant, in milliseconds since 1970. Default: Infinity, for never. */
  setDeadline(deadline: Date | number): void {
    this.#checkUnstarted('setDeadline');
    this.#deadlineMs = deadlineOf(deadline);
    // Also Infinity takes the place of one that the options brought along.
    this.#options = this.#options.withDeadline(null);
  }

  /** In milliseconds since 1970; Infinity if none was set. An inherited deadline does not show here. */
  deadline(): number {
    return this.#deadlineMs;
  }

  /** True waits until there is a connection; false fails as soon as connecting fails. Default: as the channel has it. */
  setWaitForReady(waitForReady: boolean): void {
    this.#set('setWaitForReady', this.#options.withWaitForReady(waitForReady));
  }

  /** `:authority` in place of the channel's. */
  setAuthority(authority: string): void {
    this.#set('setAuthority', this.#options.withAuthority(authority));
  }

  /** The compressor for what is sent, by name: `identity`, `deflate`, `gzip`, … An unknown one ends the RPC INTERNAL. */
  setCompressionAlgorithm(name: string): void {
    this.#set('setCompressionAlgorithm', this.#options.withCompression(name));
  }

  /** Null if none was set. */
  compressionAlgorithm(): string | null {
    return this.#options.compression;
  }

  /**
   * True holds the request's headers back until the first startWrite, startWriteLast or startWritesDone, even past
   * startCall. If nothing is ever written, nothing is ever sent. Only for reactors that write. Default: false.
   */
  setInitialMetadataCorked(corked: boolean): void {
    this.#checkUnstarted('setInitialMetadataCorked');
    this.#corked = corked;
  }

  /** Credentials for this RPC alone. Refused, with UNAUTHENTICATED, on connections without TLS. */
  setCredentials(credentials: CallCredentials | null): void {
    this.#set('setCredentials', this.#options.withCredentials(credentials));
  }

  /** Null if none were set. */
  credentials(): CallCredentials | null {
    return this.#options.credentials;
  }

  #set(setter: string, options: CallOptions): void {
    this.#checkUnstarted(setter);
    this.#options = options;
  }

  #checkUnstarted(setter: string): void {
    if (this.#isStarted) throw new IllegalStateError(`${setter} was called after the RPC had started`);
  }

  /**
   * Ends the RPC CANCELLED unless it has ended already. Legal at any time, also before there is an RPC, and more than
   * once. What is outstanding gets its reactions, as a rule with `false`.
   */
  tryCancel(): void {
    this.#isCancelled = true;
    this.#rpc?.tryCancel();
  }

  /**
   * The response headers. Empty for a response that is nothing but a status. Throws IllegalStateError before
   * onReadInitialMetadataDone, the first onReadDone or the end.
   */
  getServerInitialMetadata(): Metadata {
    const headers = this.#rpc?.headers ?? null;
    if (headers === null) throw new IllegalStateError('the response headers have not come');
    return headers;
  }

  /** The trailers. Empty when the RPC ended here. Throws IllegalStateError before onDone. */
  getServerTrailingMetadata(): Metadata {
    const trailers = this.#rpc?.trailers ?? null;
    if (trailers === null) throw new IllegalStateError('the RPC has not ended');
    return trailers;
  }

  /** Who the server is, such as `ipv4:127.0.0.1:50051`; empty before there is a connection. Not authenticated. */
  peer(): string {
    return this.#rpc === null ? '' : peerOf(this.#rpc.getAttributes());
  }

  /** What is known of the server for certain: nothing before there is a connection; null before there is an RPC. */
  authContext(): AuthContext | null {
    return this.#rpc === null ? null : new AuthContext(this.#rpc.getAttributes());
  }

  /** How the RPC ended and why, for people; empty before the end and for OK. */
  debugErrorString(): string {
    const status = this.#rpc?.status ?? null;
    if (status === null || status.isOk) return '';
    const cause = status.cause === undefined ? '' : `, caused by ${String(status.cause)}`;
    const peer = this.peer();
    return `${status}${cause}${peer === '' ? '' : ` (peer ${peer})`}`;
  }

  #bind(rpc: ContextRpc): void {
    if (this.#rpc !== null) throw new IllegalStateError('a ClientContext is for one RPC');
    this.#rpc = rpc;
  }

  #launch(): Launch {
    this.#isStarted = true;
    const deadline = this.#effectiveDeadline();
    const options = this.#options;
    return {
      options: deadline === options.deadline ? options : options.withDeadline(deadline),
      metadata: this.#metadata,
      corked: this.#corked,
      isCancelled: this.#isCancelled,
    };
  }

  #effectiveDeadline(): Deadline | null {
    const isSet = this.#deadlineMs !== Number.POSITIVE_INFINITY;
    const own = isSet ? Deadline.after(this.#deadlineMs - Date.now()) : this.#options.deadline;
    return Deadline.earlier(own, this.#parentDeadline);
  }

  #leaveParent(): void {
    if (this.#parent !== null) removeChild(this.#parent, this);
  }
}

/** Gives a context its RPC. Throws IllegalStateError if it had one. */
export function bindContext(context: ClientContext, rpc: ContextRpc): void {
  bind(context, rpc);
}

/** The RPC starts: what with. */
export function launch(context: ClientContext): Launch {
  return read(context);
}

/** The RPC is over. */
export function endContext(context: ClientContext): void {
  end(context);
}
