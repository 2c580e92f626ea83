/** InProcessServer: names, who has one, and connections by name or by object. */
import { InProcessClientTransport } from '../../../src/transport/in-process/client-transport.ts';
import { InProcessServer } from '../../../src/transport/in-process/server.ts';
import { Status } from '../../../src/values/status.ts';
import { assert, suite } from '../../support/suite.ts';
import { ClientConnection, ServerSide } from '../ends.ts';

const test = suite('InProcessServer');

const REASON = Status.UNAVAILABLE.withDescription('enough');

function connectionTo(server: string | InProcessServer): ClientConnection {
  return new ClientConnection(new InProcessClientTransport({ server }));
}

/** A server that listens. */
async function listening(server: InProcessServer): Promise<ServerSide> {
  const side = new ServerSide(server);
  await side.listen();
  return side;
}

async function closed(side: ServerSide): Promise<void> {
  side.listener.close();
  await side.log.end();
}

async function refused(connection: ClientConnection): Promise<string> {
  const { reason } = await connection.start().log.next('shutdown');
  await connection.log.end();
  assert.not(connection.log.names().includes('ready'));
  return reason.toString();
}

test('is found under its name from listen to close', async () => {
  const server = InProcessServer.named('found');
  assert.is(InProcessServer.find('found'), null);
  assert.not(server.isListening);
  const side = await listening(server);
  assert.is(InProcessServer.find('found'), server);
  assert.ok(server.isListening);
  assert.equal((side.log.events[0] as { address: unknown }).address, { name: 'found' });
  await closed(side);
  assert.is(InProcessServer.find('found'), null);
  assert.not(server.isListening);
});

test('needs a name that says something', () => {
  assert.throws(
    () => InProcessServer.named(''),
    (error: unknown) => error instanceof TypeError,
  );
});

test('an occupied name fails the second to listen, in words, and nothing else happens to it', async () => {
  const first = await listening(InProcessServer.named('occupied'));
  const second = new ServerSide(InProcessServer.named('occupied'));
  second.log.forbid(() => second.listener.listen(second));
  const { error } = await second.log.next('failed');
  assert.is(error.message, 'name already registered: occupied');
  second.listener.close();
  second.listener.listen(second);
  assert.equal(second.log.names(), ['failed']);
  assert.is(InProcessServer.find('occupied'), first.listener);
  await closed(first);
  assert.equal(second.log.names(), ['failed']);
});

test('a name is free again in the tick of its close', async () => {
  const first = await listening(InProcessServer.named('reused'));
  first.listener.close();
  const second = await listening(InProcessServer.named('reused'));
  await first.log.end();
  assert.is(InProcessServer.find('reused'), second.listener);
  first.listener.close();
  assert.is(InProcessServer.find('reused'), second.listener);
  const client = await connectionTo('reused').connect();
  assert.is(second.connections.all.length, 1);
  assert.is(first.connections.all.length, 0);
  client.transport.shutdown(REASON);
  await client.log.end();
  await closed(second);
});

test('closed before it listened, or twice: nothing is told that did not happen', async () => {
  const server = InProcessServer.named('closed-early');
  const side = new ServerSide(server);
  server.close();
  assert.equal(side.log.names(), []);
  await side.listen();
  server.close();
  server.close();
  await side.log.end();
  assert.equal(side.log.names(), ['listening', 'closed']);
});

test('closed in the tick of its listen tells both, in order', async () => {
  const server = InProcessServer.named('short');
  const side = new ServerSide(server);
  side.log.forbid(() => {
    server.listen(side);
    server.close();
  });
  await side.log.end();
  assert.equal(side.log.names(), ['listening', 'closed']);
});

test('nobody under a name: UNAVAILABLE, with the name', async () => {
  assert.is(await refused(connectionTo('nobody')), 'UNAVAILABLE: Could not find server: nobody');
});

test('an anonymous server is reached through its object, and by no name', async () => {
  const [one, other] = [InProcessServer.anonymous(), InProcessServer.anonymous()];
  assert.not.equal(one.name, other.name);
  const sides = [await listening(one), await listening(other)];
  assert.is(InProcessServer.find(one.name), null);
  assert.is(await refused(connectionTo(one.name)), `UNAVAILABLE: Could not find server: ${one.name}`);
  const client = await connectionTo(other).connect();
  assert.equal(
    sides.map(({ connections }) => connections.all.length),
    [0, 1],
  );
  client.transport.shutdown(REASON);
  await client.log.end();
  for (const side of sides) await closed(side);
});

test('an anonymous server that ends leaves a named one of the same name alone', async () => {
  const anonymous = InProcessServer.anonymous();
  const side = await listening(anonymous);
  const namesake = await listening(InProcessServer.named(anonymous.name));
  await closed(side);
  assert.is(InProcessServer.find(anonymous.name), namesake.listener);
  await closed(namesake);
});

test('a server that does not listen yet, or any more, takes no connection', async () => {
  const server = InProcessServer.anonymous();
  assert.match(await refused(connectionTo(server)), 'Could not find server');
  await closed(await listening(server));
  assert.match(await refused(connectionTo(server)), 'Could not find server');
});

test('a name is looked up when the client connects, not when it is made', async () => {
  const client = connectionTo('later');
  const side = await listening(InProcessServer.named('later'));
  await client.connect();
  client.transport.shutdown(REASON);
  await client.log.end();
  await closed(side);
});

test('a named server may also be reached through its object', async () => {
  const server = InProcessServer.named('both-ways');
  const side = await listening(server);
  for (const way of [server, 'both-ways']) {
    const client = await connectionTo(way).connect();
    client.transport.shutdown(REASON);
    await client.log.end();
  }
  assert.is(side.connections.all.length, 2);
  for (const { log } of side.connections.all) await log.end();
  await closed(side);
});

test.run();
