/**
 * MethodSettings: what a channel knows of a method beside what its caller says: limits, a timeout, how calls are tried again.
 * Above: StreamClientCall. Below: whatever reads service configs. Holds: plain data; where caller and settings both speak the
 * smaller limit and the earlier end count, and the caller's waitForReady. Source: grpc doc/service_config.md, gRFC A6.
 */
import type { Clock } from '../values/clock.ts';
import { Deadline } from '../values/deadline.ts';
import type { MethodDescriptor } from '../values/method.ts';
import type { Code } from '../values/status.ts';
import type { CallOptions } from './call-options.ts';
import type { RetryThrottle } from './retry-throttle.ts';

/** How a call that failed is tried again. Source: gRFC A6 "Retry Policy". */
export interface RetryPolicy {
  /** The first attempt included; 2 or more. */
  readonly maxAttempts: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly backoffMultiplier: number;
  readonly retryableCodes: ReadonlySet<Code>;
}

/** How copies of a call race. Source: gRFC A6 "Hedging Policy". */
export interface HedgingPolicy {
  /** The first copy included; 2 or more. */
  readonly maxAttempts: number;
  /** Between one copy and the next; 0 for all at once. */
  readonly delayMs: number;
  /** A copy that ends with one of these is followed by the next at once; any other failure ends the call. */
  readonly nonFatalCodes: ReadonlySet<Code>;
}

/** What a channel knows of a method. */
export interface MethodSettings {
  /** From the start of the call; null for no bound. */
  readonly timeoutMs: number | null;
  /** For callers who do not say; null leaves it to the channel. */
  readonly waitForReady: boolean | null;
  readonly maxRequestBytes: number | null;
  readonly maxResponseBytes: number | null;
  /** Null for transparent retries alone. */
  readonly retry: RetryPolicy | null;
  /** Null for none; never set beside `retry`. */
  readonly hedging: HedgingPolicy | null;
}

/** A method of which nothing is known. */
export const NO_SETTINGS: MethodSettings = Object.freeze({
  timeoutMs: null,
  waitForReady: null,
  maxRequestBytes: null,
  maxResponseBytes: null,
  retry: null,
  hedging: null,
});

/** Who waits for settings. */
export interface SettingsWaiter {
  /** They are known. */
  onSettingsKnown(): void;
}

/** Where calls look settings up. */
export interface MethodSettingsSource {
  /** What is known of a method; null while that is still to be found out, as before a name is resolved. */
  settingsOf(method: MethodDescriptor<unknown, unknown>): MethodSettings | null;
  /** Tells `waiter` once settingsOf has an answer, on a stack of its own. */
  whenKnown(waiter: SettingsWaiter): void;
  /** Takes back a whenKnown. */
  forget(waiter: SettingsWaiter): void;
  /** Keeps retries from burying a server in trouble; null for no throttling. Another one once settings change. */
  readonly throttle: RetryThrottle | null;
}

/** A channel that knows nothing of any method. */
export const NO_SETTINGS_SOURCE: MethodSettingsSource = Object.freeze({
  settingsOf: (): MethodSettings => NO_SETTINGS,
  whenKnown(): void {},
  forget(): void {},
  throttle: null,
});

/**
 * What counts for a call that started `elapsedMs` ago: what its caller says, bounded by what is known of the method. The caller's
 * own object where nothing changes. Source: grpc doc/service_config.md.
 */
export function boundedOptions(
  options: CallOptions,
  settings: MethodSettings,
  clock: Clock,
  elapsedMs: number,
): CallOptions {
  const { timeoutMs, waitForReady, maxRequestBytes, maxResponseBytes } = settings;
  let bounded = options;
  if (timeoutMs !== null) {
    const deadline = Deadline.earlier(options.deadline, Deadline.after(timeoutMs - elapsedMs, clock));
    if (deadline !== options.deadline) bounded = bounded.withDeadline(deadline);
  }
  if (waitForReady !== null && options.waitForReady === null) bounded = bounded.withWaitForReady(waitForReady);
  if (isBelow(maxRequestBytes, options.maxOutboundMessageBytes)) {
    bounded = bounded.withMaxOutboundMessageSize(maxRequestBytes);
  }
  if (isBelow(maxResponseBytes, options.maxInboundMessageBytes)) {
    bounded = bounded.withMaxInboundMessageSize(maxResponseBytes);
  }
  return bounded;
}

/** Whether a limit counts beside the caller's. */
function isBelow(limit: number | null, callers: number | null): boolean {
  return limit !== null && (callers === null || limit < callers);
}
