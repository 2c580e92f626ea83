/**
 * The files that halfclose/protobufjs writes for reflection, from both versions of protobufjs, next to those that the compiler
 * makes of the same .proto files.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { createFileRegistry, fromBinary, toJson } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import protobuf8 from 'protobufjs';
import { fileDescriptorsOf } from '../../src/stub/codec/protobufjs.ts';
import { assert, suite } from '../support/suite.ts';
import { file_zoo_animals_animals } from './gen/zoo/animals/animals_pb.ts';
import { file_zoo_common } from './gen/zoo/common_pb.ts';

const protobuf7: typeof protobuf8 = createRequire(import.meta.resolve('@grpc/proto-loader'))('protobufjs');
const PROTOBUFJS = path.join(process.cwd(), 'node_modules/protobufjs');
const FOLDER = path.join(process.cwd(), 'test/reflection/proto');

type Protobuf = typeof protobuf8;

/** The zoo as protobufjs reads it. */
function load(protobuf: Protobuf): protobuf8.Root {
  const root = new protobuf.Root();
  // protobufjs knows most of google/protobuf by heart, but not descriptor.proto.
  root.resolvePath = (_origin, target) => path.join(target.startsWith('google/') ? PROTOBUFJS : FOLDER, target);
  return root.loadSync('zoo/animals/animals.proto', { keepCase: true });
}

function read(files: readonly Uint8Array[]): FileDescriptorProto[] {
  return files.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
}

function named(files: readonly FileDescriptorProto[], name: string): FileDescriptorProto {
  const file = files.find((file) => file.name === name);
  if (file === undefined) throw new Error(`no ${name} among ${files.map((file) => file.name)}`);
  return file;
}

/** A file as JSON, without what protobufjs does not keep, and without an order where there is none. */
function essence(file: FileDescriptorProto): string {
  const json = JSON.stringify(toJson(FileDescriptorProtoSchema, file), (name, value) => {
    if (name === 'jsonName' || name === 'dependency') return undefined;
    if (name === 'options' && typeof value === 'object') return Object.keys(value).length === 0 ? undefined : value;
    if (!Array.isArray(value) || !value.every((one) => typeof one?.name === 'string')) return value;
    return [...value].sort((a, b) => (a.name < b.name ? -1 : 1));
  });
  return JSON.stringify(JSON.parse(json), null, 1);
}

const test = suite('files of protobufjs');

for (const [version, protobuf] of Object.entries({ 7: protobuf7, 8: protobuf8 })) {
  test(`version ${version}: the files are those of the compiler`, () => {
    const files = read(fileDescriptorsOf(load(protobuf)));
    const animals = named(files, 'zoo/animals/animals.proto');
    assert.is(essence(animals), essence(file_zoo_animals_animals.proto));
    assert.is(essence(named(files, 'zoo/common.proto')), essence(file_zoo_common.proto));
  });

  test(`version ${version}: the files hang together`, () => {
    const files = read(fileDescriptorsOf(load(protobuf).lookupService('zoo.animals.Zoo')));
    const resolve = (name: string) => files.find((file) => file.name === name);
    for (const file of files) {
      const registry = createFileRegistry(file, resolve);
      assert.equal([...registry.files].find(({ proto }) => proto === file)?.proto.dependency, file.dependency);
    }
    assert.equal([...named(files, 'zoo/animals/animals.proto').dependency].sort(), [
      'google/protobuf/timestamp.proto',
      'zoo/common.proto',
    ]);
  });

  test(`version ${version}: a root that knows no files has one for each package`, () => {
    const root = protobuf.Root.fromJSON(load(protobuf).toJSON());
    const files = read(fileDescriptorsOf(root));
    assert.equal(files.map(({ name }) => name).sort(), [
      'google/protobuf.proto',
      'google/protobuf/timestamp.proto',
      'zoo.proto',
      'zoo/animals.proto',
    ]);
    for (const file of files) createFileRegistry(file, (name) => files.find((file) => file.name === name));
  });

  test(`version ${version}: files of one name in two folders, and what has no package`, () => {
    const root = new protobuf.Root();
    const parse = (filename: string, source: string): void => {
      // Said to the parser as load() says it; its types do not have it.
      (protobuf.parse as { filename?: string | null }).filename = filename;
      protobuf.parse(source, root);
    };
    parse('/a/same.proto', 'syntax = "proto3"; message A { B b = 1; }');
    parse('/b/same.proto', 'syntax = "proto3"; message B { int32 i = 1; }');
    parse('c.proto', 'syntax = "proto3"; message C { A a = 1; }');
    const files = read(fileDescriptorsOf(root));
    assert.equal(
      files.map(({ name, dependency }) => [name, dependency]),
      [
        ['same.proto', ['same_2.proto']],
        ['same_2.proto', []],
        ['c.proto', ['same.proto']],
      ],
    );
  });

  test(`version ${version}: editions keep what they say of their fields`, () => {
    const { root } = protobuf.parse(`
      edition = "2023";
      package e;
      message M {
        int32 implicit = 1 [features.field_presence = IMPLICIT];
        int32 required = 2 [features.field_presence = LEGACY_REQUIRED];
        repeated int32 expanded = 3 [features.repeated_field_encoding = EXPANDED];
        M delimited = 4 [features.message_encoding = DELIMITED];
        int32 plain = 5;
        repeated int32 packed = 6;
      }
    `);
    const [file] = read(fileDescriptorsOf(root));
    if (file === undefined) throw new Error('no file');
    const registry = createFileRegistry(file, () => undefined);
    const fields = registry.getMessage('e.M')?.fields ?? [];
    assert.is(file.edition, 1000);
    assert.equal(
      fields.map((field) => [field.name, field.presence]),
      [
        ['implicit', 2],
        ['required', 3],
        ['expanded', 2],
        ['delimited', 1],
        ['plain', 1],
        ['packed', 2],
      ],
    );
    assert.equal(
      fields.map((field) => [
        field.fieldKind === 'list' && field.listKind === 'scalar' && field.packed,
        field.fieldKind === 'message' && field.delimitedEncoding,
      ]),
      [
        [false, false],
        [false, false],
        [false, false],
        [false, true],
        [false, false],
        [true, false],
      ],
    );
  });
}

test('without keepCase version 8 still knows the names of the .proto file', () => {
  const { root } = protobuf8.parse(
    'syntax = "proto3"; message M { int32 two_words = 1; map<string, int32> my_map = 2; }',
  );
  const [file] = read(fileDescriptorsOf(root));
  assert.equal(
    file?.messageType[0]?.field.map(({ name }) => name),
    ['two_words', 'my_map'],
  );
  assert.is(file?.messageType[0]?.nestedType[0]?.name, 'MyMapEntry');
});

test.run();
