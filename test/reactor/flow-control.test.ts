/**
 * Back pressure as reactors feel it: a write is not done while the other end does not read, and goes on once it does, at
 * either end, over HTTP/2 and within the process. Specification: OnWriteDone in client_callback.h; RFC 9113 §5.2.
 */
import { ClientBidiReactor } from '../../src/reactor/client-reactors.ts';
import { ServerBidiReactor } from '../../src/reactor/server-reactors.ts';
import type { WriteOptionsInit } from '../../src/reactor/write-options.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite } from '../support/suite.ts';
import { ReactorPair } from './reactor-pair.ts';
import { bindBidi, hold, turns } from './rpc-ends.ts';
import type { ReactorLog } from './watched.ts';

const test = suite('flow control of reactors');

const TRANSPORTS = ['in-process', 'http2'] as const;
const MEGABYTE = 'x'.repeat(1024 * 1024);
const COUNT = 5;

type Client = ClientBidiReactor<string, string>;
type Server = ServerBidiReactor<string, string>;

interface LargeWriter {
  startWrite(message: string): void;
}

/** Writes one large message after another as the reactions of a writer; the last is followed by `end`. */
function writingOn<W extends LargeWriter>(end: (writer: W) => void): (this: W, ok: boolean) => void {
  let writes = 0;
  return function (this: W, ok: boolean): void {
    if (!ok) return;
    writes += 1;
    if (writes < COUNT) this.startWrite(MEGABYTE);
    else end(this);
  };
}

/** Reads one message at a time and looks how far the writer came. */
async function readSlowly(read: () => void, reader: ReactorLog, writer: ReactorLog): Promise<void> {
  for (let reads = 0; reads < COUNT; reads += 1) {
    await turns(20);
    const writes = writer.times('onWriteDone(true)');
    // Within the process one message may go beyond the window; over HTTP/2 none of these fits into it.
    assert.ok(writes <= reads + 1, `${writes} writes were done at ${reads} reads`);
    read();
    await reader.until(() => reader.count('onReadDone') === reads + 1);
  }
  await writer.until(() => writer.times('onWriteDone(true)') === COUNT);
}

for (const transport of TRANSPORTS) {
  test(`${transport}: a client’s writes wait for the server to read`, async () => {
    const { handler, served } = hold(() => new ServerBidiReactor<string, string>());
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const client = bindBidi(
      pair,
      ClientBidiReactor.from<string, string>({
        onWriteDone: writingOn<Client>((reactor) => reactor.startWritesDone()),
      }),
    );
    client.reactor.startWrite(MEGABYTE);
    client.reactor.startCall();
    const server = await served.next();
    await readSlowly(() => server.reactor.startRead(), server.log, client.log);
    server.reactor.finish(Status.OK);
    await client.log.done();
    await server.log.done();
    assert.is(server.log.times(`onReadDone(true, ${MEGABYTE})`), COUNT);
    assert.is(client.log.events.at(-1), 'onDone(OK)');
  });

  test(`${transport}: a server’s writes wait for the client to read`, async () => {
    const { handler, served } = hold(
      () =>
        ServerBidiReactor.from<string, string>({
          onWriteDone: writingOn<Server>((reactor) => reactor.finish(Status.OK)),
        }),
      ({ reactor }) => reactor.startWrite(MEGABYTE),
    );
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const client = bindBidi(pair);
    client.reactor.addHold();
    client.reactor.startCall();
    const server = await served.next();
    await readSlowly(() => client.reactor.startRead(), client.log, server.log);
    client.reactor.removeHold();
    await client.log.done();
    await server.log.done();
    assert.is(client.log.times(`onReadDone(true, ${MEGABYTE})`), COUNT);
    assert.is(client.log.events.at(-1), 'onDone(OK)');
  });

  test(`${transport}: a write that waits for a reader is let go of by a cancel of either end`, async () => {
    for (const who of ['client', 'server'] as const) {
      const { handler, served } = hold(() => new ServerBidiReactor<string, string>());
      await using pair = await ReactorPair.open({ bidi: handler }, { transport });
      const client = bindBidi(pair);
      client.reactor.addHold();
      client.reactor.startCall();
      const server = await served.next();
      for (const { reactor, log } of [client, server]) {
        let writes = 0;
        while (log.times('onWriteDone(true)') === writes && writes < COUNT) {
          reactor.startWrite(MEGABYTE);
          writes += 1;
          await turns(20);
        }
        assert.ok(writes < COUNT, 'no write ever waited');
      }
      if (who === 'client') client.context.tryCancel();
      else server.context.tryCancel();
      client.reactor.removeHold();
      await client.log.done();
      await server.log.until(() => server.log.count('onCancel') === 1);
      server.reactor.finish(Status.OK);
      await server.log.done();
      assert.is(client.log.times('onWriteDone(false)'), 1);
      assert.is(server.log.times('onWriteDone(false)'), 1);
      assert.match(client.log.events.at(-1) ?? '', /^onDone\(CANCELLED/);
    }
  });
}

/** How large a hinted message can be to be done at once, while several fill the window of an end within the process. */
const HALF = 'x'.repeat(31_000);

interface HintedEnd {
  readonly reactor: { startWrite(message: string, options?: WriteOptionsInit): void };
  readonly log: ReactorLog;
}

/** Fills the other end's window, then writes three messages of which the first two are done once they are buffered. */
async function writeAhead({ reactor, log }: HintedEnd): Promise<void> {
  const sizes: readonly [text: string, bufferHint: boolean][] = [
    [HALF, true],
    [HALF, true],
    ['1', true],
    [HALF, true],
    [HALF, false],
  ];
  for (const [index, [text, bufferHint]] of sizes.entries()) {
    await log.until(() => log.times('onWriteDone(true)') === index);
    reactor.startWrite(text, { bufferHint });
  }
}

test('at either end, earlier hinted writes that pass flow control do not pass for the one behind them', async () => {
  const { handler, served } = hold(() => new ServerBidiReactor<string, string>());
  await using pair = await ReactorPair.open({ bidi: handler });
  const client = bindBidi(pair);
  client.reactor.addHold();
  client.reactor.startCall();
  const server = await served.next();
  for (const [writer, reader] of [
    [client, server],
    [server, client],
  ] as const) {
    await writeAhead(writer);
    await turns(20);
    assert.is(writer.log.times('onWriteDone(true)'), 4);
    for (let reads = 1; reads <= 5; reads += 1) {
      reader.reactor.startRead();
      await reader.log.until(() => reader.log.count('onReadDone') === reads);
    }
    await writer.log.until(() => writer.log.times('onWriteDone(true)') === 5);
  }
  server.reactor.finish(Status.OK);
  client.reactor.removeHold();
  await client.log.done();
  await server.log.done();
});

test.run();
