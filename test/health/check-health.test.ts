/** checkHealth: what it resolves to, and what its error knows, against servers that are not all as they should be. */
import { CallOptions } from '../../src/call/call-options.ts';
import { ForwardingClientCall, interceptChannel } from '../../src/call/client-interceptor.ts';
import { HEALTH_SERVICE } from '../../src/call/health-protocol.ts';
import { type ServerCallHandler, ServerCallListener } from '../../src/call/server-call.ts';
import { ServiceDefinition } from '../../src/call/service-definition.ts';
import { checkHealth, HealthService } from '../../src/health/index.ts';
import { startInProcess } from '../../src/testing/in-process.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { BYTES_MARSHALLER, MethodDescriptor } from '../../src/values/method.ts';
import { Code, Status } from '../../src/values/status.ts';
import { StatusError } from '../../src/values/status-error.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('checkHealth');

/** A server of health that does as told, in bytes. */
function serving(handler: ServerCallHandler<Uint8Array, Uint8Array>): ServiceDefinition {
  const method = new MethodDescriptor({
    service: HEALTH_SERVICE,
    name: 'Check',
    kind: 'bidi_streaming',
    requestMarshaller: BYTES_MARSHALLER,
    responseMarshaller: BYTES_MARSHALLER,
  });
  return new ServiceDefinition(HEALTH_SERVICE).addMethod(method, handler);
}

/** Sends these and says OK. */
function answering(...responses: readonly string[]): ServiceDefinition {
  return serving((call) => {
    call.sendHeaders(new Metadata());
    for (const response of responses) call.sendMessage(Buffer.from(response, 'hex'));
    call.close(Status.OK, new Metadata());
    return new ServerCallListener();
  });
}

async function errorOf(promise: Promise<unknown>): Promise<StatusError> {
  const error = await promise.then(
    (value) => value,
    (error: unknown) => error,
  );
  assert.ok(error instanceof StatusError, `${error}`);
  return error;
}

test('resolves to what the server says', async () => {
  const health = new HealthService();
  await using rig = await startInProcess(health);
  assert.is(await checkHealth(rig.channel), 'SERVING');
  health.setStatus('a', 'NOT_SERVING');
  assert.is(await checkHealth(rig.channel, 'a'), 'NOT_SERVING');
});

test('a status of the future is UNKNOWN', async () => {
  await using rig = await startInProcess(answering('0809'));
  assert.is(await checkHealth(rig.channel), 'UNKNOWN');
});

test('the error of a service that is not known says which call it was', async () => {
  await using rig = await startInProcess(new HealthService());
  const error = await errorOf(checkHealth(rig.channel, 'a'));
  assert.is(error.code, Code.NOT_FOUND);
  assert.is(error.call?.method, 'grpc.health.v1.Health/Check');
  assert.is(error.call?.phase, 'before any response');
  assert.type(error.call?.peer, 'string');
});

test('a server without health is UNIMPLEMENTED', async () => {
  await using rig = await startInProcess();
  assert.is((await errorOf(checkHealth(rig.channel))).code, Code.UNIMPLEMENTED);
});

test('no response, two, and broken ones are errors', async () => {
  await using none = await startInProcess(answering());
  await using two = await startInProcess(answering('0801', '0801'));
  await using broken = await startInProcess(answering('08'));
  const refused = await errorOf(checkHealth(none.channel));
  assert.is(refused.status.toString(), 'UNIMPLEMENTED: the server sent no response');
  assert.is(refused.call?.phase, 'after the response headers');
  const twice = await errorOf(checkHealth(two.channel));
  assert.is(twice.status.toString(), 'UNIMPLEMENTED: the server sent more than one response');
  assert.is((await errorOf(checkHealth(broken.channel))).code, Code.INTERNAL);
});

test('trailers reach the error', async () => {
  const service = serving((call) => {
    call.close(Status.UNAVAILABLE, new Metadata({ why: 'moving' }));
    return new ServerCallListener();
  });
  await using rig = await startInProcess(service);
  assert.is((await errorOf(checkHealth(rig.channel))).trailers.get('why'), 'moving');
});

test('options bound it', async () => {
  await using rig = await startInProcess(serving(() => new ServerCallListener()));
  const controller = new AbortController();
  const aborted = checkHealth(rig.channel, '', CallOptions.DEFAULT.withSignal(controller.signal));
  controller.abort();
  assert.is((await errorOf(aborted)).code, Code.CANCELLED);
  const late = checkHealth(rig.channel, '', CallOptions.DEFAULT.withTimeout(1));
  assert.is((await errorOf(late)).code, Code.DEADLINE_EXCEEDED);
});

test('an interceptor that refuses the request ends it', async () => {
  await using rig = await startInProcess(new HealthService());
  const channel = interceptChannel(rig.channel, (method, options, next) => {
    return new (class extends ForwardingClientCall<never, never> {
      override sendMessage(): void {
        throw new Error('not a word');
      }
    })(next.newCall(method, options) as never) as never;
  });
  const error = await errorOf(checkHealth(channel));
  assert.is(error.code, Code.CANCELLED);
  assert.is(`${error.cause}`, 'Error: not a word');
});

test.run();
