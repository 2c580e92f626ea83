/**
 * RPCs in calls and listeners. Above: client.ts. Below: Channel.newCall. Holds: each response of a stream is asked for when it
 * is wanted; where one is due all are, to be counted.
 */
import type { Message } from '@bufbuild/protobuf';
import {
  CallOptions,
  type Channel,
  type ClientCall,
  ClientCallListener,
  type Metadata,
  Status,
  StatusError,
} from '../../../../../src/index.ts';
import type { CaseCall, CaseInit, CaseMethod, OpenCase, Outcome, Response } from './case-call.ts';

export const openCalls: OpenCase = (channel, method, init) => new CallsCase(channel, method, init);

/** What is said of an RPC, as CallOptions. */
export function callOptionsOf({ compression, timeoutMs, maxInboundMessageBytes }: CaseInit): CallOptions {
  let options = CallOptions.DEFAULT.withCompression(compression);
  if (timeoutMs !== null) options = options.withTimeout(timeoutMs);
  if (maxInboundMessageBytes !== null) options = options.withMaxInboundMessageSize(maxInboundMessageBytes);
  return options;
}

class CallsCase extends ClientCallListener<Response> implements CaseCall {
  readonly #method: CaseMethod;
  readonly #call: ClientCall<Message, Response>;
  #isCancelled = false;
  #headers: Metadata | null = null;
  readonly #responses: Response[] = [];
  #outcome: Outcome | null = null;
  /** Who waits for something to happen. */
  #wake: () => void = () => {};

  constructor(channel: Channel, method: CaseMethod, init: CaseInit) {
    super();
    this.#method = method;
    this.#call = channel.newCall(method, callOptionsOf(init));
    this.#call.start(this, init.metadata);
    if (method.serverSendsOneMessage) this.#call.request(Number.POSITIVE_INFINITY);
  }

  override onHeaders(headers: Metadata): void {
    this.#headers = headers;
  }

  override onMessage(response: Response): void {
    this.#responses.push(response);
    this.#wake();
  }

  override onReady(): void {
    this.#wake();
  }

  override onClose(status: Status, trailers: Metadata): void {
    this.#outcome = { status: this.#settle(status), headers: this.#headers, trailers };
    this.#wake();
  }

  /** In this style it is for the user to see why a message could not be read, and to count responses. */
  #settle(status: Status): Status {
    if (status.cause instanceof StatusError) return status.cause.status;
    if (!this.#method.serverSendsOneMessage || !status.isOk || this.#responses.length === 1) return status;
    return Status.UNIMPLEMENTED.withDescription(`${this.#responses.length} responses came, not 1`);
  }

  /** Until `holds` does; it is asked after each event. */
  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async send(request: Message): Promise<boolean> {
    if (this.#isCancelled || this.#outcome !== null) return false;
    this.#call.sendMessage(request);
    if (this.#method.clientSendsOneMessage) return true;
    await this.#until(() => this.#call.isReady() || this.#outcome !== null);
    return this.#outcome === null;
  }

  halfClose(): void {
    if (!this.#isCancelled) this.#call.halfClose();
  }

  async receive(): Promise<Response | null> {
    if (this.#method.serverSendsOneMessage) {
      await this.#until(() => this.#outcome !== null);
      return this.#outcome?.status.isOk ? (this.#responses.shift() ?? null) : null;
    }
    this.#call.request(1);
    await this.#until(() => this.#responses.length > 0 || this.#outcome !== null);
    return this.#responses.shift() ?? null;
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#call.cancel('the case says so');
  }

  async outcome(): Promise<Outcome> {
    await this.#until(() => this.#outcome !== null);
    return this.#outcome as Outcome;
  }
}
