/** The bench service on reactors. Above: faces.ts. */
import { type Channel, Status } from '../../src/index.ts';
import {
  type AsyncMethods,
  type CallbackServerContext,
  type CallbackService,
  ClientBidiReactor,
  ClientContext,
  ClientReadReactor,
  ClientWriteReactor,
  callbackService,
  newStub,
  ServerBidiReactor,
  ServerReadReactor,
  type ServerUnaryReactor,
  ServerWriteReactor,
} from '../../src/reactor/index.ts';
import { type BenchClient, drive, type Face, IN_FLIGHT, METHODS, messagesOf, PAYLOAD, requestFor } from './face.ts';

type Bytes = Uint8Array;

class Lister extends ServerWriteReactor<Bytes> {
  #left: number;

  constructor(messages: number) {
    super();
    this.#left = messages;
    this.#next();
  }

  #next(): void {
    this.#left -= 1;
    if (this.#left < 0) this.finish(Status.OK);
    else this.startWrite(PAYLOAD);
  }

  override onWriteDone(ok: boolean): void {
    if (ok) this.#next();
    else this.finish(Status.UNKNOWN);
  }
}

class Sink extends ServerReadReactor<Bytes, Bytes> {
  constructor() {
    super();
    this.startRead();
  }

  override onReadDone(ok: boolean): void {
    if (ok) this.startRead();
    else this.finish(Status.OK, PAYLOAD);
  }
}

class Echo extends ServerBidiReactor<Bytes, Bytes> {
  constructor() {
    super();
    this.startSendInitialMetadata();
    this.startRead();
  }

  override onReadDone(_ok: boolean, message: Bytes | undefined): void {
    if (message === undefined) {
      this.finish(Status.OK);
      return;
    }
    this.startWrite(message);
  }

  override onWriteDone(): void {
    this.startRead();
  }
}

class BenchService implements CallbackService<typeof METHODS> {
  unary(context: CallbackServerContext): ServerUnaryReactor<Bytes> {
    const reactor = context.defaultReactor<Bytes>();
    reactor.finish(Status.OK, PAYLOAD);
    return reactor;
  }

  serverStream(_context: CallbackServerContext, request: Bytes): ServerWriteReactor<Bytes> {
    return new Lister(messagesOf(request));
  }

  clientStream(): ServerReadReactor<Bytes, Bytes> {
    return new Sink();
  }

  pingPong(): ServerBidiReactor<Bytes, Bytes> {
    return new Echo();
  }
}

class Reader extends ClientReadReactor<Bytes> {
  readonly #done: (ok: boolean) => void;

  constructor(done: (ok: boolean) => void) {
    super();
    this.#done = done;
  }

  override onReadDone(ok: boolean): void {
    if (ok) this.startRead();
  }

  override onDone(status: Status): void {
    this.#done(status.isOk);
  }
}

class Writer extends ClientWriteReactor<Bytes, Bytes> {
  readonly #done: (ok: boolean) => void;
  #left: number;

  constructor(messages: number, done: (ok: boolean) => void) {
    super();
    this.#left = messages;
    this.#done = done;
  }

  next(): void {
    this.#left -= 1;
    if (this.#left < 0) this.startWritesDone();
    else this.startWrite(PAYLOAD);
  }

  override onWriteDone(ok: boolean): void {
    if (ok) this.next();
  }

  override onDone(status: Status): void {
    this.#done(status.isOk);
  }
}

class Pinger extends ClientBidiReactor<Bytes, Bytes> {
  readonly #done: (ok: boolean) => void;
  #left: number;

  constructor(messages: number, done: (ok: boolean) => void) {
    super();
    this.#left = messages;
    this.#done = done;
  }

  next(): void {
    this.#left -= 1;
    if (this.#left < 0) this.startWritesDone();
    else this.startWrite(PAYLOAD);
  }

  override onReadDone(ok: boolean): void {
    if (!ok) return;
    this.startRead();
    this.next();
  }

  override onDone(status: Status): void {
    this.#done(status.isOk);
  }
}

class ReactorClient implements BenchClient {
  readonly #stub: AsyncMethods<typeof METHODS>;

  constructor(channel: Channel) {
    this.#stub = newStub(METHODS, channel).async();
  }

  unary(calls: number): Promise<void> {
    return drive(calls, IN_FLIGHT, (done) => {
      this.#stub.unary(new ClientContext(), PAYLOAD, (status) => done(status.isOk));
    });
  }

  serverStream(messages: number): Promise<void> {
    return drive(1, 1, (done) => {
      const reader = new Reader(done);
      this.#stub.serverStream(new ClientContext(), requestFor(messages), reader);
      reader.startRead();
      reader.startCall();
    });
  }

  clientStream(messages: number): Promise<void> {
    return drive(1, 1, (done) => {
      const writer = new Writer(messages, done);
      this.#stub.clientStream(new ClientContext(), writer);
      writer.next();
      writer.startCall();
    });
  }

  pingPong(messages: number): Promise<void> {
    return drive(1, 1, (done) => {
      const pinger = new Pinger(messages, done);
      this.#stub.pingPong(new ClientContext(), pinger);
      pinger.next();
      pinger.startRead();
      pinger.startCall();
    });
  }
}

export const reactorFace: Face = {
  name: 'reactors',
  service: () => callbackService(METHODS, new BenchService()),
  client: (channel) => new ReactorClient(channel),
};
