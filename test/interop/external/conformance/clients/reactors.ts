/**
 * RPCs in reactors. Above: client.ts. Below: the stub of halfclose/reactor. Holds: operations come from outside of reactions,
 * so a hold keeps each streaming RPC until its end is asked for.
 */
import type { Message } from '@bufbuild/protobuf';
import type { Channel, Metadata, MethodDescriptor, MethodKind, Status } from '../../../../../src/index.ts';
import {
  ClientBidiReactor,
  ClientContext,
  ClientReadReactor,
  ClientUnaryReactor,
  ClientWriteReactor,
  newStub,
  type Stub,
} from '../../../../../src/reactor/index.ts';
import { callOptionsOf } from './calls.ts';
import type { CaseCall, CaseMethod, OpenCase, Outcome, Response } from './case-call.ts';

export const openReactors: OpenCase = (channel, method, init) => {
  const context = new ClientContext(callOptionsOf(init));
  for (const [name, value] of init.metadata) context.addMetadata(name, value);
  switch (method.kind) {
    case 'unary':
      return new UnaryCase(context, stubOf(method, channel));
    case 'server_streaming':
      return new ReadCase(context, stubOf(method, channel));
    case 'client_streaming':
      return new WriteCase(context, stubOf(method, channel));
    default:
      return new BidiCase(context, stubOf(method, channel));
  }
};

/** A stub for one method. */
type StubOf<K extends MethodKind> = Stub<{ readonly rpc: MethodDescriptor<Message, Response, K> }>;

function stubOf<K extends MethodKind>(method: CaseMethod, channel: Channel): StubOf<K> {
  return newStub({ rpc: method as MethodDescriptor<Message, Response, K> }, channel);
}

/** What the RPCs of all kinds have. */
abstract class ReactorCase implements CaseCall {
  protected readonly context: ClientContext;
  protected abstract readonly reactor: { done(): Promise<Status> };
  protected answerRead: (response: Response | null) => void = () => {};
  protected answerWrite: (ok: boolean) => void = () => {};
  #headers: Metadata | null = null;
  #response: Response | null = null;

  constructor(context: ClientContext) {
    this.context = context;
  }

  /** Reactions for a reactor of any kind. */
  protected reactions() {
    return {
      onReadInitialMetadataDone: (ok: boolean): void => {
        if (ok) this.#headers = this.context.getServerInitialMetadata();
      },
      onReadDone: (_ok: boolean, response: Response | undefined): void => this.answerRead(response ?? null),
      onWriteDone: (ok: boolean): void => this.answerWrite(ok),
      onDone: (_status: Status, response?: Response): void => {
        this.#response = response ?? null;
      },
    };
  }

  abstract send(request: Message): Promise<boolean>;
  abstract halfClose(): void;

  /** The one response, which comes with the end. */
  async receive(): Promise<Response | null> {
    await this.outcome();
    const response = this.#response;
    this.#response = null;
    return response;
  }

  cancel(): void {
    this.context.tryCancel();
  }

  async outcome(): Promise<Outcome> {
    const status = await this.reactor.done();
    return { status, headers: this.#headers, trailers: this.context.getServerTrailingMetadata() };
  }
}

class UnaryCase extends ReactorCase {
  protected override readonly reactor = ClientUnaryReactor.from<Response>(this.reactions());
  readonly #stub: StubOf<'unary'>;

  constructor(context: ClientContext, stub: StubOf<'unary'>) {
    super(context);
    this.#stub = stub;
  }

  override async send(request: Message): Promise<boolean> {
    this.#stub.async().rpc(this.context, request, this.reactor);
    this.reactor.startCall();
    return true;
  }

  override halfClose(): void {}
}

class ReadCase extends ReactorCase {
  protected override readonly reactor = ClientReadReactor.from<Response>(this.reactions());
  readonly #stub: StubOf<'server_streaming'>;

  constructor(context: ClientContext, stub: StubOf<'server_streaming'>) {
    super(context);
    this.#stub = stub;
  }

  override async send(request: Message): Promise<boolean> {
    this.#stub.async().rpc(this.context, request, this.reactor);
    this.reactor.addHold();
    this.reactor.startCall();
    return true;
  }

  override halfClose(): void {}

  override receive(): Promise<Response | null> {
    return new Promise((resolve) => {
      this.answerRead = resolve;
      this.reactor.startRead();
    });
  }

  override outcome(): Promise<Outcome> {
    this.reactor.removeHold();
    return super.outcome();
  }
}

class WriteCase extends ReactorCase {
  protected override readonly reactor = ClientWriteReactor.from<Message, Response>(this.reactions());

  constructor(context: ClientContext, stub: StubOf<'client_streaming'>) {
    super(context);
    stub.async().rpc(context, this.reactor);
    this.reactor.addHold();
    this.reactor.startCall();
  }

  override send(request: Message): Promise<boolean> {
    return new Promise((resolve) => {
      this.answerWrite = resolve;
      this.reactor.startWrite(request);
    });
  }

  override halfClose(): void {
    this.reactor.startWritesDone();
    this.reactor.removeHold();
  }
}

class BidiCase extends ReactorCase {
  protected override readonly reactor = ClientBidiReactor.from<Message, Response>(this.reactions());

  constructor(context: ClientContext, stub: StubOf<'bidi_streaming'>) {
    super(context);
    stub.async().rpc(context, this.reactor);
    this.reactor.addHold();
    this.reactor.startCall();
  }

  override send(request: Message): Promise<boolean> {
    return new Promise((resolve) => {
      this.answerWrite = resolve;
      this.reactor.startWrite(request);
    });
  }

  override halfClose(): void {
    this.reactor.startWritesDone();
  }

  override receive(): Promise<Response | null> {
    return new Promise((resolve) => {
      this.answerRead = resolve;
      this.reactor.startRead();
    });
  }

  override outcome(): Promise<Outcome> {
    this.reactor.removeHold();
    return super.outcome();
  }
}
