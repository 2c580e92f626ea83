/**
 * HealthWatch: what a server says of the health of a service, for as long as a connection stands. Above: ManagedSubchannel. Below:
 * one Watch call at a time over the connection itself: no interceptors, retries or credentials, and no use that keeps a
 * channel busy or a process alive. Holds: nothing is told inside the constructor or after stop(); a server without the health
 * service is healthy. Source: gRFC A17.
 */
import { CallOptions } from '../call/call-options.ts';
import { ClientCallListener } from '../call/client-call.ts';
import { warnOfFailure } from '../call/failure-hooks.ts';
import { HEALTH_WATCH, type HealthCheckRequest, type HealthCheckResponse } from '../call/health-protocol.ts';
import { NO_SETTINGS_SOURCE } from '../call/method-settings.ts';
import { ReplayBudget } from '../call/replay.ts';
import { type ClientCallConfig, StreamClientCall } from '../call/stream-client-call.ts';
import { SuspendedCalls } from '../call/suspended-calls.ts';
import { CompressorRegistry } from '../framing/compressor.ts';
import type { ClientTransport, StreamSource } from '../transport/transport.ts';
import type { Clock, Timer } from '../values/clock.ts';
import { Metadata } from '../values/metadata.ts';
import { Code, Status } from '../values/status.ts';
import type { Backoff } from './backoff.ts';

/** Who wants to know. */
export interface HealthListener {
  /** OK: calls may go there. Else why not. */
  onHealth(health: Status): void;
}

/** More than any answer is long. */
const MAX_RESPONSE_BYTES = 1024;

/** The health of one service at the other end of one connection. */
export class HealthWatch {
  readonly #source: StreamSource;
  readonly #service: string;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #listener: HealthListener;
  readonly #config: ClientCallConfig;
  #call: StreamClientCall<HealthCheckRequest, HealthCheckResponse> | null = null;
  #timer: Timer | null = null;
  #startedMs = 0;
  #stopped = false;

  constructor(transport: ClientTransport, service: string, clock: Clock, backoff: Backoff, listener: HealthListener) {
    this.#source = {
      newStream: (method, options) => transport.newStream(method, { ...options, isBackground: true }),
    };
    this.#service = service;
    this.#clock = clock;
    this.#backoff = backoff;
    this.#listener = listener;
    this.#config = {
      clock,
      compressors: CompressorRegistry.DEFAULT,
      maxInboundMessageBytes: MAX_RESPONSE_BYTES,
      onListenerError: warnOfFailure,
      replayBudget: new ReplayBudget(),
      settings: NO_SETTINGS_SOURCE,
      refusal: () => null,
      ongoing: this.#source,
      suspended: new SuspendedCalls(() => {}),
      idempotentRetry: null,
      random: () => 0,
    };
    this.#ask();
  }

  #ask(): void {
    this.#startedMs = this.#clock.now();
    const call = new StreamClientCall(HEALTH_WATCH, CallOptions.DEFAULT, this.#source, this.#config);
    this.#call = call;
    call.start(new Answers(this, call), new Metadata());
    call.request(1);
    call.sendMessage({ service: this.#service });
    call.halfClose();
  }

  /** Time to ask again. For the clock. */
  onTimer(): void {
    this.#timer = null;
    this.#ask();
  }

  /** The server has said how it is. */
  onAnswer({ status }: HealthCheckResponse): void {
    if (this.#stopped) return;
    this.#backoff.reset();
    const service = this.#service === '' ? 'the server' : `the service ${this.#service}`;
    const healthy = status === 'SERVING';
    this.#listener.onHealth(healthy ? Status.OK : Status.UNAVAILABLE.withDescription(`${service} is ${status}`));
  }

  /** The server says no more. */
  onEnd(status: Status, hadAnswer: boolean): void {
    this.#call = null;
    if (this.#stopped) return;
    if (status.code === Code.UNIMPLEMENTED) {
      this.#listener.onHealth(Status.OK);
      return;
    }
    this.#listener.onHealth(Status.UNAVAILABLE.withDescription(`the health of the server is not known: ${status}`));
    // One that has answered before is asked again at once.
    const dueMs = hadAnswer ? this.#clock.now() : this.#backoff.nextAttemptMs(this.#startedMs);
    this.#timer = this.#clock.scheduleInBackground(dueMs - this.#clock.now(), this);
  }

  /** A second call does nothing. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#clock.cancel(this.#timer);
    this.#call?.cancel('the connection is watched no more');
  }
}

/** What one Watch call brings. */
class Answers extends ClientCallListener<HealthCheckResponse> {
  readonly #watch: HealthWatch;
  readonly #call: StreamClientCall<HealthCheckRequest, HealthCheckResponse>;
  #hadAnswer = false;

  constructor(watch: HealthWatch, call: StreamClientCall<HealthCheckRequest, HealthCheckResponse>) {
    super();
    this.#watch = watch;
    this.#call = call;
  }

  override onMessage(response: HealthCheckResponse): void {
    this.#hadAnswer = true;
    this.#watch.onAnswer(response);
    this.#call.request(1);
  }

  override onClose(status: Status): void {
    this.#watch.onEnd(status, this.#hadAnswer);
  }
}
