/**
 * Async interceptors at both ends of calls of every kind and style, over both transports, and with grpc-js as the other
 * end: they change nothing but what they say.
 */
import type { ClientInterceptor } from '../../src/call/client-interceptor.ts';
import type { ServerInterceptor } from '../../src/call/server-interceptor.ts';
import { asyncClientInterceptor } from '../../src/stub/async-client-interceptor.ts';
import { asyncServerInterceptor } from '../../src/stub/async-server-interceptor.ts';
import { createClient } from '../../src/stub/client.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Code, Status } from '../../src/values/status.ts';
import { StatusError } from '../../src/values/status-error.ts';
import { TEXT_METHODS } from '../reactor/reactor-pair.ts';
import { ECHO_KINDS } from '../support/echo.ts';
import { echoClient, startEchoServer } from '../support/echo-service.ts';
import { grpcJsClient, startGrpcJsServer } from '../support/grpc-js.ts';
import { assert, suite } from '../support/suite.ts';
import { rejectionOf, turns } from './interceptor-support.ts';
import { CALLS, expected, METHOD_NAMES, requestsOf, SERVICES, TextPair } from './text-faces.ts';

const test = suite('async interceptors');

const TRANSPORTS = ['in-process', 'http2'] as const;
type Face = keyof typeof CALLS;
const FACES = Object.keys(CALLS) as Face[];

/** Fetches a token for each call, and notes how it ended. */
function bearing(token: string, notes: string[] = []): ClientInterceptor {
  return asyncClientInterceptor(async ({ name }, { metadata }, next) => {
    await turns(2);
    metadata.set('authorization', token);
    try {
      return await next();
    } catch (error) {
      notes.push(`${name} ${error instanceof StatusError ? error.status : error}`);
      throw error;
    } finally {
      await turns(1);
      notes.push(`${name} ended`);
    }
  });
}

/** Looks a token up before it lets a call through. */
function guarding(token: string, notes: string[] = []): ServerInterceptor {
  return asyncServerInterceptor(async ({ method, metadata }, next) => {
    await turns(2);
    if (metadata.get('authorization') !== token) {
      throw new StatusError(Status.UNAUTHENTICATED.withDescription('who are you'), new Metadata({ 'x-realm': 'r' }));
    }
    try {
      await next();
    } finally {
      await turns(1);
      notes.push(`${method.name} ended`);
    }
  });
}

for (const transport of TRANSPORTS) {
  for (const [face, service] of Object.entries(SERVICES)) {
    test(`${transport}: ${face} at the server, every style at the client: as without interceptors`, async () => {
      const atClient: string[] = [];
      const atServer: string[] = [];
      await using plain = await TextPair.open({ service: service(), transport });
      await using pair = await TextPair.open({
        service: service(),
        transport,
        client: [bearing('t', atClient), asyncClientInterceptor((_method, _call, next) => next())],
        server: [guarding('t', atServer), asyncServerInterceptor((_call, next) => next())],
      });
      for (const caller of FACES) {
        for (const name of METHOD_NAMES) {
          for (const fails of [false, true]) {
            const what = `${caller} ${name} ${fails}`;
            const requests = requestsOf(name, fails);
            atClient.length = 0;
            atServer.length = 0;
            assert.equal(await CALLS[caller](plain.channel, name, requests), expected(name, fails), `plain ${what}`);
            assert.equal(await CALLS[caller](pair.channel, name, requests), expected(name, fails), what);
            const { kind } = TEXT_METHODS[name];
            const failure = fails ? [`${kind} NOT_FOUND: not there`] : [];
            assert.equal([atClient, atServer], [[...failure, `${kind} ended`], [`${kind} ended`]], what);
          }
        }
      }
      assert.equal([plain.failures, pair.failures], [[], []]);
    });
  }

  test(`${transport}: refused at the server, in every style and kind; no handler runs`, async () => {
    for (const caller of FACES) {
      await using pair = await TextPair.open({
        service: SERVICES.promises(),
        transport,
        client: [bearing('wrong')],
        server: [guarding('right')],
      });
      for (const name of METHOD_NAMES) {
        const outcome = await CALLS[caller](pair.channel, name, requestsOf(name, false));
        assert.equal([outcome.code, outcome.texts], [Code.UNAUTHENTICATED, []], `${caller} ${name}`);
      }
    }
  });

  test(`${transport}: refused at the client, in every style and kind; nothing leaves`, async () => {
    const seen: string[] = [];
    const refusing = asyncClientInterceptor(async () => {
      await turns(1);
      throw new StatusError(Status.UNAUTHENTICATED.withDescription('no token'), new Metadata({ 'x-trail': 'refused' }));
    });
    const noting = asyncServerInterceptor(async ({ method }) => void seen.push(method.name));
    for (const caller of FACES) {
      await using pair = await TextPair.open({
        service: SERVICES.promises(),
        transport,
        client: [refusing],
        server: [noting],
      });
      for (const name of METHOD_NAMES) {
        const outcome = await CALLS[caller](pair.channel, name, requestsOf(name, false));
        assert.equal(outcome, { code: Code.UNAUTHENTICATED, texts: [], trailer: 'refused' }, `${caller} ${name}`);
      }
    }
    assert.equal(seen, []);
  });
}

test('OK without a message is what the promise of a unary call says it is', async () => {
  const silent = asyncClientInterceptor(async () => ({ trailers: new Metadata() }));
  await using pair = await TextPair.open({ service: SERVICES.promises(), transport: 'in-process', client: [silent] });
  const client = createClient(TEXT_METHODS, pair.channel);
  assert.match(String(await rejectionOf(client.unary('one'))), /UNIMPLEMENTED: the server sent no response/);
  const texts: string[] = [];
  for await (const text of client.read('one')) texts.push(text);
  assert.equal(texts, []);
  for (const caller of FACES) {
    const { code } = await CALLS[caller](pair.channel, 'read', ['one']);
    assert.is(code, 0, caller);
  }
});

test('a promise user sees the status, trailers and cause of what the function threw', async () => {
  const why = new Error('fetch failed');
  const broken = asyncClientInterceptor(async ({ kind }) => {
    if (kind !== 'unary') throw why;
    throw new StatusError(Status.UNAVAILABLE.withDescription('no token').withCause(why), new Metadata({ 'x-a': 'b' }));
  });
  await using pair = await TextPair.open({ service: SERVICES.promises(), transport: 'in-process', client: [broken] });
  const client = createClient(TEXT_METHODS, pair.channel);
  const ours = (await rejectionOf(client.unary('one'))) as StatusError;
  assert.is(ours.message, 'UNAVAILABLE: no token (test.Text/unary, before anything was sent)');
  assert.equal([ours.trailers.get('x-a'), ours.cause], ['b', why]);
  const other = (await rejectionOf(client.write(['one']))) as StatusError;
  assert.is(other.message, 'UNKNOWN: an interceptor failed (test.Text/client_streaming, before anything was sent)');
  assert.is(other.cause, why);
});

test('a stream that its reader leaves is cancelled through both functions, at whatever point', async () => {
  const heard: string[] = [];
  const client = asyncClientInterceptor(async (_method, _call, next) => {
    try {
      return await next();
    } catch (error) {
      heard.push(`client ${(error as StatusError).status.name}`);
      throw error;
    }
  });
  const server = asyncServerInterceptor(async (_call, next) => {
    try {
      await next();
    } catch (error) {
      heard.push(`server ${(error as StatusError).status.name}`);
      throw error;
    }
  });
  await using pair = await TextPair.open({
    service: SERVICES.promises(),
    transport: 'http2',
    client: [client],
    server: [server],
  });
  const call = createClient(TEXT_METHODS, pair.channel).bidi();
  assert.ok(await call.send('one'));
  for await (const text of call) {
    assert.is(text, '<one>');
    break;
  }
  assert.is((await call.status).code, Code.CANCELLED);
  while (heard.length < 2) await turns(1);
  assert.equal(heard.sort(), ['client CANCELLED', 'server CANCELLED']);
});

test('our client with interceptors at a grpc-js server', async () => {
  await using server = await startGrpcJsServer();
  const notes: string[] = [];
  const options = { interceptors: [bearing('t', notes)] };
  await using client = echoClient(server.port, { options });
  await using plain = echoClient(server.port);
  for (const kind of ECHO_KINDS) {
    for (const code of [0, 9]) {
      const init = { command: { code, message: code === 0 ? '' : 'not now' }, pairs: [['x-a', 'b']] as const };
      const messages = [Buffer.from('one'), Buffer.from('two')];
      assert.equal(await client.call(kind, messages, init), await plain.call(kind, messages, init), kind);
    }
  }
  assert.is(notes.filter((note) => note.endsWith('ended')).length, 8);
  assert.is(notes.filter((note) => note.endsWith('FAILED_PRECONDITION: not now')).length, 4);
  const { code } = await client.call('bidi_streaming', [Buffer.from('one')], { cancel: 'after the first message' });
  assert.is(code, Code.CANCELLED);
});

test('grpc-js at our server with interceptors', async () => {
  const notes: string[] = [];
  const options = { interceptors: [guarding('t', notes)] };
  await using server = await startEchoServer({ options });
  await using plain = await startEchoServer();
  await using client = grpcJsClient(server.port);
  await using plainClient = grpcJsClient(plain.port);
  for (const kind of ECHO_KINDS) {
    for (const code of [0, 9]) {
      const pairs = [
        ['x-a', 'b'],
        ['authorization', 't'],
      ] as const;
      const init = { command: { code, message: code === 0 ? '' : 'not now' }, pairs };
      const messages = kind === 'unary' || kind === 'server_streaming' ? ['one'] : ['one', 'two'];
      const payloads = messages.map((text) => Buffer.from(text));
      assert.equal(await client.call(kind, payloads, init), await plainClient.call(kind, payloads, init), kind);
    }
    const refused = await client.call(kind, [Buffer.from('one')]);
    assert.equal([refused.code, refused.message, refused.messages], [Code.UNAUTHENTICATED, 'who are you', []]);
    assert.equal(refused.trailers, [['x-realm', 'r']]);
  }
  assert.is(notes.length, 8);
  const cancelled = await client.call('bidi_streaming', [Buffer.from('one')], {
    pairs: [['authorization', 't']],
    cancel: 'after the first message',
  });
  assert.is(cancelled.code, Code.CANCELLED);
  while (notes.length < 9) await turns(1);
});

test.run();
