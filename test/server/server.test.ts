/**
 * Server over connections worked by hand: start, stop, and which handler gets a call. Upstream: ServerImplTest (rows 63
 * to 77 of its checklist). Over HTTP/2: server-http2.test.ts.
 */
import { type ServerCallHandler, ServerCallListener } from '../../src/call/server-call.ts';
import { ServiceDefinition } from '../../src/call/service-definition.ts';
import { Server, type ServerOptions } from '../../src/server/server.ts';
import { IllegalStateError } from '../../src/values/illegal-state-error.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { StatusError } from '../../src/values/status-error.ts';
import { echoMethods } from '../support/echo.ts';
import { RecordingServerListener } from '../support/recorder.ts';
import { assert, suite, within } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { HandListener, type HandServerTransport } from './hand-listener.ts';

const test = suite('Server');

const SLOW = false;
const NOW = 'UNAVAILABLE: Server shutdownNow invoked';

type ByteHandler = ServerCallHandler<Uint8Array, Uint8Array>;

interface Started {
  readonly server: Server;
  readonly listener: HandListener;
  readonly transport: HandServerTransport;
  readonly clock: WoundClock;
}

/** A server with the method test.Echo/Bidi and one connection. */
async function started(handler: ByteHandler, options: ServerOptions = {}): Promise<Started> {
  const listener = new HandListener();
  const clock = new WoundClock();
  const service = new ServiceDefinition('test.Echo').addMethod(echoMethods.bidi_streaming, handler);
  const server = new Server({ clock, ...options }).addService(service).addServerListener(listener);
  await server.start();
  return { server, listener, transport: listener.connect(), clock };
}

function isIllegal(message: string): (error: unknown) => boolean {
  return (error) => error instanceof IllegalStateError && error.message === message;
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await within(
    1_000,
    promise.then(
      () => 'no error',
      (error: unknown) => error,
    ),
  );
}

test('starts once', async () => {
  const listener = new HandListener();
  const server = new Server().addServerListener(listener);
  const start = server.start();
  assert.ok(isIllegal('Already started')(await rejection(server.start())));
  await start;
  assert.ok(isIllegal('Already started')(await rejection(server.start())));
  assert.ok(listener.listening);
  server.shutdown();
  assert.ok(isIllegal('Already started')(await rejection(server.start())));
});

test('needs an address, and may be given one then', async () => {
  const server = new Server();
  assert.ok(isIllegal('No address to listen at')(await rejection(server.start())));
  await server.addServerListener(new HandListener()).start();
  server.shutdown();
  assert.ok(server.isTerminated);
});

test('tells its addresses between start and termination (row 75)', async () => {
  const [tcp, unix] = [
    new HandListener({ host: '::1', port: 50051 }, SLOW),
    new HandListener({ path: '/run/some.sock' }),
  ];
  const server = new Server().addServerListener(unix).addServerListener(tcp);
  assert.throws(() => server.port, isIllegal('Not started'));
  const start = server.start();
  assert.throws(() => server.listenSockets(), isIllegal('Not started'));
  tcp.succeed();
  await start;
  assert.is(server.port, 50051);
  assert.equal(server.listenSockets(), [{ path: '/run/some.sock' }, { host: '::1', port: 50051 }]);
  server.shutdown();
  assert.is(server.port, 50051, 'while it stops');
  tcp.finishClosing();
  assert.throws(() => server.port, isIllegal('Already terminated'));
});

test('has the port -1 without a TCP address', async () => {
  const { server } = await started(() => new ServerCallListener());
  assert.is(server.port, -1);
});

test('takes no services and addresses after start', async () => {
  const { server } = await started(() => new ServerCallListener());
  assert.throws(() => server.addService(new ServiceDefinition('test.Late')), isIllegal('Already started'));
  assert.throws(() => server.addServerListener(new HandListener()), isIllegal('Already started'));
  assert.equal(server.services(), [{ name: 'test.Echo', methods: [echoMethods.bidi_streaming] }]);
});

test('terminates at once, and can never be started, when it is stopped before (row 76)', async () => {
  for (const stop of ['shutdown', 'shutdownNow'] as const) {
    const listener = new HandListener();
    const server = new Server().addServerListener(listener);
    server[stop]();
    assert.ok(server.isShutdown && server.isTerminated);
    assert.ok(await server.awaitTermination());
    assert.ok(isIllegal('Shutting down')(await rejection(server.start())));
    assert.throws(() => server.addService(new ServiceDefinition('test.Late')), isIllegal('Shutting down'));
    assert.throws(() => server.port, isIllegal('Not started'));
    assert.not(listener.listening);
  }
});

test('closes what is bound and rejects when an address cannot be bound', async () => {
  const [good, bad] = [new HandListener({ name: 'good' }, SLOW), new HandListener({ name: 'bad' }, SLOW)];
  const server = new Server().addServerListener(good).addServerListener(bad);
  const start = server.start();
  good.succeed();
  const transport = good.connect();
  const error = new Error('address in use');
  bad.fail(error);
  assert.ok(good.closing);
  assert.equal(transport.said, ['shutdown', `shutdownNow ${NOW}`]);
  good.finishClosing();
  assert.is(await rejection(start), error);
  assert.ok(await within(1_000, server.awaitTermination()));
});

test('rejects its start when it is stopped meanwhile', async () => {
  const listener = new HandListener({ name: 'slow' }, SLOW);
  const server = new Server().addServerListener(listener);
  const start = server.start();
  server.shutdown();
  assert.not(server.isTerminated);
  listener.succeed();
  listener.finishClosing();
  assert.ok(isIllegal('Shutting down')(await rejection(start)));
  assert.ok(server.isTerminated);
});

test('closes its addresses and drains its connections at shutdown, then terminates', async () => {
  const { server, listener, transport } = await started(() => new ServerCallListener());
  server.shutdown();
  server.shutdown();
  assert.not(listener.listening);
  assert.equal(transport.said, ['shutdown']);
  assert.ok(server.isShutdown);
  assert.not(server.isTerminated);
  transport.end();
  assert.ok(server.isTerminated);
  server.shutdownNow();
  assert.equal(transport.said, ['shutdown']);
});

test('terminates only when its addresses are closed too', async () => {
  const listener = new HandListener({ name: 'slow' }, SLOW);
  const server = new Server().addServerListener(listener);
  const start = server.start();
  listener.succeed();
  await start;
  const transport = listener.connect();
  server.shutdown();
  transport.end();
  assert.not(server.isTerminated);
  listener.finishClosing();
  assert.ok(server.isTerminated);
});

test('serves calls that come while it drains', async () => {
  const { server, transport } = await started((call) => {
    call.close(Status.OK, new Metadata());
    return new ServerCallListener();
  });
  server.shutdown();
  assert.equal(transport.call('/test.Echo/Bidi').said, ['close OK']);
  transport.end();
});

test('ends every call at shutdownNow, also after shutdown (row 77)', async () => {
  const listener = new RecordingServerListener<Uint8Array>();
  const { server, transport } = await started(() => listener);
  transport.call('/test.Echo/Bidi');
  server.shutdown();
  assert.equal(transport.said, ['shutdown']);
  listener.forbid(() => server.shutdownNow());
  assert.equal(transport.said, ['shutdown', `shutdownNow ${NOW}`]);
  assert.is(await listener.closed, 'cancel');
  assert.ok(await within(1_000, server.awaitTermination()));
});

test('shuts down connections that come while it stops', async () => {
  const { server, listener, transport } = await started(() => new ServerCallListener());
  server.shutdown();
  const late = listener.connect();
  assert.equal(late.said, [], 'not before it has a listener');
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(late.said, ['shutdown']);
  server.shutdownNow();
  const later = listener.connect();
  await within(1_000, server.awaitTermination());
  assert.equal(later.said, [`shutdownNow ${NOW}`]);
  assert.equal(transport.said, ['shutdown', `shutdownNow ${NOW}`]);
});

test('waits for termination no longer than it is told to', async () => {
  const { server, transport, clock } = await started(() => new ServerCallListener());
  server.shutdown();
  const waits = [server.awaitTermination(100), server.awaitTermination(300), server.awaitTermination()];
  assert.is(clock.armed, 2);
  clock.advance(100);
  transport.end();
  assert.equal(await within(1_000, Promise.all(waits)), [false, true, true]);
  assert.is(clock.armed, 0);
});

test('is over when it is disposed of', async () => {
  const { server, transport } = await started(() => new ServerCallListener());
  await within(1_000, server[Symbol.asyncDispose]());
  assert.ok(server.isTerminated);
  assert.equal(transport.said, ['shutdown', `shutdownNow ${NOW}`]);
});

test('answers UNIMPLEMENTED for a method that it does not have, past the interceptors (row 63)', async () => {
  const notes: string[] = [];
  const { transport } = await started(() => new ServerCallListener(), {
    interceptors: [
      (call, headers, next) => {
        notes.push('intercepted');
        return next(call, headers);
      },
    ],
  });
  const stream = transport.call('/test.Echo/Other');
  assert.equal(stream.said, ['close UNIMPLEMENTED: Method not found: test.Echo/Other']);
  stream.receive('unheard');
  stream.halfClose();
  stream.becomeReady();
  stream.tellWritten(1);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(notes, []);
  transport.call('/test.Echo/Bidi');
  assert.equal(notes, ['intercepted']);
});

test('asks its fallback for methods that it does not have (row 73)', async () => {
  const { transport } = await started(() => new ServerCallListener(), {
    fallbackRegistry: {
      lookup: (path, authority) => ({
        method: echoMethods.bidi_streaming,
        handler: (call) => {
          call.close(Status.NOT_FOUND.withDescription(`${path} at ${authority}`), new Metadata());
          return new ServerCallListener();
        },
      }),
    },
  });
  assert.equal(transport.call('/test.Proxied/Any').said, ['close NOT_FOUND: /test.Proxied/Any at some.host']);
  assert.equal(transport.call('/test.Echo/Bidi').said, []);
});

test('ends a call whose lookup fails, and tells the hook', async () => {
  const errors: unknown[] = [];
  let error: Error = new Error('a secret');
  const { transport } = await started(() => new ServerCallListener(), {
    onHandlerError: (thrown, method) => errors.push(thrown, method),
    fallbackRegistry: {
      lookup: () => {
        throw error;
      },
    },
  });
  assert.equal(transport.call('/test.Proxied/Any').said, ['close UNKNOWN']);
  assert.equal(errors, [error, '/test.Proxied/Any']);
  error = new StatusError(Status.UNAVAILABLE.withDescription('no backend'));
  assert.equal(transport.call('/test.Proxied/Any').said, ['close UNAVAILABLE: no backend']);
});

test('ends a call with the status that its handler throws, else UNKNOWN without text (row 66)', async () => {
  const errors: unknown[] = [];
  const thrown: Error[] = [new StatusError(Status.ABORTED.withDescription('try later')), new Error('a secret')];
  const queue = [...thrown];
  const { transport } = await started(
    () => {
      throw queue.shift();
    },
    { onHandlerError: (error, method) => errors.push(error, method) },
  );
  assert.equal(transport.call('/test.Echo/Bidi').said, ['close ABORTED: try later']);
  assert.equal(transport.call('/test.Echo/Bidi').said, ['close UNKNOWN']);
  assert.equal(errors, [thrown[0], '/test.Echo/Bidi', thrown[1], '/test.Echo/Bidi']);
});

test('warns of what a handler throws when it has no hook', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  try {
    const { transport } = await started(() => {
      throw new Error('broken handler');
    });
    transport.call('/test.Echo/Bidi');
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('warning', note);
  }
  assert.is(warnings.length, 1);
  assert.match(warnings[0]?.message ?? '', /test\.Echo\/Bidi.*broken handler/s);
});

test.run();
