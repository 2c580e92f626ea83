/** The recorders themselves, driven by hand as a call would. */
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { type ClientReactions, RecordingClientListener, RecordingServerListener } from './recorder.ts';
import { assert, suite } from './suite.ts';

const test = suite('recorder');

/** A client's recorder whose breaches are listed in place of failing the test. */
function recordClient(reactions?: ClientReactions<string>): {
  recorder: RecordingClientListener<string>;
  breaches: string[];
} {
  const breaches: string[] = [];
  const recorder = new RecordingClientListener<string>(reactions, (breach) => breaches.push(firstLine(breach)));
  return { recorder, breaches };
}

async function failure(promise: Promise<unknown>): Promise<string> {
  return await promise.then(() => 'it did not fail', firstLine);
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}

test('records in order, with what was told', async () => {
  const { recorder, breaches } = recordClient();
  const trailers = new Metadata({ a: 'b' });
  const first = recorder.message();
  recorder.onReady();
  recorder.onHeaders(new Metadata({ x: 'y' }));
  recorder.onMessage('one');
  recorder.onWritten(2);
  recorder.onClosing(Status.ABORTED);
  recorder.onMessage('two');
  recorder.onClose(Status.ABORTED, trailers);
  assert.equal(recorder.names, ['ready', 'headers', 'message', 'written', 'closing', 'message', 'close']);
  assert.is((await recorder.event('closing')).status, Status.ABORTED);
  assert.equal([await first, await recorder.message()], ['one', 'two']);
  assert.is((await recorder.headers()).get('x'), 'y');
  assert.is((await recorder.closed).status, Status.ABORTED);
  assert.is((await recorder.closed).trailers, trailers);
  assert.is(recorder.written, 2);
  assert.equal(breaches, []);
});

test('does not wait for what can come no more', async () => {
  const { recorder } = recordClient();
  const waiting = failure(recorder.message());
  recorder.onClose(Status.CANCELLED, new Metadata());
  assert.is(await waiting, 'message can come no more; events: close');
  assert.match(await failure(recorder.event('headers')), 'headers can come no more');
  const late = new RecordingClientListener<string>();
  assert.match(await failure(late.event('headers', 20)), 'timed out after 20 ms waiting for headers');
});

test('finds an event inside another', () => {
  const { recorder, breaches } = recordClient({ onMessage: () => recorder.onReady() });
  recorder.onHeaders(new Metadata());
  recorder.onMessage('one');
  assert.equal(breaches, ['ready came inside message']);
  recorder.onReady();
  assert.is(breaches.length, 1);
});

test('finds an event where none may come', () => {
  const { recorder, breaches } = recordClient();
  assert.is(
    recorder.forbid(() => 7),
    7,
  );
  recorder.forbid(() => recorder.onReady());
  assert.equal(breaches, ['ready came where no event may come']);
  recorder.onReady();
  assert.is(breaches.length, 1);
});

test('finds events after the end and headers out of place', () => {
  const { recorder, breaches } = recordClient();
  recorder.onMessage('early');
  recorder.onHeaders(new Metadata());
  recorder.onHeaders(new Metadata());
  recorder.onWritten(0);
  recorder.onClosing(Status.OK);
  recorder.onClosing(Status.OK);
  recorder.onClose(Status.OK, new Metadata());
  recorder.onClose(Status.OK, new Metadata());
  assert.equal(breaches, [
    'a message came before headers',
    'headers came after a message',
    'headers came twice',
    'headers came after a message',
    'written told of 0 messages',
    'closing came twice',
    'close came after the end',
  ]);
});

test('lets an error thrown in an event go on, and is then outside of it', () => {
  const { recorder, breaches } = recordClient({
    onHeaders: () => {
      throw new Error('from the test');
    },
  });
  assert.throws(() => recorder.onHeaders(new Metadata()), 'from the test');
  recorder.onReady();
  assert.equal(breaches, []);
});

test('knows the order on the server', async () => {
  const breaches: string[] = [];
  const recorder = new RecordingServerListener<string>({}, (breach) => breaches.push(firstLine(breach)));
  recorder.onMessage('one');
  recorder.onHalfClose();
  recorder.onWritten(1);
  recorder.onComplete();
  assert.equal(breaches, []);
  assert.is(await recorder.closed, 'complete');
  assert.equal(recorder.names, ['message', 'half-close', 'written', 'complete']);
  recorder.onMessage('two');
  recorder.onHalfClose();
  recorder.onCancel();
  assert.equal(breaches, [
    'a message came after half-close',
    'message came after the end',
    'half-close came twice',
    'half-close came after the end',
    'cancel came after the end',
  ]);
});

test('fails the test that does not look', async () => {
  const original = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const thrown = new Promise<unknown>((resolve) => process.once('uncaughtException', resolve));
  try {
    const recorder = new RecordingClientListener<string>();
    recorder.onMessage('early');
    assert.is(firstLine(await thrown), 'a message came before headers');
  } finally {
    for (const listener of original) process.on('uncaughtException', listener);
  }
});

test.run();
