/** Server interceptors: their order, and that forwarding leaves nothing out. Upstream: ServerInterceptorsTest. */
import { type ServerCall, type ServerCallHandler, ServerCallListener } from '../../src/call/server-call.ts';
import {
  ForwardingServerCall,
  ForwardingServerCallListener,
  interceptHandler,
  interceptHandlerForward,
  type ServerInterceptor,
} from '../../src/call/server-interceptor.ts';
import { serveStream } from '../../src/call/stream-server-call.ts';
import { CompressorRegistry } from '../../src/framing/compressor.ts';
import { WriteFlag } from '../../src/transport/stream.ts';
import { AttributeKey, Attributes } from '../../src/values/attributes.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { echoMethods } from '../support/echo.ts';
import { RecordingServerListener } from '../support/recorder.ts';
import { assert, suite } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { HandServerStream } from './hand-server-stream.ts';

const test = suite('server interceptors');

type ByteHandler = ServerCallHandler<Uint8Array, Uint8Array>;

/** Serves one call of a bidi method by `handler`; the stream's other end is the test. */
function serve(handler: ByteHandler, stream: HandServerStream = new HandServerStream()): HandServerStream {
  const config = {
    clock: new WoundClock(),
    compressors: CompressorRegistry.DEFAULT,
    onHandlerError: (error: unknown): void => {
      throw error;
    },
  };
  return stream.listen(serveStream(stream, echoMethods.bidi_streaming, handler, new Metadata(), config));
}

/** Every method and accessor of a class but its constructor. */
function membersOf(prototype: object): string[] {
  return Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor');
}

function noting(notes: string[], name: string): ServerInterceptor {
  return (call, headers, next) => {
    notes.push(name);
    return next(call, headers);
  };
}

function endOf(notes: string[]): ByteHandler {
  return () => {
    notes.push('handler');
    return new ServerCallListener();
  };
}

test('run in the order from the last given to the first, then the handler', () => {
  const notes: string[] = [];
  serve(interceptHandler(endOf(notes), noting(notes, 'a'), noting(notes, 'b'), noting(notes, 'c')));
  assert.equal(notes, ['c', 'b', 'a', 'handler']);
});

test('run in reading order with interceptHandlerForward, which leaves its list alone', () => {
  const notes: string[] = [];
  const list = [noting(notes, 'a'), noting(notes, 'b')];
  serve(interceptHandlerForward(endOf(notes), ...list));
  serve(interceptHandlerForward(endOf(notes), ...list));
  assert.equal(notes, ['a', 'b', 'handler', 'a', 'b', 'handler']);
});

test('make no new handler when there are none', () => {
  const handler = endOf([]);
  assert.is(interceptHandler(handler), handler);
});

test('may refuse a call; what they return still hears its end', async () => {
  const notes: string[] = [];
  const listener = new RecordingServerListener<never>();
  const stream = serve(
    interceptHandler(endOf(notes), (call) => {
      call.close(Status.UNAUTHENTICATED.withDescription('no ticket'), new Metadata());
      return listener;
    }),
  );
  assert.equal(stream.said, ['close UNAUTHENTICATED: no ticket']);
  assert.is(await listener.closed, 'complete');
  assert.equal(notes, []);
});

test('a forwarding call passes everything on', () => {
  const key = new AttributeKey<string>('a fact');
  const stream = new HandServerStream('some.host');
  stream.attributes = Attributes.EMPTY.with(key, 'known');
  let inner: ServerCall<Uint8Array, Uint8Array> | null = null;
  serve((call) => {
    inner = call;
    const outer = new ForwardingServerCall(call);
    assert.is(outer.method, echoMethods.bidi_streaming);
    assert.is(outer.authority, 'some.host');
    assert.is(outer.deadline, null);
    assert.is(outer.getAttributes().get(key), 'known');
    assert.ok(outer.isReady());
    assert.not(outer.isCancelled());
    outer.request(2);
    outer.setCompression('gzip');
    outer.setOnReadyThreshold(5);
    outer.sendHeaders(new Metadata());
    outer.sendMessage(Buffer.from('a'), WriteFlag.BUFFER_HINT);
    outer.setMessageCompression(false);
    outer.sendMessage(Buffer.from('b'));
    outer.sendMessage(Buffer.from('c'), WriteFlag.WRITE_THROUGH);
    outer.close(Status.OK, new Metadata({ b: 'c' }));
    outer.cancel(Status.ABORTED);
    assert.ok(outer.isCancelled());
    return new ServerCallListener();
  }, stream);
  assert.ok(inner);
  const said = ['request 2', 'setCompression gzip', 'setOnReadyThreshold 5', 'sendHeaders'];
  const writes = ['write a flagged 2', 'write b flagged 1', 'write c flagged 5'];
  assert.equal(stream.said, [...said, ...writes, 'close OK Metadata(b=c)', 'cancel ABORTED']);
});

test('a forwarding call and its listener override everything there is', () => {
  assert.equal(
    membersOf(ForwardingServerCallListener.prototype).sort(),
    membersOf(ServerCallListener.prototype).sort(),
  );
  let call: object = {};
  serve((served) => {
    call = served;
    return new ServerCallListener();
  });
  // The implementation has more, for the stream below it; what users see begins neither with on nor is its own affair.
  const implemented = membersOf(Object.getPrototypeOf(call)).filter((name) => !/^(on[A-Z]|run$)/.test(name));
  const fields = ['method', 'authority', 'deadline'];
  assert.equal(membersOf(ForwardingServerCall.prototype).sort(), [...implemented, ...fields].sort());
});

test('a forwarding listener passes every event on, a good end', async () => {
  const listener = new RecordingServerListener<Uint8Array>();
  const stream = serve((call) => {
    call.request(1);
    return new ForwardingServerCallListener(listener);
  });
  stream.becomeReady();
  stream.receive('a');
  stream.tellWritten(2);
  stream.halfClose();
  stream.lose(Status.OK);
  assert.is(await listener.closed, 'complete');
  assert.equal(listener.names, ['ready', 'message', 'written', 'half-close', 'complete']);
  assert.is(listener.written, 2);
});

test('a forwarding listener passes a bad end on', async () => {
  const listener = new RecordingServerListener<Uint8Array>();
  serve(() => new ForwardingServerCallListener(listener)).lose(Status.CANCELLED);
  assert.is(await listener.closed, 'cancel');
});

test.run();
