/** A slow reader holds the writer back: a server that honours isReady streams 1 GiB without keeping it. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { CallOptions } from '../../src/call/call-options.ts';
import { ClientCallListener } from '../../src/call/client-call.ts';
import { createChannel } from '../../src/channel/create-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { Metadata } from '../../src/values/metadata.ts';
import type { Status } from '../../src/values/status.ts';
import { MemorySampler } from '../support/memory.ts';
import { assert, suite, within } from '../support/suite.ts';
import { DOWNLOAD, MESSAGE_BYTES, MESSAGES } from './slow-writer.ts';

const MIB = 1024 * 1024;

/** Reads one message at a time, and takes its time over every tenth. */
class Reader extends ClientCallListener<Uint8Array> {
  readonly closed: Promise<Status>;
  messages = 0;
  onNext: () => void = () => {};
  #resolve: (status: Status) => void = () => {};

  constructor() {
    super();
    this.closed = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  override onMessage(message: Uint8Array): void {
    if (message.length !== MESSAGE_BYTES) throw new Error(`a message of ${message.length} bytes`);
    this.messages += 1;
    if (this.messages % 10 === 0) setTimeout(this.onNext, 1);
    else this.onNext();
  }

  override onClose(status: Status): void {
    this.#resolve(status);
  }
}

async function download(port: number): Promise<Reader> {
  await using channel = createChannel(`127.0.0.1:${port}`, ChannelCredentials.insecure());
  const call = channel.newCall(DOWNLOAD, CallOptions.DEFAULT);
  const reader = new Reader();
  reader.onNext = () => call.request(1);
  call.start(reader, new Metadata());
  call.sendMessage(Buffer.alloc(1));
  call.halfClose();
  call.request(1);
  const status = await within(100_000, reader.closed, 'the download to end');
  assert.ok(status.isOk, status.toString());
  return reader;
}

const test = suite('a slow reader');

test('1 GiB, read one message at a time, costs neither end more than 64 MiB', { timeoutMs: 240_000 }, async () => {
  // V8's young generation alone may grow by more than what is measured here; beside it 32 MiB of buffers may wait for a
  // collection that a busy machine has not got round to.
  const execArgv = ['--max-semi-space-size=1'];
  const child = fork(fileURLToPath(new URL('./slow-writer.js', import.meta.url)), ['serve'], { execArgv });
  const ask = async (what: string): Promise<number> => {
    const answer = once(child, 'message');
    child.send(what);
    return (await within(5_000, answer, 'the server to answer'))[0] as number;
  };
  const [port] = (await within(10_000, once(child, 'message'), 'the server to listen')) as [number];
  // Once beforehand: what is grown for good is no queue.
  await download(port);
  await ask('begin');
  using memory = new MemorySampler(200);
  const reader = await download(port);
  assert.is(reader.messages, MESSAGES);
  const grown = await ask('end');
  assert.ok(grown < 64 * MIB, `the server grew by ${grown / MIB} MiB`);
  assert.ok(memory.growthBytes < 64 * MIB, `the client grew by ${memory.growthBytes / MIB} MiB`);
  child.disconnect();
  await within(5_000, once(child, 'exit'), 'the server to exit');
});

test.run();
