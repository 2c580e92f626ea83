/**
 * ServiceDefinition and MethodRegistry: what may be registered, and what is found. Upstream:
 * ServerServiceDefinitionTest.
 */
import type { ServerCallHandler } from '../../src/call/server-call.ts';
import { ServerCallListener } from '../../src/call/server-call.ts';
import type { ServerInterceptor } from '../../src/call/server-interceptor.ts';
import { type HandlerRegistry, type RegisteredMethod, ServiceDefinition } from '../../src/call/service-definition.ts';
import { serveStream } from '../../src/call/stream-server-call.ts';
import { CompressorRegistry } from '../../src/framing/compressor.ts';
import { MethodRegistry } from '../../src/server/method-registry.ts';
import { SYSTEM_CLOCK } from '../../src/values/clock.ts';
import { IllegalStateError } from '../../src/values/illegal-state-error.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { HandServerStream } from '../call/hand-server-stream.ts';
import { echoMethods } from '../support/echo.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('MethodRegistry');

const { unary, bidi_streaming: bidi } = echoMethods;

type ByteHandler = ServerCallHandler<Uint8Array, Uint8Array>;

function handler(notes: string[], name: string): ByteHandler {
  return () => {
    notes.push(name);
    return new ServerCallListener();
  };
}

function interceptor(notes: string[], name: string): ServerInterceptor {
  return (call, headers, next) => {
    notes.push(name);
    return next(call, headers);
  };
}

/** Runs what was found for a call. */
function run(found: RegisteredMethod | null): void {
  if (found === null) throw new Error('nothing was found');
  const config = {
    clock: SYSTEM_CLOCK,
    compressors: CompressorRegistry.DEFAULT,
    onHandlerError: (error: unknown): void => {
      throw error;
    },
  };
  serveStream(new HandServerStream(), found.method, found.handler, new Metadata(), config);
}

test('a service takes its own methods, each once', () => {
  const service = new ServiceDefinition('test.Echo');
  assert.is(service.addMethod(unary, handler([], 'a')), service);
  assert.throws(
    () => service.addMethod(unary, handler([], 'b')),
    (error: unknown) => error instanceof IllegalStateError && error.message.includes('test.Echo/Unary'),
  );
  assert.throws(
    () => new ServiceDefinition('test.Other').addMethod(unary, handler([], 'a')),
    (error: unknown) => error instanceof TypeError && error.message.includes('test.Other'),
  );
  assert.equal(
    service.methods().map(({ method }) => method),
    [unary],
  );
});

test('a service needs a name', () => {
  assert.throws(() => new ServiceDefinition(''), TypeError);
});

test('finds a method by its path alone', () => {
  const notes: string[] = [];
  const registry = new MethodRegistry();
  registry.add(
    new ServiceDefinition('test.Echo')
      .addMethod(unary, handler(notes, 'unary'))
      .addMethod(bidi, handler(notes, 'bidi')),
  );
  const found = registry.lookup('/test.Echo/Bidi', 'some.host');
  assert.is(found?.method, bidi);
  run(found);
  assert.equal(notes, ['bidi']);
  for (const path of [
    '/test.Echo/Other',
    '/test.Other/Unary',
    'test.Echo/Unary',
    '/test.Echo/unary',
    '/',
    '',
    '/constructor',
  ]) {
    assert.is(registry.lookup(path, null), null, path);
  }
});

test('of two services with one name the last is there, whole', () => {
  const notes: string[] = [];
  const registry = new MethodRegistry();
  registry.add(
    new ServiceDefinition('test.Echo').addMethod(unary, handler(notes, 'old')).addMethod(bidi, handler(notes, 'old')),
  );
  registry.add(new ServiceDefinition('test.Echo').addMethod(unary, handler(notes, 'new')));
  run(registry.lookup('/test.Echo/Unary', null));
  assert.equal(notes, ['new']);
  assert.is(registry.lookup('/test.Echo/Bidi', null), null);
  assert.equal(registry.services(), [{ name: 'test.Echo', methods: [unary] }]);
});

test('takes a service as it is when it is added', () => {
  const service = new ServiceDefinition('test.Echo').addMethod(unary, handler([], 'a'));
  const registry = new MethodRegistry();
  registry.add(service);
  service.addMethod(bidi, handler([], 'a'));
  assert.is(registry.lookup('/test.Echo/Bidi', null), null);
});

test('passes the interceptors of the server before those of the service, each list from its end (row 65)', () => {
  const notes: string[] = [];
  const service = new ServiceDefinition('test.Echo')
    .intercept(interceptor(notes, 'service 1'), interceptor(notes, 'service 2'))
    .addMethod(unary, handler(notes, 'handler'))
    .intercept(interceptor(notes, 'service 3'));
  const registry = new MethodRegistry([interceptor(notes, 'server 1'), interceptor(notes, 'server 2')]);
  registry.add(service);
  run(registry.lookup('/test.Echo/Unary', null));
  assert.equal(notes, ['server 2', 'server 1', 'service 3', 'service 2', 'service 1', 'handler']);
});

class Fallback implements HandlerRegistry {
  readonly asked: string[] = [];
  readonly #notes: string[];

  constructor(notes: string[]) {
    this.#notes = notes;
  }

  lookup(path: string, authority: string | null): RegisteredMethod | null {
    this.asked.push(`${path} ${authority}`);
    const found = handler(this.#notes, 'fallback') as ServerCallHandler<unknown, unknown>;
    return path.startsWith('/test.') ? { method: bidi, handler: found } : null;
  }
}

test('asks the fallback second, with the authority (row 73)', () => {
  const notes: string[] = [];
  const fallback = new Fallback(notes);
  const registry = new MethodRegistry([interceptor(notes, 'server')], fallback);
  registry.add(new ServiceDefinition('test.Echo').addMethod(unary, handler(notes, 'own')));
  run(registry.lookup('/test.Echo/Unary', 'some.host'));
  assert.equal(notes, ['server', 'own']);
  assert.equal(fallback.asked, []);
  run(registry.lookup('/test.Echo/Other', 'some.host'));
  assert.equal(notes, ['server', 'own', 'server', 'fallback']);
  assert.is(registry.lookup('/other.Echo/Other', null), null);
  assert.equal(fallback.asked, ['/test.Echo/Other some.host', '/other.Echo/Other null']);
});

test.run();
