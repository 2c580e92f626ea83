/**
 * CallOptions: what a caller may say about one call. Above: users, stubs, interceptors. Below: values, credentials.
 * Immutable: every `with…` returns a copy, so that interceptors may pass on what they got. Source: io.grpc.CallOptions.
 */
import type { CallCredentials } from '../credentials/call-credentials.ts';
import type { Clock } from '../values/clock.ts';
import { Deadline } from '../values/deadline.ts';

/** Names one custom option and its type; compared by identity. Source: io.grpc.CallOptions.Key. */
export class CallOptionKey<T> {
  /** For people. */
  readonly name: string;
  /** What getOption gives when the option is not set. */
  readonly defaultValue: T;

  constructor(name: string, defaultValue: T) {
    this.name = name;
    this.defaultValue = defaultValue;
  }
}

/** The fields of a CallOptions; all are unset (null) by default. */
interface Fields {
  readonly deadline: Deadline | null;
  readonly signal: AbortSignal | null;
  readonly authority: string | null;
  readonly credentials: CallCredentials | null;
  readonly compression: string | null;
  readonly waitForReady: boolean | null;
  readonly maxInboundMessageBytes: number | null;
  readonly maxOutboundMessageBytes: number | null;
  readonly onReadyThresholdBytes: number | null;
  readonly custom: ReadonlyMap<CallOptionKey<unknown>, unknown>;
}

const UNSET: Fields = {
  deadline: null,
  signal: null,
  authority: null,
  credentials: null,
  compression: null,
  waitForReady: null,
  maxInboundMessageBytes: null,
  maxOutboundMessageBytes: null,
  onReadyThresholdBytes: null,
  custom: new Map(),
};

/** What a caller may say about one call. Start from CallOptions.DEFAULT. */
export class CallOptions implements Fields {
  /** Everything unset. */
  static readonly DEFAULT: CallOptions = new CallOptions(UNSET);

  /** By when the call must have ended; null for no bound. */
  readonly deadline: Deadline | null;
  /** Aborting it cancels the call; null for none. */
  readonly signal: AbortSignal | null;
  /** `:authority` in place of the channel's. */
  readonly authority: string | null;
  /** On whose behalf the call is made, beside what the channel says of all its calls; null for nobody. */
  readonly credentials: CallCredentials | null;
  /** The compressor for the request, by name; null or `identity` for none. */
  readonly compression: string | null;
  /** Whether to wait out connection failures; null leaves it to the channel. */
  readonly waitForReady: boolean | null;
  /** The largest response message to accept, in bytes; null leaves it to the channel. */
  readonly maxInboundMessageBytes: number | null;
  /** The largest request message to send, in bytes; null for no limit. */
  readonly maxOutboundMessageBytes: number | null;
  /** Queued bytes at which the call stops being ready; null for 32 KiB. */
  readonly onReadyThresholdBytes: number | null;
  /** Options under keys of the user's own. */
  readonly custom: ReadonlyMap<CallOptionKey<unknown>, unknown>;

  private constructor(fields: Fields) {
    this.deadline = fields.deadline;
    this.signal = fields.signal;
    this.authority = fields.authority;
    this.credentials = fields.credentials;
    this.compression = fields.compression;
    this.waitForReady = fields.waitForReady;
    this.maxInboundMessageBytes = fields.maxInboundMessageBytes;
    this.maxOutboundMessageBytes = fields.maxOutboundMessageBytes;
    this.onReadyThresholdBytes = fields.onReadyThresholdBytes;
    this.custom = fields.custom;
  }

  /** An absolute deadline; null removes it. */
  withDeadline(deadline: Deadline | null): CallOptions {
    return new CallOptions({ ...this, deadline });
  }

  /** A deadline `timeoutMs` from this moment, not from the start of the call; negative for one that has passed. */
  withTimeout(timeoutMs: number, clock?: Clock): CallOptions {
    return this.withDeadline(Deadline.after(timeoutMs, clock));
  }

  /** Aborting `signal` cancels the call, with the signal's reason as cause; null removes it. */
  withSignal(signal: AbortSignal | null): CallOptions {
    return new CallOptions({ ...this, signal });
  }

  /** Another `:authority` for this call; null for the channel's. */
  withAuthority(authority: string | null): CallOptions {
    return new CallOptions({ ...this, authority });
  }

  /**
   * Asked for this call, behind those of the channel; null for those alone. Replaces what was set before: combine to
   * have both.
   */
  withCredentials(credentials: CallCredentials | null): CallOptions {
    return new CallOptions({ ...this, credentials });
  }

  /** The compressor for the request, by name. An unknown name ends the call INTERNAL. */
  withCompression(compression: string | null): CallOptions {
    return new CallOptions({ ...this, compression });
  }

  /** True waits until there is a connection; false fails as soon as connecting fails; null leaves it to the channel. */
  withWaitForReady(waitForReady: boolean | null): CallOptions {
    return new CallOptions({ ...this, waitForReady });
  }

  /** Infinity for no limit, null for the channel's. Throws RangeError unless a whole number of bytes from 0 up. */
  withMaxInboundMessageSize(bytes: number | null): CallOptions {
    return new CallOptions({ ...this, maxInboundMessageBytes: checkBytes(bytes, 0) });
  }

  /** Infinity or null for no limit. Throws RangeError unless a whole number of bytes from 0 up. */
  withMaxOutboundMessageSize(bytes: number | null): CallOptions {
    return new CallOptions({ ...this, maxOutboundMessageBytes: checkBytes(bytes, 0) });
  }

  /** Throws RangeError unless a whole number of bytes over 0; null for the default of 32 KiB. */
  withOnReadyThreshold(bytes: number | null): CallOptions {
    return new CallOptions({ ...this, onReadyThresholdBytes: checkBytes(bytes, 1) });
  }

  /** Sets an option of the user's own. */
  withOption<T>(key: CallOptionKey<T>, value: NoInfer<T>): CallOptions {
    return new CallOptions({ ...this, custom: new Map(this.custom).set(key, value) });
  }

  /** An option of the user's own, or its key's default. */
  getOption<T>(key: CallOptionKey<T>): T {
    return this.custom.has(key) ? (this.custom.get(key) as T) : key.defaultValue;
  }
}

function checkBytes(bytes: number | null, least: number): number | null {
  if (bytes === null || bytes === Number.POSITIVE_INFINITY) return bytes;
  if (!Number.isInteger(bytes) || bytes < least) throw new RangeError(`not a size in bytes: ${bytes}`);
  return bytes;
}
