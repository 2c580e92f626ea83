/**
 * Calls with one response: unary, and client streaming, fed by an iterable or by hand. Above: clients. Below: CallRecord over
 * a ClientCall. Holds: a unary call makes two promises, the one that is awaited inside and that of the async function
 * around it, whose error so has the caller in its stack; no response, or two, are UNIMPLEMENTED.
 * Source: io.grpc.stub.ClientCalls.
 */

import type { Channel } from '../call/channel.ts';
import { NO_RESPONSE, SECOND_RESPONSE } from '../call/response-count.ts';
import type { MethodDescriptor } from '../values/method.ts';
import type { Status } from '../values/status.ts';
import type { UploadCall } from './call-objects.ts';
import { CallRecord } from './call-record.ts';
import { type CallSettings, callOptionsOf, headersOf } from './call-settings.ts';
import type { Messages } from './message-writer.ts';
import { RequestWriter } from './request-writer.ts';

/** A call that has one response. */
class ResponseRecord<Req, Res> extends CallRecord<Req, Res> {
  #response: Res | undefined = undefined;
  #hasResponse = false;
  #failure: Status | null = null;

  start(settings: CallSettings): void {
    this.call.start(this, headersOf(settings));
    // A second response is the server's mistake; without a permit for it the call would wait for ever.
    this.call.request(2);
  }

  override onMessage(response: Res): void {
    if (!this.#hasResponse) {
      this.#hasResponse = true;
      this.#response = response;
      return;
    }
    this.#failure = SECOND_RESPONSE;
    this.call.cancel('more than one response');
  }

  protected override settle(status: Status): Status {
    if (this.#failure !== null) return this.#failure;
    const lacksResponse = status.isOk && !this.#hasResponse;
    return lacksResponse ? NO_RESPONSE : status;
  }

  protected onEnded(): void {}

  /** The response of a call that has ended; throws its StatusError. */
  result(): Res {
    const status = this.endStatus;
    if (status !== null && !status.isOk) throw this.error(status);
    return this.#response as Res;
  }
}

/** A client-streaming call. */
class Upload<Req, Res> extends ResponseRecord<Req, Res> implements UploadCall<Req, Res> {
  readonly writer: RequestWriter<Req> = new RequestWriter<Req>(this.call);

  override onReady(): void {
    this.writer.onReady();
  }

  protected override onEnded(): void {
    this.writer.onEnd();
  }

  override cancel(reason?: unknown): void {
    super.cancel(reason);
    this.writer.onEnd();
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

  get response(): Promise<Res> {
    return this.handled(this.#awaitResponse());
  }

  async #awaitResponse(): Promise<Res> {
    await this.ended();
    return this.result();
  }
}

/** A unary call: resolves to the response, rejects with a StatusError. */
export async function callUnary<Req, Res>(
  channel: Channel,
  method: MethodDescriptor<Req, Res>,
  request: Req,
  settings: CallSettings,
): Promise<Res> {
  const record = new ResponseRecord(channel.newCall(method, callOptionsOf(settings)), method, settings);
  record.start(settings);
  record.sendOnly(request);
  await record.ended();
  return record.result();
}

/** A client-streaming call to be fed by hand. */
export function startUpload<Req, Res>(
  channel: Channel,
  method: MethodDescriptor<Req, Res>,
  settings: CallSettings,
): UploadCall<Req, Res> {
  return newUpload(channel, method, settings);
}

function newUpload<Req, Res>(
  channel: Channel,
  method: MethodDescriptor<Req, Res>,
  settings: CallSettings,
): Upload<Req, Res> {
  const upload = new Upload(channel.newCall(method, callOptionsOf(settings)), method, settings);
  upload.start(settings);
  return upload;
}

/** A client-streaming call fed by an iterable: resolves to the response, rejects with a StatusError. */
export async function callUpload<Req, Res>(
  channel: Channel,
  method: MethodDescriptor<Req, Res>,
  requests: Messages<Req>,
  settings: CallSettings,
): Promise<Res> {
  const upload = newUpload(channel, method, settings);
  void upload.writer.sendFrom(requests);
  await upload.ended();
  return upload.result();
}
