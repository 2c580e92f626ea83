/**
 * Interceptors that do not let everything through: one that cancels or closes the call while something is being sent, or
 * throws, ends the RPC; operations do not throw for it, every one gets its reaction, and onDone comes.
 */
import type { ClientCall, ClientCallListener } from '../../src/call/client-call.ts';
import { type ClientInterceptor, ForwardingClientCall } from '../../src/call/client-interceptor.ts';
import type { ServerCall } from '../../src/call/server-call.ts';
import { ForwardingServerCall, type ServerInterceptor } from '../../src/call/server-interceptor.ts';
import { ClientContext } from '../../src/reactor/client-context.ts';
import { ServerBidiReactor, ServerUnaryReactor, ServerWriteReactor } from '../../src/reactor/server-reactors.ts';
import type { WriteFlags } from '../../src/transport/stream.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Code, Status } from '../../src/values/status.ts';
import { assert, suite, within } from '../support/suite.ts';
import { ReactorPair, type ReactorPairOptions } from './reactor-pair.ts';
import { bindBidi, bindRead, bindUnary, type Holding, hold } from './rpc-ends.ts';

const test = suite('interceptors that refuse');

const OWN_ERROR = new Error('thrown by the interceptor');

// ---- the client's end ----

/** What is called in place of a step: with the call itself at the client, with the one below at the server. */
type Refuse = (call: Pick<ClientCall<unknown, unknown>, 'cancel'>) => void;
type ServerRefuse = (call: Pick<ServerCall<unknown, unknown>, 'close' | 'cancel'>) => void;

type ClientPlace = 'newCall' | 'start' | 'sendMessage' | 'halfClose';

/** Does `refuse` in place of one step of a call. */
class RefusingClientCall<Req, Res> extends ForwardingClientCall<Req, Res> {
  readonly #place: ClientPlace;
  readonly #refuse: Refuse;

  constructor(delegate: ClientCall<Req, Res>, place: ClientPlace, refuse: Refuse) {
    super(delegate);
    this.#place = place;
    this.#refuse = refuse;
  }

  override start(listener: ClientCallListener<Res>, headers: Metadata): void {
    if (this.#place === 'start') this.#refuse(this);
    else super.start(listener, headers);
  }

  override sendMessage(message: Req, flags?: WriteFlags): void {
    if (this.#place === 'sendMessage') this.#refuse(this);
    else super.sendMessage(message, flags);
  }

  override halfClose(): void {
    if (this.#place === 'halfClose') this.#refuse(this);
    else super.halfClose();
  }
}

function refusingAt(place: ClientPlace, refuse: Refuse): ClientInterceptor {
  return (method, options, next) => {
    if (place === 'newCall') throw OWN_ERROR;
    return new RefusingClientCall(next.newCall(method, options), place, refuse);
  };
}

const throwing = (): void => {
  throw OWN_ERROR;
};
const cancelling: Refuse = (call) => call.cancel('not this one');

/** Where a client's interceptor refuses, and how the RPC ends. */
const CLIENT_CASES = [
  ['newCall', 'throws', throwing, Code.UNKNOWN],
  ['start', 'throws', throwing, Code.UNKNOWN],
  ['sendMessage', 'throws', throwing, Code.CANCELLED],
  ['sendMessage', 'cancels', cancelling, Code.CANCELLED],
  ['halfClose', 'throws', throwing, Code.CANCELLED],
  ['halfClose', 'cancels', cancelling, Code.CANCELLED],
] as const;

for (const [place, how, refuse, code] of CLIENT_CASES) {
  const options: ReactorPairOptions = { clientInterceptors: [refusingAt(place, refuse)] };

  test(`a client’s interceptor ${how} at ${place}: a function hears of it, once`, async () => {
    await using pair = await ReactorPair.open({}, options);
    const status = await within(
      5_000,
      new Promise<Status>((resolve) => pair.stub.unary(new ClientContext(), 'x', resolve)),
    );
    assert.is(status.code, code);
    assert.is(status.cause, how === 'throws' ? OWN_ERROR : undefined);
  });

  test(`a client’s interceptor ${how} at ${place}: startCall does not throw, everything is answered`, async () => {
    await using pair = await ReactorPair.open({}, options);
    const unary = bindUnary(pair, 'x');
    const last = bindBidi(pair);
    last.reactor.startRead();
    last.reactor.startWriteLast('x');
    const split = bindBidi(pair);
    split.reactor.startWrite('x');
    split.reactor.startWritesDone();
    for (const { reactor, log } of [unary, last, split]) {
      reactor.startCall();
      const { cause } = await within(5_000, reactor.done());
      assert.is(cause, how === 'throws' ? OWN_ERROR : undefined);
      assert.match(log.events.at(-1) ?? '', code === Code.UNKNOWN ? /^onDone\(UNKNOWN/ : /^onDone\(CANCELLED: /);
    }
    assert.is(last.log.times('onWriteDone(false)'), 1);
    assert.is(last.log.times('onReadDone(false)'), 1);
    assert.is(split.log.times('onWriteDone(false)'), 1);
    assert.is(split.log.times('onWritesDoneDone(false)'), 1);
  });

  if (place === 'sendMessage' || place === 'halfClose') {
    test(`a client’s interceptor ${how} at ${place}: nor does an operation after startCall`, async () => {
      const { handler } = hold(() => ServerBidiReactor.from<string, string>({ onCancel: finishNow }));
      await using pair = await ReactorPair.open({ bidi: handler }, options);
      const { reactor, log } = bindBidi(pair);
      reactor.addHold();
      reactor.startCall();
      if (place === 'sendMessage') reactor.startWrite('x');
      reactor.startWritesDone();
      await log.until(() => log.count('onWritesDoneDone') === 1);
      reactor.startRead();
      reactor.removeHold();
      await log.done();
      assert.is(log.count('onWriteDone'), place === 'sendMessage' ? 1 : 0);
      assert.is(log.times('onReadDone(false)'), 1);
      assert.match(log.events.at(-1) ?? '', /^onDone\(CANCELLED: /);
    });
  }
}

function finishNow(this: ServerBidiReactor<string, string>): void {
  this.finish(Status.OK);
}

// ---- the server's end ----

type ServerPlace = 'sendHeaders' | 'sendMessage' | 'close';

/** Does `refuse` in place of one step of a call. */
class RefusingServerCall<Req, Res> extends ForwardingServerCall<Req, Res> {
  readonly #place: ServerPlace;
  readonly #refuse: ServerRefuse;

  constructor(delegate: ServerCall<Req, Res>, place: ServerPlace, refuse: ServerRefuse) {
    super(delegate);
    this.#place = place;
    this.#refuse = refuse;
  }

  override sendHeaders(headers: Metadata): void {
    if (this.#place === 'sendHeaders') this.#refuse(this.delegate);
    else super.sendHeaders(headers);
  }

  override sendMessage(message: Res, flags?: WriteFlags): void {
    if (this.#place === 'sendMessage') this.#refuse(this.delegate);
    else super.sendMessage(message, flags);
  }

  override close(status: Status, trailers: Metadata): void {
    if (this.#place === 'close') this.#refuse(this.delegate);
    else super.close(status, trailers);
  }
}

function refusingServer(place: ServerPlace, refuse: ServerRefuse): readonly ServerInterceptor[] {
  const interceptor: ServerInterceptor = (call, headers, next) =>
    next(new RefusingServerCall(call, place, refuse), headers);
  return [interceptor];
}

/** How a server's interceptor refuses, and what the client hears, which of a reset is the bare code. */
const SERVER_WAYS: readonly (readonly [how: string, refuse: ServerRefuse, end: RegExp, afterMessage: RegExp])[] = [
  ['throws', throwing, /^onDone\(UNKNOWN: Application error processing RPC\)$/, /^onDone\(CANCELLED/],
  [
    'closes the call',
    (call) => call.close(Status.ABORTED, new Metadata()),
    /^onDone\(ABORTED\)$/,
    /^onDone\(ABORTED\)$/,
  ],
  ['cancels the call', (call) => call.cancel(Status.ABORTED), /^onDone\(ABORTED\)$/, /^onDone\(CANCELLED/],
];

type Writer = ServerWriteReactor<string>;

/** What a handler may do, at once or before it returns. */
const ANSWERS: Readonly<Record<string, (writer: Writer) => void>> = {
  'writes and finishes': (writer) => {
    writer.startWrite('x');
    writer.finish(Status.OK);
  },
  'uses startWriteAndFinish': (writer) => writer.startWriteAndFinish('x', {}, Status.OK),
  'sends headers and finishes': (writer) => {
    writer.startSendInitialMetadata();
    writer.startWriteLast('x');
    writer.finish(Status.OK);
  },
};

for (const place of ['sendHeaders', 'sendMessage', 'close'] as const) {
  for (const [how, refuse, end, afterMessage] of SERVER_WAYS) {
    for (const [answer, act] of Object.entries(ANSWERS)) {
      test(`a server’s interceptor ${how} at ${place}, where the reactor ${answer}`, async () => {
        for (const isInHandler of [true, false]) {
          const { handler, served }: Holding<Writer> = hold(
            () => new ServerWriteReactor<string>(),
            ({ reactor }) => {
              if (isInHandler) act(reactor);
            },
          );
          await using pair = await ReactorPair.open(
            { read: handler },
            { serverInterceptors: refusingServer(place, refuse) },
          );
          const client = bindRead(pair, '');
          client.reactor.startRead();
          client.reactor.startCall();
          const server = await served.next();
          if (!isInHandler) act(server.reactor);
          await client.log.done();
          await server.log.done();
          assert.match(client.log.events.at(-1) ?? '', place === 'close' ? afterMessage : end);
          assert.is(server.context.isCancelled(), server.log.count('onCancel') === 1);
          assert.equal(pair.errors, how === 'throws' ? [OWN_ERROR] : []);
        }
      });
    }

    test(`a server’s interceptor ${how} at ${place} of a unary RPC`, async () => {
      const { handler, served } = hold(
        () => new ServerUnaryReactor<string>(),
        ({ reactor }) => reactor.finish(Status.OK, 'a response'),
      );
      await using pair = await ReactorPair.open(
        { unary: handler },
        { serverInterceptors: refusingServer(place, refuse) },
      );
      const client = bindUnary(pair, '');
      client.reactor.startCall();
      await client.log.done();
      await (await served.next()).log.done();
      assert.match(client.log.events.at(-1) ?? '', place === 'close' ? afterMessage : end);
    });
  }
}

test.run();
