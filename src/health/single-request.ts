/**
 * SingleRequestListener: the server's end of a call with one request, for the methods of the health service. Above:
 * HealthService. Below: ServerCall. Holds: the request is handled once the client has half-closed, and only if it is the one.
 */
import { type ServerCall, ServerCallListener } from '../call/server-call.ts';
import { Metadata } from '../values/metadata.ts';
import { Status } from '../values/status.ts';

const NO_REQUEST: Status = Status.UNIMPLEMENTED.withDescription('the client sent no request');
const SECOND_REQUEST: Status = Status.UNIMPLEMENTED.withDescription('the client sent more than one request');

/** One call; `onRequest` handles it. */
export abstract class SingleRequestListener<Req, Res> extends ServerCallListener<Req> {
  protected readonly call: ServerCall<Req, Res>;
  #request: Req | null = null;
  #isRefused = false;

  constructor(call: ServerCall<Req, Res>) {
    super();
    this.call = call;
    // A second request is the client's mistake; without a permit for it the call would wait for ever.
    call.request(2);
  }

  /** The one request. */
  protected abstract onRequest(request: Req): void;

  override onMessage(request: Req): void {
    if (this.#request === null) this.#request = request;
    else this.#refuse(SECOND_REQUEST);
  }

  override onHalfClose(): void {
    if (this.#isRefused) return;
    if (this.#request === null) this.#refuse(NO_REQUEST);
    else this.onRequest(this.#request);
  }

  #refuse(reason: Status): void {
    if (this.#isRefused) return;
    this.#isRefused = true;
    this.call.close(reason, new Metadata());
  }
}

/** A call with one response. */
export class UnaryAnswer<Req, Res extends object> extends SingleRequestListener<Req, Res> {
  readonly #answer: (request: Req) => Res | Status;

  /** `answer` gives the response, or the status that is there instead. */
  constructor(call: ServerCall<Req, Res>, answer: (request: Req) => Res | Status) {
    super(call);
    this.#answer = answer;
  }

  protected onRequest(request: Req): void {
    const answer = this.#answer(request);
    if (answer instanceof Status) {
      this.call.close(answer, new Metadata());
      return;
    }
    this.call.sendHeaders(new Metadata());
    this.call.sendMessage(answer);
    this.call.close(Status.OK, new Metadata());
  }
}
