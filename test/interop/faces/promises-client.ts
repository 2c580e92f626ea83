/**
 * The client of the interop tests in the promise style. Above: faces.ts. Below: createClient. Holds: a rejection of the library
 * becomes an outcome or the end of a stream; what rejects with anything but a StatusError is a mistake, and goes on rejecting.
 */
import {
  type BidiStreamingFunction,
  type Channel,
  type ClientFunction,
  type ClientStreamingFunction,
  createClient,
  type MessageSender,
  Metadata,
  type MethodDescriptor,
  type MethodKind,
  type DuplexCall as PromiseDuplexCall,
  type ResponseStream,
  type ServerStreamingFunction,
  Status,
  StatusError,
  type UnaryFunction,
  type UploadCall,
} from '../../../src/index.ts';
import type { CallInit, DuplexCall, FaceClient, Outcome, ReadableCall, WritableCall } from '../face.ts';

/** A client of any method. */
export function promisesClient(channel: Channel): FaceClient {
  return new PromisesClient(channel);
}

class PromisesClient implements FaceClient {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  #method<Req, Res, K extends MethodKind>(
    method: MethodDescriptor<Req, Res, K>,
  ): ClientFunction<MethodDescriptor<Req, Res, K>> {
    return createClient({ method }, this.#channel).method;
  }

  async unary<Req, Res>(
    method: MethodDescriptor<Req, Res, 'unary'>,
    request: Req,
    init: CallInit = {},
  ): Promise<Outcome<Res>> {
    // The compiler cannot tell how a method is called whose messages are type parameters.
    const call = this.#method(method) as UnaryFunction<Req, Res>;
    let headers = new Metadata();
    let trailers = new Metadata();
    const onHeaders = (received: Metadata): void => {
      headers = received;
    };
    const onTrailers = (received: Metadata): void => {
      trailers = received;
    };
    try {
      const response = await call(request, { ...init, onHeaders, onTrailers });
      return { status: Status.OK, headers, trailers, messages: [response] };
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      return { status: error.status, headers, trailers: error.trailers, messages: [] };
    }
  }

  serverStreaming<Req, Res>(
    method: MethodDescriptor<Req, Res, 'server_streaming'>,
    request: Req,
    init: CallInit = {},
  ): ReadableCall<Res> {
    const call = this.#method(method) as ServerStreamingFunction<Req, Res>;
    return new Reading(call(request, init));
  }

  clientStreaming<Req, Res>(
    method: MethodDescriptor<Req, Res, 'client_streaming'>,
    init: CallInit = {},
  ): WritableCall<Req, Res> {
    const call = this.#method(method) as ClientStreamingFunction<Req, Res>;
    return new Uploading(call(init));
  }

  bidi<Req, Res>(method: MethodDescriptor<Req, Res, 'bidi_streaming'>, init: CallInit = {}): DuplexCall<Req, Res> {
    const call = this.#method(method) as BidiStreamingFunction<Req, Res>;
    return new Conversing(call(init));
  }
}

/** The headers of a call, or none for one that failed before them. */
async function headersOf(call: { readonly headers: Promise<Metadata> }): Promise<Metadata> {
  try {
    return await call.headers;
  } catch (error) {
    if (error instanceof StatusError) return new Metadata();
    throw error;
  }
}

function send<Req>(sender: MessageSender<Req>, message: Req, compressed: boolean): Promise<boolean> {
  sender.setMessageCompression(compressed);
  return sender.send(message);
}

/** A server-streaming call, or what there is to read of a bidi call. */
class Reading<Res> implements ReadableCall<Res> {
  readonly #stream: ResponseStream<Res>;

  constructor(stream: ResponseStream<Res>) {
    this.#stream = stream;
  }

  async receive(): Promise<Res | null> {
    try {
      const { done, value } = await this.#stream.next();
      return done === true ? null : value;
    } catch (error) {
      // The outcome tells it.
      if (error instanceof StatusError) return null;
      throw error;
    }
  }

  headers(): Promise<Metadata> {
    return headersOf(this.#stream);
  }

  cancel(): void {
    this.#stream.cancel();
  }

  async outcome(): Promise<Outcome<Res>> {
    const status = await this.#stream.status;
    return { status, headers: await headersOf(this.#stream), trailers: await this.#stream.trailers, messages: [] };
  }
}

/** A client-streaming call. */
class Uploading<Req, Res> implements WritableCall<Req, Res> {
  readonly #call: UploadCall<Req, Res>;

  constructor(call: UploadCall<Req, Res>) {
    this.#call = call;
  }

  send(message: Req, compressed = true): Promise<boolean> {
    return send(this.#call, message, compressed);
  }

  halfClose(): void {
    this.#call.closeSend();
  }

  cancel(): void {
    this.#call.cancel();
  }

  async outcome(): Promise<Outcome<Res>> {
    const status = await this.#call.status;
    const messages = status.isOk ? [await this.#call.response] : [];
    return { status, headers: await headersOf(this.#call), trailers: await this.#call.trailers, messages };
  }
}

/** A bidi call. */
class Conversing<Req, Res> extends Reading<Res> implements DuplexCall<Req, Res> {
  readonly #call: PromiseDuplexCall<Req, Res>;

  constructor(call: PromiseDuplexCall<Req, Res>) {
    super(call);
    this.#call = call;
  }

  send(message: Req, compressed = true): Promise<boolean> {
    return send(this.#call, message, compressed);
  }

  halfClose(): void {
    this.#call.closeSend();
  }
}
