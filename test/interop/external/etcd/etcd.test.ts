/** etcd's keys and values over unary calls: ranges, transactions, errors, large messages, and many clients over one channel. */
import { BYTES_MARSHALLER, createClient, MethodDescriptor } from '../../../../src/index.ts';
import { TcpProxy } from '../../../support/proxy.ts';
import { assert, suite } from '../../../support/suite.ts';
import { bytes, Clients, channelTo, type Etcd, failure, hasEtcd, inParallel, prefix, sharedEtcd } from './etcd.ts';
import { ETCDCTL } from './etcd-process.ts';
import type { Int64, KeyValue } from './messages.ts';

const MIB = 1024 * 1024;
const CLIENTS = 50;

const test = suite('etcd');

const texts = (kvs: readonly KeyValue[]): string[] => kvs.map(({ key, value }) => `${key}=${value}`);
const next = (revision: Int64): number => revision.toNumber() + 1;

/** Bytes in which no run of them repeats soon. */
function noise(length: number): Buffer {
  const out = Buffer.alloc(length);
  let state = 1;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    out[i] = state >>> 24;
  }
  return out;
}

function keyTests(etcd: () => Etcd): void {
  test('a key is put, read, changed and deleted', async () => {
    const { kv } = etcd();
    const key = bytes('life');
    const born = await kv.put({ key, value: bytes('one') });
    assert.is(born.prevKv, null);
    const changed = await kv.put({ key, value: bytes('two'), prevKv: true });
    assert.is(`${changed.prevKv?.value}`, 'one');
    assert.is(changed.header.revision.toNumber(), next(born.header.revision));

    const { kvs, count, more } = await kv.range({ key });
    assert.equal(texts(kvs), ['life=two']);
    assert.equal([count.toNumber(), more, kvs[0]?.version.toNumber()], [1, false, 2]);
    assert.is(`${kvs[0]?.createRevision}`, `${born.header.revision}`);
    assert.is(`${kvs[0]?.modRevision}`, `${changed.header.revision}`);
    assert.equal(texts((await kv.range({ key, revision: born.header.revision })).kvs), ['life=one']);

    const deleted = await kv.deleteRange({ key, prevKv: true });
    assert.equal(texts(deleted.prevKvs), ['life=two']);
    assert.is((await kv.range({ key })).count.toNumber(), 0);
  });

  test('a prefix is read with a limit, in any order, without values, counted, and deleted', async () => {
    const { kv } = etcd();
    for (const name of ['b', 'a', 'd', 'c']) await kv.put({ key: bytes(`range/${name}`), value: bytes(name) });
    await kv.put({ key: bytes('range0'), value: bytes('beyond') });
    const range = prefix('range/');

    assert.equal(texts((await kv.range(range)).kvs), ['range/a=a', 'range/b=b', 'range/c=c', 'range/d=d']);
    const limited = await kv.range({ ...range, limit: 3 });
    assert.equal([limited.kvs.length, limited.more, limited.count.toNumber()], [3, true, 4]);
    const latest = await kv.range({ ...range, limit: 2, sortTarget: 'MOD', sortOrder: 'DESCEND' });
    assert.equal(texts(latest.kvs), ['range/c=c', 'range/d=d']);
    const names = await kv.range({ ...range, keysOnly: true });
    assert.equal(texts(names.kvs), ['range/a=', 'range/b=', 'range/c=', 'range/d=']);
    const counted = await kv.range({ ...range, countOnly: true });
    assert.equal([counted.kvs.length, counted.count.toNumber()], [0, 4]);

    const deleted = await kv.deleteRange({ key: bytes('range/b'), rangeEnd: bytes('range/d'), prevKv: true });
    assert.equal([deleted.deleted.toNumber(), ...texts(deleted.prevKvs)], [2, 'range/b=b', 'range/c=c']);
    assert.is((await kv.deleteRange(range)).deleted.toNumber(), 2);
    assert.is((await kv.range({ key: bytes('range0') })).count.toNumber(), 1);
  });

  test('keys and values are any bytes', async () => {
    const { kv } = etcd();
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    for (const key of [all, Buffer.from([0]), Buffer.from([0, 0]), Buffer.from([0xff]), Buffer.from([0xc3, 0x28])]) {
      const value = Buffer.from(key).reverse();
      await kv.put({ key, value });
      const { kvs } = await kv.range({ key });
      assert.equal(
        [kvs[0]?.key.toString('hex'), kvs[0]?.value.toString('hex')],
        [key.toString('hex'), value.toString('hex')],
      );
      await kv.deleteRange({ key });
    }
    await kv.put({ key: bytes('hollow') });
    assert.equal(texts((await kv.range({ key: bytes('hollow') })).kvs), ['hollow=']);
  });

  test('a transaction compares and swaps, once', async () => {
    const { kv } = etcd();
    const key = bytes('swap');
    await kv.put({ key, value: bytes('old') });
    const swap = {
      compare: [{ key, target: 'VALUE', result: 'EQUAL', value: bytes('old') }],
      success: [{ requestPut: { key, value: bytes('new'), prevKv: true } }, { requestRange: { key } }],
      failure: [{ requestRange: { key } }, { requestDeleteRange: { key } }],
    } as const;

    const won = await kv.txn(swap);
    assert.is(won.succeeded, true);
    assert.is(`${won.responses[0]?.responsePut?.prevKv?.value}`, 'old');
    assert.equal(texts(won.responses[1]?.responseRange?.kvs ?? []), ['swap=new']);

    const lost = await kv.txn(swap);
    assert.is(lost.succeeded, false);
    assert.equal(texts(lost.responses[0]?.responseRange?.kvs ?? []), ['swap=new']);
    assert.is(lost.responses[1]?.responseDeleteRange?.deleted.toNumber(), 1);
    assert.is(lost.responses[1]?.responsePut, null);
  });

  test('what etcd refuses has its status and its text', async () => {
    const { kv, lease } = etcd();
    const key = bytes('refused');
    const { header } = await kv.put({ key });
    const current = (await kv.put({ key })).header.revision;
    await kv.compact({ revision: current, physical: true });
    const swapTwice = { success: [{ requestPut: { key } }, { requestPut: { key } }] };
    const many = { success: Array.from({ length: 200 }, () => ({ requestRange: { key } })) };
    const cases = [
      [() => kv.put({}), 'INVALID_ARGUMENT', 'etcdserver: key is not provided'],
      [() => kv.range({}), 'INVALID_ARGUMENT', 'etcdserver: key is not provided'],
      [() => kv.txn(swapTwice), 'INVALID_ARGUMENT', 'etcdserver: duplicate key given in txn request'],
      [() => kv.txn(many), 'INVALID_ARGUMENT', 'etcdserver: too many operations in txn request'],
      [() => kv.range({ key, revision: header.revision }), 'OUT_OF_RANGE', /revision has been compacted/],
      [() => kv.range({ key, revision: 1_000_000_000 }), 'OUT_OF_RANGE', /revision is a future revision/],
      [() => kv.compact({ revision: current }), 'OUT_OF_RANGE', /revision has been compacted/],
      [() => kv.put({ key, lease: 12_345 }), 'NOT_FOUND', 'etcdserver: requested lease not found'],
      [() => lease.leaseRevoke({ ID: 12_345 }), 'NOT_FOUND', 'etcdserver: requested lease not found'],
      [() => lease.leaseGrant({ TTL: 10_000_000_000 }), 'OUT_OF_RANGE', 'etcdserver: too large lease TTL'],
    ] as const;
    for (const [call, name, text] of cases) {
      const status = await failure(call());
      assert.is(status.name, name);
      if (typeof text === 'string') assert.is(status.description, text);
      else assert.match(status.description, text);
    }
  });
}

function grpcTests(etcd: () => Etcd): void {
  const method = (service: string, name: string): MethodDescriptor<Uint8Array, Uint8Array, 'unary'> =>
    new MethodDescriptor({
      service: `etcdserverpb.${service}`,
      name,
      kind: 'unary',
      requestMarshaller: BYTES_MARSHALLER,
      responseMarshaller: BYTES_MARSHALLER,
    });

  test('what the gRPC below etcd refuses has its status and its text', async () => {
    const { channel, kv } = etcd();
    const methods = { unknown: method('KV', 'Nothing'), stranger: method('Nobody', 'Put'), put: method('KV', 'Put') };
    const client = createClient(methods, channel);
    const compressed = kv.put({ key: bytes('a'), value: Buffer.alloc(10_000) }, { compression: 'gzip' });
    assert.equal(await failure(compressed), {
      name: 'UNIMPLEMENTED',
      description: 'grpc: Decompressor is not installed for grpc-encoding "gzip"',
    });
    assert.equal(await failure(client.unknown(new Uint8Array())), {
      name: 'UNIMPLEMENTED',
      description: 'unknown method Nothing for service etcdserverpb.KV',
    });
    assert.equal(await failure(client.stranger(new Uint8Array())), {
      name: 'UNIMPLEMENTED',
      description: 'unknown service etcdserverpb.Nobody',
    });
    const broken = await failure(client.put(Buffer.from('ffff', 'hex')));
    assert.is(broken.name, 'INTERNAL');
    assert.match(broken.description, /^grpc: error unmarshalling request/);
  });
}

function witnessTests(etcd: () => Etcd): void {
  if ('missing' in ETCDCTL) {
    test.skip('etcdctl as a witness', ETCDCTL.missing);
    return;
  }

  test('64-bit numbers are those that etcdctl sees', async () => {
    const { process, kv } = etcd();
    const { header } = await kv.put({ key: bytes('wide') });
    assert.ok(header.memberId.toNumber() > Number.MAX_SAFE_INTEGER);
    const status = await process.etcdctl('endpoint', 'status', '-w', 'json');
    assert.match(status, `"cluster_id":${header.clusterId},`);
    assert.match(status, `"member_id":${header.memberId},`);
  });

  test('etcdctl reads what was put, and puts what is read', async () => {
    const { process, kv } = etcd();
    await kv.put({ key: bytes('seen/by us'), value: bytes('ours: ü') });
    assert.is(await process.etcdctl('get', 'seen/by us', '--print-value-only'), 'ours: ü\n');
    await process.etcdctl('put', 'seen/by it', 'its: ß');
    assert.equal(texts((await kv.range(prefix('seen/'))).kvs), ['seen/by it=its: ß', 'seen/by us=ours: ü']);
  });
}

function sizeTests(etcd: () => Etcd): void {
  test('a value of 1 MiB comes back byte for byte', async () => {
    const { kv } = etcd();
    const value = noise(MIB);
    await kv.put({ key: bytes('large'), value });
    const { kvs } = await kv.range({ key: bytes('large') });
    assert.ok(kvs[0]?.value.equals(value));
  });

  test('a request over either limit of etcd is refused, and the connection goes on', {
    timeoutMs: 30_000,
  }, async () => {
    const { process } = etcd();
    await using proxy = await TcpProxy.listen(process.port);
    await using channel = channelTo(proxy.port);
    const { kv } = new Clients(channel);
    const put = (size: number): Promise<unknown> => kv.put({ key: bytes('huge'), value: Buffer.alloc(size) });
    // Over 1.5 MiB etcd's own code refuses, over 2 MiB the gRPC below it, which does not read such a message.
    const [etcdRefuses, grpcRefuses] = [1.5 * MIB, 2.5 * MIB];
    for (let round = 0; round < 3; round += 1) {
      assert.equal(await failure(put(etcdRefuses)), {
        name: 'INVALID_ARGUMENT',
        description: 'etcdserver: request is too large',
      });
      for (const size of [grpcRefuses, 16 * MIB]) {
        const status = await failure(put(size));
        assert.is(status.name, 'RESOURCE_EXHAUSTED');
        assert.match(status.description, /grpc: received message larger than max/);
      }
      await kv.put({ key: bytes('modest') });
    }
    assert.is((await kv.range({ key: bytes('huge') })).count.toNumber(), 0);
    assert.is(proxy.connections.length, 1);
  });

  test('a response over the limit of the client is refused by the client, one within it is read', async () => {
    const { kv } = etcd();
    for (let i = 0; i < 5; i += 1) await kv.put({ key: bytes(`heavy/${i}`), value: noise(MIB) });
    const status = await failure(kv.range(prefix('heavy/')));
    assert.is(status.name, 'RESOURCE_EXHAUSTED');
    const { kvs } = await kv.range(prefix('heavy/'), { maxInboundMessageBytes: 6 * MIB });
    assert.equal(
      kvs.map(({ value }) => value.equals(noise(MIB))),
      [true, true, true, true, true],
    );
  });
}

/** Adds one to the number under a key, whoever else does at the same time. `onAttempt` is called for each attempt. */
async function increment({ kv }: Clients, key: Buffer, onAttempt: () => void): Promise<void> {
  for (;;) {
    onAttempt();
    const { kvs } = await kv.range({ key });
    const [modRevision, value] = [kvs[0]?.modRevision ?? 0, Number(kvs[0]?.value ?? 0)];
    const { succeeded } = await kv.txn({
      compare: [{ key, target: 'MOD', result: 'EQUAL', modRevision }],
      success: [{ requestPut: { key, value: bytes(`${value + 1}`) } }],
    });
    if (succeeded) return;
  }
}

function crowdTests(etcd: () => Etcd): void {
  test(`${CLIENTS} clients over one channel count together and lose nothing`, { timeoutMs: 30_000 }, async () => {
    const { process, channel } = etcd();
    const putsBefore = await process.metric('grpc_server_handled_total', 'grpc_code="OK",grpc_method="Put"');
    let attempts = 0;
    const onAttempt = (): void => {
      attempts += 1;
    };
    await inParallel(CLIENTS, CLIENTS, async (index) => {
      const client = new Clients(channel);
      for (let i = 0; i < 10; i += 1) await client.kv.put({ key: bytes(`crowd/${index}/${i}`), value: bytes(`${i}`) });
      for (let i = 0; i < 2; i += 1) await increment(client, bytes('crowd'), onAttempt);
      const own = await client.kv.range(prefix(`crowd/${index}/`));
      assert.equal(
        own.kvs.map(({ value }) => `${value}`),
        [...'0123456789'],
      );
    });

    const { kv } = etcd();
    assert.equal(texts((await kv.range({ key: bytes('crowd') })).kvs), [`crowd=${2 * CLIENTS}`]);
    assert.is((await kv.range({ ...prefix('crowd/'), countOnly: true })).count.toNumber(), 10 * CLIENTS);
    assert.ok(attempts > 2 * CLIENTS, 'nobody was ever in the way of anybody');
    const puts = await process.metric('grpc_server_handled_total', 'grpc_code="OK",grpc_method="Put"');
    assert.is(puts - putsBefore, 10 * CLIENTS);
  });
}

if (hasEtcd(test)) {
  const etcd = sharedEtcd(test);
  keyTests(etcd);
  grpcTests(etcd);
  witnessTests(etcd);
  sizeTests(etcd);
  crowdTests(etcd);
}

test.run();
