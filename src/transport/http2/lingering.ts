/**
 * Http2 streams that we reset while writes of theirs were held back. Above: both ends' streams. Below: node:http2.
 * Holds: each is gone within a second or so of HTTP/2's having forgotten it; the timer runs only while there are any, and keeps
 * no process alive.
 *
 * node:http2: when the peer's RST_STREAM(NO_ERROR) crosses a reset of ours and writes are held back, node tells nobody, and
 * the stream, with its slot and its buffers, stays for as long as the connection (test/call/cancelled-calls.test.ts). Destroying
 * it any earlier can abort the process on 26: our RST_STREAM may still wait for the socket.
 */
import { constants, type Http2Stream } from 'node:http2';

const SWEEP_MS = 1_000;

const lingering = new Set<Http2Stream>();

/** Resets a stream, and sees to it that it goes. */
export function resetAndBury(http2: Http2Stream, code: number): void {
  http2.close(code);
  if (http2.destroyed || http2.writableLength === 0) return;
  if (lingering.size === 0) setTimeout(sweep, SWEEP_MS).unref();
  lingering.add(http2);
}

function sweep(): void {
  for (const http2 of lingering) {
    if (!http2.destroyed && http2.state.state !== constants.NGHTTP2_STREAM_STATE_IDLE) continue;
    lingering.delete(http2);
    http2.destroy();
  }
  if (lingering.size > 0) setTimeout(sweep, SWEEP_MS).unref();
}
