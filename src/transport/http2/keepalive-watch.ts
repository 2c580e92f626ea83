/**
 * KeepaliveWatch: does for one connection what its Keepalive decides. Above: Http2ClientTransport, Http2ServerTransport.
 * Below: Keepalive, the session, the socket's count of bytes. Holds: its timer, of which there is one at most, does not keep
 * the process alive; nothing that a ping does is thrown here, and only what was read counts as life.
 *
 *   idle ─start→ resting ⇄ watching (a timer is armed) ─stop, given up→ stopped
 */
import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../values/clock.ts';
import { Keepalive, type KeepaliveSettings } from './keepalive.ts';

/** Why a connection is given up. grpc-java's words. */
export const KEEPALIVE_FAILED = 'Keepalive failed. The connection is likely gone';

/** Whose connection it is. */
export interface KeepaliveHost {
  /** The peer gives no sign of life. Once, and nothing after it. Never within an event of the session. */
  onKeepaliveFailed(): void;
}

type State = 'resting' | 'watching' | 'stopped';

/** Watches one connection, from now on. */
export class KeepaliveWatch {
  readonly #clock: Clock;
  readonly #machine: Keepalive;
  readonly #session: Http2Session;
  readonly #socket: Socket;
  readonly #host: KeepaliveHost;
  #state: State = 'resting';
  #timer: Timer | null = null;
  /** The socket's count at the last look. */
  #bytesRead: number;
  /** Made once, for every ping. */
  readonly #onAnswer = (error: Error | null): void => {
    // node:http2: a ping that was refused, or cancelled by the end of the session, is answered too.
    if (error !== null || this.#state === 'stopped') return;
    this.#bytesRead = this.#socket.bytesRead;
    this.#machine.onRead(this.#clock.now());
  };

  constructor(settings: KeepaliveSettings, clock: Clock, session: Http2Session, socket: Socket, host: KeepaliveHost) {
    this.#clock = clock;
    this.#machine = new Keepalive(settings, clock.now());
    this.#session = session;
    this.#socket = socket;
    this.#host = host;
    this.#bytesRead = socket.bytesRead;
    this.#rearm();
  }

  /** The first call has come, or the last has gone. A timer that runs is left alone: calls come and go far more often. */
  onInUse(inUse: boolean): void {
    this.#machine.onInUse(inUse);
    if (inUse && this.#state === 'resting') this.#look();
  }

  /** The connection is over. */
  stop(): void {
    this.#state = 'stopped';
    this.#clock.cancel(this.#timer);
    this.#timer = null;
  }

  /** Time to look. For the clock. */
  onTimer(): void {
    // node:http2: the event loop may have stood still for longer than the timeout, with the answer waiting in the socket: it
    // is read first (test/transport/http2/keepalive.test.ts).
    setImmediate(lookNow, this);
  }

  /** A turn after the timer. */
  onLookDue(): void {
    if (this.#state === 'watching') this.#look();
  }

  #look(): void {
    const nowMs = this.#clock.now();
    const { bytesRead } = this.#socket;
    if (bytesRead !== this.#bytesRead) this.#machine.onRead(nowMs);
    this.#bytesRead = bytesRead;
    const step = this.#machine.step(nowMs);
    if (step === 'give-up') {
      this.stop();
      this.#host.onKeepaliveFailed();
      return;
    }
    if (step === 'ask') this.#ask();
    this.#rearm();
  }

  #rearm(): void {
    const nowMs = this.#clock.now();
    const dueMs = this.#machine.nextLookMs(nowMs);
    this.#state = dueMs === Number.POSITIVE_INFINITY ? 'resting' : 'watching';
    this.#timer = this.#state === 'resting' ? null : this.#clock.scheduleInBackground(dueMs - nowMs, this);
  }

  #ask(): void {
    const session = this.#session;
    // node:http2: ping() and settings() throw on a destroyed session; its close is on the way.
    if (session.destroyed) return;
    // node:http2: a session that closes gracefully refuses to ping, but not to send SETTINGS, which are acknowledged too
    // (test/transport/http2/keepalive.test.ts).
    if (session.closed) session.settings({}, nothing);
    else session.ping(this.#onAnswer);
  }
}

function lookNow(watch: KeepaliveWatch): void {
  watch.onLookDue();
}

/** The acknowledgement is seen as bytes that were read. */
function nothing(): void {}
