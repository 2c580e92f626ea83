/**
 * The watch over the other two faces: as a ClientCall, message by message, and as a reactor. (watch.test.ts has the promises.)
 * Both take the methods that halfclose/protobufjs gives.
 */
import { CallOptions, Metadata } from '../../../../src/index.ts';
import { ClientBidiReactor, ClientContext, newStub } from '../../../../src/reactor/index.ts';
import { RecordingClientListener } from '../../../support/recorder.ts';
import { assert, suite, within } from '../../../support/suite.ts';
import { bytes, create, describe, hasEtcd, PATIENCE_MS, prefix, sharedEtcd, until, WATCH_METHODS } from './etcd.ts';
import type { WatchRequest, WatchResponse } from './messages.ts';

const CHANGES = 100;

const test = suite('etcd by calls and reactors');

/** Watches `key`; cancels after so many changes. */
class Watching extends ClientBidiReactor<WatchRequest, WatchResponse> {
  readonly heard: string[] = [];
  readonly created: Promise<void>;
  readonly #context: ClientContext;
  readonly #count: number;
  #onCreated: () => void = () => {};

  constructor(context: ClientContext, count: number) {
    super();
    this.#context = context;
    this.#count = count;
    this.created = new Promise((resolve) => {
      this.#onCreated = resolve;
    });
  }

  override onWriteDone(ok: boolean): void {
    assert.ok(ok);
    this.startRead();
  }

  override onReadDone(_ok: boolean, response: WatchResponse | undefined): void {
    if (response === undefined) return;
    if (response.created) this.#onCreated();
    this.heard.push(...response.events.map(describe));
    if (this.heard.length >= this.#count) this.#context.tryCancel();
    this.startRead();
  }
}

if (hasEtcd(test)) {
  const etcd = sharedEtcd(test);

  test('a call is given as many responses as it asks for', async () => {
    const { channel, kv } = etcd();
    const call = channel.newCall(WATCH_METHODS.watch, CallOptions.DEFAULT);
    const heard = new RecordingClientListener<WatchResponse>();
    heard.forbid(() => call.start(heard, new Metadata()));
    call.sendMessage(create(prefix('call/')));
    call.request(1);
    assert.ok((await heard.message()).created);

    for (let i = 0; i < CHANGES; i += 1) await kv.put({ key: bytes(`call/${i}`) });
    assert.is(heard.messages.length, 1);
    for (let i = 0; i < CHANGES; i += 1) {
      call.request(1);
      assert.equal((await heard.message()).events.map(describe), [`PUT call/${i}=`]);
      assert.is(heard.messages.length, 2 + i);
    }
    call.cancel('enough');
    assert.is((await heard.closed).status.name, 'CANCELLED');
    await until('etcd to let the watch go', async () => (await etcd().watchers()) === 0);
  });

  test('a reactor reads one response after the other', async () => {
    const { channel, kv } = etcd();
    const context = new ClientContext();
    const watching = new Watching(context, CHANGES);
    newStub(WATCH_METHODS, channel).async().watch(context, watching);
    watching.startWrite(create(prefix('reactor/')));
    watching.startCall();
    await within(PATIENCE_MS, watching.created, 'the watch to be created');

    const expected: string[] = [];
    for (let i = 0; i < CHANGES; i += 1) {
      await kv.put({ key: bytes(`reactor/${i % 3}`), value: bytes(`${i}`) });
      expected.push(`PUT reactor/${i % 3}=${i}`);
    }
    assert.is((await within(PATIENCE_MS, watching.done())).name, 'CANCELLED');
    assert.equal(watching.heard, expected);
    await until('etcd to let the watch go', async () => (await etcd().watchers()) === 0);
  });
}

test.run();
