/**
 * The slots of one client connection: no more streams are open than the peer allows at a time, the rest wait here in order.
 * Above: Http2ClientTransport, Http2ClientStream. Below: node:http2. Holds: a slot is given once for each take(), unless leave()
 * comes first; the slot of a stream that we reset is given away only when the peer has heard of the reset, for those who wait.
 * Source: RFC 9113 §5.1.2.
 */
import type { ClientHttp2Session } from 'node:http2';
import type { Clock, Timer } from '../../values/clock.ts';
import { type LinkedMember, LinkedSet } from '../../values/linked-set.ts';

/** How long an answer about resets is waited for, in milliseconds: a peer that gives none is taken at its word, its limit. */
const ANSWER_MS = 1_000;

/** Who asks for a slot. */
export interface SlotTaker {
  /** Its place in the line; null while it does not wait. */
  slotWait: SlotWait | null;
  /** It has one: opens its stream now. */
  onSlot(session: ClientHttp2Session): void;
}

/** A place in the line: the taker itself is in a set of its connection's already. */
export class SlotWait implements LinkedMember<SlotWait> {
  readonly taker: SlotTaker;
  isInSet = false;
  before: SlotWait | null = null;
  after: SlotWait | null = null;

  constructor(taker: SlotTaker) {
    this.taker = taker;
  }
}

/** The connection whose slots they are. */
export interface SlotsHost {
  /** The session, while streams may open on it. */
  openableSession(): ClientHttp2Session | null;
}

/** Counts slots and gives them out. */
export class StreamSlots {
  readonly #host: SlotsHost;
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #waiting = new LinkedSet<SlotWait>();
  /** In use: http2 streams that are not gone. */
  #used = 0;
  /** Of streams that we reset: the peer may not know of it yet. */
  #doubtful = 0;
  /** Whether the peer has been asked for a sign that it does, or is about to be. */
  #asking = false;
  /** How many of them the question is about. */
  #asked = 0;
  /** Whether a question was not acknowledged, be it an earlier one: node ends a session that has ten of them. */
  #isOpen = false;
  #questions = 0;
  #answerTimer: Timer | null = null;
  /** Whether slots are being given out; a stream that gives its slot straight back is served by the same loop. */
  #filling = false;

  constructor(host: SlotsHost, clock: Clock) {
    this.#host = host;
    this.#clock = clock;
  }

  get used(): number {
    return this.#used;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether a stream that came now would wait for another to end. */
  isFull(session: ClientHttp2Session): boolean {
    return this.#used + this.#waiting.size >= maxStreams(session);
  }

  /** Gives a slot, now if there is one. */
  take(stream: SlotTaker): void {
    // Where nobody waits and there is room a stream is spared the queue.
    const session = this.#waiting.size === 0 ? this.#sessionWithRoom() : null;
    if (session !== null) {
      this.#give(stream, session);
      return;
    }
    stream.slotWait ??= new SlotWait(stream);
    this.#waiting.add(stream.slotWait);
    this.#whileWaiting();
  }

  /** It needs none any more. */
  leave(stream: SlotTaker): void {
    const { slotWait } = stream;
    if (slotWait === null) return;
    stream.slotWait = null;
    this.#waiting.delete(slotWait);
  }

  /** The http2 stream of a slot is gone. */
  onFree(): void {
    this.#used -= 1;
    this.fill();
  }

  /** It is gone by a reset of ours. */
  onReset(): void {
    // node:http2: from 22 on a server counts a stream that was reset for a turn longer, and refuses one above its limit that
    // comes in the same read with ENHANCE_YOUR_CALM (test/transport/http2/max-concurrent-streams.test.ts).
    this.#doubtful += 1;
    this.onFree();
  }

  /** Gives out what there is: the connection is ready, or the peer's limit may have moved. */
  fill(): void {
    if (this.#filling || this.#waiting.size === 0) return;
    this.#filling = true;
    for (let wait = this.#waiting.first; wait !== null; wait = this.#waiting.first) {
      const session = this.#sessionWithRoom();
      if (session === null) break;
      this.leave(wait.taker);
      this.#give(wait.taker, session);
    }
    this.#filling = false;
    this.#whileWaiting();
  }

  #give(stream: SlotTaker, session: ClientHttp2Session): void {
    this.#used += 1;
    stream.onSlot(session);
  }

  /** The session, if a stream may open on it now. */
  #sessionWithRoom(): ClientHttp2Session | null {
    const session = this.#host.openableSession();
    // node:http2: requests above the peer's limit would wait unseen inside nghttp2, and die with a GOAWAY there
    // (test/transport/http2/max-concurrent-streams.test.ts).
    return session !== null && this.#used + this.#doubtful < maxStreams(session) ? session : null;
  }

  /** Streams wait, and perhaps for nothing but to be sure that the peer has heard of our resets. */
  #whileWaiting(): void {
    if (this.#doubtful === 0 || this.#waiting.size === 0 || this.#asking) return;
    this.#asking = true;
    // node:http2: SETTINGS overtake a reset of the same turn (test/transport/http2/max-concurrent-streams.test.ts).
    setImmediate(askAboutResets, this);
  }

  /** A peer acknowledges SETTINGS, even empty ones, in the order of what comes to it. RFC 9113 §6.5.3. */
  askAboutResets(): void {
    const session = this.#host.openableSession();
    if (session === null || session.destroyed) return;
    this.#asked = this.#doubtful;
    this.#answerTimer = this.#clock.schedule(ANSWER_MS, this);
    this.#questions += 1;
    if (!this.#isOpen) this.#ask(session, this.#questions);
  }

  #ask(session: ClientHttp2Session, question: number): void {
    this.#isOpen = true;
    session.settings({}, () => {
      this.#isOpen = false;
      // One that comes behind its time says nothing of later resets.
      if (question === this.#questions) this.#onAnswer();
    });
  }

  /** No answer. For the clock. */
  onTimer(): void {
    this.#onAnswer();
  }

  /** The connection is over: nobody waits for answers. */
  stop(): void {
    this.#clock.cancel(this.#answerTimer);
    this.#answerTimer = null;
  }

  #onAnswer(): void {
    // Behind its time, or the end.
    if (this.#answerTimer === null) return;
    this.stop();
    this.#asking = false;
    this.#doubtful -= this.#asked;
    this.fill();
  }
}

/** How many streams the peer allows at a time. */
export function maxStreams(session: ClientHttp2Session): number {
  return session.remoteSettings.maxConcurrentStreams ?? Number.POSITIVE_INFINITY;
}

function askAboutResets(slots: StreamSlots): void {
  slots.askAboutResets();
}
