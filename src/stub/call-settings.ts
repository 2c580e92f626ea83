/**
 * CallSettings: what a caller may say of one call in the promise style, as a bag of plain options. Above: users, clients.
 * Below: CallOptions, which they become. Holds: settings of a call outrank those of its client, timeout and deadline as one;
 * metadata alone are joined.
 */
import { CallOptions } from '../call/call-options.ts';
import type { CallCredentials } from '../credentials/call-credentials.ts';
import { Deadline } from '../values/deadline.ts';
import { Metadata, type MetadataInit } from '../values/metadata.ts';

/** What a caller may say of one call. Undefined is as good as left out. */
export interface CallSettings {
  /**
   * The call ends DEADLINE_EXCEEDED after so many milliseconds from now; the server is told. Infinity: no limit, whatever
   * the client's settings say. Default: no limit.
   */
  readonly timeoutMs?: number | undefined;
  /** The same as an instant; the earlier one holds. Default: no limit. */
  readonly deadline?: Date | Deadline | undefined;
  /**
   * Aborting it cancels the call, with the signal's reason as cause; a TimeoutError, as of AbortSignal.timeout, makes that
   * DEADLINE_EXCEEDED. Default: none.
   */
  readonly signal?: AbortSignal | undefined;
  /** Goes along with the request, behind the client's own. Copied. Default: none. */
  readonly metadata?: Metadata | MetadataInit | undefined;
  /** True waits until there is a connection; false fails as soon as connecting fails. Default: false. */
  readonly waitForReady?: boolean | undefined;
  /** The compressor for what is sent, by name, such as `gzip`. Default: none. */
  readonly compression?: string | undefined;
  /** `:authority` of the call. Default: the channel's. */
  readonly authority?: string | undefined;
  /** Credentials of this call, behind the channel's. Default: none. */
  readonly credentials?: CallCredentials | undefined;
  /** The largest response message to accept, in bytes. Default: the channel's, 4 MiB. */
  readonly maxInboundMessageBytes?: number | undefined;
  /** So many messages of a response stream are asked for ahead of the reader; 0 asks when it asks. Default: 1. */
  readonly prefetch?: number | undefined;
  /** Hears the response's headers when they come; not called for a response that is nothing but a status. */
  readonly onHeaders?: ((headers: Metadata) => void) | undefined;
  /** Hears the trailers at the end, however the call ended. */
  readonly onTrailers?: ((trailers: Metadata) => void) | undefined;
  /** What the options above are put upon; for options under keys of one's own. */
  readonly callOptions?: CallOptions | undefined;
}

/** No settings at all. */
export const NO_SETTINGS: CallSettings = Object.freeze({});

/** A call's settings with its client's below them. */
export function withDefaults(settings: CallSettings | undefined, defaults: CallSettings): CallSettings {
  if (settings === undefined || settings === NO_SETTINGS) return defaults;
  if (defaults === NO_SETTINGS) return settings;
  const merged: Record<string, unknown> = { ...defaults };
  if (settings.timeoutMs !== undefined || settings.deadline !== undefined) {
    merged['timeoutMs'] = merged['deadline'] = undefined;
  }
  for (const [name, value] of Object.entries(settings)) if (value !== undefined) merged[name] = value;
  if (defaults.metadata !== undefined && settings.metadata !== undefined) {
    merged['metadata'] = copyOf(defaults.metadata).merge(copyOf(settings.metadata));
  }
  return merged;
}

function copyOf(metadata: Metadata | MetadataInit): Metadata {
  return metadata instanceof Metadata ? metadata.clone() : new Metadata(metadata);
}

/** The headers that a call starts with; a Metadata of its own. */
export function headersOf({ metadata }: CallSettings): Metadata {
  return metadata === undefined ? new Metadata() : copyOf(metadata);
}

/** Settings as CallOptions. The timeout counts from now. */
export function callOptionsOf(settings: CallSettings): CallOptions {
  let options = settings.callOptions ?? CallOptions.DEFAULT;
  if (settings === NO_SETTINGS) return options;
  const deadline = deadlineOf(settings);
  if (deadline !== null) options = options.withDeadline(deadline);
  if (settings.signal !== undefined) options = options.withSignal(settings.signal);
  if (settings.waitForReady !== undefined) options = options.withWaitForReady(settings.waitForReady);
  if (settings.compression !== undefined) options = options.withCompression(settings.compression);
  if (settings.authority !== undefined) options = options.withAuthority(settings.authority);
  if (settings.credentials !== undefined) options = options.withCredentials(settings.credentials);
  if (settings.maxInboundMessageBytes !== undefined) {
    options = options.withMaxInboundMessageSize(settings.maxInboundMessageBytes);
  }
  return options;
}

function deadlineOf({ timeoutMs, deadline }: CallSettings): Deadline | null {
  const isLimited = timeoutMs !== undefined && timeoutMs !== Number.POSITIVE_INFINITY;
  const timeout = isLimited ? Deadline.after(timeoutMs) : null;
  return Deadline.earlier(timeout, instantOf(deadline));
}

function instantOf(deadline: Date | Deadline | undefined): Deadline | null {
  if (deadline === undefined) return null;
  return deadline instanceof Date ? Deadline.after(deadline.getTime() - Date.now()) : deadline;
}
