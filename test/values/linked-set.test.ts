/** LinkedSet: like a Set in all it does, and unlike one in what it keeps alive. */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { type LinkedMember, LinkedSet } from '../../src/values/linked-set.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('LinkedSet');

class Member implements LinkedMember<Member> {
  isInSet = false;
  before: Member | null = null;
  after: Member | null = null;
  readonly load: readonly number[];

  constructor(load: number) {
    this.load = new Array<number>(load).fill(1);
  }
}

test('is a Set to whoever adds, deletes and looks', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(9)), { maxLength: 60 }), (steps) => {
      const members = Array.from({ length: 10 }, () => new Member(0));
      const linked = new LinkedSet<Member>();
      const model = new Set<Member>();
      for (const [isAdd, index] of steps) {
        const member = members[index] as Member;
        if (isAdd) {
          linked.add(member);
          model.add(member);
        } else {
          assert.is(linked.delete(member), model.delete(member));
        }
        assert.is(linked.size, model.size);
        assert.ok(linked.toArray().every((each, i) => each === [...model][i]));
        assert.is(linked.toArray().length, model.size);
        assert.ok(linked.first === ([...model][0] ?? null));
      }
      for (const member of members) {
        if (!member.isInSet) assert.equal([member.before, member.after], [null, null]);
      }
    }),
  );
});

/** What is added and deleted, a hundred at a time. */
interface Passage {
  add(member: Member): unknown;
  delete(member: Member): unknown;
}

/** How many bytes grow old while 20,000 members of about 900 bytes come and go, with a minor collection every 500. */
function oldBytes(set: Passage): number {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options?: { readonly type: 'minor' }) => void;
  const used = (): number =>
    getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')?.space_used_size ?? 0;
  // The set itself grows old first, as one that belongs to a connection does.
  for (let i = 0; i < 4; i += 1) gc({ type: 'minor' });
  gc();
  const before = used();
  const present: Member[] = [];
  for (let i = 0; i < 20_000; i += 1) {
    const member = new Member(100);
    set.add(member);
    const oldest = present[i % 100];
    if (oldest !== undefined) set.delete(oldest);
    present[i % 100] = member;
    if (i % 500 === 0) gc({ type: 'minor' });
  }
  return used() - before;
}

test('V8: what was in a later table of an old Set grows old with it; what was in a LinkedSet does not', () => {
  const [ofSet, ofLinkedSet] = [oldBytes(new Set<Member>()), oldBytes(new LinkedSet<Member>())];
  assert.ok(ofSet > 5_000_000, `${ofSet} bytes of a Set`);
  assert.ok(ofLinkedSet < 1_000_000, `${ofLinkedSet} bytes of a LinkedSet`);
});

test.run();
