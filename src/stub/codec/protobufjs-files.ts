/**
 * The .proto files behind a root of protobufjs 7 or 8, as bytes: for halfclose/reflection. Above: users, through the entry point
 * `halfclose/protobufjs`. Below: protobufjs-descriptors.ts, values/protobuf-wire.ts; protobufjs itself is never imported. Holds:
 * each object is in the file that it was parsed from, and each file imports all whose declarations it uses; without file
 * names, as in a root from JSON, each package is one file.
 */
import path from 'node:path';
import { WireWriter } from '../../values/protobuf-wire.ts';
import { type Declared, enumBytes, extensionBytes, messageBytes, serviceBytes } from './protobufjs-descriptors.ts';

/** What is needed of a reflection object: a `Root`, or any `Service`, `Type` or other that belongs to one. */
export interface RootedObject {
  readonly root: object;
}

/** What is needed of a `Root` itself. */
interface Root extends Declared {
  resolveAll(): unknown;
}

const FILE = {
  name: 1,
  package: 2,
  dependency: 3,
  message: 4,
  enum: 5,
  service: 6,
  extension: 7,
  syntax: 12,
  edition: 14,
};
/** Numbers of google.protobuf.Edition. */
const EDITIONS: Readonly<Record<string, number>> = { '2023': 1000, '2024': 1001, '2026': 1002 };

/**
 * All files of the root to which `reflected` belongs, as serialized FileDescriptorProtos:
 * `addReflection(server, fileDescriptorsOf(root))`. protobufjs has no descriptors, so they are written anew: names, numbers, types
 * and kinds are all there; of options only those that say how messages look, `deprecated` and `idempotency_level`; field names
 * as protobufjs has them, which version 7 turns into lowerCamel unless it is told `keepCase`. Where more is wanted give
 * reflection the output of `protoc` or `buf build` instead. Resolves the whole root first, and throws protobufjs's error if
 * anything in it cannot be resolved.
 */
export function fileDescriptorsOf(reflected: RootedObject): Uint8Array[] {
  const root = reflected.root as Root;
  root.resolveAll();
  const files = new Files();
  files.addAll(root, '');
  return files.bytes();
}

/** One file in the making. */
class File {
  readonly name: string;
  readonly scope: string;
  readonly declared: Declared[] = [];

  constructor(name: string, scope: string) {
    this.name = name;
    this.scope = scope;
  }
}

/** The files of a root. */
class Files {
  /** By what protobufjs knows of a file, and by package. */
  readonly #byOrigin = new Map<string, File>();
  readonly #names = new Set<string>();
  /** The file of each object that stands directly in one. */
  readonly #ofObject = new Map<object, File>();

  /** Adds what a package has, and the packages in it. */
  addAll(namespace: Declared, scope: string): void {
    for (const declared of namespace.nestedArray ?? []) {
      if (isPackage(declared)) this.addAll(declared, scope === '' ? declared.name : `${scope}.${declared.name}`);
      else this.#add(declared, scope);
    }
  }

  #add(declared: Declared, scope: string): void {
    const filename = declared.filename ?? wellKnownFile(declared.name, scope);
    const origin = `${filename ?? ''}\n${scope}`;
    const file = this.#byOrigin.get(origin) ?? new File(this.#nameOf(filename, scope), scope);
    this.#byOrigin.set(origin, file);
    file.declared.push(declared);
    this.#ofObject.set(declared, file);
  }

  /** A name that no other file has. The paths of this machine are nobody's business: a file of one is named by its package. */
  #nameOf(filename: string | null, scope: string): string {
    const folder = scope.replaceAll('.', '/');
    const isLocal = filename !== null && (path.isAbsolute(filename) || filename.startsWith('..'));
    let name = filename ?? `${folder === '' ? 'root' : folder}.proto`;
    if (isLocal) name = path.posix.join(folder, path.basename(filename));
    for (let count = 2; this.#names.has(name); count += 1) name = name.replace(/(_\d+)?\.proto$|$/, `_${count}.proto`);
    this.#names.add(name);
    return name;
  }

  bytes(): Uint8Array[] {
    return Array.from(this.#byOrigin.values(), (file) => this.#bytesOf(file));
  }

  #bytesOf(file: File): Uint8Array {
    const imports = new Set<string>();
    const use = (used: Declared): void => {
      const { name } = this.#fileOf(used);
      if (name !== file.name) imports.add(name);
    };
    const edition = file.declared.map(editionOf)[0] ?? 'proto3';
    const body = new WireWriter();
    for (const declared of file.declared) {
      if ('methodsArray' in declared) body.bytes(FILE.service, serviceBytes(declared, use));
      else if ('fieldsArray' in declared) body.bytes(FILE.message, messageBytes(declared, edition, use));
      else if ('values' in declared) body.bytes(FILE.enum, enumBytes(declared));
      else body.bytes(FILE.extension, extensionBytes(declared, edition, use));
    }
    const head = new WireWriter().string(FILE.name, file.name);
    if (file.scope !== '') head.string(FILE.package, file.scope);
    for (const name of imports) head.string(FILE.dependency, name);
    return Buffer.concat([head.finish(), body.finish(), syntaxBytes(edition)]);
  }

  #fileOf(used: Declared): File {
    let object: Declared | null = used;
    for (; object !== null; object = object.parent) {
      const file = this.#ofObject.get(object);
      if (file !== undefined) return file;
    }
    throw new TypeError(`${used.fullName} belongs to another root`);
  }
}

/** Where a type of google.protobuf comes from: protobufjs has those by heart, without their files. */
function wellKnownFile(name: string, scope: string): string | null {
  if (scope !== 'google.protobuf') return null;
  const file = WELL_KNOWN.find(([names]) => names.test(name))?.[1];
  return file === undefined ? null : `google/protobuf/${file}.proto`;
}

const WELL_KNOWN: readonly (readonly [names: RegExp, file: string])[] = [
  [/^Any$/, 'any'],
  [/^Duration$/, 'duration'],
  [/^Empty$/, 'empty'],
  [/^FieldMask$/, 'field_mask'],
  [/^(Struct|Value|NullValue|ListValue)$/, 'struct'],
  [/^Timestamp$/, 'timestamp'],
  [/^(Double|Float|U?Int(32|64)|Bool|String|Bytes)Value$/, 'wrappers'],
];

function isPackage(declared: Declared): boolean {
  return 'nestedArray' in declared && !('fieldsArray' in declared) && !('methodsArray' in declared);
}

/** The edition of an object that stands directly in a file: `proto2`, `proto3` or a year. */
function editionOf(declared: Declared): string {
  return declared.toJSON({}).edition ?? 'proto3';
}

function syntaxBytes(edition: string): Uint8Array {
  const number = EDITIONS[edition];
  if (number !== undefined)
    return new WireWriter().string(FILE.syntax, 'editions').int32(FILE.edition, number).finish();
  return edition === 'proto2' ? new Uint8Array() : new WireWriter().string(FILE.syntax, edition).finish();
}
