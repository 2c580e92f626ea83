/**
 * checkHealth: asks a server how it is, as a probe does. Above: users. Below: any Channel, call/health-protocol.ts. Holds: one
 * call; rejects with a StatusError and nothing else.
 */
import { CallOptions } from '../call/call-options.ts';
import type { Channel } from '../call/channel.ts';
import { type ClientCall, ClientCallListener } from '../call/client-call.ts';
import {
  HEALTH_CHECK,
  type HealthCheckRequest,
  type HealthCheckResponse,
  type ServingStatus,
} from '../call/health-protocol.ts';
import { outcomeOf } from '../call/message-failure.ts';
import { NO_RESPONSE, SECOND_RESPONSE } from '../call/response-count.ts';
import { formatAddress, REMOTE_ADDRESS } from '../values/attributes.ts';
import { Metadata } from '../values/metadata.ts';
import type { Status } from '../values/status.ts';
import { type CallPhase, StatusError } from '../values/status-error.ts';

/** The one call. */
class HealthCheck extends ClientCallListener<HealthCheckResponse> {
  readonly #call: ClientCall<HealthCheckRequest, HealthCheckResponse>;
  #response: HealthCheckResponse | null = null;
  #hasHeaders = false;
  /** Not null once the call has ended. */
  #status: Status | null = null;
  #trailers = new Metadata();
  #onEnd: () => void = () => {};

  constructor(call: ClientCall<HealthCheckRequest, HealthCheckResponse>) {
    super();
    this.#call = call;
  }

  /** Makes the call; resolves at its end, however it went. */
  run(service: string): Promise<void> {
    return new Promise((resolve) => {
      this.#onEnd = resolve;
      this.#call.start(this, new Metadata());
      // A second response is the server's mistake; without a permit for it the call would wait for ever.
      this.#call.request(2);
      this.#send(service);
    });
  }

  #send(service: string): void {
    try {
      this.#call.sendMessage({ service });
      this.#call.halfClose();
    } catch (error) {
      // An interceptor's doing; the call's end tells of it.
      this.#call.cancel('the request was refused', error);
    }
  }

  override onHeaders(): void {
    this.#hasHeaders = true;
  }

  override onMessage(response: HealthCheckResponse): void {
    if (this.#response === null) {
      this.#response = response;
      return;
    }
    this.#status = SECOND_RESPONSE;
    this.#call.cancel('more than one response');
  }

  override onClose(status: Status, trailers: Metadata): void {
    this.#status ??= outcomeOf(status);
    this.#trailers = trailers;
    this.#onEnd();
  }

  /** The answer of a call that has ended. Throws its StatusError. */
  result(): ServingStatus {
    const status = this.#status ?? NO_RESPONSE;
    if (!status.isOk) throw this.#error(status);
    if (this.#response === null) throw this.#error(NO_RESPONSE);
    return this.#response.status;
  }

  #error(status: Status): StatusError {
    const address = this.#call.getAttributes().get(REMOTE_ADDRESS);
    const early: CallPhase = address === null ? 'before anything was sent' : 'before any response';
    return new StatusError(status, this.#trailers, {
      method: HEALTH_CHECK.fullName,
      peer: address === null ? null : formatAddress(address),
      phase: this.#hasHeaders ? 'after the response headers' : early,
    });
  }
}

/**
 * How `service` is, as grpc.health.v1.Health/Check answers. The empty name, the default, asks for the server as a whole.
 * Rejects with a StatusError: NOT_FOUND for a service that the server does not know, UNIMPLEMENTED where nobody serves
 * health. Without a deadline in `options` it waits as long as any call does.
 * ```ts
 * const status = await checkHealth(channel, 'routeguide.RouteGuide', CallOptions.DEFAULT.withTimeout(1_000));
 * ```
 * For List and Watch make a client: `createClient(Health, channel)`.
 */
export async function checkHealth(
  channel: Channel,
  service = '',
  options: CallOptions = CallOptions.DEFAULT,
): Promise<ServingStatus> {
  const check = new HealthCheck(channel.newCall(HEALTH_CHECK, options));
  await check.run(service);
  return check.result();
}
