/** PendingStream: buffering, replay and passing on. Upstream: DelayedClientCallTest, DelayedStreamTest. */
import { AsyncLocalStorage } from 'node:async_hooks';
import fc from 'fast-check';
import { PendingStream, type PendingStreamOwner } from '../../src/channel/pending-stream.ts';
import { type ClientStream, WriteFlag } from '../../src/transport/stream.ts';
import type { StreamSource } from '../../src/transport/transport.ts';
import { AttributeKey, Attributes } from '../../src/values/attributes.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { echoMethods } from '../support/echo.ts';
import { assert, suite } from '../support/suite.ts';
import { HandTransport, nextTick, RecordingStreamListener, STREAM_OPTIONS } from './hand-transport.ts';

const test = suite('PendingStream');

const REASON = Status.CANCELLED.withDescription('enough');

class Owner implements PendingStreamOwner {
  readonly abandoned: PendingStream[] = [];

  onAbandoned(stream: PendingStream): void {
    this.abandoned.push(stream);
  }

  onFailing(): void {}

  onFailed(): void {}

  describeWait(): string {
    return 'waiting for better times';
  }
}

function setUp(): {
  owner: Owner;
  pending: PendingStream;
  listener: RecordingStreamListener;
  transport: HandTransport;
} {
  const owner = new Owner();
  const pending = new PendingStream(owner, echoMethods.bidi_streaming, STREAM_OPTIONS);
  return { owner, pending, listener: new RecordingStreamListener(), transport: new HandTransport() };
}

/** One step of a call: a number of permits, `halfClose` or `write` and a text. */
function perform(stream: ClientStream, step: string | number): void {
  if (typeof step === 'number') stream.request(step);
  else if (step === 'halfClose') stream.halfClose();
  else stream.writeMessage(Buffer.from(step.slice('write '.length)), 0);
}

function withoutRequests(said: readonly string[]): string[] {
  return said.filter((what) => !what.startsWith('request'));
}

function permitsIn(said: readonly string[]): number {
  return said.reduce((sum, what) => sum + (what.startsWith('request ') ? Number(what.slice('request '.length)) : 0), 0);
}

test('says at the transport what was said while it waited, in order', () => {
  const { pending, listener, transport } = setUp();
  pending.start(new Metadata(), listener);
  pending.request(1);
  pending.writeMessage(Buffer.from('a'), 0);
  pending.request(2);
  pending.writeMessage(Buffer.from('b'), WriteFlag.BUFFER_HINT);
  pending.halfClose();
  assert.is(transport.streams.length, 0);
  pending.attach(transport);
  assert.equal(transport.last.said, ['start', 'write a', 'write b flagged 2', 'halfClose', 'request 3']);
  assert.is(transport.last.method, echoMethods.bidi_streaming);
  assert.is(transport.last.options, STREAM_OPTIONS);
});

test('asks for nothing and ends nothing that the call did not', () => {
  const { pending, listener, transport } = setUp();
  pending.start(new Metadata(), listener);
  pending.attach(transport);
  assert.equal(transport.last.said, ['start']);
});

test('only passes on afterwards, in both directions', () => {
  const { pending, listener, transport } = setUp();
  const key = new AttributeKey<string>('a fact');
  transport.attributes = Attributes.EMPTY.with(key, 'known');
  pending.start(new Metadata(), listener);
  pending.attach(transport);
  pending.writeMessage(Buffer.from('a'), WriteFlag.BUFFER_HINT);
  pending.request(1);
  transport.last.receive('b');
  transport.last.becomeReady();
  assert.ok(pending.isReady());
  assert.is(pending.getAttributes().get(key), 'known');
  assert.is(pending.describeProgress(), 'in good hands');
  pending.halfClose();
  transport.last.tellClosing(Status.OK);
  transport.last.close();
  assert.equal(transport.last.said, ['start', 'write a flagged 2', 'request 1', 'halfClose']);
  assert.equal(listener.log.names(), ['headers', 'message', 'ready', 'closing', 'close']);
});

test('passes a cancel on once it is open', async () => {
  const { owner, pending, listener, transport } = setUp();
  pending.start(new Metadata(), listener);
  pending.attach(transport);
  listener.log.forbid(() => pending.cancel(REASON));
  await listener.log.end();
  assert.equal(transport.last.said, ['start', 'cancel CANCELLED']);
  assert.equal(owner.abandoned, []);
});

test('lets what the listener writes during the replay come behind the rest', () => {
  const { pending, transport } = setUp();
  // An answer that is there at once reaches the listener amid the replay, in the request.
  transport.early = ['early'];
  const listener = new RecordingStreamListener((text) => pending.writeMessage(Buffer.from(`re: ${text}`), 0));
  pending.start(new Metadata(), listener);
  pending.request(1);
  pending.writeMessage(Buffer.from('a'), 0);
  pending.writeMessage(Buffer.from('b'), 0);
  pending.attach(transport);
  assert.equal(transport.last.said, ['start', 'write a', 'write b', 'request 1', 'write re: early']);
});

test('makes no difference to the stream, whenever the transport comes', () => {
  const permits = fc.nat(3);
  const speech = fc.array(fc.oneof(permits, fc.constantFrom('write a', 'write b', 'write c')), { maxLength: 8 });
  const silence = fc.array(permits, { maxLength: 3 });
  fc.assert(
    fc.property(speech, silence, fc.nat(12), (spoken, after, attachAt) => {
      const script = [...spoken, 'halfClose', ...after];
      const { pending, listener, transport } = setUp();
      const direct = new HandTransport().newStream(echoMethods.bidi_streaming, STREAM_OPTIONS);
      const streams = [pending, direct];
      for (const stream of streams) stream.start(new Metadata(), listener);
      for (const [at, step] of script.entries()) {
        if (at === attachAt) pending.attach(transport);
        for (const stream of streams) perform(stream, step);
      }
      pending.attach(transport);
      assert.equal(withoutRequests(transport.last.said), withoutRequests(direct.said));
      assert.is(permitsIn(transport.last.said), permitsIn(direct.said));
    }),
  );
});

test('is not ready and knows nothing while it waits', () => {
  const { pending, listener } = setUp();
  assert.not(pending.isReady());
  pending.start(new Metadata(), listener);
  assert.not(pending.isReady());
  assert.is(pending.getAttributes(), Attributes.EMPTY);
  assert.is(pending.describeProgress(), 'waiting for better times');
});

test('ends with the very status of a cancel, in the next tick, and opens no stream', async () => {
  const { owner, pending, listener, transport } = setUp();
  pending.start(new Metadata(), listener);
  pending.writeMessage(Buffer.from('a'), 0);
  listener.log.forbid(() => pending.cancel(REASON));
  assert.equal(owner.abandoned, [pending]);
  pending.attach(transport);
  pending.cancel(Status.CANCELLED.withDescription('again'));
  pending.writeMessage(Buffer.from('b'), 0);
  pending.request(1);
  pending.halfClose();
  assert.equal(await listener.log.end(), { type: 'close', status: REASON, progress: 'dropped' });
  await nextTick();
  assert.is(transport.streams.length, 0);
  assert.equal(owner.abandoned, [pending]);
  assert.not(pending.isReady());
});

test('ends with the status it is failed with, in the next tick, whatever comes then', async () => {
  const { owner, pending, listener, transport } = setUp();
  const reason = Status.UNAVAILABLE.withDescription('nobody there');
  pending.start(new Metadata(), listener);
  listener.log.forbid(() => pending.fail(reason));
  listener.log.forbid(() => pending.cancel(REASON));
  pending.attach(transport);
  assert.equal(await listener.log.end(), { type: 'close', status: reason, progress: 'dropped' });
  assert.equal(owner.abandoned, []);
  assert.is(transport.streams.length, 0);
});

test('opens at start when the transport was there before', () => {
  const { pending, listener, transport } = setUp();
  pending.attach(transport);
  assert.is(transport.streams.length, 0);
  pending.start(new Metadata(), listener);
  pending.writeMessage(Buffer.from('a'), 0);
  assert.equal(transport.last.said, ['start', 'write a']);
});

test('ends after start when it was failed before', async () => {
  const { pending, listener, transport } = setUp();
  pending.fail(REASON);
  listener.log.forbid(() => pending.start(new Metadata(), listener));
  pending.attach(transport);
  assert.equal(await listener.log.end(), { type: 'close', status: REASON, progress: 'dropped' });
  assert.is(transport.streams.length, 0);
});

test('opens the stream, and ends, in the async context of the start', async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const transport = new HandTransport();
  const source: StreamSource = {
    newStream: (method, options) => {
      seen.push(storage.getStore());
      return transport.newStream(method, options);
    },
  };
  const { pending, listener } = setUp();
  storage.run('the call', () => pending.start(new Metadata(), listener));
  storage.run('the connection', () => pending.attach(source));
  assert.equal(seen, ['the call']);

  const doomed = setUp();
  const closing = new RecordingStreamListener();
  closing.onClose = (status, _trailers, progress) => {
    seen.push(storage.getStore());
    closing.log.record({ type: 'close', status, progress });
  };
  storage.run('another call', () => doomed.pending.start(new Metadata(), closing));
  storage.run('the connection', () => doomed.pending.fail(REASON));
  await closing.log.end();
  assert.equal(seen, ['the call', 'another call']);
});

test.run();
