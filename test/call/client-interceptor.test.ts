/** Client interceptors: their order, and that forwarding leaves nothing out. Upstream: ClientInterceptorsTest. */
import { CallOptions } from '../../src/call/call-options.ts';
import type { Channel } from '../../src/call/channel.ts';
import { ClientCall, ClientCallListener } from '../../src/call/client-call.ts';
import {
  CheckedForwardingClientCall,
  type ClientInterceptor,
  FailedClientCall,
  ForwardingClientCall,
  ForwardingClientCallListener,
  interceptChannel,
  interceptChannelForward,
} from '../../src/call/client-interceptor.ts';
import { DirectChannel } from '../../src/channel/direct-channel.ts';
import { WriteFlag } from '../../src/transport/stream.ts';
import { AttributeKey, Attributes } from '../../src/values/attributes.ts';
import { IllegalStateError } from '../../src/values/illegal-state-error.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { StatusError } from '../../src/values/status-error.ts';
import { HandTransport } from '../channel/hand-transport.ts';
import { echoMethods } from '../support/echo.ts';
import { RecordingClientListener } from '../support/recorder.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('client interceptors');

/** A connected channel whose other end is `transport`. */
function connected(): { channel: Channel; transport: HandTransport } {
  const transport = new HandTransport();
  const channel = new DirectChannel(() => transport, 'some.host');
  channel.connect();
  transport.connect();
  return { channel, transport };
}

/** Every method of a class but its constructor. */
function methodsOf(prototype: object): string[] {
  return Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor');
}

function noting(notes: string[], name: string): ClientInterceptor {
  return (method, options, next) => {
    notes.push(name);
    return next.newCall(method, options);
  };
}

test('run in the order from the last given to the first', () => {
  const { channel } = connected();
  const notes: string[] = [];
  const intercepted = interceptChannel(channel, noting(notes, 'a'), noting(notes, 'b'), noting(notes, 'c'));
  intercepted.newCall(echoMethods.unary, CallOptions.DEFAULT);
  assert.equal(notes, ['c', 'b', 'a']);
  assert.is(intercepted.authority(), 'some.host');
});

test('run in reading order with interceptChannelForward, which leaves its list alone', () => {
  const { channel } = connected();
  const notes: string[] = [];
  const list = [noting(notes, 'a'), noting(notes, 'b'), noting(notes, 'c')];
  interceptChannelForward(channel, ...list).newCall(echoMethods.unary, CallOptions.DEFAULT);
  interceptChannelForward(channel, ...list).newCall(echoMethods.unary, CallOptions.DEFAULT);
  assert.equal(notes, ['a', 'b', 'c', 'a', 'b', 'c']);
});

test('run outside of those that were there before', () => {
  const { channel } = connected();
  const notes: string[] = [];
  const twice = interceptChannel(interceptChannel(channel, noting(notes, 'first')), noting(notes, 'second'));
  twice.newCall(echoMethods.unary, CallOptions.DEFAULT);
  assert.equal(notes, ['second', 'first']);
});

test('make no new channel when there are none', () => {
  const { channel } = connected();
  assert.is(interceptChannel(channel), channel);
  assert.is(interceptChannelForward(channel), channel);
});

test('may change method, options and headers', () => {
  const { channel, transport } = connected();
  const intercepted = interceptChannel(channel, (_method, options, next) => {
    const call = next.newCall(echoMethods.server_streaming, options.withAuthority('other.host'));
    return new ForwardingClientCall(call) as ClientCall<never, never>;
  });
  intercepted.newCall(echoMethods.unary, CallOptions.DEFAULT).start(new ClientCallListener(), new Metadata());
  assert.is(transport.last.method, echoMethods.server_streaming);
  assert.is(transport.last.options.authority, 'other.host');
});

test('a forwarding call passes every method on', async () => {
  const { channel, transport } = connected();
  const key = new AttributeKey<string>('a fact');
  transport.attributes = Attributes.EMPTY.with(key, 'known');
  const call = new ForwardingClientCall(channel.newCall(echoMethods.bidi_streaming, CallOptions.DEFAULT));
  const listener = new RecordingClientListener<Uint8Array>();
  listener.forbid(() => call.start(listener, new Metadata()));
  transport.last.ready = true;
  assert.ok(call.isReady());
  call.request(2);
  call.sendMessage(Buffer.from('a'), WriteFlag.BUFFER_HINT);
  call.setMessageCompression(false);
  call.sendMessage(Buffer.from('b'));
  call.sendMessage(Buffer.from('c'), WriteFlag.WRITE_THROUGH);
  assert.is(call.getAttributes().get(key), 'known');
  call.halfClose();
  call.cancel('enough', new Error('why'));
  const writes = ['write a flagged 2', 'write b flagged 1', 'write c flagged 5'];
  assert.equal(transport.last.said, ['start', 'request 2', ...writes, 'halfClose', 'cancel CANCELLED']);
  const { status } = await listener.closed;
  assert.is(status.description, 'enough');
  assert.match(String(status.cause), /why/);
});

test('a forwarding call and its listener override every method there is', () => {
  assert.equal(
    methodsOf(ForwardingClientCallListener.prototype).sort(),
    methodsOf(ClientCallListener.prototype).sort(),
  );
  // What is abstract in ClientCall is there in any other call.
  const all = new Set([...methodsOf(FailedClientCall.prototype), ...methodsOf(ClientCall.prototype)]);
  assert.equal(methodsOf(ForwardingClientCall.prototype).sort(), [...all].sort());
});

test('a forwarding listener passes every event on', async () => {
  const { channel, transport } = connected();
  const listener = new RecordingClientListener<Uint8Array>();
  const call = channel.newCall(echoMethods.bidi_streaming, CallOptions.DEFAULT);
  call.start(new ForwardingClientCallListener(listener), new Metadata());
  call.request(1);
  transport.last.becomeReady();
  transport.last.receive('b');
  transport.last.tellWritten(3);
  transport.last.tellClosing(Status.ABORTED);
  transport.last.close(Status.ABORTED);
  assert.equal(listener.names, ['ready', 'headers', 'message', 'written', 'closing', 'close']);
  assert.is(listener.written, 3);
  assert.is((await listener.closed).status, Status.ABORTED);
});

class Guarded<Req, Res> extends CheckedForwardingClientCall<Req, Res> {
  readonly #check: (headers: Metadata) => void;

  constructor(delegate: ClientCall<Req, Res>, check: (headers: Metadata) => void) {
    super(delegate);
    this.#check = check;
  }

  protected override checkedStart(listener: ClientCallListener<Res>, headers: Metadata): void {
    this.#check(headers);
    this.delegate.start(listener, headers);
  }
}

test('a checked call whose start throws closes with the status and trailers of the error, in a later tick', async () => {
  const { channel, transport } = connected();
  const trailers = new Metadata({ 'x-why': 'no ticket' });
  const call = new Guarded(channel.newCall(echoMethods.bidi_streaming, CallOptions.DEFAULT), () => {
    throw new Error('wrapped', {
      cause: new StatusError(Status.PERMISSION_DENIED.withDescription('not you'), trailers),
    });
  });
  const listener = new RecordingClientListener<Uint8Array>();
  listener.forbid(() => {
    call.start(listener, new Metadata());
    call.request(1);
    call.sendMessage(Buffer.from('a'));
    assert.not(call.isReady());
    call.halfClose();
  });
  const closed = await listener.closed;
  assert.is(closed.status.toString(), 'PERMISSION_DENIED: not you');
  assert.is(closed.trailers.get('x-why'), 'no ticket');
  assert.equal(listener.names, ['close']);
  assert.is(transport.streams.length, 0);
});

test('a checked call closes UNKNOWN for an error without a status, which is its cause', async () => {
  const { channel } = connected();
  const error = new Error('a secret');
  const call = new Guarded(channel.newCall(echoMethods.unary, CallOptions.DEFAULT), () => {
    throw error;
  });
  const listener = new RecordingClientListener<Uint8Array>();
  call.start(listener, new Metadata());
  const { status, trailers } = await listener.closed;
  assert.is(status.toString(), 'UNKNOWN');
  assert.is(status.cause, error);
  assert.is(trailers.size, 0);
});

test('a checked call that starts well is like any other, and starts once', () => {
  const { channel, transport } = connected();
  const seen: Metadata[] = [];
  const call = new Guarded(channel.newCall(echoMethods.unary, CallOptions.DEFAULT), (headers) => seen.push(headers));
  const listener = new RecordingClientListener<Uint8Array>();
  const headers = new Metadata();
  call.start(listener, headers);
  assert.throws(() => call.start(listener, new Metadata()), isIllegal('Already started'));
  assert.equal(seen.length, 1);
  assert.is(seen[0], headers);
  assert.equal(transport.last.said, ['start']);
});

function isIllegal(message: string): (error: unknown) => boolean {
  return (error) => error instanceof IllegalStateError && error.message === message;
}

test('a failed call keeps the rules of any call', async () => {
  const call: ClientCall<Uint8Array, Uint8Array> = new FailedClientCall(Status.UNAUTHENTICATED);
  assert.throws(() => call.request(1), isIllegal('Not started'));
  assert.throws(() => call.sendMessage(Buffer.from('a')), isIllegal('Not started'));
  assert.throws(() => call.isReady(), isIllegal('Not started'));
  assert.throws(() => call.halfClose(), isIllegal('Not started'));
  assert.throws(() => call.setMessageCompression(true), isIllegal('Not started'));
  const listener = new RecordingClientListener<Uint8Array>();
  listener.forbid(() => call.start(listener, new Metadata()));
  assert.throws(() => call.start(listener, new Metadata()), isIllegal('Already started'));
  assert.throws(() => call.request(-1), RangeError);
  call.setMessageCompression(false);
  assert.is(call.getAttributes(), Attributes.EMPTY);
  call.halfClose();
  assert.throws(() => call.halfClose(), isIllegal('call already half-closed'));
  assert.throws(() => call.sendMessage(Buffer.from('a')), isIllegal('call was half-closed'));
  assert.is((await listener.closed).status, Status.UNAUTHENTICATED);
  call.cancel('too late');
  assert.throws(() => call.sendMessage(Buffer.from('a')), isIllegal('call was cancelled'));
  assert.equal(listener.names, ['close']);
});

test('a failed call that is cancelled before it has closed is CANCELLED', async () => {
  const call = new FailedClientCall<Uint8Array, Uint8Array>(Status.UNAUTHENTICATED, new Metadata({ a: 'b' }));
  const listener = new RecordingClientListener<Uint8Array>();
  call.start(listener, new Metadata());
  call.cancel('first');
  call.cancel('second');
  const { status, trailers } = await listener.closed;
  assert.is(status.toString(), 'CANCELLED: first');
  assert.is(trailers.size, 0);
  const unstarted = new FailedClientCall<Uint8Array, Uint8Array>(Status.UNAUTHENTICATED);
  unstarted.cancel('early');
  assert.throws(() => unstarted.start(listener, new Metadata()), isIllegal('call was cancelled'));
});

test.run();
