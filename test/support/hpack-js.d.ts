// The part of the package hpack.js that the raw HTTP/2 reader uses; the package has no types of its own.
declare module 'hpack.js' {
  import type { Duplex } from 'node:stream';

  export interface HeaderField {
    readonly name: string;
    readonly value: string;
  }

  /** Write a header block, call execute(), then read() fields until null: all of it at once, in the same tick. */
  export interface Decompressor extends Omit<Duplex, 'read'> {
    /** Emits `error` for a broken block. */
    execute(): void;
    read(): HeaderField | null;
  }

  const hpack: { decompressor: { create(options: { readonly table: { readonly maxSize: number } }): Decompressor } };
  export default hpack;
}
