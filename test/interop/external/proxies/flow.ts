/**
 * The part of the proxy contract that is about many messages: that none waits for another which does not depend on it, and
 * that a slow reader holds the writer back through the proxy's buffers. Above: proxy-contract.ts. Below: proxied.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerCall } from '../../../../src/call/server-call.ts';
import { ServiceDefinition } from '../../../../src/call/service-definition.ts';
import { Metadata } from '../../../../src/values/metadata.ts';
import { Code, Status } from '../../../../src/values/status.ts';
import { echoMethods } from '../../../support/echo.ts';
import { callEcho } from '../../../support/echo-service.ts';
import { RecordingServerListener } from '../../../support/recorder.ts';
import { assert, type Suite, within } from '../../../support/suite.ts';
import { finish, open, Proxied, ping } from './proxied.ts';
import type { ProxyKind } from './proxy-process.ts';

const PATIENCE_MS = 20_000;
const MANY = 2_000;
const ROUNDS = 100;

/** Of what a writer has in store: more than all windows and buffers on the way can hold. */
const STORE_MESSAGES = 1_000;
const STORE_MESSAGE_BYTES = 32 * 1024;
const STORE_MESSAGE: Uint8Array = Buffer.alloc(STORE_MESSAGE_BYTES);
/** Nothing moved for so long: the writer is held back, or the machine is slow, which makes the test weaker, not wrong. */
const STILL_MS = 100;

/** What writing needs of either end. */
interface Writer {
  isReady(): boolean;
  sendMessage(message: Uint8Array): void;
}

/** Writes what there is in store while the call is ready, then says so. */
class Store {
  sent = 0;
  readonly #call: Writer;
  readonly #onEmpty: () => void;

  constructor(call: Writer, onEmpty: () => void) {
    this.#call = call;
    this.#onEmpty = onEmpty;
  }

  pump(): void {
    while (this.sent < STORE_MESSAGES && this.#call.isReady()) {
      this.sent += 1;
      this.#call.sendMessage(STORE_MESSAGE);
      if (this.sent === STORE_MESSAGES) this.#onEmpty();
    }
  }

  /** Once nothing goes out any more. */
  async still(): Promise<void> {
    for (let before = -1; before !== this.sent; ) {
      before = this.sent;
      await sleep(STILL_MS);
    }
  }
}

export function flowTests(test: Suite, kind: ProxyKind): void {
  test('each answer comes before the next request goes', async () => {
    await using row = await Proxied.start(kind);
    const chat = open(row.channel, 'bidi_streaming');
    for (let round = 0; round < ROUNDS; round += 1) assert.is(await ping(chat, `${round}`), `${round}`);
    assert.is((await finish(chat)).status.code, Code.OK);
  });

  test('the response headers come before any message goes either way', async () => {
    await using row = await Proxied.start(kind);
    const chat = open(row.channel, 'bidi_streaming', { command: { headersFirst: true }, pairs: [['x-early', 'yes']] });
    assert.is((await chat.heard.headers()).get('x-early'), 'yes');
    assert.is((await finish(chat)).status.code, Code.OK);
  });

  test(`${MANY} small messages each way, in order`, { timeoutMs: PATIENCE_MS }, async () => {
    await using row = await Proxied.start(kind);
    const messages = Array.from({ length: MANY }, (_, index) => Buffer.from(`message ${index}`));
    const outcome = await callEcho(row.channel, echoMethods.bidi_streaming, messages);
    assert.is(outcome.code, Code.OK, outcome.message);
    assert.equal(outcome.messages.map(String), messages.map(String));
  });

  slowReaderTest(test, kind);
  slowServerTest(test, kind);
}

function slowReaderTest(test: Suite, kind: ProxyKind): void {
  test('a client that does not read holds the server back, and gets everything in the end', {
    timeoutMs: PATIENCE_MS,
  }, async () => {
    let resolve: (store: Store) => void = () => {};
    const begun = new Promise<Store>((settle) => {
      resolve = settle;
    });
    const service = new ServiceDefinition('test.Echo').addMethod(echoMethods.server_streaming, (call) => {
      const store = new Store(call, () => call.close(Status.OK, new Metadata()));
      call.sendHeaders(new Metadata());
      resolve(store);
      return new RecordingServerListener<Uint8Array>({ onReady: () => store.pump() });
    });
    await using row = await Proxied.start(kind, { service });
    const download = open(row.channel, 'server_streaming');
    download.call.sendMessage(Buffer.alloc(1));
    download.call.halfClose();
    const store = await within(PATIENCE_MS, begun, 'the handler to begin');
    await store.still();
    assert.ok(store.sent > 0 && store.sent < STORE_MESSAGES, `${store.sent} messages went out, and none was read`);
    download.call.request(STORE_MESSAGES + 1);
    const { status } = await within(PATIENCE_MS, download.heard.closed, 'the download to end');
    assert.ok(status.isOk, `${status}`);
    assert.is(download.heard.messages.length, STORE_MESSAGES);
    assert.ok(download.heard.messages.every((message) => message.length === STORE_MESSAGE_BYTES));
  });
}

function slowServerTest(test: Suite, kind: ProxyKind): void {
  test('a server that does not read holds the client back, and gets everything in the end', {
    timeoutMs: PATIENCE_MS,
  }, async () => {
    let resolve: (call: ServerCall<Uint8Array, Uint8Array>) => void = () => {};
    const begun = new Promise<ServerCall<Uint8Array, Uint8Array>>((settle) => {
      resolve = settle;
    });
    let received = 0;
    const service = new ServiceDefinition('test.Echo').addMethod(echoMethods.client_streaming, (call) => {
      resolve(call);
      return new RecordingServerListener<Uint8Array>({
        onMessage: () => {
          received += 1;
        },
        onHalfClose: () => {
          call.sendHeaders(new Metadata());
          call.sendMessage(Buffer.from(`${received}`));
          call.close(Status.OK, new Metadata());
        },
      });
    });
    await using row = await Proxied.start(kind, { service });
    const upload = open(row.channel, 'client_streaming', { reactions: { onReady: () => store.pump() } });
    const store = new Store(upload.call, () => upload.call.halfClose());
    upload.call.request(2);
    const serving = await within(PATIENCE_MS, begun, 'the handler to begin');
    await store.still();
    assert.ok(store.sent > 0 && store.sent < STORE_MESSAGES, `${store.sent} messages went out, and none was read`);
    serving.request(STORE_MESSAGES + 1);
    const { status } = await within(PATIENCE_MS, upload.heard.closed, 'the upload to end');
    assert.ok(status.isOk, `${status}`);
    assert.equal(upload.heard.messages.map(String), [`${STORE_MESSAGES}`]);
  });
}
