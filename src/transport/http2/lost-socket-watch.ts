/**
 * LostSocketWatch: finds out that a TLS connection is gone where node does not tell. Above: Http2ClientTransport,
 * Http2ServerTransport. Below: the session and its sockets. Holds: its timer, of which there is one at most, does not keep the
 * process alive; a peer that is silent is none of its business, but of keepalive and deadlines.
 *
 *   resting ─in use→ moving ─silence→ asked ─blocked: see onBlocked→ stopped
 *                      ↑                 ↓ acknowledged, or at least written
 *                      └─ bytes come ─ silent
 */
import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../values/clock.ts';

/** How long a silence is, in milliseconds. */
const LOOK_MS = 5_000;
/** How many looks a server's writes may be blocked: as long as gRPC's servers let TCP wait for a peer (gRFC A18). */
const BLOCKED_LOOKS = 4;

/** Whose connection it is. */
export interface LostSocketHost {
  /** Node has lost it. Once, and nothing after it. Never within an event of the session. */
  onSocketLost(): void;
}

/** What it looks at: a session and sockets of node. */
export interface WatchedConnection {
  readonly session: Pick<Http2Session, 'destroyed' | 'settings'>;
  /** The session's. */
  readonly socket: Pick<Socket, 'bytesRead' | 'bytesWritten'>;
  /** The one that carries it, which nobody else may ask for its peer: node keeps the first answer. Null if it is not known. */
  readonly below: Pick<Socket, 'remoteAddress'> | null;
}

/** `asked`: in this silence, and how it went is not known yet; `silent`: it is, and all is well. */
type State = 'resting' | 'moving' | 'asked' | 'silent' | 'stopped';

/**
 * Watches one connection while it is in use.
 *
 * node:tls: up to 24, where a write fails, as to a connection that was reset, every later write stays under way for ever, and
 * node:http2, which reads nothing while it writes, never learns of the end (test/transport/http2/lost-socket.test.ts).
 */
export class LostSocketWatch {
  readonly #connection: WatchedConnection;
  readonly #clock: Clock;
  readonly #host: LostSocketHost;
  #state: State = 'resting';
  #inUse = false;
  #timer: Timer | null = null;
  /** The socket's counts: of bytes read at the last look, of bytes written before the last question. */
  #bytesRead: number;
  #bytesWritten = 0;
  #blockedLooks = 0;
  /** Whether a question was not acknowledged. */
  #isOpen = false;
  /** Made once, for every question. */
  readonly #onAnswer = (): void => {
    this.#isOpen = false;
    if (this.#state !== 'asked') return;
    // The acknowledgement itself is no end of the silence.
    this.#state = 'silent';
    this.#bytesRead = this.#connection.socket.bytesRead;
  };

  constructor(connection: WatchedConnection, clock: Clock, host: LostSocketHost) {
    this.#connection = connection;
    this.#clock = clock;
    this.#host = host;
    this.#bytesRead = connection.socket.bytesRead;
  }

  /** The first call has come, or the last has gone. A timer that runs is left alone: calls come and go far more often. */
  onInUse(inUse: boolean): void {
    this.#inUse = inUse;
    if (!inUse || this.#state !== 'resting') return;
    this.#state = 'moving';
    this.#rearm();
  }

  /** The connection is over. */
  stop(): void {
    this.#state = 'stopped';
    this.#clock.cancel(this.#timer);
    this.#timer = null;
  }

  #rearm(): void {
    this.#timer = this.#clock.scheduleInBackground(LOOK_MS, this);
  }

  /** Time to look. For the clock. */
  onTimer(): void {
    if (this.#state === 'stopped') return;
    this.#timer = null;
    if (!this.#inUse) {
      this.#state = 'resting';
      return;
    }
    this.#rearm();
    const { bytesRead, bytesWritten } = this.#connection.socket;
    const isSilent = bytesRead === this.#bytesRead;
    this.#bytesRead = bytesRead;
    if (!isSilent) this.#state = 'moving';
    else if (this.#state === 'moving') this.#ask(bytesWritten);
    else if (this.#state === 'asked' && bytesWritten === this.#bytesWritten) this.#onBlocked();
    else if (this.#state === 'asked') this.#state = 'silent';
  }

  /** Once in a silence: empty SETTINGS, which every peer acknowledges, and which no policy on pings counts. RFC 9113 §6.5.3. */
  #ask(bytesWritten: number): void {
    const { session } = this.#connection;
    if (this.#isOpen || session.destroyed) return;
    this.#state = 'asked';
    this.#isOpen = true;
    this.#blockedLooks = 0;
    this.#bytesWritten = bytesWritten;
    session.settings({}, this.#onAnswer);
  }

  /** The system has no room for what we write, or node is stuck: the peer's address tells which, or else time. */
  #onBlocked(): void {
    this.#blockedLooks += 1;
    const { below } = this.#connection;
    if (below !== null && below.remoteAddress !== undefined) this.#state = 'silent';
    else if (below !== null || this.#blockedLooks === BLOCKED_LOOKS) this.#onLost();
  }

  #onLost(): void {
    this.stop();
    this.#host.onSocketLost();
  }
}
