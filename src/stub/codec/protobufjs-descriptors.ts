/**
 * What protobufjs reflects, written as descriptors: messages, enums, services, extensions. Above: protobufjs-files.ts. Below:
 * values/protobuf-wire.ts. Holds: the root is resolved; whatever a descriptor refers to is told to `use`; objects are known by
 * what they can do, never by class, because versions 7 and 8 meet in one process. Source: google/protobuf/descriptor.proto.
 */
import { WireWriter } from '../../values/protobuf-wire.ts';

type Options = { readonly [name: string]: unknown } | undefined | null;

/** What is needed of any reflection object; the rest of what it has says what it is. */
export interface Declared {
  readonly name: string;
  /** With a leading dot. */
  readonly fullName: string;
  readonly parent: Declared | null;
  readonly filename?: string | null;
  readonly options?: Options;
  readonly nestedArray?: readonly Declared[];
  toJSON(options: object): { readonly edition?: string };
}

interface Field extends Declared {
  readonly id: number;
  readonly type: string;
  /** Of version 8: the name in the .proto file. */
  readonly protoName?: string | undefined;
  readonly jsonName?: string | undefined;
  readonly repeated: boolean;
  readonly required: boolean;
  readonly map: boolean;
  readonly keyType?: string;
  readonly packed: boolean;
  readonly delimited: boolean;
  readonly hasPresence: boolean;
  readonly partOf: OneOf | null;
  readonly extend?: string | undefined;
  readonly resolvedType: Declared | null;
  /** The extension that a field of an extended message stands for. */
  readonly declaringField: object | null;
  /** The field of the extended message that stands for an extension. */
  readonly extensionField: Declared | null;
}

type Range = string | readonly [first: number, last: number];

/** A callback that hears what a descriptor refers to. */
export type Use = (used: Declared) => void;

const NAME = 1;
const MESSAGE = {
  field: 2,
  nested: 3,
  enum: 4,
  range: 5,
  extension: 6,
  options: 7,
  oneof: 8,
  reserved: 9,
  reservedName: 10,
};
const FIELD = {
  extendee: 2,
  number: 3,
  label: 4,
  type: 5,
  typeName: 6,
  default: 7,
  options: 8,
  oneof: 9,
  jsonName: 10,
  proto3Optional: 17,
};
const ENUM = { value: 2, options: 3, reserved: 4, reservedName: 5 };
const VALUE = { number: 2, options: 3 };
const SERVICE = { method: 2, options: 3 };
const METHOD = { input: 2, output: 3, options: 4, clientStreaming: 5, serverStreaming: 6 };
const RANGE = { start: 1, end: 2 };
const FEATURES = { presence: 1, repeatedEncoding: 3, messageEncoding: 5 };
/** Numbers of options, by what has them. */
const OPTION = { fieldPacked: 2, fieldFeatures: 21, mapEntry: 7, allowAlias: 2, idempotency: 34 };
const DEPRECATED = { field: 3, message: 3, enum: 3, value: 1, service: 33, method: 33 };
const LABEL = { optional: 1, required: 2, repeated: 3 };
const TYPES: Readonly<Record<string, number>> = {
  double: 1,
  float: 2,
  int64: 3,
  uint64: 4,
  int32: 5,
  fixed64: 6,
  fixed32: 7,
  bool: 8,
  string: 9,
  bytes: 12,
  uint32: 13,
  sfixed32: 15,
  sfixed64: 16,
  sint32: 17,
  sint64: 18,
};
const TYPE = { group: 10, message: 11, enum: 14 };
const IDEMPOTENCY: Readonly<Record<string, number>> = { NO_SIDE_EFFECTS: 1, IDEMPOTENT: 2 };

/** A DescriptorProto. */
export function messageBytes(message: Declared, edition: string, use: Use): Uint8Array {
  const { fieldsArray, oneofsArray } = message as unknown as { fieldsArray: Field[]; oneofsArray: OneOf[] };
  const oneofs = orderedOneofs(oneofsArray);
  const writer = new WireWriter().string(NAME, message.name);
  for (const field of fieldsArray) {
    if (field.declaringField) continue;
    writer.bytes(MESSAGE.field, fieldBytes(field, oneofs, edition, use));
    if (field.map) writer.bytes(MESSAGE.nested, mapEntryBytes(field, use));
  }
  for (const nested of message.nestedArray ?? []) {
    if ('fieldsArray' in nested) writer.bytes(MESSAGE.nested, messageBytes(nested, edition, use));
    else if ('values' in nested) writer.bytes(MESSAGE.enum, enumBytes(nested));
    else if ('extend' in nested) writer.bytes(MESSAGE.extension, extensionBytes(nested, edition, use));
  }
  for (const { name } of oneofs) writer.bytes(MESSAGE.oneof, new WireWriter().string(NAME, name).finish());
  for (const range of rangesOf(message, 'extensions'))
    writeRange(writer, MESSAGE.range, MESSAGE.reservedName, range, 1);
  for (const range of rangesOf(message, 'reserved'))
    writeRange(writer, MESSAGE.reserved, MESSAGE.reservedName, range, 1);
  return withOptions(writer, MESSAGE.options, deprecation(message.options, DEPRECATED.message));
}

interface OneOf extends Declared {
  readonly fieldsArray: readonly Field[];
}

/** Those that only stand for a proto3 `optional` come last, as descriptors want it. */
function orderedOneofs(oneofs: readonly OneOf[]): OneOf[] {
  const isSynthetic = ({ fieldsArray }: OneOf): boolean => fieldsArray.some(isProto3Optional);
  return [...oneofs.filter((oneof) => !isSynthetic(oneof)), ...oneofs.filter(isSynthetic)];
}

function isProto3Optional({ options }: Field): boolean {
  return options?.['proto3_optional'] === true;
}

/** A FieldDescriptorProto of an extension. */
export function extensionBytes(extension: Declared, edition: string, use: Use): Uint8Array {
  return fieldBytes(extension as Field, [], edition, use);
}

function fieldBytes(field: Field, oneofs: readonly OneOf[], edition: string, use: Use): Uint8Array {
  const writer = new WireWriter().string(NAME, field.protoName ?? field.name).int32(FIELD.number, field.id);
  writer.int32(FIELD.label, labelOf(field, edition));
  if (field.map)
    writer.int32(FIELD.type, TYPE.message).string(FIELD.typeName, `${field.parent?.fullName}.${entryName(field)}`);
  else writeType(writer, field, use);
  const extendee = field.extensionField?.parent ?? null;
  if (extendee !== null) {
    use(extendee);
    writer.string(FIELD.extendee, extendee.fullName);
  }
  const oneof = field.partOf === null ? -1 : oneofs.indexOf(field.partOf);
  if (oneof !== -1) writer.int32(FIELD.oneof, oneof);
  if (field.jsonName) writer.string(FIELD.jsonName, field.jsonName);
  if (isProto3Optional(field)) writer.int32(FIELD.proto3Optional, 1);
  const preset = field.options?.['default'];
  if (preset !== undefined && field.type !== 'bytes') writer.string(FIELD.default, String(preset));
  return withOptions(writer, FIELD.options, fieldOptions(field, edition));
}

function labelOf({ repeated, map, required }: Field, edition: string): number {
  if (repeated || map) return LABEL.repeated;
  return required && edition === 'proto2' ? LABEL.required : LABEL.optional;
}

/** The type of a field, or of the values of a map. */
function writeType(writer: WireWriter, { type, resolvedType, delimited }: Field, use: Use): void {
  const scalar = TYPES[type];
  if (resolvedType === null || scalar !== undefined) {
    writer.int32(FIELD.type, scalar ?? TYPE.message);
    return;
  }
  use(resolvedType);
  const message = delimited ? TYPE.group : TYPE.message;
  writer
    .int32(FIELD.type, 'values' in resolvedType ? TYPE.enum : message)
    .string(FIELD.typeName, resolvedType.fullName);
}

function fieldOptions(field: Field, edition: string): WireWriter {
  const options = deprecation(field.options, DEPRECATED.field);
  const packed = field.options?.['packed'];
  if (edition === 'proto2' || edition === 'proto3') {
    if (typeof packed === 'boolean') options.int32(OPTION.fieldPacked, packed ? 1 : 0);
    return options;
  }
  const features = new WireWriter();
  if (field.required) features.int32(FEATURES.presence, 3);
  else if (!field.repeated && !field.map && !field.hasPresence) features.int32(FEATURES.presence, 2);
  if (field.repeated && !field.packed && isPackable(field)) features.int32(FEATURES.repeatedEncoding, 2);
  if (field.delimited) features.int32(FEATURES.messageEncoding, 2);
  const bytes = features.finish();
  return bytes.length === 0 ? options : options.bytes(OPTION.fieldFeatures, bytes);
}

function isPackable({ type, resolvedType }: Field): boolean {
  return resolvedType === null ? type !== 'string' && type !== 'bytes' : 'values' in resolvedType;
}

/** What protoc calls the message of a map's entries. */
function entryName({ name, protoName = name }: Field): string {
  const camel = protoName.replace(/(?:^|_)+(.)/g, (_text, letter: string) => letter.toUpperCase());
  return `${camel}Entry`;
}

function mapEntryBytes(field: Field, use: Use): Uint8Array {
  const key = new WireWriter().string(NAME, 'key').int32(FIELD.number, 1).int32(FIELD.label, LABEL.optional);
  key.int32(FIELD.type, TYPES[field.keyType ?? ''] ?? TYPE.message);
  const value = new WireWriter().string(NAME, 'value').int32(FIELD.number, 2).int32(FIELD.label, LABEL.optional);
  writeType(value, field, use);
  const entry = new WireWriter().string(NAME, entryName(field));
  entry.bytes(MESSAGE.field, key.finish()).bytes(MESSAGE.field, value.finish());
  return withOptions(entry, MESSAGE.options, new WireWriter().int32(OPTION.mapEntry, 1));
}

/** An EnumDescriptorProto. */
export function enumBytes(type: Declared): Uint8Array {
  const { values, valuesOptions } = type as unknown as {
    values: Readonly<Record<string, number>>;
    valuesOptions?: Readonly<Record<string, Options>> | null;
  };
  const writer = new WireWriter().string(NAME, type.name);
  for (const [name, number] of Object.entries(values)) {
    const value = new WireWriter().string(NAME, name).int32(VALUE.number, number);
    writer.bytes(ENUM.value, withOptions(value, VALUE.options, deprecation(valuesOptions?.[name], DEPRECATED.value)));
  }
  for (const range of rangesOf(type, 'reserved')) writeRange(writer, ENUM.reserved, ENUM.reservedName, range, 0);
  const options = deprecation(type.options, DEPRECATED.enum);
  if (type.options?.['allow_alias'] === true) options.int32(OPTION.allowAlias, 1);
  return withOptions(writer, ENUM.options, options);
}

/** A ServiceDescriptorProto. */
export function serviceBytes(service: Declared, use: Use): Uint8Array {
  const writer = new WireWriter().string(NAME, service.name);
  const { methodsArray } = service as unknown as { methodsArray: readonly Method[] };
  for (const method of methodsArray) writer.bytes(SERVICE.method, methodBytes(method, use));
  return withOptions(writer, SERVICE.options, deprecation(service.options, DEPRECATED.service));
}

interface Method extends Declared {
  readonly requestStream?: boolean | undefined;
  readonly responseStream?: boolean | undefined;
  readonly resolvedRequestType: Declared;
  readonly resolvedResponseType: Declared;
}

function methodBytes(method: Method, use: Use): Uint8Array {
  const { resolvedRequestType, resolvedResponseType } = method;
  use(resolvedRequestType);
  use(resolvedResponseType);
  const writer = new WireWriter().string(NAME, method.name);
  writer.string(METHOD.input, resolvedRequestType.fullName).string(METHOD.output, resolvedResponseType.fullName);
  if (method.requestStream === true) writer.int32(METHOD.clientStreaming, 1);
  if (method.responseStream === true) writer.int32(METHOD.serverStreaming, 1);
  const options = deprecation(method.options, DEPRECATED.method);
  const idempotency = IDEMPOTENCY[String(method.options?.['idempotency_level'])];
  if (idempotency !== undefined) options.int32(OPTION.idempotency, idempotency);
  return withOptions(writer, METHOD.options, options);
}

function deprecation(options: Options, field: number): WireWriter {
  const writer = new WireWriter();
  if (options?.['deprecated'] === true) writer.int32(field, 1);
  return writer;
}

/** What was written, with options in the field given if there are some. */
function withOptions(writer: WireWriter, field: number, options: WireWriter): Uint8Array {
  const bytes = options.finish();
  return bytes.length === 0 ? writer.finish() : writer.bytes(field, bytes).finish();
}

function rangesOf(declared: Declared, property: 'extensions' | 'reserved'): readonly Range[] {
  return (declared as { readonly extensions?: readonly Range[]; readonly reserved?: readonly Range[] })[property] ?? [];
}

/** `past` is 1 where a range ends before its end, 0 where it ends with it. */
function writeRange(writer: WireWriter, field: number, nameField: number, range: Range, past: 0 | 1): void {
  if (typeof range === 'string') writer.string(nameField, range);
  else
    writer.bytes(
      field,
      new WireWriter()
        .int32(RANGE.start, range[0])
        .int32(RANGE.end, range[1] + past)
        .finish(),
    );
}
