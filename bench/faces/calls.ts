/** The bench service straight on ClientCall and ServerCall. Above: faces.ts. */
import {
  CallOptions,
  type Channel,
  type ClientCall,
  ClientCallListener,
  Metadata,
  type ServerCall,
  ServerCallListener,
  ServiceDefinition,
  Status,
} from '../../src/index.ts';
import { type BenchClient, drive, type Face, IN_FLIGHT, METHODS, messagesOf, PAYLOAD, requestFor } from './face.ts';

type ByteServerCall = ServerCall<Uint8Array, Uint8Array>;
type ByteClientCall = ClientCall<Uint8Array, Uint8Array>;

class UnaryListener extends ServerCallListener<Uint8Array> {
  readonly #call: ByteServerCall;

  constructor(call: ByteServerCall) {
    super();
    this.#call = call;
    call.request(2);
  }

  override onMessage(): void {
    this.#call.sendHeaders(new Metadata());
    this.#call.sendMessage(PAYLOAD);
    this.#call.close(Status.OK, new Metadata());
  }
}

/** Sends a message whenever the one before has passed flow control, as a reactor does. */
class StreamListener extends ServerCallListener<Uint8Array> {
  readonly #call: ByteServerCall;
  #left = 0;

  constructor(call: ByteServerCall) {
    super();
    this.#call = call;
    call.request(1);
  }

  override onMessage(request: Uint8Array): void {
    this.#left = messagesOf(request);
    this.#call.sendHeaders(new Metadata());
    this.onWritten();
  }

  override onWritten(): void {
    if (this.#left === 0) {
      this.#call.close(Status.OK, new Metadata());
      this.#left = -1;
    } else if (this.#left > 0) {
      this.#left -= 1;
      this.#call.sendMessage(PAYLOAD);
    }
  }
}

class SinkListener extends ServerCallListener<Uint8Array> {
  readonly #call: ByteServerCall;

  constructor(call: ByteServerCall) {
    super();
    this.#call = call;
    call.request(1);
  }

  override onMessage(): void {
    this.#call.request(1);
  }

  override onHalfClose(): void {
    this.#call.sendHeaders(new Metadata());
    this.#call.sendMessage(PAYLOAD);
    this.#call.close(Status.OK, new Metadata());
  }
}

class EchoListener extends ServerCallListener<Uint8Array> {
  readonly #call: ByteServerCall;

  constructor(call: ByteServerCall) {
    super();
    this.#call = call;
    call.sendHeaders(new Metadata());
    call.request(1);
  }

  override onMessage(message: Uint8Array): void {
    this.#call.sendMessage(message);
    this.#call.request(1);
  }

  override onHalfClose(): void {
    this.#call.close(Status.OK, new Metadata());
  }
}

class Ending extends ClientCallListener<Uint8Array> {
  readonly #done: (ok: boolean) => void;

  constructor(done: (ok: boolean) => void) {
    super();
    this.#done = done;
  }

  override onClose(status: Status): void {
    this.#done(status.isOk);
  }
}

class Reader extends Ending {
  readonly #call: ByteClientCall;

  constructor(call: ByteClientCall, done: (ok: boolean) => void) {
    super(done);
    this.#call = call;
  }

  override onMessage(): void {
    this.#call.request(1);
  }
}

/** Sends the next message once the last one is through: written, or come back. */
class Sender extends Ending {
  readonly #call: ByteClientCall;
  readonly #awaitsEcho: boolean;
  #left: number;

  constructor(call: ByteClientCall, messages: number, awaitsEcho: boolean, done: (ok: boolean) => void) {
    super(done);
    this.#call = call;
    this.#left = messages;
    this.#awaitsEcho = awaitsEcho;
  }

  sendNext(): void {
    this.#left -= 1;
    if (this.#left < 0) this.#call.halfClose();
    else this.#call.sendMessage(PAYLOAD);
  }

  override onWritten(): void {
    if (!this.#awaitsEcho && this.#left >= 0) this.sendNext();
  }

  override onMessage(): void {
    if (!this.#awaitsEcho) return;
    this.#call.request(1);
    this.sendNext();
  }
}

class CallClient implements BenchClient {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  unary(calls: number): Promise<void> {
    return drive(calls, IN_FLIGHT, (done) => {
      const call = this.#channel.newCall(METHODS.unary, CallOptions.DEFAULT);
      call.start(new Ending(done), new Metadata());
      call.request(2);
      call.sendMessage(PAYLOAD);
      call.halfClose();
    });
  }

  serverStream(messages: number): Promise<void> {
    return drive(1, 1, (done) => {
      const call = this.#channel.newCall(METHODS.serverStream, CallOptions.DEFAULT);
      call.start(new Reader(call, done), new Metadata());
      call.request(1);
      call.sendMessage(requestFor(messages));
      call.halfClose();
    });
  }

  clientStream(messages: number): Promise<void> {
    return this.#send(METHODS.clientStream, messages, false);
  }

  pingPong(messages: number): Promise<void> {
    return this.#send(METHODS.pingPong, messages, true);
  }

  #send(method: typeof METHODS.pingPong | typeof METHODS.clientStream, messages: number, echo: boolean): Promise<void> {
    return drive(1, 1, (done) => {
      const call = this.#channel.newCall<Uint8Array, Uint8Array>(method, CallOptions.DEFAULT);
      const sender = new Sender(call, messages, echo, done);
      call.start(sender, new Metadata());
      call.request(2);
      sender.sendNext();
    });
  }
}

export const callFace: Face = {
  name: 'calls',
  service: () =>
    new ServiceDefinition('bench.Bench')
      .addMethod(METHODS.unary, (call) => new UnaryListener(call))
      .addMethod(METHODS.serverStream, (call) => new StreamListener(call))
      .addMethod(METHODS.clientStream, (call) => new SinkListener(call))
      .addMethod(METHODS.pingPong, (call) => new EchoListener(call)),
  client: (channel) => new CallClient(channel),
};
