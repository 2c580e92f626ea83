/**
 * Messages that pass by reference, for calls within the process: a payload that carries the message itself, and the
 * marshaller that makes it. Above: users who give it to a method, at both ends. Below: nothing; transports pass the very
 * payload on, or copy its bytes, which say nothing.
 * Holds: both ends then share one object, which neither may change once it was sent. Over a network no such message
 * arrives: the reader's end of the call fails, as with any payload that cannot be read.
 */
import type { Marshaller } from './method.ts';

/** What a message counts for in windows and queues, in bytes, so that a fast writer is still told to wait. */
const WEIGHT_BYTES = 1024;
const NO_BYTES = new ArrayBuffer(WEIGHT_BYTES);

/** Stands for a message among payloads. Its bytes are zeros that all of them share. */
export class ReferencePayload extends Uint8Array {
  readonly message: unknown;

  constructor(message: unknown) {
    super(NO_BYTES);
    this.message = message;
  }

  /** What methods such as slice make is plain bytes. */
  static get [Symbol.species](): Uint8ArrayConstructor {
    return Uint8Array;
  }
}

/**
 * A marshaller that skips serialization: the other end gets the very object that was sent, not a copy. Give it to the
 * method at both ends, with `withMarshallers`, and only where both are in this process. Neither end may change a message
 * afterwards: the other would see it. Default, without it: every transport marshals. Source: io.grpc.inprocess, where
 * protobuf's immutable messages pass so.
 */
export function byReference<T>(): Marshaller<T> {
  return BY_REFERENCE as Marshaller<T>;
}

const BY_REFERENCE: Marshaller<unknown> = Object.freeze({
  serialize: (message: unknown): Uint8Array => new ReferencePayload(message),
  deserialize(payload: Uint8Array): unknown {
    if (payload instanceof ReferencePayload) return payload.message;
    throw new TypeError('a message by reference does not leave its process');
  },
});
