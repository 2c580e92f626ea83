/**
 * HealthWatch: one call of Watch. Above: HealthService, which tells it that the status of its service may have changed. Below:
 * ServerCall. Holds: the first status goes out at once, and no status twice in a row; a client that does not read finds the
 * newest status alone, however many there were, so it costs no memory here.
 */
import type { HealthCheckRequest, HealthCheckResponse, ServingStatus } from '../call/health-protocol.ts';
import type { ServerCall } from '../call/server-call.ts';
import { Metadata } from '../values/metadata.ts';
import { Status } from '../values/status.ts';
import { SingleRequestListener } from './single-request.ts';

/** What a watch asks of the service. */
export interface HealthSource {
  /** How it is now; SERVICE_UNKNOWN where nothing is known. */
  watchedStatus(service: string): ServingStatus;
  /** Tells `watch` of changes from now on. */
  addWatch(service: string, watch: HealthWatch): void;
  removeWatch(service: string, watch: HealthWatch): void;
}

/** One call of Watch. */
export class HealthWatch extends SingleRequestListener<HealthCheckRequest, HealthCheckResponse> {
  readonly #source: HealthSource;
  /** Null before the request. */
  #service: string | null = null;
  /** What the client was told last. */
  #told: ServingStatus | null = null;

  constructor(call: ServerCall<HealthCheckRequest, HealthCheckResponse>, source: HealthSource) {
    super(call);
    this.#source = source;
    // Ready only while nothing waits to be sent, so that no status waits behind another.
    call.setOnReadyThreshold(1);
  }

  protected onRequest({ service }: HealthCheckRequest): void {
    this.#service = service;
    this.#source.addWatch(service, this);
    this.call.sendHeaders(new Metadata());
    this.onReady();
  }

  override onReady(): void {
    if (this.#service === null || !this.call.isReady()) return;
    const status = this.#source.watchedStatus(this.#service);
    if (status === this.#told) return;
    this.#told = status;
    this.call.sendMessage({ status });
  }

  /** The status may have changed. Never throws: who changes it has nothing to do with this call. */
  onChange(): void {
    try {
      this.onReady();
    } catch (error) {
      // An interceptor's doing: it has closed the call itself, or is broken.
      this.#leave();
      this.call.reportFailure(error);
      this.call.cancel(Status.UNKNOWN.withCause(error));
    }
  }

  override onComplete(): void {
    this.#leave();
  }

  override onCancel(): void {
    this.#leave();
  }

  #leave(): void {
    if (this.#service !== null) this.#source.removeWatch(this.#service, this);
    this.#service = null;
  }
}
