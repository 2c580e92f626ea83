/**
 * HandlerContext: what a handler in the promise style knows of its call beside the messages, and may say beside the response.
 * Above: handlers. Below: the ServerCall. Holds: the signal is made when it is asked for, and aborts once, when the call
 * has failed from outside.
 */
import type { ServerCall } from '../call/server-call.ts';
import { type Attributes, formatAddress, REMOTE_ADDRESS } from '../values/attributes.ts';
import type { Deadline } from '../values/deadline.ts';
import { Metadata, type MetadataInit } from '../values/metadata.ts';
import { Status } from '../values/status.ts';
import { StatusError } from '../values/status-error.ts';

let end: (context: HandlerContext) => void;
let open: (context: HandlerContext) => void;

/** One call, as its handler sees it. */
export class HandlerContext {
  /** The request's metadata. */
  readonly metadata: Metadata;
  /** Goes along with the status; fill it until the handler returns. */
  readonly trailers: Metadata = new Metadata();
  readonly #call: ServerCall<unknown, unknown>;
  #controller: AbortController | null = null;
  #failure: StatusError | null = null;
  #headersSent = false;

  static {
    end = (context) => context.#onCancelled();
    open = (context) => {
      if (!context.#headersSent) context.sendHeaders();
    };
  }

  constructor(call: ServerCall<never, never>, metadata: Metadata) {
    this.#call = call as ServerCall<unknown, unknown>;
    this.metadata = metadata;
  }

  /** Aborts when the client cancels or goes away, or the deadline passes; its reason is a StatusError. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#failure !== null && !this.#controller.signal.aborted) this.#controller.abort(this.#failure);
    return this.#controller.signal;
  }

  /** When the client's patience ends; null if it set no deadline. */
  get deadline(): Deadline | null {
    return this.#call.deadline;
  }

  /** `package.Service/Method`. */
  get method(): string {
    return this.#call.method.fullName;
  }

  /** `:authority` of the request; null if it had none. */
  get authority(): string | null {
    return this.#call.authority;
  }

  /** Where the client is, as `host:port`. Not authenticated. */
  get peer(): string {
    return formatAddress(this.#call.getAttributes().get(REMOTE_ADDRESS));
  }

  /** Facts about the connection: addresses, TLS. */
  get attributes(): Attributes {
    return this.#call.getAttributes();
  }

  /**
   * Sends the response's headers now, rather than with the first message or the status. A Metadata is given away. Throws
   * IllegalStateError once they were sent, TypeError for headers that Metadata refuses.
   */
  sendHeaders(headers: Metadata | MetadataInit = new Metadata()): void {
    const given = headers instanceof Metadata ? headers : new Metadata(headers);
    this.#headersSent = true;
    this.#call.sendHeaders(given);
  }

  /**
   * Compresses the response with the compressor of this name, if the client accepts it. Throws IllegalStateError once
   * the headers were sent, TypeError for an unknown name.
   */
  setCompression(name: string): void {
    this.#call.setCompression(name);
  }

  /** Whether the messages that follow are compressed; matters only after setCompression. Default: true. */
  setMessageCompression(enabled: boolean): void {
    this.#call.setMessageCompression(enabled);
  }

  /** What the call failed of; null while it has not. */
  get failure(): StatusError | null {
    return this.#failure;
  }

  #onCancelled(): void {
    const isLate = this.#call.deadline?.isExpired() === true;
    const status = isLate
      ? Status.DEADLINE_EXCEEDED.withDescription('the deadline passed at the server')
      : Status.CANCELLED.withDescription('the call was cancelled');
    this.#failure = new StatusError(status);
    this.#controller?.abort(this.#failure);
  }
}

/** The call has failed from outside. */
export function cancelContext(context: HandlerContext): void {
  end(context);
}

/** Sends the headers unless the handler has. */
export function openContext(context: HandlerContext): void {
  open(context);
}
