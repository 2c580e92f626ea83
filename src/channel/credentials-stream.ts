/**
 * CredentialsStream: a ClientStream that asks the call's credentials for metadata, and opens at its transport with what they
 * gave. Above: StreamClientCall, or the PendingStream of a call that waited for the connection. Below: PendingStream keeps
 * what the call says meanwhile, CallCredentials answer. Exists because an answer may take its time; a call without
 * credentials has none.
 * Holds: the credentials are asked once, inside start; nothing is sent before they answer; an answer at once opens the
 * stream inside start; the caller's own headers never change; an answer that comes after the end changes nothing.
 *
 *   idle ─start→ asking ─answer→ settled
 *     └──── fail, cancel ───┴──────↗
 */
import { askForMetadata, type CallCredentials, type CallCredentialsRequest } from '../credentials/call-credentials.ts';
import type { ClientStreamListener } from '../transport/stream.ts';
import type { ClientTransport, StreamOptions, StreamSource } from '../transport/transport.ts';
import { SECURITY_LEVEL } from '../values/attributes.ts';
import { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';
import { Code, Status, statusBearer } from '../values/status.ts';
import { PendingStream, type PendingStreamOwner } from './pending-stream.ts';

/** Whoever knows where such streams go. */
export interface CredentialsStreamOwner extends PendingStreamOwner {
  /** The credentials have answered: `open` the stream, or `attach` it to a source that asks anew. */
  onMetadata(stream: CredentialsStream, metadata: Metadata): void;
}

/** Whom a stream asks, and what it calls itself. */
export interface CredentialsInit {
  readonly credentials: CallCredentials;
  /** `:authority` of the call. */
  readonly authority: string;
}

/** How a call with credentials ends where they must not go. */
export const NOT_PRIVATE: Status = Status.UNAUTHENTICATED.withDescription(
  'call credentials need a connection with privacy and integrity, such as TLS',
);

/** What no library may end a call with: the application would take it for its own. Source: gRFC A54. */
const APPLICATION_CODES: ReadonlySet<Code> = new Set<Code>([
  Code.OK,
  Code.INVALID_ARGUMENT,
  Code.NOT_FOUND,
  Code.ALREADY_EXISTS,
  Code.FAILED_PRECONDITION,
  Code.ABORTED,
  Code.OUT_OF_RANGE,
  Code.DATA_LOSS,
]);

/** A stream that waits for its credentials. */
export class CredentialsStream extends PendingStream {
  readonly #owner: CredentialsStreamOwner;
  readonly #init: CredentialsInit;
  readonly #abort = new AbortController();
  #state: 'idle' | 'asking' | 'settled' = 'idle';
  /** Ours from start on. */
  #headers: Metadata = new Metadata();

  constructor(
    owner: CredentialsStreamOwner,
    method: MethodDescriptor<unknown, unknown>,
    options: StreamOptions,
    init: CredentialsInit,
  ) {
    super(owner, method, options);
    this.#owner = owner;
    this.#init = init;
  }

  override start(headers: Metadata, listener: ClientStreamListener): void {
    if (this.#state !== 'idle') {
      // Ended before: only says so.
      super.start(headers, listener);
      return;
    }
    this.#state = 'asking';
    // A copy, because what is for this attempt is not for the next, nor for another call with the same headers.
    this.#headers = headers.clone();
    super.start(this.#headers, listener);
    askForMetadata(this.#init.credentials, this.#request(), (error, metadata) => this.#onAnswer(error, metadata));
  }

  #request(): CallCredentialsRequest {
    const { service, name, path } = this.method;
    const { authority } = this.#init;
    const serviceUrl = `https://${authority.replace(/:443$/, '')}/${service}`;
    return { serviceUrl, methodName: name, path, authority, signal: this.#abort.signal };
  }

  #onAnswer(error: unknown, metadata: Metadata | null): void {
    if (this.#state !== 'asking') return;
    if (metadata === null) {
      // They may do better the next time, if a policy has the call try again.
      this.failForNow(failureStatus(error));
      this.#owner.onAbandoned(this);
      return;
    }
    this.#state = 'settled';
    this.#owner.onMetadata(this, metadata);
  }

  /** Opens the stream at `source`, with `metadata` behind its headers. */
  open(source: StreamSource, metadata: Metadata): void {
    this.#headers.merge(metadata);
    this.attach(source);
  }

  override fail(reason: Status): void {
    this.#settle(() => super.fail(reason));
  }

  override failForNow(reason: Status): void {
    this.#settle(() => super.failForNow(reason));
  }

  override cancel(reason: Status): void {
    this.#settle(() => super.cancel(reason));
  }

  /** Whatever the credentials say later comes too late. */
  #settle(end: () => void): void {
    const asking = this.#state === 'asking';
    this.#state = 'settled';
    end();
    // Last: whoever listens to the signal may answer at once.
    if (asking) this.#abort.abort();
  }
}

/** Whether call credentials may go over the connection of `transport`. */
export function isPrivate(transport: ClientTransport): boolean {
  return transport.attributes.get(SECURITY_LEVEL) === 'privacy-and-integrity';
}

function failureStatus(error: unknown): Status {
  if (statusBearer(error) === null) {
    const text = error instanceof Error ? `: ${error.message}` : '';
    return Status.UNAVAILABLE.withDescription(`call credentials failed${text}`).withCause(error);
  }
  const status = Status.from(error).withCause(error);
  if (!APPLICATION_CODES.has(status.code)) return status;
  const text = `Illegal status code from call credentials; original status: ${status}`;
  return Status.INTERNAL.withDescription(text).withCause(error);
}
