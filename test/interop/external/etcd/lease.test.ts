/** etcd's leases: granted, looked at, revoked, kept alive over a bidi stream, and left to expire. */
import { setTimeout as sleep } from 'node:timers/promises';
import { assert, suite, within } from '../../../support/suite.ts';
import {
  bytes,
  createWatch,
  describe,
  type Etcd,
  hasEtcd,
  nextOf,
  PATIENCE_MS,
  prefix,
  readEvents,
  sharedEtcd,
} from './etcd.ts';
import { ETCDCTL } from './etcd-process.ts';

const TTL_S = 2;
/** Long against the time that a round takes, short against TTL_S. */
const PAUSE_MS = 200;
/** Needs all 63 bits. */
const WIDE_ID = '9223372036854775001';

const test = suite('etcd lease');

function lifeTests(etcd: () => Etcd): void {
  test('a lease is granted, has keys, and takes them along when it is revoked', async () => {
    const { lease, kv, watch } = etcd();
    const granted = await lease.leaseGrant({ TTL: 60, ID: WIDE_ID });
    assert.equal([`${granted.ID}`, granted.TTL.toNumber()], [WIDE_ID, 60]);
    for (const name of ['a', 'b']) await kv.put({ key: bytes(`granted/${name}`), lease: granted.ID });
    assert.is(`${(await kv.range({ key: bytes('granted/a') })).kvs[0]?.lease}`, WIDE_ID);

    const seen = await lease.leaseTimeToLive({ ID: WIDE_ID, keys: true });
    assert.equal([seen.grantedTTL.toNumber(), ...seen.keys.map(String).sort()], [60, 'granted/a', 'granted/b']);
    const { leases } = await lease.leaseLeases({});
    assert.equal(
      leases.map(({ ID }) => `${ID}`),
      [WIDE_ID],
    );

    await using stream = watch.watch();
    await createWatch(stream, prefix('granted/'));
    await lease.leaseRevoke({ ID: granted.ID });
    assert.equal((await readEvents(stream, 2)).map(describe), ['DELETE granted/a', 'DELETE granted/b']);
    assert.is((await lease.leaseTimeToLive({ ID: WIDE_ID })).TTL.toNumber(), -1);
  });

  if ('missing' in ETCDCTL) {
    test.skip('etcdctl sees the same lease', ETCDCTL.missing);
  } else {
    test('etcdctl sees the same lease', async () => {
      const { lease, process } = etcd();
      await lease.leaseGrant({ TTL: 60, ID: WIDE_ID });
      const id = BigInt(WIDE_ID).toString(16);
      assert.match(await process.etcdctl('lease', 'timetolive', id), `lease ${id} granted with TTL(60s)`);
      await process.etcdctl('lease', 'revoke', id);
      assert.is((await lease.leaseTimeToLive({ ID: WIDE_ID })).TTL.toNumber(), -1);
    });
  }
}

function renewalTests(etcd: () => Etcd): void {
  test('a lease that is kept alive outlives one that is not, whose keys go', { timeoutMs: 30_000 }, async () => {
    const { lease, kv, watch } = etcd();
    await using stream = watch.watch();
    await createWatch(stream, prefix('renewal/'));
    const kept = (await lease.leaseGrant({ TTL: TTL_S })).ID;
    await kv.put({ key: bytes('renewal/kept'), lease: kept });
    // Twice in a row: no renewal of the kept one ends it later than the second of these.
    let rounds = 0;
    await using keepAlive = lease.leaseKeepAlive({ timeoutMs: 20_000 });
    for (const name of ['first', 'second']) {
      const left = (await lease.leaseGrant({ TTL: TTL_S })).ID;
      await kv.put({ key: bytes(`renewal/${name}`), lease: left });
      let isGone = false;
      const gone = readEvents(stream, name === 'first' ? 3 : 2).then((events) => {
        isGone = true;
        return events.map(describe);
      });
      while (!isGone) {
        assert.ok(await keepAlive.send({ ID: kept }));
        const { ID, TTL } = await nextOf(keepAlive);
        assert.equal([`${ID}`, TTL.toNumber()], [`${kept}`, TTL_S]);
        rounds += 1;
        await Promise.race([gone, sleep(PAUSE_MS)]);
      }
      assert.equal((await gone).slice(-2), [`PUT renewal/${name}=`, `DELETE renewal/${name}`]);
      assert.is((await lease.leaseTimeToLive({ ID: left })).TTL.toNumber(), -1);
    }
    assert.ok(rounds >= 5, `${rounds} rounds`);
    assert.is((await kv.range(prefix('renewal/'))).kvs.map(({ key }) => `${key}`).join(), 'renewal/kept');

    // Nobody renews it any more.
    keepAlive.closeSend();
    assert.is((await within(PATIENCE_MS, keepAlive.status)).name, 'OK');
    assert.equal((await readEvents(stream, 1)).map(describe), ['DELETE renewal/kept']);
  });

  test('one stream keeps many leases alive, and says which are no more', async () => {
    const { lease } = etcd();
    const ids: string[] = [];
    for (let i = 0; i < 20; i += 1) ids.push(`${(await lease.leaseGrant({ TTL: 60 + i })).ID}`);
    for (const ID of ids.slice(0, 5)) await lease.leaseRevoke({ ID });
    const answers: [string, number][] = [];
    for await (const { ID, TTL } of lease.leaseKeepAlive(ids.map((ID) => ({ ID })))) {
      answers.push([`${ID}`, TTL.toNumber()]);
    }
    // The loop ended by itself: the iterable of requests did, and etcd answered all.
    assert.equal(
      answers,
      ids.map((ID, index) => [ID, index < 5 ? 0 : 60 + index]),
    );
    for (const ID of ids.slice(5)) await lease.leaseRevoke({ ID });
  });
}

if (hasEtcd(test)) {
  const etcd = sharedEtcd(test);
  lifeTests(etcd);
  renewalTests(etcd);
}

test.run();
