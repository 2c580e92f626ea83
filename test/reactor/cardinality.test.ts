/**
 * One message where one is due: what becomes of an RPC with none, or with more. On the wire where it is about what our own
 * ends would never send. Upstream: cardinality_violation_test.cc, server_callback_handlers.h.
 */
import { ClientContext } from '../../src/reactor/client-context.ts';
import { ClientBidiReactor, ClientUnaryReactor, ClientWriteReactor } from '../../src/reactor/client-reactors.ts';
import { CallbackGenericService } from '../../src/reactor/generic-service.ts';
import { GenericStub } from '../../src/reactor/generic-stub.ts';
import type { GenericCallbackServerContext } from '../../src/reactor/server-context.ts';
import { ServerBidiReactor, ServerUnaryReactor, ServerWriteReactor } from '../../src/reactor/server-reactors.ts';
import { newStub } from '../../src/reactor/stub.ts';
import { Code, Status } from '../../src/values/status.ts';
import type { Frame } from '../support/http2-frame.ts';
import { grpcFrame, RawClient, type RawConnection, requestHeaders } from '../support/raw-http2.ts';
import { assert, suite } from '../support/suite.ts';
import { ReactorPair, type ReactorPairOptions, textMethod } from './reactor-pair.ts';
import { hold } from './rpc-ends.ts';
import { startUnary } from './unary-calls.ts';
import { watch } from './watched.ts';

const test = suite('cardinality');

const TRANSPORTS = ['in-process', 'http2'] as const;

/** Serves the two methods with one request, and notes whose handlers ran. */
async function serving(ran: string[], options: ReactorPairOptions): Promise<ReactorPair> {
  return await ReactorPair.open(
    {
      unary(_context, request) {
        ran.push(`unary ${request}`);
        const reactor = new ServerUnaryReactor<string>();
        reactor.finish(Status.OK, `unary ${request}`);
        return reactor;
      },
      read(_context, request) {
        ran.push(`read ${request}`);
        const reactor = new ServerWriteReactor<string>();
        reactor.startWriteAndFinish(`read ${request}`, undefined, Status.OK);
        return reactor;
      },
    },
    options,
  );
}

/** The trailers of a stream, once they have come. */
async function trailersOf(client: RawConnection, stream: number): Promise<Frame> {
  return await client.frame('HEADERS', { stream, endStream: true });
}

for (const [kind, upstream] of [
  ['unary', 'UnaryZeroRequests'],
  ['server_streaming', 'ServerStreamingZeroRequests'],
] as const) {
  const path = kind === 'unary' ? '/test.Text/unary' : '/test.Text/server_streaming';

  test(`${kind}: a half-close without a request is UNIMPLEMENTED, and no handler runs (${upstream})`, async () => {
    const ran: string[] = [];
    await using pair = await serving(ran, { transport: 'http2' });
    await using client = await RawClient.connect(pair.server.port);
    const atOnce = client.open(requestHeaders(path), { endStream: true });
    const later = client.open(requestHeaders(path));
    await client.roundTrip();
    client.sendData(later, Buffer.alloc(0), { endStream: true });
    for (const stream of [atOnce, later]) {
      const frame = await trailersOf(client, stream);
      assert.is(frame.header('grpc-status'), `${Code.UNIMPLEMENTED}`);
      assert.equal(client.messages(stream), []);
    }
    assert.equal(ran, []);
  });

  test(`${kind}: the same within the process, by a client that takes the method for bidi`, async () => {
    const ran: string[] = [];
    await using pair = await serving(ran, {});
    const reactor = new ClientBidiReactor<Uint8Array, Uint8Array>();
    const log = watch(reactor);
    new GenericStub(pair.channel).prepareBidiStreamingCall(new ClientContext(), path, {}, reactor);
    reactor.startRead();
    reactor.startWritesDone();
    reactor.startCall();
    assert.is((await reactor.done()).code, Code.UNIMPLEMENTED);
    await log.done();
    assert.is(log.times('onReadDone(false)'), 1);
    assert.equal(ran, []);
  });

  test(`${kind}: of two requests the handler gets the first; the second goes nowhere`, async () => {
    const ran: string[] = [];
    await using pair = await serving(ran, { transport: 'http2' });
    await using client = await RawClient.connect(pair.server.port);
    const stream = client.open(requestHeaders(path));
    client.sendData(stream, Buffer.concat([grpcFrame(Buffer.from('one')), grpcFrame(Buffer.from('two'))]), {
      endStream: true,
    });
    assert.is((await trailersOf(client, stream)).header('grpc-status'), '0');
    const name = kind === 'unary' ? 'unary' : 'read';
    assert.equal(
      client.messages(stream).map(({ payload }) => payload.toString()),
      [`${name} one`],
    );
    assert.equal(ran, [`${name} one`]);
  });
}

test('unary: an error that is finished with a response goes without it, in one frame', async () => {
  const held = hold(
    () => new ServerUnaryReactor<string>(),
    ({ reactor }) => reactor.finish(Status.ABORTED.withDescription('no'), 'not to be sent'),
  );
  await using pair = await ReactorPair.open({ unary: held.handler }, { transport: 'http2' });
  await using client = await RawClient.connect(pair.server.port);
  const stream = client.open(requestHeaders('/test.Text/unary'));
  client.sendData(stream, grpcFrame(Buffer.from('hello')), { endStream: true });
  const frame = await trailersOf(client, stream);
  assert.is(frame.header('grpc-status'), `${Code.ABORTED}`);
  assert.is(frame.header('grpc-message'), 'no');
  await client.roundTrip();
  assert.equal(client.story(stream), [`HEADERS(${stream}, ES)`]);
});

/** Answers every method with so many messages, then OK, as no reactor of those methods would; Infinity ends with a cancel. */
class Answering extends CallbackGenericService {
  readonly count: number;

  constructor(count: number) {
    super();
    this.count = count;
  }

  override createReactor(context: GenericCallbackServerContext): ServerBidiReactor<Uint8Array, Uint8Array> {
    let left = this.count;
    const next = (): void => {
      left -= 1;
      if (left >= 0 && !context.isCancelled()) reactor.startWrite(Buffer.from('answer'));
      else reactor.finish(Status.OK);
    };
    const reactor = ServerBidiReactor.from<Uint8Array, Uint8Array>({ onWriteDone: next });
    next();
    return reactor;
  }
}

/** Calls a unary and a client-streaming method, in each form that there is. */
async function callAll(pair: ReactorPair): Promise<{ status: Status; response: string | undefined }[]> {
  const methods = {
    unary: textMethod('unary', 'unary', 'test.Other'),
    write: textMethod('client_streaming', 'write', 'test.Other'),
  };
  const stub = newStub(methods, pair.channel).async();
  const ends: { status: Status; response: string | undefined }[] = [];
  ends.push(await startUnary<string>((context, done) => stub.unary(context, 'hello', done)).ended());
  const onDone = (status: Status, response: string | undefined): void => {
    ends.push({ status, response });
  };
  const unary = ClientUnaryReactor.from<string>({ onDone });
  const write = ClientWriteReactor.from<string, string>({ onDone });
  watch(unary);
  watch(write);
  stub.unary(new ClientContext(), 'hello', unary);
  unary.startCall();
  await unary.done();
  stub.write(new ClientContext(), write);
  write.startWriteLast('hello');
  write.startCall();
  await write.done();
  return ends;
}

for (const transport of TRANSPORTS) {
  test(`${transport}: OK without the response that is due is UNIMPLEMENTED (ClientStreamingZeroResponses)`, async () => {
    await using pair = await ReactorPair.open({}, { transport, fallbackRegistry: new Answering(0) });
    const ends = await callAll(pair);
    assert.is(ends.length, 3);
    for (const { status, response } of ends) {
      assert.is(status.toString(), 'UNIMPLEMENTED: the server sent no response');
      assert.is(response, undefined);
    }
  });

  test(`${transport}: two responses where one is due are UNIMPLEMENTED, and so is an endless row of them`, async () => {
    for (const count of [2, Number.POSITIVE_INFINITY]) {
      await using pair = await ReactorPair.open({}, { transport, fallbackRegistry: new Answering(count) });
      const ends = await callAll(pair);
      assert.is(ends.length, 3);
      for (const { status, response } of ends) {
        assert.is(status.toString(), 'UNIMPLEMENTED: the server sent more than one response');
        assert.is(response, undefined);
      }
    }
  });
}

test.run();
