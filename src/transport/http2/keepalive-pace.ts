/**
 * KeepalivePace: how often the connections of one channel may ask their servers for a sign of life, after a server has said
 * that it was too often. Above: a channel makes one, and gives it to all its transports. Below: nothing. Holds: it only ever
 * slows down; one warning a channel. Source: gRFC A8 "Server Enforcement".
 */
import type { KeepaliveSettings } from './keepalive.ts';

/** What the connections of one channel have learnt. */
export class KeepalivePace {
  /** No connection asks more often than this. */
  #minTimeMs = 0;

  /** The settings of a connection that is made now. */
  settingsOf(settings: KeepaliveSettings): KeepaliveSettings {
    return this.#minTimeMs <= settings.timeMs ? settings : { ...settings, timeMs: this.#minTimeMs };
  }

  /** `server` says that a question every `timeMs` is too often: later connections take twice the time. */
  slowDown(timeMs: number, server: string): void {
    const first = this.#minTimeMs === 0;
    this.#minTimeMs = Math.max(this.#minTimeMs, timeMs * 2);
    if (!first) return;
    process.emitWarning(
      `${server} ended a connection for too many keepalive pings; later connections of the channel send one every ` +
        `${this.#minTimeMs / 1000} s, and half as many each time this happens. Set keepalive.timeMs to what the server permits.`,
      'HalfcloseWarning',
    );
  }
}
