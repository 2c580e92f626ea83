/**
 * HealthService over both kinds of transport: what Check, List and Watch say before and after a status is set, cleared, and set
 * for good; what a slow watcher, a broken interceptor and a client that breaks the rules make of it.
 */

import { CallOptions } from '../../src/call/call-options.ts';
import { ClientCallListener } from '../../src/call/client-call.ts';
import type { ServerCall } from '../../src/call/server-call.ts';
import { ForwardingServerCall } from '../../src/call/server-interceptor.ts';
import { checkHealth, Health, HealthService, type ServingStatus } from '../../src/health/index.ts';
import { createClient } from '../../src/stub/client.ts';
import { type InProcessRig, startInProcess } from '../../src/testing/in-process.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { BYTES_MARSHALLER, MethodDescriptor } from '../../src/values/method.ts';
import { Code, Status } from '../../src/values/status.ts';
import { StatusError } from '../../src/values/status-error.ts';
import { growthPerCall } from '../support/memory.ts';
import { assert, suite, within } from '../support/suite.ts';

const GUIDE = 'routeguide.RouteGuide';
const PATIENCE_MS = 5_000;

/** A server of health. */
async function start(
  health: HealthService = new HealthService(),
): Promise<{ health: HealthService; rig: InProcessRig }> {
  return { health, rig: await startInProcess(health) };
}

async function codeOf(promise: Promise<unknown>): Promise<Code> {
  const error = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(error instanceof StatusError, `${error}`);
  return error.code;
}

/** Reads the next status of a watch. */
async function next(watch: AsyncIterator<{ status: ServingStatus }>): Promise<ServingStatus | 'the end'> {
  const { done, value } = await within(PATIENCE_MS, watch.next(), 'the next status');
  return done === true ? 'the end' : value.status;
}

const test = suite('HealthService');

test('the server as a whole is SERVING from the start, and nothing else is known', async () => {
  const { rig } = await start();
  await using _ = rig;
  assert.is(await checkHealth(rig.channel), 'SERVING');
  assert.is(await codeOf(checkHealth(rig.channel, GUIDE)), Code.NOT_FOUND);
  const { statuses } = await createClient(Health, rig.channel).list({});
  assert.equal([...statuses], [['', { status: 'SERVING' }]]);
});

test('Check and List say what was set last', async () => {
  const { health, rig } = await start();
  await using _ = rig;
  health.setStatus(GUIDE, 'NOT_SERVING');
  assert.is(await checkHealth(rig.channel, GUIDE), 'NOT_SERVING');
  health.setStatus(GUIDE, 'UNKNOWN');
  health.setStatus('', 'NOT_SERVING');
  assert.is(await checkHealth(rig.channel, GUIDE), 'UNKNOWN');
  assert.is(await checkHealth(rig.channel), 'NOT_SERVING');
  const { statuses } = await createClient(Health, rig.channel).list({});
  assert.equal([...statuses.keys()], ['', GUIDE]);
  health.clearStatus(GUIDE);
  assert.is(await codeOf(checkHealth(rig.channel, GUIDE)), Code.NOT_FOUND);
  assert.is(health.getStatus(GUIDE), null);
  assert.is(health.getStatus(''), 'NOT_SERVING');
});

test('List refuses more than a hundred services', async () => {
  const { health, rig } = await start();
  await using _ = rig;
  const { list } = createClient(Health, rig.channel);
  for (let count = 1; count < 100; count += 1) health.setStatus(`s${count}`, 'SERVING');
  assert.is((await list({})).statuses.size, 100);
  health.setStatus('s100', 'SERVING');
  assert.is(await codeOf(list({})), Code.RESOURCE_EXHAUSTED);
});

test('Watch says at once how it is, then each change, and never the same twice', async () => {
  const { health, rig } = await start();
  await using _ = rig;
  await using call = createClient(Health, rig.channel).watch({ service: GUIDE });
  const watch = call[Symbol.asyncIterator]();
  assert.is(await next(watch), 'SERVICE_UNKNOWN');
  health.setStatus('another', 'SERVING');
  health.setStatus(GUIDE, 'SERVING');
  assert.is(await next(watch), 'SERVING');
  health.setStatus(GUIDE, 'SERVING');
  health.setStatus(GUIDE, 'NOT_SERVING');
  assert.is(await next(watch), 'NOT_SERVING');
  health.clearStatus(GUIDE);
  assert.is(await next(watch), 'SERVICE_UNKNOWN');
});

test('Watch of several clients, one of which has left', async () => {
  const { health, rig } = await start();
  await using _ = rig;
  const client = createClient(Health, rig.channel);
  const calls = [client.watch({ service: '' }), client.watch({ service: '' }), client.watch({ service: '' })];
  const watches = calls.map((call) => call[Symbol.asyncIterator]());
  for (const watch of watches) assert.is(await next(watch), 'SERVING');
  await calls[1]?.[Symbol.asyncDispose]();
  health.setStatus('', 'NOT_SERVING');
  for (const index of [0, 2]) {
    const watch = watches[index];
    if (watch !== undefined) assert.is(await next(watch), 'NOT_SERVING');
    await calls[index]?.[Symbol.asyncDispose]();
  }
});

test('a watcher that does not read finds the newest status alone', async () => {
  const { health, rig } = await start();
  await using _ = rig;
  await using call = createClient(Health, rig.channel).watch({ service: GUIDE }, { prefetch: 0 });
  const watch = call[Symbol.asyncIterator]();
  assert.is(await next(watch), 'SERVICE_UNKNOWN');
  for (let count = 0; count < 5_000; count += 1) health.setStatus(GUIDE, count % 2 === 0 ? 'NOT_SERVING' : 'SERVING');
  health.setStatus(GUIDE, 'UNKNOWN');
  const seen = [await next(watch)];
  while (seen.at(-1) !== 'UNKNOWN') seen.push(await next(watch));
  assert.ok(seen.length <= 3, `${seen.length} statuses`);
});

test('in its terminal state all that is known is NOT_SERVING, whatever is set', async () => {
  const { health, rig } = await start();
  await using _ = rig;
  health.setStatus(GUIDE, 'SERVING');
  await using call = createClient(Health, rig.channel).watch({ service: GUIDE });
  const watch = call[Symbol.asyncIterator]();
  assert.is(await next(watch), 'SERVING');
  health.enterTerminalState();
  assert.is(await next(watch), 'NOT_SERVING');
  health.enterTerminalState();
  health.setStatus(GUIDE, 'SERVING');
  health.setStatus('late', 'SERVING');
  health.clearStatus(GUIDE);
  assert.is(await checkHealth(rig.channel, GUIDE), 'NOT_SERVING');
  assert.is(await checkHealth(rig.channel), 'NOT_SERVING');
  assert.is(await codeOf(checkHealth(rig.channel, 'late')), Code.NOT_FOUND);
});

test('a watch stays open until the server ends it', async () => {
  const { health, rig } = await start();
  await using _ = rig;
  const call = createClient(Health, rig.channel).watch({ service: '' });
  const watch = call[Symbol.asyncIterator]();
  assert.is(await next(watch), 'SERVING');
  health.enterTerminalState();
  rig.server.shutdown();
  assert.is(await next(watch), 'NOT_SERVING');
  rig.server.shutdownNow();
  assert.is(await codeOf(next(watch)), Code.UNAVAILABLE);
});

/** Breaks whenever it is to send that something does not serve. */
class Optimist extends ForwardingServerCall<unknown, unknown> {
  override sendMessage(message: unknown): void {
    if ((message as { status: ServingStatus }).status === 'NOT_SERVING') throw new Error('it cannot be');
    super.sendMessage(message);
  }
}

test('a watch that an interceptor breaks or ends harms no other, and not who sets a status', async () => {
  const health = new HealthService();
  const calls: ServerCall<unknown, unknown>[] = [];
  health.intercept((call, headers, next) => {
    calls.push(call as ServerCall<unknown, unknown>);
    return next(calls.length === 1 ? (new Optimist(calls[0] as Optimist) as never) : call, headers);
  });
  const failures: unknown[] = [];
  const rig = await startInProcess({ services: [health], server: { onHandlerError: (error) => failures.push(error) } });
  await using _ = rig;
  const opened = [];
  for (let count = 0; count < 3; count += 1) {
    const call = createClient(Health, rig.channel).watch({ service: '' });
    const watch = call[Symbol.asyncIterator]();
    assert.is(await next(watch), 'SERVING');
    opened.push({ call, watch });
  }
  calls[1]?.close(Status.ABORTED, new Metadata());
  health.setStatus('', 'NOT_SERVING');
  const [broken, ended, whole] = opened;
  assert.ok(broken && ended && whole);
  assert.is((await within(PATIENCE_MS, broken.call.status, 'the end')).code, Code.UNKNOWN);
  assert.is((await within(PATIENCE_MS, ended.call.status, 'the end')).code, Code.ABORTED);
  assert.is(await next(whole.watch), 'NOT_SERVING');
  assert.equal(failures.map(String), ['Error: it cannot be']);
  await whole.call[Symbol.asyncDispose]();
});

test('a watch that has ended is forgotten, and so is a name that nobody watches', async () => {
  const { rig } = await start();
  await using _ = rig;
  const client = createClient(Health, rig.channel);
  let count = 0;
  const growth = await growthPerCall(async () => {
    count += 1;
    const call = client.watch({ service: `${count}`.padEnd(2_000, '-') });
    assert.is(await next(call[Symbol.asyncIterator]()), 'SERVICE_UNKNOWN');
    await call[Symbol.asyncDispose]();
  }, 300);
  assert.ok(growth < 700, `${growth} bytes are kept of each`);
});

test('only statuses that a service can have are taken', () => {
  const health = new HealthService();
  assert.throws(() => health.setStatus('', 'SERVICE_UNKNOWN' as 'SERVING'), /SERVICE_UNKNOWN/);
  assert.throws(() => health.setStatus('', 'FINE' as 'SERVING'), TypeError);
});

/** Calls `Check` with so many requests, as no client of a unary method does. */
function checkWith(rig: InProcessRig, requests: number): Promise<Status> {
  const method = new MethodDescriptor({
    service: 'grpc.health.v1.Health',
    name: 'Check',
    kind: 'bidi_streaming',
    requestMarshaller: BYTES_MARSHALLER,
    responseMarshaller: BYTES_MARSHALLER,
  });
  return new Promise((resolve) => {
    const call = rig.channel.newCall(method, CallOptions.DEFAULT);
    const listener = new (class extends ClientCallListener<Uint8Array> {
      override onClose(status: Status): void {
        resolve(status);
      }
    })();
    call.start(listener, new Metadata());
    call.request(2);
    for (let count = 0; count < requests; count += 1) call.sendMessage(new Uint8Array());
    call.halfClose();
  });
}

test('no request, or two, are refused', async () => {
  const { rig } = await start();
  await using _ = rig;
  for (const requests of [0, 2, 3]) {
    assert.is((await within(PATIENCE_MS, checkWith(rig, requests), 'the refusal')).code, Code.UNIMPLEMENTED);
  }
  assert.is((await checkWith(rig, 1)).code, Code.OK);
});

test.run();
