/**
 * What reflection must know of a .proto file: its name, what it imports, the names that it declares. Above: FileIndex. Below:
 * values/protobuf-wire.ts. Holds: the bytes of a file are only read, never written anew, so that its options and whatever
 * else is in them reach the client as they are. Source: google/protobuf/descriptor.proto.
 */
import { bytesTag, varintTag, WireReader } from '../values/protobuf-wire.ts';

/** An extension: a field of a message that is declared elsewhere. */
export interface DeclaredExtension {
  /** The full name of the message that is extended. */
  readonly extendee: string;
  readonly number: number;
}

/** One file. */
export interface FileDescriptor {
  /** Such as `google/protobuf/timestamp.proto`. */
  readonly name: string;
  /** A serialized google.protobuf.FileDescriptorProto, as it was given. */
  readonly bytes: Uint8Array;
  /** The names of the files that it imports. */
  readonly dependencies: readonly string[];
  /** The full names of all that it declares, without a leading dot. Values of enums stand beside their enum, as in C++. */
  readonly symbols: readonly string[];
  /** The full names of its messages, which are among the symbols. */
  readonly messages: readonly string[];
  readonly extensions: readonly DeclaredExtension[];
}

// The numbers of the fields, by the message that has them. The name is field 1 of each.
const NAME = 1;
const FILE = { package: 2, dependency: 3, message: 4, enum: 5, service: 6, extension: 7 };
const MESSAGE = { field: 2, nested: 3, enum: 4, extension: 6, oneof: 8 };
const ENUM = { value: 2 };
const SERVICE = { method: 2 };
const FIELD = { extendee: 2, number: 3 };
const SET = { file: 1 };

/**
 * The serialized FileDescriptorProtos of a serialized google.protobuf.FileDescriptorSet, each as it stands there: for use beside
 * those of other sources. Throws for broken bytes.
 */
export function fileDescriptorsOfSet(bytes: Uint8Array): Uint8Array[] {
  return partsOf(bytes, SET.file);
}

/** Reads a serialized google.protobuf.FileDescriptorProto. Throws for broken bytes, and TypeError for a file without a name. */
export function readFileDescriptor(bytes: Uint8Array): FileDescriptor {
  const name = stringOf(bytes, NAME);
  if (name === '') throw new TypeError('not a FileDescriptorProto: the file has no name');
  const declared = new Declarations();
  declared.readFile(stringOf(bytes, FILE.package), bytes);
  return { name, bytes, dependencies: partsOf(bytes, FILE.dependency).map(asString), ...declared };
}

/** Collects what a file declares. */
class Declarations {
  readonly symbols: string[] = [];
  readonly messages: string[] = [];
  readonly extensions: DeclaredExtension[] = [];

  readFile(scope: string, bytes: Uint8Array): void {
    for (const message of partsOf(bytes, FILE.message)) this.#readMessage(scope, message);
    for (const type of partsOf(bytes, FILE.enum)) this.#readEnum(scope, type);
    for (const service of partsOf(bytes, FILE.service))
      this.#addWithin(this.#add(scope, service), service, SERVICE.method);
    for (const extension of partsOf(bytes, FILE.extension)) this.#readExtension(scope, extension);
  }

  #readMessage(scope: string, bytes: Uint8Array): void {
    const name = this.#add(scope, bytes);
    this.messages.push(name);
    this.#addWithin(name, bytes, MESSAGE.field);
    this.#addWithin(name, bytes, MESSAGE.oneof);
    for (const message of partsOf(bytes, MESSAGE.nested)) this.#readMessage(name, message);
    for (const type of partsOf(bytes, MESSAGE.enum)) this.#readEnum(name, type);
    for (const extension of partsOf(bytes, MESSAGE.extension)) this.#readExtension(name, extension);
  }

  #readEnum(scope: string, bytes: Uint8Array): void {
    this.#add(scope, bytes);
    this.#addWithin(scope, bytes, ENUM.value);
  }

  #readExtension(scope: string, bytes: Uint8Array): void {
    this.#add(scope, bytes);
    const extendee = stringOf(bytes, FIELD.extendee).replace(/^\./, '');
    this.extensions.push({ extendee, number: numberOf(bytes, FIELD.number) });
  }

  /** Adds the name of a declaration, and returns it in full. */
  #add(scope: string, bytes: Uint8Array): string {
    const name = stringOf(bytes, NAME);
    const fullName = scope === '' ? name : `${scope}.${name}`;
    this.symbols.push(fullName);
    return fullName;
  }

  /** Adds the names of what a declaration has in its field `part`. */
  #addWithin(scope: string, bytes: Uint8Array, part: number): void {
    for (const declaration of partsOf(bytes, part)) this.#add(scope, declaration);
  }
}

/** The values of a repeated field of strings, bytes or messages. */
function partsOf(message: Uint8Array, field: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const reader = new WireReader(message);
  while (reader.next()) {
    if (reader.tag === bytesTag(field)) parts.push(reader.bytes());
    else reader.skip();
  }
  return parts;
}

/** The value of a string field; empty where there is none. */
function stringOf(message: Uint8Array, field: number): string {
  const last = partsOf(message, field).at(-1);
  return last === undefined ? '' : asString(last);
}

function asString(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

/** The value of an int32 field; 0 where there is none. */
function numberOf(message: Uint8Array, field: number): number {
  let value = 0;
  const reader = new WireReader(message);
  while (reader.next()) {
    if (reader.tag === varintTag(field)) value = reader.int32();
    else reader.skip();
  }
  return value;
}
