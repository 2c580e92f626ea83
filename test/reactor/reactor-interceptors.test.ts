/**
 * Interceptors and deadlines around reactors of every kind: reactors are made over a Channel and a ServerCallHandler like any
 * other user of them, so what holds for calls holds for them.
 */
import { CallOptions } from '../../src/call/call-options.ts';
import type { ClientCallListener } from '../../src/call/client-call.ts';
import {
  type ClientInterceptor,
  FailedClientCall,
  ForwardingClientCall,
  ForwardingClientCallListener,
} from '../../src/call/client-interceptor.ts';
import { ServerCallListener } from '../../src/call/server-call.ts';
import {
  ForwardingServerCall,
  ForwardingServerCallListener,
  type ServerInterceptor,
} from '../../src/call/server-interceptor.ts';
import { ClientContext } from '../../src/reactor/client-context.ts';
import { ClientBidiReactor, ClientUnaryReactor } from '../../src/reactor/client-reactors.ts';
import {
  ServerBidiReactor,
  ServerReadReactor,
  ServerUnaryReactor,
  ServerWriteReactor,
} from '../../src/reactor/server-reactors.ts';
import type { WriteFlags } from '../../src/transport/stream.ts';
import { Deadline } from '../../src/values/deadline.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { until } from '../support/echo-pairings.ts';
import { assert, suite, within } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { ReactorPair, type ReactorPairOptions, type TextService } from './reactor-pair.ts';
import { bindBidi, bindRead, bindUnary, bindWrite, type ClientEnd, hold, turns } from './rpc-ends.ts';

const test = suite('Reactors behind interceptors');

const TRANSPORTS = ['in-process', 'http2'] as const;

/** Answers every message with itself. */
const ECHO: TextService = {
  unary: (context, request) => {
    const reactor = context.defaultReactor<string>();
    reactor.finish(Status.OK, request);
    return reactor;
  },
  read: (_context, request) => {
    const reactor = new ServerWriteReactor<string>();
    reactor.startWriteAndFinish(request, {}, Status.OK);
    return reactor;
  },
  write: () => {
    let all = '';
    const reactor = ServerReadReactor.from<string, string>({
      onReadDone(ok, message) {
        if (ok) {
          all += message;
          this.startRead();
        } else {
          this.finish(Status.OK, all);
        }
      },
    });
    reactor.startRead();
    return reactor;
  },
  bidi: () => {
    const reactor = ServerBidiReactor.from<string, string>({
      onReadDone(ok, message) {
        if (ok && message !== undefined) this.startWrite(message);
        else this.finish(Status.OK);
      },
      onWriteDone(ok) {
        if (ok) this.startRead();
      },
    });
    reactor.startRead();
    return reactor;
  },
};

/** One RPC of each kind that says `a`, not started; reads one message where there is one to read. */
function bindAll(
  pair: ReactorPair,
  context: () => ClientContext = () => new ClientContext(),
): ClientEnd<{ startCall(): void }>[] {
  const unary = bindUnary(pair, 'a', undefined, context());
  const read = bindRead(pair, 'a', undefined, context());
  read.reactor.startRead();
  const write = bindWrite(pair, undefined, context());
  write.reactor.startWriteLast('a');
  const bidi = bindBidi(pair, undefined, context());
  bidi.reactor.startWriteLast('a');
  bidi.reactor.startRead();
  return [unary, read, write, bidi];
}

/** Runs one of each kind; gives what came last. */
async function runAll(pair: ReactorPair): Promise<string[]> {
  const ends = bindAll(pair);
  for (const { reactor, log } of ends) {
    reactor.startCall();
    await log.done();
  }
  return ends.map(({ log }) => log.events.filter((event) => /onReadDone\(true|onDone/.test(event)).join(' '));
}

/** What runAll gives when the message comes back as `message`. */
function answered(message: string): string[] {
  const streamed = `onReadDone(true, ${message}) onDone(OK)`;
  return [`onDone(OK, ${message})`, streamed, `onDone(OK, ${message})`, streamed];
}

/** A client's call that marks its messages, its headers, and what comes back. */
class MarkingCall<Req, Res> extends ForwardingClientCall<Req, Res> {
  override start(listener: ClientCallListener<Res>, headers: Metadata): void {
    headers.append('x-client', 'was here');
    super.start(new MarkingListener(listener), headers);
  }

  override sendMessage(message: Req, flags?: WriteFlags): void {
    super.sendMessage(`${message}>` as Req, flags);
  }
}

class MarkingListener<Res> extends ForwardingClientCallListener<Res> {
  override onMessage(message: Res): void {
    super.onMessage(`${message}<` as Res);
  }
}

class MarkingServerCall<Req, Res> extends ForwardingServerCall<Req, Res> {
  override sendHeaders(headers: Metadata): void {
    headers.append('x-server', 'in the headers');
    super.sendHeaders(headers);
  }

  override sendMessage(message: Res, flags?: WriteFlags): void {
    super.sendMessage(`${message}]` as Res, flags);
  }

  override close(status: Status, trailers: Metadata): void {
    trailers.append('x-server', 'in the trailers');
    super.close(status, trailers);
  }
}

class MarkingServerListener<Req> extends ForwardingServerCallListener<Req> {
  override onMessage(message: Req): void {
    super.onMessage(`${message}[` as Req);
  }
}

const markAtClient: ClientInterceptor = (method, options, next) => new MarkingCall(next.newCall(method, options));
const markAtServer: ServerInterceptor = (call, headers, next) =>
  new MarkingServerListener(next(new MarkingServerCall(call), headers));

for (const transport of TRANSPORTS) {
  test(`${transport}: they see and change messages, headers and trailers of every kind`, async () => {
    const seen: string[] = [];
    const look: ServerInterceptor = (call, headers, next) => {
      seen.push(`${call.method.name} ${headers.get('x-client')}`);
      return next(call, headers);
    };
    await using pair = await ReactorPair.open(ECHO, {
      transport,
      clientInterceptors: [markAtClient],
      serverInterceptors: [markAtServer, look],
    });
    assert.equal(await runAll(pair), answered('a>[]<'));
    assert.equal(seen, [
      'unary was here',
      'server_streaming was here',
      'client_streaming was here',
      'bidi_streaming was here',
    ]);
    const { context, reactor, log } = bindUnary(pair, '');
    reactor.startCall();
    await log.done();
    assert.is(context.getServerInitialMetadata().get('x-server'), 'in the headers');
    assert.is(context.getServerTrailingMetadata().get('x-server'), 'in the trailers');
  });

  test(`${transport}: a client’s may refuse an RPC, with status and trailers, and nothing is sent`, async () => {
    const refuse: ClientInterceptor = () =>
      new FailedClientCall(
        Status.UNAUTHENTICATED.withDescription('who are you'),
        new Metadata({ 'x-why': 'no token' }),
      );
    let handled = 0;
    const count: ServerInterceptor = (call, headers, next) => {
      handled += 1;
      return next(call, headers);
    };
    await using pair = await ReactorPair.open(ECHO, {
      transport,
      clientInterceptors: [refuse],
      serverInterceptors: [count],
    });
    for (const { context, reactor, log } of bindAll(pair)) {
      reactor.startCall();
      assert.equal(log.events, []);
      await log.done();
      assert.is(log.events[0], 'onReadInitialMetadataDone(false)');
      assert.is(log.events.at(-1), 'onDone(UNAUTHENTICATED: who are you)');
      assert.is(context.getServerTrailingMetadata().get('x-why'), 'no token');
    }
    assert.is(handled, 0);
  });

  test(`${transport}: a server’s may refuse an RPC, and no handler runs`, async () => {
    let handled = 0;
    const count = (): null => {
      handled += 1;
      return null;
    };
    const refuse: ServerInterceptor = (call) => {
      call.close(Status.PERMISSION_DENIED, new Metadata());
      return new ServerCallListener();
    };
    await using pair = await ReactorPair.open(
      { unary: count, read: count, write: count, bidi: count },
      { transport, serverInterceptors: [refuse] },
    );
    assert.equal(await runAll(pair), [
      'onDone(PERMISSION_DENIED)',
      'onDone(PERMISSION_DENIED)',
      'onDone(PERMISSION_DENIED)',
      'onDone(PERMISSION_DENIED)',
    ]);
    assert.is(handled, 0);
  });

  test(`${transport}: a client’s may give an RPC a deadline`, async () => {
    const clock = new WoundClock();
    const hurry: ClientInterceptor = (method, options, next) =>
      next.newCall(method, options.withDeadline(Deadline.after(10, clock)));
    const { handler, served } = hold(() => new ServerUnaryReactor<string>());
    await using pair = await ReactorPair.open(
      { unary: handler },
      { transport, clientInterceptors: [hurry], channel: { clock }, server: { clock } },
    );
    const client = bindUnary(pair, '');
    client.reactor.startCall();
    const { context, reactor, log } = await served.next();
    assert.ok(Number.isFinite(context.deadline()));
    clock.advance(10);
    await client.log.done();
    assert.match(client.log.events.at(-1) ?? '', /^onDone\(DEADLINE_EXCEEDED/);
    await log.until(() => log.count('onCancel') === 1);
    reactor.finish(Status.OK, '');
    await log.done();
  });

  test(`${transport}: a client’s that cancels below the reactor: what is started in the same tick gets false`, async () => {
    /** Cancels at the first message, and passes it on all the same. */
    class Miser<Res> extends ForwardingClientCallListener<Res> {
      readonly #cancel: () => void;

      constructor(listener: ClientCallListener<Res>, cancel: () => void) {
        super(listener);
        this.#cancel = cancel;
      }

      override onMessage(message: Res): void {
        this.#cancel();
        super.onMessage(message);
      }
    }
    class MiserCall<Req, Res> extends ForwardingClientCall<Req, Res> {
      override start(listener: ClientCallListener<Res>, headers: Metadata): void {
        super.start(new Miser(listener, () => super.cancel('enough of it')), headers);
      }
    }
    const stingy: ClientInterceptor = (method, options, next) => new MiserCall(next.newCall(method, options));
    await using pair = await ReactorPair.open(ECHO, { transport, clientInterceptors: [stingy] });
    const reactor = ClientBidiReactor.from<string, string>({
      onReadDone(ok) {
        if (!ok) return;
        this.startRead();
        this.startWrite('more');
        this.startWritesDone();
      },
    });
    const client = bindBidi(pair, reactor);
    client.reactor.startWrite('a');
    client.reactor.startRead();
    client.reactor.startCall();
    await client.log.done();
    assert.equal(client.log.events.slice(-5), [
      'onReadDone(true, a)',
      'onWriteDone(false)',
      'onWritesDoneDone(false)',
      'onReadDone(false)',
      'onDone(CANCELLED: enough of it)',
    ]);
    assert.equal(pair.errors, []);
  });

  test(`${transport}: a server’s that closes below the reactor: finish is still accepted, and the RPC is done`, async () => {
    class Strict<Req, Res> extends ForwardingServerCallListener<Req> {
      readonly #call: ForwardingServerCall<Req, Res>;

      constructor(listener: ServerCallListener<Req>, call: ForwardingServerCall<Req, Res>) {
        super(listener);
        this.#call = call;
      }

      override onMessage(message: Req): void {
        this.#call.close(Status.INVALID_ARGUMENT.withDescription('not this'), new Metadata());
        super.onMessage(message);
      }
    }
    const strict: ServerInterceptor = (call, headers, next) => {
      const forwarding = new ForwardingServerCall(call);
      return new Strict(next(forwarding, headers), forwarding);
    };
    await using pair = await ReactorPair.open(ECHO, { transport, serverInterceptors: [strict] });
    for (const { reactor, log } of bindAll(pair)) {
      reactor.startCall();
      await log.done();
      assert.is(log.events.at(-1), 'onDone(INVALID_ARGUMENT: not this)');
    }
    await turns();
    assert.equal(pair.errors, []);
  });
}

test('one that throws at every call, and a reaction that throws at what comes of it: a warning, and the RPC is done', async () => {
  const refuse: ClientInterceptor = () => {
    throw new Error('no call for you');
  };
  await using pair = await ReactorPair.open(ECHO, { clientInterceptors: [refuse] });
  const fail = (): never => {
    throw new Error('a reaction of its own');
  };
  for (const cancelled of [false, true]) {
    const heard = warnings(2);
    const client = bindUnary(pair, '', ClientUnaryReactor.from<string>({ onReadInitialMetadataDone: fail }));
    if (cancelled) client.context.tryCancel();
    client.reactor.startCall();
    await client.log.done();
    const context = new ClientContext();
    if (cancelled) context.tryCancel();
    pair.stub.unary(context, '', fail);
    for (const text of await heard) assert.match(text, /\/test\.Text\/unary threw: Error: a reaction of its own/);
    assert.equal(client.log.events, [
      'onReadInitialMetadataDone(false)',
      cancelled ? 'onDone(CANCELLED: the client cancelled the call)' : 'onDone(UNKNOWN)',
    ]);
  }
});

/** The texts of the next warnings of the process. */
async function warnings(count: number): Promise<string[]> {
  const texts: string[] = [];
  let onWarning = (_warning: Error): void => {};
  const all = new Promise<void>((resolve) => {
    onWarning = (warning) => {
      texts.push(warning.message);
      if (texts.length === count) resolve();
    };
    process.on('warning', onWarning);
  });
  try {
    await within(5_000, all, `${count} warnings`);
    return texts;
  } finally {
    process.off('warning', onWarning);
  }
}

// ---- deadlines ----

/** A service whose RPCs wait until they are cancelled; and how many were. */
function waiting(): {
  readonly service: TextService;
  readonly ends: { readonly cancelled: string[]; readonly done: string[] };
} {
  const ends = { cancelled: [] as string[], done: [] as string[] };
  const reactions = (kind: string) => ({
    onCancel(this: { finish(status: Status): void }): void {
      ends.cancelled.push(kind);
      this.finish(Status.CANCELLED);
    },
    onDone: (): void => void ends.done.push(kind),
  });
  const service: TextService = {
    unary: () => ServerUnaryReactor.from<string>(reactions('unary')),
    read: () => ServerWriteReactor.from<string>(reactions('read')),
    write: () => ServerReadReactor.from<string, string>(reactions('write')),
    bidi: () => ServerBidiReactor.from<string, string>(reactions('bidi')),
  };
  return { service, ends };
}

const KINDS = ['bidi', 'read', 'unary', 'write'];

for (const transport of TRANSPORTS) {
  test(`${transport}: a deadline ends an RPC of every kind, at both ends; what is outstanding gets false`, async () => {
    const clock = new WoundClock();
    const { service, ends } = waiting();
    const options: ReactorPairOptions = { transport, channel: { clock }, server: { clock } };
    await using pair = await ReactorPair.open(service, options);
    const make = (): ClientContext => new ClientContext(CallOptions.DEFAULT.withDeadline(Deadline.after(50, clock)));
    const clients = bindAll(pair, make);
    for (const { reactor } of clients) reactor.startCall();
    await clients[2]?.log.until(() => clients[2]?.log.count('onWriteDone') === 1);
    await clients[3]?.log.until(() => clients[3]?.log.count('onWriteDone') === 1);
    clock.advance(49);
    await turns();
    for (const { log } of clients) assert.not(log.isDone);
    clock.advance(1);
    for (const { log } of clients) {
      await log.done();
      assert.match(log.events.at(-1) ?? '', /^onDone\(DEADLINE_EXCEEDED/);
      assert.is(log.events.includes('onReadDone(false)'), log.count('startRead') === 1);
    }
    await until('every handler to be done', () => ends.done.length === 4);
    assert.equal(ends.cancelled.sort(), KINDS);
    assert.equal(ends.done.sort(), KINDS);
  });

  test(`${transport}: a deadline that has passed at startCall: nothing is sent, everything gets false`, async () => {
    const clock = new WoundClock();
    await using pair = await ReactorPair.open(ECHO, { transport, channel: { clock }, server: { clock } });
    const make = (): ClientContext => new ClientContext(CallOptions.DEFAULT.withDeadline(Deadline.after(-1, clock)));
    for (const { reactor, log } of bindAll(pair, make)) {
      reactor.startCall();
      assert.equal(log.events, []);
      await log.done();
      assert.is(log.events[0], 'onReadInitialMetadataDone(false)');
      assert.match(log.events.at(-1) ?? '', /^onDone\(DEADLINE_EXCEEDED/);
    }
  });

  test(`${transport}: a deadline that passes before startCall counts from when it was set`, async () => {
    const clock = new WoundClock();
    await using pair = await ReactorPair.open(ECHO, { transport, channel: { clock }, server: { clock } });
    const make = (): ClientContext => new ClientContext(CallOptions.DEFAULT.withDeadline(Deadline.after(50, clock)));
    const clients = bindAll(pair, make);
    clock.advance(50);
    await turns();
    for (const { reactor, log } of clients) {
      assert.equal(log.events, []);
      reactor.startCall();
      await log.done();
      assert.match(log.events.at(-1) ?? '', /^onDone\(DEADLINE_EXCEEDED/);
    }
  });
}

test.run();
