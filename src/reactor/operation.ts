/**
 * Operations: what both ends' RPCs keep of a read or a write that was started. Above: ClientRpc, ServerRpc. Below: the flags
 * of a message.
 */
import { WriteFlag, type WriteFlags } from '../transport/stream.ts';
import type { WriteOptionsInit } from './write-options.ts';

/** An operation: not started, started, or answered while its reaction has yet to run. */
export type Operation = 'none' | 'out' | 'answered';

/** A write that waits until there is a call to take it. */
export interface UnsentWrite<T> {
  readonly message: T;
  readonly options: WriteOptionsInit | undefined;
}

/**
 * Whether a write with these flags is done with once it is buffered, as long as not too much is. Source: buffer_hint in
 * grpc::WriteOptions; chttp2 counts such a message as written ahead of flow control.
 */
export function isDoneOnceBuffered(flags: WriteFlags): boolean {
  return (flags & WriteFlag.BUFFER_HINT) !== 0 && (flags & WriteFlag.WRITE_THROUGH) === 0;
}
