/** etcd killed, told to end, stopped and started anew under open watches: what calls see, and that the channel heals by itself. */
import { Code, type ResponseStream, StatusError } from '../../../../src/index.ts';
import { assert, suite, within } from '../../../support/suite.ts';
import {
  bytes,
  create,
  createWatch,
  describe,
  Etcd,
  failure,
  hasEtcd,
  inParallel,
  PATIENCE_MS,
  prefix,
  readEvents,
  until,
} from './etcd.ts';
import type { WatchResponse } from './messages.ts';

/** A watch of all of this begins before an outage and is taken up behind it. */
const RANGE = prefix('log/');
const WRITERS = 4;

const test = suite('etcd outages');

/** What a watch told until it ended. */
interface Told {
  /** Revisions of changes, in the order in which they came. */
  readonly revisions: number[];
  /** How it ended; it never ends OK. */
  readonly end: Promise<StatusError>;
}

/** Reads a watch to its end. */
function listen(stream: ResponseStream<WatchResponse>): Told {
  const revisions: number[] = [];
  const read = async (): Promise<StatusError> => {
    try {
      for await (const { events } of stream) revisions.push(...events.map(({ kv }) => kv.modRevision.toNumber()));
    } catch (error) {
      if (error instanceof StatusError) return error;
      throw error;
    }
    throw new Error('the watch ended OK');
  };
  return { revisions, end: read() };
}

/** Puts until that fails, one after the other. Notes the revision of each put that etcd confirmed. */
async function writeUntilLost({ kv }: Etcd, writer: number, confirmed: number[]): Promise<void> {
  try {
    for (let i = 0; ; i += 1) {
      const { header } = await kv.put({ key: bytes(`log/${writer}`), value: bytes(`${i}`) });
      confirmed.push(header.revision.toNumber());
    }
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    assert.is(error.code, Code.UNAVAILABLE);
  }
}

/** Numbers without a gap and without repetition. */
function assertContiguous(revisions: readonly number[]): void {
  const [first = 0] = revisions;
  assert.equal(
    revisions,
    revisions.map((_, index) => first + index),
  );
}

/** Watches and writes until etcd dies by `signal`. */
async function loseWatch(etcd: Etcd, signal: NodeJS.Signals): Promise<{ told: Told; confirmed: number[] }> {
  const stream = etcd.watch.watch();
  await createWatch(stream, RANGE);
  const told = listen(stream);
  const confirmed: number[] = [];
  const writing = inParallel(WRITERS, WRITERS, (writer) => writeUntilLost(etcd, writer, confirmed));
  await until('some changes', () => told.revisions.length >= 100);
  etcd.process.signal(signal);
  const { code, message } = await within(PATIENCE_MS, told.end, 'the watch to end');
  assert.is(code, Code.UNAVAILABLE, message);
  await within(PATIENCE_MS, writing, 'the writers to end');
  await etcd.process.ended();
  return { told, confirmed };
}

function restartTests(): void {
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    test(`${signal} ends a watch UNAVAILABLE; after a restart it is taken up and misses nothing`, async () => {
      await using etcd = await Etcd.start();
      const { told, confirmed } = await loseWatch(etcd, signal);
      assertContiguous(told.revisions);

      // Nobody is there: a call fails soon, one that waits for ready waits.
      assert.is((await failure(etcd.kv.range(RANGE))).name, 'UNAVAILABLE');
      const waiting = etcd.kv.put({ key: bytes('log/after') }, { waitForReady: true });
      etcd.process.launch();
      confirmed.push((await within(PATIENCE_MS, waiting, 'the channel to heal')).header.revision.toNumber());
      for (let i = 0; i < 20; i += 1) {
        confirmed.push((await etcd.kv.put({ key: bytes('log/after') })).header.revision.toNumber());
      }

      const resumeAt = (told.revisions.at(-1) ?? 0) + 1;
      const last = confirmed.at(-1) ?? 0;
      await using stream = etcd.watch.watch([create({ ...RANGE, startRevision: resumeAt })]);
      const rest = await readEvents(stream, last - resumeAt + 1);
      const all = [...told.revisions, ...rest.map(({ kv }) => kv.modRevision.toNumber())];
      assertContiguous(all);
      assert.is(all.at(-1), last);
      const seen = new Set(all);
      assert.equal(
        confirmed.filter((revision) => !seen.has(revision)),
        [],
      );
    });
  }

  test('the channel heals again and again', { timeoutMs: 30_000 }, async () => {
    await using etcd = await Etcd.start();
    for (let round = 0; round < 5; round += 1) {
      const stream = etcd.watch.watch();
      await createWatch(stream, { key: bytes('again') });
      await etcd.kv.put({ key: bytes('again'), value: bytes(`${round}`) });
      assert.equal((await readEvents(stream, 1)).map(describe), [`PUT again=${round}`]);
      const end = failure(stream.next());
      await etcd.process.kill();
      assert.is((await end).name, 'UNAVAILABLE');
      etcd.process.launch();
      await etcd.ready();
    }
    assert.is((await etcd.kv.range({ key: bytes('again') })).kvs[0]?.version.toNumber(), 5);
  });

  test('calls that wait for ready are answered once etcd is there for the first time', async () => {
    await using etcd = await Etcd.create();
    assert.is((await failure(etcd.maintenance.status({}))).name, 'UNAVAILABLE');
    const stream = etcd.watch.watch([create({ key: bytes('first') })], { waitForReady: true });
    const put = etcd.kv.put({ key: bytes('early') }, { waitForReady: true });
    etcd.process.launch();
    assert.is((await put).header.revision.toNumber(), 2);
    const { value } = await within(PATIENCE_MS, stream.next(), 'the watch');
    assert.is(value?.created, true);
    stream.cancel('enough');
  });
}

function pauseTests(): void {
  test('a stopped etcd costs a call its deadline; continued, it goes on where it was', async () => {
    await using etcd = await Etcd.start();
    await using stream = etcd.watch.watch();
    await createWatch(stream, prefix('pause/'));
    await etcd.kv.put({ key: bytes('pause/before') });

    etcd.process.signal('SIGSTOP');
    const patient = etcd.kv.put({ key: bytes('pause/patient') });
    const status = await failure(etcd.kv.range({ key: bytes('pause/before') }, { timeoutMs: 300 }));
    assert.is(status.name, 'DEADLINE_EXCEEDED');
    const cancelled = new AbortController();
    const impatient = failure(etcd.kv.range({ key: bytes('pause/before') }, { signal: cancelled.signal }));
    cancelled.abort();
    assert.is((await impatient).name, 'CANCELLED');
    assert.is(etcd.channel.getState(), 'READY');

    etcd.process.signal('SIGCONT');
    await within(PATIENCE_MS, patient, 'the call that waited');
    await etcd.kv.put({ key: bytes('pause/after') });
    const events = await readEvents(stream, 3);
    assert.equal(events.map(describe), ['PUT pause/before=', 'PUT pause/patient=', 'PUT pause/after=']);
  });

  test('a stopped etcd that is killed ends what waited UNAVAILABLE', async () => {
    await using etcd = await Etcd.start();
    const stream = etcd.watch.watch();
    await createWatch(stream, { key: bytes('stuck') });
    etcd.process.signal('SIGSTOP');
    const ends = [failure(stream.next()), failure(etcd.kv.put({ key: bytes('stuck') }))];
    await etcd.process.kill();
    for (const end of ends) assert.is((await end).name, 'UNAVAILABLE');
    etcd.process.launch();
    await etcd.ready();
  });
}

if (hasEtcd(test)) {
  restartTests();
  pauseTests();
}

test.run();
