/**
 * A server that closes calls from inside node's write callbacks: its own call, and others of the same connection. `end()` in
 * there can wedge the whole session (nodejs/node#49147), so the end must come later, and every call must get its trailers.
 */
import { Metadata } from '../../../src/values/metadata.ts';
import { Status } from '../../../src/values/status.ts';
import { RawClient, type RawConnection, requestHeaders } from '../../support/raw-http2.ts';
import { assert, suite } from '../../support/suite.ts';
import { type Arrival, StreamServer } from './stream-server.ts';

const test = suite('Http2ServerStream, closed in a write callback');

const PATH = '/test.Echo/Bidi';
const CALLS = 20;

/** Whether the code that asks runs inside a write callback of node's http2. */
function inWriteCallback(): boolean {
  return new Error('where am I').stack?.includes('onFrameWritten') === true;
}

for (const whom of ['its own call', 'every call of the connection'] as const) {
  test(`a release of flow control that closes ${whom} lets all trailers out, and the connection lives`, async () => {
    const open = new Set<Arrival>();
    let closedInside = 0;
    const close = (arrival: Arrival): void => {
      if (!open.delete(arrival)) return;
      if (inWriteCallback()) closedInside += 1;
      arrival.stream.close(Status.OK, new Metadata());
    };
    await using server = await StreamServer.listen({
      onArrival: (arrival) => {
        open.add(arrival);
        arrival.stream.sendHeaders(new Metadata());
      },
      // The first time is the start, and each next one the release after its window.
      onReady: (arrival) => {
        if (arrival.log.all('ready').length === 1) arrival.stream.writeMessage(Buffer.alloc(100_000), 0);
        else if (whom === 'its own call') close(arrival);
        else for (const each of [...open]) close(each);
      },
    });
    await using client = await RawClient.connect(server.port, { returnWindow: false });
    client.sendWindowUpdate(0, 100_000_000);
    const ids = Array.from({ length: CALLS }, () => client.open(requestHeaders(PATH)));
    await server.arrival(CALLS - 1);
    await client.roundTrip();
    for (const id of ids) client.sendWindowUpdate(id, 200_000);
    for (const id of ids) assert.is(await statusOf(client, id), '0');
    assert.ok(closedInside > 0, 'no call was closed inside a write callback');
    const last = client.open(requestHeaders(PATH));
    client.sendWindowUpdate(last, 200_000);
    assert.is(await statusOf(client, last), '0');
  });
}

async function statusOf(client: RawConnection, stream: number): Promise<string | undefined> {
  return (await client.frame('HEADERS', { stream, endStream: true })).header('grpc-status');
}

test.run();
