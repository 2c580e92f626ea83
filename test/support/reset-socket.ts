/** A TCP RST on purpose. Above: raw-http2.ts, proxy.ts. */
import type { Socket } from 'node:net';

/** Sends RST and nothing else: resetAndDestroy alone would send FIN before it. Not for TLS. */
export function resetSocket(socket: Socket): void {
  if (socket.destroyed) return;
  socket.resetAndDestroy();
  socket.destroy();
}
