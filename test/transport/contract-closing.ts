/** The contract of an end that waits behind messages which the client has not asked for. See contract.ts. */
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { assert } from '../support/suite.ts';
import type { ClientEnd, ServerEnd } from './ends.ts';
import { Pair, type Promised, type TransportKit } from './pair.ts';

const UNREAD = ['one', 'two', 'three'];

/** A response of messages that nobody has asked for, and its end behind it. */
async function endedUnread(pair: Pair, status: Status): Promise<[ClientEnd, ServerEnd]> {
  const [client, server] = await pair.stream();
  server.sendHeaders();
  for (const text of UNREAD) server.write(text);
  server.close(status, new Metadata({ 'x-end': 'seen' }));
  return [client, server];
}

/** What it told of its end and of what came before, in order. */
function story(client: ClientEnd): string[] {
  return client.log.names().filter((name) => name !== 'ready' && name !== 'written');
}

export function closingContract(test: Promised, kit: TransportKit): void {
  test('the server’s end behind messages that were not asked for is told at once, and comes after them', async () => {
    await using pair = await Pair.connect(kit);
    for (const end of [Status.OK.withDescription('well done'), Status.DATA_LOSS.withDescription('most of it')]) {
      const [client] = await endedUnread(pair, end);
      assert.is((await client.log.next('closing')).status.toString(), end.toString());
      for (let i = 0; i < UNREAD.length; i += 1) {
        assert.not(client.isClosed);
        client.request(1);
        await client.log.next('message');
      }
      const { status, trailers } = await client.closed;
      assert.is(status.toString(), end.toString());
      assert.is(trailers.get('x-end'), 'seen');
      assert.equal(story(client), ['headers', 'closing', 'message', 'message', 'message', 'close']);
    }
  });

  test('permits that end amid the messages: the end is told behind those that were asked for', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    client.request(2);
    server.sendHeaders();
    for (const text of UNREAD) server.write(text);
    server.close(Status.OK);
    await client.log.next('closing');
    assert.equal(story(client), ['headers', 'message', 'message', 'closing']);
    client.request(1);
    assert.ok((await client.closed).status.isOk);
  });

  test('where large messages wait the end is told too', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.sendHeaders();
    for (let i = 0; i < 3; i += 1) server.write(Buffer.alloc(20_000, i));
    server.close(Status.ABORTED);
    assert.is((await client.log.next('closing')).status.code, Status.ABORTED.code);
    client.request(3);
    assert.is((await client.closed).status.code, Status.ABORTED.code);
    assert.is(client.payloads.length, 3);
  });

  test('the server’s reset behind messages that were not asked for is told as the end that it is', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.sendHeaders();
    server.write('arrived');
    await pair.roundTrip();
    server.write('in its way');
    server.cancel(Status.DATA_LOSS);
    const { status } = await client.log.next('closing');
    assert.is(status.toString(), 'CANCELLED: stream reset by the peer with HTTP/2 code CANCEL');
    client.request(5);
    assert.is((await client.closed).status.toString(), status.toString());
    assert.is(client.texts[0], 'arrived');
  });

  test('where nothing waits onClose comes alone', async () => {
    await using pair = await Pair.connect(kit);
    for (const count of [0, 3]) {
      const [client, server] = await pair.stream();
      client.request(count);
      server.sendHeaders();
      for (let i = 0; i < count; i += 1) server.write('asked for');
      server.close(Status.OK);
      assert.ok((await client.closed).status.isOk);
      assert.not(client.log.names().includes('closing'));
    }
    const [client, server] = await pair.stream();
    server.close(Status.NOT_FOUND);
    await client.closed;
    assert.equal(story(client), ['close']);
  });

  test('a permit given inside onClosing delivers after it, never inside', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    client.reactions = { closing: () => client.request(3) };
    server.sendHeaders();
    for (const text of UNREAD) server.write(text);
    server.close(Status.OK);
    assert.ok((await client.closed).status.isOk);
    assert.equal(client.texts, UNREAD);
  });

  test('a cancel inside onClosing or after it wins, and drops what waits', async () => {
    await using pair = await Pair.connect(kit);
    for (const inside of [true, false]) {
      const reason = Status.CANCELLED.withDescription('seen enough');
      const [client, server] = await pair.stream();
      if (inside) client.reactions = { closing: () => client.cancel(reason) };
      server.sendHeaders();
      server.write('unread');
      server.close(Status.OK, new Metadata({ 'x-end': 'seen' }));
      await client.log.next('closing');
      if (!inside) client.cancel(reason);
      const { status, trailers } = await client.closed;
      assert.is(status, reason);
      assert.is(trailers.size, 0);
      assert.equal(client.texts, []);
    }
  });

  test('after a cancel the server’s end is not told', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await pair.stream();
    server.sendHeaders();
    server.write('unread');
    await client.log.next('headers');
    server.close(Status.OK);
    client.cancel(Status.CANCELLED);
    await client.closed;
    await pair.roundTrip();
    assert.not(client.log.names().includes('closing'));
  });

  test('what is sent behind the server’s end goes nowhere, and does not count as written', async () => {
    await using pair = await Pair.connect(kit);
    const [client, server] = await endedUnread(pair, Status.OK);
    await client.log.next('closing');
    assert.not(client.stream.isReady());
    client.write('too late');
    client.halfClose();
    client.request(5);
    assert.ok((await client.closed).status.isOk);
    await server.closed;
    assert.equal([server.texts, client.written, client.texts], [[], 0, UNREAD]);
  });
}
