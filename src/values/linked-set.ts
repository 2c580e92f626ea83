/**
 * LinkedSet: a set whose members carry their own place in it. Above: transports, each of which keeps its open streams in one.
 * Below: nothing. Holds: members stand in the order in which they came; to come and to go allocates nothing; one that has gone
 * refers to no other.
 *
 * Exists because of what V8 makes of a Map or a Set whose members come and go: it builds a new table every few dozen of them,
 * and each table that it leaves refers to the next. Once one of them has become old all later ones, with all that was ever in
 * them, outlive every minor collection (test/values/linked-set.test.ts): most of a busy connection's calls would grow old.
 */

/** What a member carries. Nobody but its set touches it. */
export interface LinkedMember<M> {
  isInSet: boolean;
  before: M | null;
  after: M | null;
}

/** A set of members, none of which is in another. */
export class LinkedSet<M extends LinkedMember<M>> {
  #first: M | null = null;
  #last: M | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The one that has been there longest; null for none. */
  get first(): M | null {
    return this.#first;
  }

  /** One that is there already stays where it is. */
  add(member: M): void {
    if (member.isInSet) return;
    member.isInSet = true;
    const last = this.#last;
    if (last === null) this.#first = member;
    else last.after = member;
    member.before = last;
    this.#last = member;
    this.#size += 1;
  }

  /** False for one that is not there. */
  delete(member: M): boolean {
    if (!member.isInSet) return false;
    member.isInSet = false;
    const { before, after } = member;
    if (before === null) this.#first = after;
    else before.after = after;
    if (after === null) this.#last = before;
    else after.before = before;
    member.before = null;
    member.after = null;
    this.#size -= 1;
    return true;
  }

  /** All there are now, in order. */
  toArray(): M[] {
    const all: M[] = [];
    for (let member = this.#first; member !== null; member = member.after) all.push(member);
    return all;
  }
}
