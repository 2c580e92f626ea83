/** etcd's watches over one bidi stream: order, several at once, the past, what a slow reader and one that leaves bring about. */
import { TcpProxy } from '../../../support/proxy.ts';
import { assert, suite, within } from '../../../support/suite.ts';
import {
  bytes,
  Clients,
  channelTo,
  create,
  createWatch,
  describe,
  type Etcd,
  failure,
  hasEtcd,
  inParallel,
  nextOf,
  PATIENCE_MS,
  prefix,
  readEvents,
  sharedEtcd,
  until,
} from './etcd.ts';
import { ETCDCTL } from './etcd-process.ts';
import { DELETE, PUT } from './messages.ts';

const KIB = 1024;
/** etcd lets this many responses of a watch wait before it calls the watch slow, with room for those under way. */
const ENOUGH_TO_BE_SLOW = 1_500;

const test = suite('etcd watch');

function eventTests(etcd: () => Etcd): void {
  test('a watch is told of changes with what was before', async () => {
    const { watch, kv } = etcd();
    const key = bytes('told');
    await using stream = watch.watch();
    await createWatch(stream, { key, prevKv: true });
    const put = await kv.put({ key, value: bytes('1') });
    await kv.put({ key, value: bytes('2') });
    await kv.put({ key: bytes('told/not'), value: bytes('3') });
    const deleted = await kv.deleteRange({ key });

    const events = await readEvents(stream, 3);
    assert.equal(events.map(describe), ['PUT told=1', 'PUT told=2', 'DELETE told']);
    assert.equal(
      events.map(({ type }) => type),
      [PUT, PUT, DELETE],
    );
    assert.equal(
      events.map(({ prevKv }) => prevKv && `${prevKv.value}`),
      [null, '1', '2'],
    );
    assert.is(`${events[0]?.kv.modRevision}`, `${put.header.revision}`);
    assert.is(`${events[2]?.kv.modRevision}`, `${deleted.header.revision}`);
  });

  test('500 changes come in their order', async () => {
    const { watch, kv } = etcd();
    await using stream = watch.watch();
    await createWatch(stream, prefix('order/'));
    const expected: string[] = [];
    for (let i = 0; i < 500; i += 1) {
      await kv.put({ key: bytes(`order/${i % 7}`), value: bytes(`${i}`) });
      expected.push(`PUT order/${i % 7}=${i}`);
    }
    assert.equal((await readEvents(stream, 500)).map(describe), expected);
  });

  test('changes of one transaction come in one response', async () => {
    const { watch, kv } = etcd();
    await using stream = watch.watch();
    await createWatch(stream, prefix('atomic/'));
    const success = ['a', 'b', 'c'].map((name) => ({ requestPut: { key: bytes(`atomic/${name}`) } }));
    const { header } = await kv.txn({ success });
    const { events } = await nextOf(stream);
    assert.equal(events.map(describe), ['PUT atomic/a=', 'PUT atomic/b=', 'PUT atomic/c=']);
    for (const { kv } of events) assert.is(`${kv.modRevision}`, `${header.revision}`);
  });

  if ('missing' in ETCDCTL) {
    test.skip('a watch is told of what etcdctl does', ETCDCTL.missing);
  } else {
    test('a watch is told of what etcdctl does', async () => {
      const { watch, process } = etcd();
      await using stream = watch.watch();
      await createWatch(stream, prefix('foreign/'));
      await process.etcdctl('put', 'foreign/key', 'value');
      await process.etcdctl('del', 'foreign/key');
      const events = await readEvents(stream, 2);
      assert.equal(events.map(describe), ['PUT foreign/key=value', 'DELETE foreign/key']);
    });
  }

  test('filters keep puts or deletes away', async () => {
    const { watch, kv } = etcd();
    await using stream = watch.watch();
    const noPuts = await createWatch(stream, { ...prefix('filter/'), filters: ['NOPUT'] });
    const noDeletes = await createWatch(stream, { ...prefix('filter/'), filters: ['NODELETE'] });
    for (const name of ['a', 'b']) {
      await kv.put({ key: bytes(`filter/${name}`) });
      await kv.deleteRange({ key: bytes(`filter/${name}`) });
    }
    const seen = new Map<number, string[]>([
      [noPuts, []],
      [noDeletes, []],
    ]);
    for (let count = 0; count < 4; ) {
      const { watchId, events } = await nextOf(stream);
      seen.get(watchId.toNumber())?.push(...events.map(describe));
      count += events.length;
    }
    assert.equal(seen.get(noPuts), ['DELETE filter/a', 'DELETE filter/b']);
    assert.equal(seen.get(noDeletes), ['PUT filter/a=', 'PUT filter/b=']);
  });
}

function streamTests(etcd: () => Etcd): void {
  test('many watches share a stream; one that is cancelled falls silent, the others go on', async () => {
    const { watch, kv } = etcd();
    await using stream = watch.watch();
    const ids: number[] = [];
    for (let i = 0; i < 20; i += 1) ids.push(await createWatch(stream, { key: bytes(`shared/${i}`) }));
    assert.is(new Set(ids).size, 20);
    const cancelled = ids[7] ?? -1;
    assert.ok(await stream.send({ cancelRequest: { watchId: cancelled } }));
    const farewell = await nextOf(stream);
    assert.equal([farewell.canceled, farewell.watchId.toNumber()], [true, cancelled]);

    for (let i = 0; i < 20; i += 1) await kv.put({ key: bytes(`shared/${i}`) });
    const heard: number[] = [];
    for (let i = 0; i < 19; i += 1) {
      const response = await nextOf(stream);
      heard.push(response.watchId.toNumber());
      assert.is(`${response.events[0]?.kv.key}`, `shared/${ids.indexOf(heard[i] ?? -1)}`);
    }
    assert.equal(
      heard,
      ids.filter((id) => id !== cancelled),
    );
  });

  test('progress is told when asked for', async () => {
    const { watch, kv } = etcd();
    await using stream = watch.watch();
    await createWatch(stream, { key: bytes('progress') });
    const { header } = await kv.put({ key: bytes('elsewhere') });
    assert.ok(await stream.send({ progressRequest: {} }));
    const progress = await nextOf(stream);
    assert.equal([progress.watchId.toNumber(), progress.events.length], [-1, 0]);
    assert.is(`${progress.header.revision}`, `${header.revision}`);
  });

  test('a watch goes on after the half-close', async () => {
    const { watch, kv } = etcd();
    // The requests come from an iterable, which ends.
    await using stream = watch.watch([create({ key: bytes('half') })]);
    assert.ok((await nextOf(stream)).created);
    for (let i = 0; i < 3; i += 1) await kv.put({ key: bytes('half'), value: bytes(`${i}`) });
    const events = await readEvents(stream, 3);
    assert.equal(events.map(describe), ['PUT half=0', 'PUT half=1', 'PUT half=2']);
  });

  test('the past is told from a revision on, or refused once it is compacted', async () => {
    const { watch, kv } = etcd();
    const key = bytes('past');
    const revisions: string[] = [];
    for (let i = 0; i < 10; i += 1) revisions.push(`${(await kv.put({ key, value: bytes(`${i}`) })).header.revision}`);
    await using stream = watch.watch();
    await createWatch(stream, { key, startRevision: revisions[4] ?? 0 });
    assert.equal(
      (await readEvents(stream, 6)).map(({ kv }) => `${kv.modRevision}`),
      revisions.slice(4),
    );

    await kv.compact({ revision: revisions[8] ?? 0, physical: true });
    await stream.send(create({ key, startRevision: revisions[2] ?? 0 }));
    assert.ok((await nextOf(stream)).created);
    const refused = await nextOf(stream);
    assert.equal([refused.canceled, `${refused.compactRevision}`], [true, revisions[8]]);
  });

  test('a long past is one message over the limit, or many when etcd may split it', async () => {
    const { watch, kv } = etcd();
    const values = Array.from({ length: 12 }, (_, index) => Buffer.alloc(512 * KIB, index));
    const first = await kv.put({ key: bytes('long/first') });
    for (const value of values) await kv.put({ key: bytes('long/value'), value });
    const past = { ...prefix('long/v'), startRevision: first.header.revision };

    const whole = watch.watch([create(past)]);
    assert.ok((await nextOf(whole)).created);
    assert.is((await failure(whole.next())).name, 'RESOURCE_EXHAUSTED');

    await using pieces = watch.watch([create({ ...past, fragment: true })]);
    assert.ok((await nextOf(pieces)).created);
    const events = await readEvents(pieces, values.length);
    for (const [index, { kv }] of events.entries()) assert.ok(values[index]?.equals(kv.value));
  });
}

/** What the connection carried down once it carries no more: the same number before and after a call of its own. */
async function stalledAt(proxy: TcpProxy, { kv }: Clients): Promise<number> {
  let before = -1;
  await until('the watch to stand still', async () => {
    const now = proxy.bytes('down');
    const still = now - before < KIB;
    before = now;
    await kv.range({ key: bytes('nothing') });
    return still;
  });
  return before;
}

function readerTests(etcd: () => Etcd): void {
  test('a slow reader makes etcd wait, holds up nobody and misses nothing', { timeoutMs: 30_000 }, async () => {
    const { process, kv } = etcd();
    await using proxy = await TcpProxy.listen(process.port);
    await using channel = channelTo(proxy.port);
    const slow = new Clients(channel);
    await using stream = slow.watch.watch();
    // What has piled up etcd would send as one response.
    await createWatch(stream, { ...prefix('slow/'), fragment: true });

    const value = Buffer.alloc(8 * KIB, 'v');
    await inParallel(ENOUGH_TO_BE_SLOW, 50, (index) => kv.put({ key: bytes(`slow/${index}`), value }));
    await until('etcd to call the watch slow', async () => {
      return (await process.metric('etcd_debugging_mvcc_slow_watcher_total')) === 1;
    });
    // Other calls pass on the same connection while the rest of the 12 MiB waits at etcd.
    const carried = await stalledAt(proxy, slow);
    assert.ok(carried < 2 * KIB * KIB, `${carried} bytes came though nobody read`);
    assert.is(proxy.connections.length, 1);

    const events = await readEvents(stream, ENOUGH_TO_BE_SLOW);
    const revisions = events.map(({ kv }) => kv.modRevision.toNumber());
    assert.equal(
      revisions,
      [...revisions].sort((a, b) => a - b),
    );
    assert.is(new Set(events.map(({ kv }) => `${kv.key}`)).size, ENOUGH_TO_BE_SLOW);
    assert.ok(events.every(({ kv }) => value.equals(kv.value)));
    await until('etcd to call it slow no more', async () => {
      return (await process.metric('etcd_debugging_mvcc_slow_watcher_total')) === 0;
    });
  });

  test('leaving the loop takes the watches away from etcd', async () => {
    const { watch, kv } = etcd();
    const before = await etcd().watchers();
    const stream = watch.watch([create({ key: bytes('left') }), create({ key: bytes('left') })]);
    let responses = 0;
    for await (const { created } of stream) {
      responses += 1;
      if (responses <= 2) assert.ok(created);
      if (responses === 2) {
        assert.is(await etcd().watchers(), before + 2);
        await kv.put({ key: bytes('left') });
      }
      if (responses === 3) break;
    }
    assert.is((await within(PATIENCE_MS, stream.status)).name, 'CANCELLED');
    await until('etcd to let the watches go', async () => (await etcd().watchers()) === before);
  });

  test('an abandoned signal, a cancel and a dispose do so, too', async () => {
    const { watch } = etcd();
    const before = await etcd().watchers();
    const abandoned = new AbortController();
    const streams = [watch.watch({ signal: abandoned.signal }), watch.watch(), watch.watch()] as const;
    for (const stream of streams) await createWatch(stream, { key: bytes('abandoned') });
    assert.is(await etcd().watchers(), before + 3);
    abandoned.abort(new Error('enough'));
    streams[1].cancel('enough');
    await streams[2][Symbol.asyncDispose]();
    for (const stream of streams) assert.is((await within(PATIENCE_MS, stream.status)).name, 'CANCELLED');
    await until('etcd to let the watches go', async () => (await etcd().watchers()) === before);
  });

  test('a deadline ends a watch behind the events that came before', async () => {
    const { process } = etcd();
    const before = await etcd().watchers();
    // etcd ends the watch by its own timer, which must not be heard before ours: its handler calls that UNKNOWN.
    await using proxy = await TcpProxy.listen(process.port, { delayMs: 50 });
    await using channel = channelTo(proxy.port);
    const { watch, kv } = new Clients(channel);
    const stream = watch.watch({ timeoutMs: 1_500 });
    await createWatch(stream, { key: bytes('bounded') });
    await kv.put({ key: bytes('bounded'), value: bytes('in time') });
    assert.equal((await readEvents(stream, 1)).map(describe), ['PUT bounded=in time']);
    assert.is((await failure(stream.next())).name, 'DEADLINE_EXCEEDED');
    await until('etcd to let the watch go', async () => (await etcd().watchers()) === before);
  });
}

if (hasEtcd(test)) {
  const etcd = sharedEtcd(test);
  eventTests(etcd);
  streamTests(etcd);
  readerTests(etcd);
}

test.run();
