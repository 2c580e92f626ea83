/** The proxy between plain sockets. */
import { once } from 'node:events';
import net from 'node:net';
import { type ProxyOptions, TcpProxy } from './proxy.ts';
import { assert, suite, within } from './suite.ts';

const test = suite('TcpProxy');

/** One end of a connection and what it saw. */
interface End {
  readonly socket: net.Socket;
  received: string;
  ended: boolean;
  error: string | null;
  readonly closed: Promise<unknown>;
}

function watch(socket: net.Socket): End {
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const end: End = { socket, received: '', ended: false, error: null, closed };
  socket.setEncoding('latin1').on('data', (text: string) => {
    end.received += text;
  });
  socket.once('end', () => {
    end.ended = true;
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    end.error = error.code ?? error.message;
  });
  return end;
}

/** A client and a server's end with a proxy between them. */
async function connect(
  options: ProxyOptions = {},
): Promise<{ proxy: TcpProxy; client: End; server: End } & AsyncDisposable> {
  const listener = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  listener.on('connection', (socket) => socket.on('error', () => {}));
  await once(listener, 'listening');
  const address = listener.address();
  const proxy = await TcpProxy.listen(typeof address === 'object' && address !== null ? address.port : 0, options);
  const arrived = once(listener, 'connection');
  const client = watch(net.connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true }));
  const [socket] = (await within(2_000, arrived)) as [net.Socket];
  const server = watch(socket);
  return {
    proxy,
    client,
    server,
    async [Symbol.asyncDispose](): Promise<void> {
      client.socket.destroy();
      server.socket.destroy();
      listener.close();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

/** A reset that comes together with bytes is shown by libuv as an end. */
const gone = (end: End): boolean => end.ended || end.error !== null;

async function until(what: string, condition: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 2_000;
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`not within 2 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test('passes bytes both ways and counts them', async () => {
  await using ends = await connect();
  ends.client.socket.write('question');
  await until('the question', () => ends.server.received === 'question');
  ends.server.socket.write('answer');
  await until('the answer', () => ends.client.received === 'answer');
  assert.equal([ends.proxy.bytes('up'), ends.proxy.bytes('down')], [8, 6]);
});

test('cuts after a number of bytes', async () => {
  await using up = await connect({ cutUpAfter: 3 });
  up.client.socket.write('question');
  await within(2_000, up.client.closed);
  await until('the end', () => gone(up.server));
  assert.is(up.server.received, 'que');
  assert.is(up.client.error, 'ECONNRESET');

  await using down = await connect({ cutDownAfter: 2 });
  down.server.socket.write('a');
  await until('the first byte', () => down.client.received === 'a');
  down.server.socket.write('nswer');
  await within(2_000, down.server.closed);
  await until('the end', () => gone(down.client));
  assert.is(down.client.received, 'an');
});

test('delays, and keeps the order when the delay ends', async () => {
  await using ends = await connect({ delayMs: 60 });
  const startedAt = performance.now();
  ends.client.socket.write('slow');
  await until('the piece to reach the proxy', () => ends.proxy.connections.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  ends.proxy.delayMs = 0;
  ends.client.socket.write(' and fast');
  await until('both', () => ends.server.received !== '' && ends.server.received.length === 13);
  assert.is(ends.server.received, 'slow and fast');
  assert.ok(performance.now() - startedAt >= 55);
});

test('becomes a black hole, and opens again', async () => {
  await using ends = await connect();
  ends.client.socket.write('1');
  await until('the first byte', () => ends.server.received === '1');
  ends.proxy.last.blackHole();
  ends.client.socket.write('2');
  ends.server.socket.write('3');
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal([ends.server.received, ends.client.received], ['1', '']);
  assert.equal([ends.client.ended, ends.client.error], [false, null]);
  ends.proxy.last.resume();
  await until('what waited', () => ends.server.received === '12' && ends.client.received === '3');
});

test('ends one direction and leaves the other open', async () => {
  await using ends = await connect();
  ends.proxy.last.halfClose('down');
  await until('the FIN', () => ends.client.ended);
  ends.client.socket.write('still here');
  await until('the bytes', () => ends.server.received === 'still here');
  assert.not(ends.server.ended);
  ends.client.socket.end();
  await until('the other FIN', () => ends.server.ended);
});

test('resets both ends', async () => {
  await using ends = await connect();
  ends.proxy.last.reset();
  await within(2_000, Promise.all([ends.client.closed, ends.server.closed]));
  assert.equal([ends.client.error, ends.server.error], ['ECONNRESET', 'ECONNRESET']);
});

test('vanishes: the server is gone and the client hears nothing', async () => {
  await using path = await connect();
  path.proxy.last.vanish();
  await until('the server’s end', () => gone(path.server));
  path.client.socket.write('anybody there?');
  await new Promise((resolve) => setImmediate(resolve));
  assert.not(gone(path.client));
});

test('gives the next connections fates of their own', async () => {
  await using path = await connect();
  path.proxy.fates.push({ cutUpAfter: 0 }, {});
  const connectAgain = (): End => watch(net.connect({ port: path.proxy.port, host: '127.0.0.1', allowHalfOpen: true }));
  await within(2_000, connectAgain().closed, 'the second connection to be cut');
  const third = connectAgain();
  third.socket.write('lasting');
  await within(2_000, once(third.socket, 'connect'), 'the third connection');
  assert.not(gone(third));
  third.socket.destroy();
});

test.run();
