/**
 * WriteOptions: what may be said of one write. Above: the start… methods of reactors, which read it at once and keep
 * nothing of it, so that one object may serve many writes. Below: the flags of a stream. Source: grpc::WriteOptions.
 */
import { WriteFlag, type WriteFlags } from '../transport/stream.ts';

/** What may be said of one write; a plain object will do. Each is false unless told. */
export interface WriteOptionsInit {
  /**
   * No message will follow. At a client the half-close goes with the message; at a server the message waits for finish,
   * which is to be called at once. Implies `bufferHint`.
   */
  readonly lastMessage?: boolean;
  /** More will follow at once: the message may wait for the next one, and counts as written meanwhile. */
  readonly bufferHint?: boolean;
  /** Another name for `bufferHint`. */
  readonly corked?: boolean;
  /** Send the message as it is, even if the RPC has a compressor. */
  readonly noCompression?: boolean;
  /** Count the message as written only once the network took it. */
  readonly writeThrough?: boolean;
}

/** WriteOptionsInit in the words of C++: setters that can be chained. */
export class WriteOptions implements WriteOptionsInit {
  #flags: WriteFlags = 0;
  #lastMessage = false;

  get lastMessage(): boolean {
    return this.#lastMessage;
  }

  get bufferHint(): boolean {
    return this.#has(WriteFlag.BUFFER_HINT);
  }

  get corked(): boolean {
    return this.#has(WriteFlag.BUFFER_HINT);
  }

  get noCompression(): boolean {
    return this.#has(WriteFlag.NO_COMPRESS);
  }

  get writeThrough(): boolean {
    return this.#has(WriteFlag.WRITE_THROUGH);
  }

  /** Takes everything back but the last message. Source: grpc::WriteOptions::Clear. */
  clear(): this {
    this.#flags = 0;
    return this;
  }

  /** The buffer hint that goes with it does not show in getBufferHint; the write has it. */
  setLastMessage(): this {
    this.#lastMessage = true;
    return this;
  }

  clearLastMessage(): this {
    this.#lastMessage = false;
    return this;
  }

  isLastMessage(): boolean {
    return this.#lastMessage;
  }

  setBufferHint(): this {
    return this.#set(WriteFlag.BUFFER_HINT);
  }

  clearBufferHint(): this {
    return this.#clear(WriteFlag.BUFFER_HINT);
  }

  getBufferHint(): boolean {
    return this.bufferHint;
  }

  /** As setBufferHint. */
  setCorked(): this {
    return this.#set(WriteFlag.BUFFER_HINT);
  }

  /** As clearBufferHint. */
  clearCorked(): this {
    return this.#clear(WriteFlag.BUFFER_HINT);
  }

  /** As getBufferHint. */
  isCorked(): boolean {
    return this.corked;
  }

  setNoCompression(): this {
    return this.#set(WriteFlag.NO_COMPRESS);
  }

  clearNoCompression(): this {
    return this.#clear(WriteFlag.NO_COMPRESS);
  }

  getNoCompression(): boolean {
    return this.noCompression;
  }

  setWriteThrough(): this {
    return this.#set(WriteFlag.WRITE_THROUGH);
  }

  clearWriteThrough(): this {
    return this.#clear(WriteFlag.WRITE_THROUGH);
  }

  isWriteThrough(): boolean {
    return this.writeThrough;
  }

  #set(flag: WriteFlags): this {
    this.#flags |= flag;
    return this;
  }

  #clear(flag: WriteFlags): this {
    this.#flags &= ~flag;
    return this;
  }

  #has(flag: WriteFlags): boolean {
    return (this.#flags & flag) !== 0;
  }
}

/** The flags of a stream that `options` ask for. That a message is the last is for the caller to see to. */
export function toWriteFlags(options: WriteOptionsInit | undefined): WriteFlags {
  if (options === undefined) return 0;
  let flags: WriteFlags = 0;
  if (options.bufferHint || options.corked || options.lastMessage) flags |= WriteFlag.BUFFER_HINT;
  if (options.noCompression) flags |= WriteFlag.NO_COMPRESS;
  if (options.writeThrough) flags |= WriteFlag.WRITE_THROUGH;
  return flags;
}
