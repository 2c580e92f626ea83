/** MessageWriter by itself: when it sends, and when it pulls from an iterable. */
import { type MessageSink, type Messages, MessageWriter } from '../../src/stub/message-writer.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('MessageWriter');

const soon = <T>(promise: Promise<T>): Promise<T> => within(5_000, promise);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Where messages go, in the test's hands. */
class Sink implements MessageSink<string> {
  readonly sent: string[] = [];
  ready = true;

  isReady(): boolean {
    return this.ready;
  }

  sendMessage(message: string): void {
    if (message === 'refused') throw new Error('refused');
    this.sent.push(message);
  }
}

/** Gives some texts without end, one after another, and counts what is asked of it. */
class Source implements AsyncIterable<string>, AsyncIterator<string> {
  pulls = 0;
  stops = 0;
  next = async (): Promise<IteratorResult<string>> => {
    this.pulls += 1;
    await turn();
    return { done: false, value: String(this.pulls) };
  };

  async return(): Promise<IteratorResult<string>> {
    this.stops += 1;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

test('a send is answered when the sink is ready again, and not by a mere maybe', async () => {
  const sink = new Sink();
  const writer = new MessageWriter<string>(sink);
  assert.is(await soon(writer.send('one')), true);
  sink.ready = false;
  const answers: boolean[] = [];
  const sends = ['two', 'three'].map((text) => writer.send(text).then((sent) => answers.push(sent)));
  writer.onReady();
  await turn();
  assert.equal(answers, []);
  sink.ready = true;
  writer.onReady();
  await soon(Promise.all(sends));
  assert.equal(answers, [true, true]);
  assert.equal(sink.sent, ['one', 'two', 'three']);
});

test('the end answers false, to sends that wait and to those that come', async () => {
  const sink = new Sink();
  const writer = new MessageWriter<string>(sink);
  sink.ready = false;
  const waiting = writer.send('one');
  assert.not(writer.isEnded);
  writer.onEnd();
  assert.ok(writer.isEnded);
  sink.ready = true;
  assert.equal(await soon(Promise.all([waiting, writer.send('two')])), [false, false]);
  assert.equal(sink.sent, ['one']);
});

for (const [form, messages] of Object.entries<() => Messages<string>>({
  'an array': () => ['a', 'b'],
  'a generator': function* () {
    yield* ['a', 'b'];
  },
  'an async generator': async function* () {
    yield* ['a', 'b'];
  },
})) {
  test(`sends all of ${form}, while the sink is ready`, async () => {
    const sink = new Sink();
    sink.ready = false;
    const writer = new MessageWriter<string>(sink);
    const sending = writer.sendAll(messages());
    await turn();
    assert.equal(sink.sent, []);
    sink.ready = true;
    writer.onReady();
    await soon(sending);
    assert.equal(sink.sent, ['a', 'b']);
  });
}

test('an iterable is told to stop once, when the end comes while it waits, works, or has yet to begin', async () => {
  for (const when of ['before', 'while the sink is not ready', 'while it is pulled', 'while it hangs'] as const) {
    const sink = new Sink();
    const writer = new MessageWriter<string>(sink);
    const source = new Source();
    if (when === 'before') writer.onEnd();
    if (when === 'while the sink is not ready') sink.ready = false;
    if (when === 'while it hangs') {
      source.next = () => {
        source.pulls += 1;
        return new Promise(() => {});
      };
    }
    const sending = writer.sendAll(source);
    await turn();
    if (when !== 'before') {
      writer.onEnd();
      writer.onEnd();
    }
    const { pulls } = source;
    const sent = sink.sent.length;
    if (when !== 'while it hangs') await soon(sending);
    await turn();
    assert.is(source.stops, 1, when);
    // The sink says that it is ready: what has ended is sent nothing all the same.
    assert.equal([source.pulls, sink.sent.length], [pulls, sent], when);
    assert.is(pulls > 0, when.includes('pulled') || when.includes('hangs'), when);
  }
});

test('an iterable without return, and one whose return fails, are let go', async () => {
  const { next } = new Source();
  const iterators: readonly AsyncIterator<string>[] = [
    { next },
    { next, return: () => Promise.reject(new Error('return rejects')) },
    {
      next,
      return: () => {
        throw new Error('return throws');
      },
    },
  ];
  for (const iterator of iterators) {
    const sink = new Sink();
    sink.ready = false;
    const writer = new MessageWriter<string>(sink);
    const sending = writer.sendAll({ [Symbol.asyncIterator]: () => iterator });
    await turn();
    writer.onEnd();
    await soon(sending);
    await turn();
  }
});

test('what an iterable throws is thrown on, at once and later; it is not told to stop', async () => {
  const mine = new Error('mine');
  const fails: readonly (() => Promise<never>)[] = [
    () => Promise.reject(mine),
    () => {
      throw mine;
    },
  ];
  for (const fail of fails) {
    const writer = new MessageWriter<string>(new Sink());
    const source = new Source();
    source.next = fail;
    assert.is(await soon(writer.sendAll(source).catch((error: unknown) => error)), mine);
    writer.onEnd();
    await turn();
    assert.is(source.stops, 0);
  }
});

test('what the sink throws is thrown on, and the iterable told to stop at the end', async () => {
  const writer = new MessageWriter<string>(new Sink());
  const source = new Source();
  source.next = async () => ({ done: false, value: 'refused' });
  const thrown = await soon(writer.sendAll(source).catch((error: Error) => error.message));
  assert.is(thrown, 'refused');
  writer.onEnd();
  await turn();
  assert.is(source.stops, 1);
});

test.run();
