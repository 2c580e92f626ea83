/** What forms of a header block node takes at either end, and that we know which. */
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { headerObject, nodeHeaders, TAKES_LISTS } from '../../../src/transport/http2/header-form.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { eventOf } from './node-session.ts';

const test = suite('header forms');

const REQUEST = [':method', 'POST', ':scheme', 'http', ':path', '/x', ':authority', 'a.test', 'x-b', '1', 'x-b', '2'];
const RESPONSE = [':status', '200', 'x-a', '1', 'x-c', '2', 'x-a', '3'];

/** Runs `act`; whether it went well, false for an argument that node does not take. */
function isTaken(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    assert.is((error as NodeJS.ErrnoException).code, 'ERR_INVALID_ARG_TYPE');
    return false;
  }
}

test('node: takes lists at both ends where we say so, and sends them as they are; at neither, or one, where we do not', async () => {
  const taken: Record<'request' | 'respond', boolean> = { request: false, respond: false };
  let requested: unknown;
  const server = http2.createServer();
  server.on('stream', (stream: http2.ServerHttp2Stream, ...[, , raw]: unknown[]) => {
    requested = raw;
    const list = [...RESPONSE] as unknown as http2.OutgoingHttpHeaders;
    taken.respond = isTaken(() => stream.respond(list, { sendDate: false } as object));
    if (!taken.respond) stream.respond(headerObject(RESPONSE), { sendDate: false } as object);
    stream.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  let stream: http2.ClientHttp2Stream | null = null;
  taken.request = isTaken(() => {
    stream = client.request([...REQUEST] as unknown as http2.OutgoingHttpHeaders, { endStream: true });
  });
  stream ??= client.request(headerObject(REQUEST), { endStream: true });
  const closed = eventOf(stream, 'close');
  const [, , responded] = (await within(2_000, eventOf(stream, 'response'))) as [unknown, unknown, string[]];
  stream.resume();
  await closed;
  client.close();
  await within(2_000, new Promise((resolve) => server.close(resolve)));
  assert.is(taken.request && taken.respond, TAKES_LISTS);
  assert.equal(requested, REQUEST);
  if (taken.respond) assert.equal(responded, RESPONSE);
  else assert.equal(responded, [':status', '200', 'x-a', '1', 'x-a', '3', 'x-c', '2']);
});

test('an object has the values of each name together, whatever the name, however many there are', () => {
  for (const more of [0, 40]) {
    const others = Array.from({ length: more }, (_, i) => [`x-${i}`, `${i}`]).flat();
    const list = ['x', '1', 'constructor', 'c', 'x', '2', '__proto__', 'p', 'x', '3', '__proto__', 'q', ...others];
    assert.equal(Object.entries(headerObject(list)).slice(0, 3), [
      ['x', ['1', '2', '3']],
      ['constructor', 'c'],
      ['__proto__', ['p', 'q']],
    ]);
    assert.is(Object.keys(headerObject(list)).length, 3 + more);
  }
});

test('a list stays what it is where node takes it', () => {
  assert.is(Array.isArray(nodeHeaders(REQUEST)), TAKES_LISTS);
});

test.run();
