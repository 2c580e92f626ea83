/**
 * The client of the interop tests straight on ClientCall. Above: faces.ts. Below: the public API. Holds: a permit is given for each
 * message that someone waits for, and no other; nothing is sent once the call has been cancelled.
 */
import {
  CallOptions,
  type Channel,
  type ClientCall,
  ClientCallListener,
  Metadata,
  type MethodDescriptor,
  type Status,
} from '../../../src/index.ts';
import type { CallInit, DuplexCall, FaceClient, Outcome } from '../face.ts';

/** A client of any method. */
export function callsClient(channel: Channel): FaceClient {
  return {
    unary: (method, request, init) => open(channel, method, init).ask(request).readOnly().outcome(),
    serverStreaming: (method, request, init) => open(channel, method, init).ask(request),
    clientStreaming: (method, init) => open(channel, method, init).readOnly(),
    bidi: (method, init) => open(channel, method, init),
  };
}

function open<Req, Res>(
  channel: Channel,
  method: MethodDescriptor<Req, Res>,
  init: CallInit = {},
): RecordedCall<Req, Res> {
  const call = new RecordedCall(channel.newCall(method, optionsOf(init)));
  call.start(new Metadata(init.metadata));
  return call;
}

function optionsOf({ timeoutMs, compression, credentials, signal }: CallInit): CallOptions {
  let options = CallOptions.DEFAULT;
  if (timeoutMs !== undefined) options = options.withTimeout(timeoutMs);
  if (compression !== undefined) options = options.withCompression(compression);
  if (credentials !== undefined) options = options.withCredentials(credentials);
  if (signal !== undefined) options = options.withSignal(signal);
  return options;
}

type Take<T> = (value: T) => void;

/**
 * A call, and all that it told.
 *
 *   open ─cancel, onClosing→ finishing ─onClose→ closed
 *    └─────────────────onClose────────────────────↑
 */
class RecordedCall<Req, Res> extends ClientCallListener<Res> implements DuplexCall<Req, Res> {
  readonly #call: ClientCall<Req, Res>;
  #state: 'open' | 'finishing' | 'closed' = 'open';
  readonly #messages: Res[] = [];
  readonly #readers: Take<Res | null>[] = [];
  readonly #senders: Take<boolean>[] = [];
  readonly #headers: Promise<Metadata>;
  #takeHeaders: Take<Metadata> = () => {};
  readonly #outcome: Promise<Outcome<Res>>;
  #takeOutcome: Take<Outcome<Res>> = () => {};

  constructor(call: ClientCall<Req, Res>) {
    super();
    this.#call = call;
    this.#headers = new Promise((resolve) => {
      this.#takeHeaders = resolve;
    });
    this.#outcome = new Promise((resolve) => {
      this.#takeOutcome = resolve;
    });
  }

  start(metadata: Metadata): void {
    this.#call.start(this, metadata);
  }

  /** Sends the only request. */
  ask(request: Req): this {
    this.#call.sendMessage(request);
    this.#call.halfClose();
    return this;
  }

  /** Asks for the only response, and for one more, which would be the server's mistake. */
  readOnly(): this {
    this.#call.request(2);
    return this;
  }

  receive(): Promise<Res | null> {
    if (this.#state === 'closed') return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#readers.push(resolve);
      this.#call.request(1);
    });
  }

  send(message: Req, compressed = true): Promise<boolean> {
    if (this.#state !== 'open') return Promise.resolve(false);
    this.#call.setMessageCompression(compressed);
    this.#call.sendMessage(message);
    if (this.#call.isReady()) return Promise.resolve(true);
    return new Promise((resolve) => this.#senders.push(resolve));
  }

  halfClose(): void {
    if (this.#state === 'open') this.#call.halfClose();
  }

  cancel(): void {
    if (this.#state === 'closed') return;
    this.#takeNoMore();
    this.#call.cancel('the case cancelled the call');
  }

  headers(): Promise<Metadata> {
    return this.#headers;
  }

  outcome(): Promise<Outcome<Res>> {
    return this.#outcome;
  }

  override onHeaders(headers: Metadata): void {
    this.#takeHeaders(headers);
  }

  override onMessage(message: Res): void {
    const reader = this.#readers.shift();
    if (reader === undefined) this.#messages.push(message);
    else reader(message);
  }

  override onReady(): void {
    if (this.#senders.length > 0 && this.#call.isReady()) this.#tellSenders(true);
  }

  override onClosing(): void {
    this.#takeNoMore();
  }

  override onClose(status: Status, trailers: Metadata): void {
    this.#takeNoMore();
    this.#state = 'closed';
    for (const reader of this.#readers.splice(0)) reader(null);
    // If they have come before, this changes nothing.
    this.#takeHeaders(new Metadata());
    void this.#headers.then((headers) => this.#takeOutcome({ status, headers, trailers, messages: this.#messages }));
  }

  #takeNoMore(): void {
    this.#state = 'finishing';
    this.#tellSenders(false);
  }

  #tellSenders(open: boolean): void {
    for (const sender of this.#senders.splice(0)) sender(open);
  }
}
