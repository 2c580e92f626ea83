/**
 * Calls with many responses: server streaming and bidi. Above: clients. Below: CallRecord over a ClientCall, MessageReader,
 * RequestWriter. Holds: the call opens when it is made, not when it is first read; a reader that leaves cancels it at once;
 * a slow reader holds the server back; what the server sent before an error is read before the error is thrown, but once
 * the call was cancelled or aborted here nothing more is.
 */
import type { Channel } from '../call/channel.ts';
import type { ClientCall } from '../call/client-call.ts';
import type { MethodDescriptor } from '../values/method.ts';
import type { DuplexCall, ResponseStream } from './call-objects.ts';
import { CallRecord } from './call-record.ts';
import { type CallSettings, callOptionsOf, headersOf } from './call-settings.ts';
import { MessageReader, type MessageSource } from './message-reader.ts';
import type { Messages } from './message-writer.ts';
import { RequestWriter } from './request-writer.ts';

const DEFAULT_PREFETCH = 1;

/** A call that is read message by message; of a bidi method it is written as well. */
class StreamCall<Req, Res> extends CallRecord<Req, Res> implements DuplexCall<Req, Res>, MessageSource {
  readonly reader: MessageReader<Res>;
  readonly writer: RequestWriter<Req>;
  readonly #signal: AbortSignal | null;
  #isCancelled = false;

  constructor(
    call: ClientCall<Req, Res>,
    method: MethodDescriptor<Req, Res>,
    settings: CallSettings,
    signal: AbortSignal | null,
  ) {
    super(call, method, settings);
    this.reader = new MessageReader<Res>(this, settings.prefetch ?? DEFAULT_PREFETCH);
    this.writer = new RequestWriter<Req>(call);
    this.#signal = signal;
  }

  start(settings: CallSettings): void {
    this.call.start(this, headersOf(settings));
    this.reader.start();
  }

  requestOne(): void {
    this.call.request(1);
  }

  onAbandoned(cause: unknown): void {
    this.cancel(cause);
  }

  override cancel(reason?: unknown): void {
    this.#isCancelled = true;
    super.cancel(reason);
    this.writer.onEnd();
  }

  /** Whether the call, unless it has ended, is to end here. */
  #isGivenUp(): boolean {
    return this.#isCancelled || this.#signal?.aborted === true;
  }

  failure(): Error | null {
    const status = this.endStatus;
    return status === null || status.isOk ? null : this.error(status);
  }

  override onMessage(message: Res): void {
    this.reader.onMessage(message);
  }

  override onReady(): void {
    this.writer.onReady();
  }

  override onClosing(): void {
    this.writer.onEnd();
  }

  protected onEnded(): void {
    this.writer.onEnd();
    if (this.#isGivenUp()) this.reader.drop();
    this.reader.onEnd();
  }

  next(): Promise<IteratorResult<Res, undefined>> {
    if (this.endStatus === null && this.#isGivenUp()) this.reader.drop();
    return this.reader.next();
  }

  return(): Promise<IteratorResult<Res, undefined>> {
    return this.reader.return();
  }

  throw(cause?: unknown): Promise<IteratorResult<Res, undefined>> {
    return this.reader.throw(cause);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  send(message: Req): Promise<boolean> {
    return this.writer.send(message);
  }

  setMessageCompression(enabled: boolean): void {
    this.call.setMessageCompression(enabled);
  }

  closeSend(): void {
    this.writer.close();
  }
}

/** A server-streaming call. */
export function startStream<Req, Res>(
  channel: Channel,
  method: MethodDescriptor<Req, Res>,
  request: Req,
  settings: CallSettings,
): ResponseStream<Res> {
  const call = newStream(channel, method, settings);
  call.sendOnly(request);
  return call;
}

/** A bidi call; what `requests` gives is sent, if it is given, then the call is half-closed. */
export function startDuplex<Req, Res>(
  channel: Channel,
  method: MethodDescriptor<Req, Res>,
  requests: Messages<Req> | null,
  settings: CallSettings,
): DuplexCall<Req, Res> {
  const call = newStream(channel, method, settings);
  if (requests !== null) void call.writer.sendFrom(requests);
  return call;
}

function newStream<Req, Res>(
  channel: Channel,
  method: MethodDescriptor<Req, Res>,
  settings: CallSettings,
): StreamCall<Req, Res> {
  const options = callOptionsOf(settings);
  const call = new StreamCall(channel.newCall(method, options), method, settings, options.signal);
  call.start(settings);
  return call;
}
