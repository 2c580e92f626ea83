/**
 * The response to a call of the test service, straight on ServerCall. Above: calls-service.ts, calls-playback.ts. Below: the public
 * API, service-rules.ts. Holds: headers go once and before all else; what is to be echoed goes with them and with the trailers.
 */
import { type Metadata, type ServerCall, Status } from '../../../src/index.ts';
import { type Echo, echoOf } from './service-rules.ts';

/** How a call ends that lacks its one request. */
export const NO_REQUEST = Status.UNIMPLEMENTED.withDescription('the client sent no request');
/** How a call ends that has more than its one request. */
export const TWO_REQUESTS = Status.UNIMPLEMENTED.withDescription('the client sent more than one request');

/** The response to a call: headers before the first message, the echo around all. */
export class Answer<Req, Res> {
  readonly call: ServerCall<Req, Res>;
  /** The request's. */
  readonly metadata: Metadata;
  readonly #echo: Echo;
  #headersSent = false;

  constructor(call: ServerCall<Req, Res>, metadata: Metadata) {
    this.call = call;
    this.metadata = metadata;
    this.#echo = echoOf(metadata);
  }

  /** What will be sent before the first message. */
  get headers(): Metadata {
    return this.#echo.headers;
  }

  sendHeaders(): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    this.call.sendHeaders(this.#echo.headers);
  }

  send(message: Res, compressed: boolean): void {
    this.sendHeaders();
    this.call.setMessageCompression(compressed);
    this.call.sendMessage(message);
  }

  /** Sends the one response, and ends the call. */
  give(message: Res, compressed: boolean): void {
    if (compressed) this.call.setCompression('gzip');
    this.send(message, compressed);
    this.close(Status.OK);
  }

  close(status: Status): void {
    // A failure goes alone unless there is something to echo before it.
    if (status.isOk || this.headers.size > 0) this.sendHeaders();
    this.call.close(status, this.#echo.trailers);
  }
}
