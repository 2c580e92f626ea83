/** ClientCall: the two snippets of io.grpc.ClientCall's javadoc, as they stand, and the promises of its text. */

import { CallOptions } from '../../src/call/call-options.ts';
import { type ClientCall, ClientCallListener } from '../../src/call/client-call.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite, within } from '../support/suite.ts';
import { CallPair, type Handle, METHODS } from './call-pair.ts';

const test = suite('ClientCall');

/** Answers each message with itself, then OK. */
const echo: Handle = (call) => {
  call.sendHeaders(new Metadata());
  call.request(1);
  return {
    onMessage: (text) => {
      call.sendMessage(text);
      call.request(1);
    },
    onHalfClose: () => call.close(Status.OK, new Metadata()),
  };
};

/** A listener that leaves all but what is tested to the empty bodies of the class. */
class FirstMessage extends ClientCallListener<string> {
  readonly message: Promise<string>;
  readonly status: Promise<Status>;
  #resolveMessage: (message: string) => void = () => {};
  #resolveStatus: (status: Status) => void = () => {};

  constructor() {
    super();
    this.message = new Promise((resolve) => {
      this.#resolveMessage = resolve;
    });
    this.status = new Promise((resolve) => {
      this.#resolveStatus = resolve;
    });
  }

  override onMessage(message: string): void {
    this.#resolveMessage(message);
  }

  override onClose(status: Status): void {
    this.#resolveStatus(status);
  }
}

for (const channelState of ['cold', 'warm']) {
  test(`the unary snippet, on a ${channelState} channel`, async () => {
    await using pair = await CallPair.open({ handle: echo });
    if (channelState === 'warm') await pair.connect();
    const { channel } = pair;
    const unaryMethod = METHODS.unary;
    const callOptions = CallOptions.DEFAULT;
    const listener = new FirstMessage();
    const headers = new Metadata();
    const message = 'hello';

    const call = channel.newCall(unaryMethod, callOptions);
    call.start(listener, headers);
    call.sendMessage(message);
    call.halfClose();
    call.request(1);
    // wait for listener.onMessage()
    assert.is(await within(5_000, listener.message), 'hello');
    // One permit is enough for the end, too: the close needs an empty buffer, not a permit.
    assert.ok((await within(5_000, listener.status)).isOk);
  });

  test(`the bidi snippet, on a ${channelState} channel: sends while ready, reads one at a time`, async () => {
    await using pair = await CallPair.open({ handle: echo });
    if (channelState === 'warm') await pair.connect();
    const requests = Array.from({ length: 300 }, (_, i) => `request ${i} ${'x'.repeat(1_000)}`);
    const responses: string[] = [];
    const left = [...requests];
    const makeNextRequest = (): string | null => left.shift() ?? null;
    const processResponse = (response: string): void => void responses.push(response);
    let readies = 0;
    let finish: (status: Status) => void = () => {};
    const finished = new Promise<Status>((resolve) => {
      finish = resolve;
    });

    const call: ClientCall<string, string> = pair.channel.newCall(METHODS.bidi_streaming, CallOptions.DEFAULT);
    class Listener extends ClientCallListener<string> {
      override onMessage(response: string): void {
        processResponse(response);
        // Notify gRPC to receive one additional response.
        call.request(1);
      }

      override onReady(): void {
        readies += 1;
        while (call.isReady()) {
          const nextRequest = makeNextRequest();
          if (nextRequest === null) {
            // No more requests to send
            call.halfClose();
            return;
          }
          call.sendMessage(nextRequest);
        }
      }

      override onClose(status: Status): void {
        finish(status);
      }
    }
    call.start(new Listener(), new Metadata());
    // Notify gRPC to receive one response. Without this line, onMessage() would never be called.
    call.request(1);

    assert.ok((await within(5_000, finished)).isOk);
    assert.equal(responses, requests);
    // 300 messages of 1 kB are ten times the 32 KiB that may be queued.
    assert.ok(readies >= 5, `ready only ${readies} times`);
  });
}

test('without request onMessage is never called, and the end waits', async () => {
  await using pair = await CallPair.open({ handle: echo });
  const { call, listener } = pair.start('bidi_streaming');
  call.sendMessage('hello');
  call.halfClose();
  await listener.headers();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(
    listener.names.filter((name) => name === 'message' || name === 'close'),
    [],
  );
  call.request(1);
  assert.ok((await listener.closed).status.isOk);
});

test('a very large number of permits bypasses inbound flow control, also when given twice', async () => {
  await using pair = await CallPair.open({ handle: echo });
  for (const count of [2 ** 31 - 1, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY]) {
    const { call, listener } = pair.start('bidi_streaming');
    call.request(count);
    call.request(count);
    for (let i = 0; i < 50; i += 1) call.sendMessage(String(i));
    call.halfClose();
    assert.ok((await listener.closed).status.isOk);
    assert.is(listener.messages.length, 50);
  }
});

test('cancel is permitted after halfClose', async () => {
  await using pair = await CallPair.open();
  const { call, listener } = pair.start('bidi_streaming');
  call.halfClose();
  call.cancel('after all');
  assert.is((await listener.closed).status.toString(), 'CANCELLED: after all');
});

test('a method whose client sends one message never hears onReady', async () => {
  await using pair = await CallPair.open({ handle: echo });
  for (const kind of ['unary', 'server_streaming'] as const) {
    const { call, listener } = pair.start(kind);
    call.sendMessage('hello');
    call.halfClose();
    call.request(2);
    await listener.closed;
    assert.not(listener.names.includes('ready'));
  }
});

test.run();
