/**
 * halfclose/reflection: every kind of question, in v1 and v1alpha, asked with another codec than ours; the files of a zoo that has
 * something of everything; sources of descriptors other than protobuf-es.
 */
import { create, createFileRegistry, fromBinary, getOption, toBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { ServerCallListener } from '../../src/call/server-call.ts';
import { ForwardingServerCallListener } from '../../src/call/server-interceptor.ts';
import { HealthService } from '../../src/health/index.ts';
import { addReflection, fileDescriptorsOfSet, reflectionServices } from '../../src/reflection/index.ts';
import { Server } from '../../src/server/server.ts';
import { createClient as createBytesClient } from '../../src/stub/client.ts';
import { createClient, fileDescriptorsOf, implement } from '../../src/stub/codec/protobuf-es.ts';
import { unimplemented } from '../../src/stub/implement.ts';
import { type InProcessRig, startInProcess } from '../../src/testing/in-process.ts';
import { BYTES_MARSHALLER, MethodDescriptor } from '../../src/values/method.ts';
import { WireWriter } from '../../src/values/protobuf-wire.ts';
import { Code } from '../../src/values/status.ts';
import { assert, suite, within } from '../support/suite.ts';
import { ask, askAll, errorOf, filesOf, namesOf } from './ask.ts';
import { ServerReflection, ServerReflectionResponseSchema } from './gen/grpc/reflection/v1/reflection_pb.ts';
import { AnimalSchema, file_zoo_animals_animals, Zoo } from './gen/zoo/animals/animals_pb.ts';
import { file_zoo_common } from './gen/zoo/common_pb.ts';
import { feeding } from './gen/zoo/options_pb.ts';

const ANIMALS = 'zoo/animals/animals.proto';
const COMMON = 'zoo/common.proto';
const OPTIONS = 'zoo/options.proto';
const TIMESTAMP = 'google/protobuf/timestamp.proto';
const DESCRIPTOR = 'google/protobuf/descriptor.proto';

/** A server that reflects the zoo. */
function startZoo(): Promise<InProcessRig> {
  return startInProcess(...reflectionServices(fileDescriptorsOf(Zoo), ['zoo.animals.Zoo']));
}

const symbol = (value: string) => ({ case: 'fileContainingSymbol', value }) as const;
const file = (value: string) => ({ case: 'fileByFilename', value }) as const;
const numbersOf = (value: string) => ({ case: 'allExtensionNumbersOfType', value }) as const;
const extension = (containingType: string, extensionNumber: number) =>
  ({ case: 'fileContainingExtension', value: { containingType, extensionNumber } }) as const;
const list = { case: 'listServices', value: '*' } as const;

const test = suite('reflection');

test('a file comes first, and behind it all that it imports', async () => {
  await using rig = await startZoo();
  const names = namesOf(await ask(rig.channel, file(ANIMALS)));
  assert.is(names[0], ANIMALS);
  assert.equal(names.sort(), [DESCRIPTOR, TIMESTAMP, ANIMALS, COMMON, OPTIONS].sort());
  assert.equal(namesOf(await ask(rig.channel, file(TIMESTAMP))), [TIMESTAMP]);
});

test('files come byte for byte, options that nobody here knows included', async () => {
  await using rig = await startZoo();
  const answer = await ask(rig.channel, file(ANIMALS));
  const files = filesOf(answer);
  const [bytes = new Uint8Array()] = answer.case === 'fileDescriptorResponse' ? answer.value.fileDescriptorProto : [];
  assert.equal([...bytes], [...toBinary(FileDescriptorProtoSchema, file_zoo_animals_animals.proto)]);
  const registry = createFileRegistry(file_zoo_animals_animals.proto, (name) =>
    files.find((file) => file.name === name),
  );
  const method = registry.getService('zoo.animals.Zoo')?.methods[0];
  assert.is(method && getOption(method, feeding), 'raw');
});

const SYMBOLS: Readonly<Record<string, string>> = {
  'zoo.animals.Zoo': ANIMALS,
  'zoo.animals.Zoo.Feed': ANIMALS,
  'zoo.animals.Animal': ANIMALS,
  'zoo.animals.Animal.name': ANIMALS,
  'zoo.animals.Animal.home': ANIMALS,
  'zoo.animals.Animal.Meal': ANIMALS,
  'zoo.animals.Animal.Meal.grams': ANIMALS,
  'zoo.animals.Animal.MealsByDayEntry': ANIMALS,
  'zoo.animals.Kind': ANIMALS,
  // The values of an enum are its neighbours.
  'zoo.animals.KITTEN': ANIMALS,
  'zoo.Cage': COMMON,
  'zoo.Cage.Lock': COMMON,
  'zoo.Cage.Size': COMMON,
  'zoo.Cage.LARGE': COMMON,
  'zoo.Keeper.keeper': COMMON,
  'zoo.roof': COMMON,
  'zoo.feeding': OPTIONS,
  'google.protobuf.Timestamp.seconds': TIMESTAMP,
  'grpc.reflection.v1.ServerReflection': 'grpc/reflection/v1/reflection.proto',
  'grpc.reflection.v1alpha.ErrorResponse': 'grpc/reflection/v1alpha/reflection.proto',
};

test('every kind of symbol leads to its file', async () => {
  await using rig = await startZoo();
  for (const [name, expected] of Object.entries(SYMBOLS)) {
    assert.is(namesOf(await ask(rig.channel, symbol(name)))[0], expected, name);
  }
});

test('what is not there is said to be not there, and the stream goes on', async () => {
  await using rig = await startZoo();
  const answers = await askAll(rig.channel, [
    file('zoo/plants.proto'),
    symbol('zoo.animals'),
    symbol('zoo.animals.Kind.KITTEN'),
    symbol('.zoo.Cage'),
    symbol(''),
    extension('zoo.Cage', 102),
    extension('zoo.Nothing', 100),
    numbersOf('zoo.Nothing'),
    numbersOf('zoo.Cage.Size'),
    symbol('zoo.Cage'),
  ]);
  assert.is(answers.length, 10);
  for (const answer of answers.slice(0, -1)) assert.is(errorOf(answer)[0], Code.NOT_FOUND);
  assert.equal(errorOf(answers[0])[1], 'file zoo/plants.proto not found');
  assert.equal(errorOf(answers[5])[1], 'extension 102 of zoo.Cage not found');
  assert.is(namesOf(answers.at(-1))[0], COMMON);
});

test('extensions are found by message and number', async () => {
  await using rig = await startZoo();
  const answers = await askAll(rig.channel, [
    extension('zoo.Cage', 100),
    extension('zoo.Cage', 101),
    extension('google.protobuf.MethodOptions', 50001),
    numbersOf('zoo.Cage'),
    numbersOf('zoo.Keeper'),
  ]);
  assert.equal(
    answers.slice(0, 3).map((answer) => namesOf(answer)[0]),
    [COMMON, COMMON, OPTIONS],
  );
  assert.equal(
    answers
      .slice(3)
      .map(
        (answer) =>
          answer.case === 'allExtensionNumbersResponse' && [
            answer.value.baseTypeName,
            answer.value.extensionNumber.sort(),
          ],
      ),
    [
      ['zoo.Cage', [100, 101]],
      ['zoo.Keeper', []],
    ],
  );
});

test('a stream is sent what it has had already only where it asks for it', async () => {
  await using rig = await startZoo();
  const answers = await askAll(rig.channel, [symbol('zoo.Cage'), file(ANIMALS), file(COMMON), file(ANIMALS)]);
  assert.equal(namesOf(answers[0]), [COMMON]);
  assert.not(namesOf(answers[1]).includes(COMMON));
  assert.equal(namesOf(answers[2]), [COMMON]);
  assert.equal(namesOf(answers[3]), [ANIMALS]);
});

test('v1alpha answers as v1 does', async () => {
  await using rig = await startZoo();
  const questions = [list, symbol('zoo.Cage'), file('nothing'), numbersOf('zoo.Cage'), extension('zoo.Cage', 100)];
  const [v1, v1alpha] = [await askAll(rig.channel, questions), await askAll(rig.channel, questions, 'v1alpha')];
  const plain = (answers: unknown): string =>
    JSON.stringify(answers, (name, value) => (name === '$typeName' ? undefined : value));
  assert.is(plain(v1alpha), plain(v1));
});

test('a question of the future is answered, and keeps its bytes; broken bytes end the stream', async () => {
  await using rig = await startZoo();
  const method = new MethodDescriptor({
    service: 'grpc.reflection.v1.ServerReflection',
    name: 'ServerReflectionInfo',
    kind: 'bidi_streaming',
    requestMarshaller: BYTES_MARSHALLER,
    responseMarshaller: BYTES_MARSHALLER,
  });
  const { info } = createBytesClient({ info: method }, rig.channel, { timeoutMs: 5_000 });
  const call = info();
  const answers = call[Symbol.asyncIterator]();
  const question = new WireWriter().string(1, 'h').string(99, 'who are you?').int32(200, 7).finish();
  await call.send(question);
  const answer = (await answers.next()).value ?? new Uint8Array();
  const error = new WireWriter()
    .int32(1, Code.UNIMPLEMENTED)
    .string(2, 'not a question that this server knows')
    .finish();
  const expected = new WireWriter().string(1, 'h').bytes(2, question).bytes(7, error).finish();
  assert.is(Buffer.from(answer).toString('hex'), Buffer.from(expected).toString('hex'));
  // A question that is known, with something of the future behind it.
  await call.send(new WireWriter().string(7, '').int32(200, 7).finish());
  const listed = fromBinary(ServerReflectionResponseSchema, (await answers.next()).value ?? new Uint8Array());
  assert.is(listed.messageResponse.case, 'listServicesResponse');
  await call.send(Buffer.from('0a', 'hex'));
  assert.not((await within(5_000, call.status, 'the end')).isOk);
});

test('the services of a server are listed, whenever they were added, and described where they can be', async () => {
  const server = new Server();
  addReflection(server, fileDescriptorsOf(AnimalSchema));
  server.addService(new HealthService()).addService(implement(Zoo, { feed: unimplemented, visit: unimplemented }));
  const rig = await startInProcess({ services: [] });
  await using _ = rig;
  const names = server.services().map(({ name }) => name);
  assert.equal(names, [
    'grpc.reflection.v1.ServerReflection',
    'grpc.reflection.v1alpha.ServerReflection',
    'grpc.health.v1.Health',
    'zoo.animals.Zoo',
  ]);
  await using reflected = await startInProcess(...reflectionServices(fileDescriptorsOf(AnimalSchema), server));
  const answer = await ask(reflected.channel, list);
  assert.equal(answer.case === 'listServicesResponse' && answer.value.service.map(({ name }) => name), names);
  for (const name of names) assert.is(filesOf(await ask(reflected.channel, symbol(name))).length > 0, true, name);
});

test('takes the bytes of a descriptor set, alone or beside other files', async () => {
  const protos: FileDescriptorProto[] = [file_zoo_common.proto, file_zoo_animals_animals.proto];
  const set = toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: protos }));
  await using alone = await startInProcess(...reflectionServices(set, []));
  // What it imports is not there.
  assert.equal(namesOf(await ask(alone.channel, file(ANIMALS))), [ANIMALS, COMMON]);
  assert.equal(
    fileDescriptorsOfSet(set).map((bytes) => [...bytes]),
    protos.map((proto) => [...toBinary(FileDescriptorProtoSchema, proto)]),
  );
  const both = [...fileDescriptorsOfSet(set), ...fileDescriptorsOf(Zoo)];
  await using together = await startInProcess(...reflectionServices(both, []));
  assert.is(namesOf(await ask(together.channel, file(ANIMALS))).length, 5);
});

test('of two files with one name the first counts', async () => {
  const named = (name: string, package_: string) =>
    toBinary(
      FileDescriptorProtoSchema,
      create(FileDescriptorProtoSchema, { name, package: package_, messageType: [{ name: 'M' }] }),
    );
  const files = [named('a.proto', 'one'), named('a.proto', 'two'), named('b.proto', 'one'), named('c.proto', '')];
  await using rig = await startInProcess(...reflectionServices(files, []));
  assert.is(filesOf(await ask(rig.channel, file('a.proto')))[0]?.package, 'one');
  assert.equal(namesOf(await ask(rig.channel, symbol('one.M'))), ['a.proto']);
  assert.equal(namesOf(await ask(rig.channel, symbol('M'))), ['c.proto']);
  assert.is(errorOf(await ask(rig.channel, symbol('two.M')))[0], Code.NOT_FOUND);
});

test('of two extensions with one number the first counts', async () => {
  const named = (name: string) =>
    toBinary(
      FileDescriptorProtoSchema,
      create(FileDescriptorProtoSchema, { name, extension: [{ name, extendee: '.M', number: 5 }] }),
    );
  await using rig = await startInProcess(...reflectionServices([named('a'), named('b')], []));
  assert.equal(namesOf(await ask(rig.channel, extension('M', 5))), ['a']);
});

test('imports that go in a circle come once', async () => {
  const named = (name: string, dependency: string[]) =>
    toBinary(FileDescriptorProtoSchema, create(FileDescriptorProtoSchema, { name, dependency }));
  const files = [named('a', ['b', 'c']), named('b', ['c', 'a']), named('c', ['a', 'a'])];
  await using rig = await startInProcess(...reflectionServices(files, []));
  assert.equal(namesOf(await ask(rig.channel, file('a'))), ['a', 'b', 'c']);
});

test('descriptors that are none are refused at once', () => {
  assert.throws(() => reflectionServices([Buffer.from('0a05', 'hex')], []), /malformed message/);
  assert.throws(() => reflectionServices(Buffer.from('0a05', 'hex'), []), /malformed message/);
  assert.throws(() => reflectionServices([new Uint8Array()], []), /the file has no name/);
  assert.throws(() => addReflection(new Server(), [new Uint8Array()]), TypeError);
});

test('no more questions are taken than a client reads answers to', async () => {
  const services = reflectionServices(fileDescriptorsOf(Zoo), []);
  let taken = 0;
  for (const service of services) {
    service.intercept((call, headers, next) => {
      return new Counting(next(call, headers), () => {
        taken += 1;
      });
    });
  }
  await using rig = await startInProcess(...services);
  await using call = createClient(ServerReflection, rig.channel).serverReflectionInfo({ prefetch: 0 });
  // Each answer is some 10 kB.
  for (let count = 0; count < 2_000; count += 1) void call.send({ messageRequest: file(DESCRIPTOR) });
  const answers = call[Symbol.asyncIterator]();
  for (let count = 0; count < 50; count += 1) await within(5_000, answers.next(), 'an answer');
  assert.ok(taken >= 50 && taken < 150, `${taken} questions were taken`);
});

/** Counts the messages. */
class Counting extends ForwardingServerCallListener<unknown> {
  readonly #count: () => void;

  constructor(listener: ServerCallListener<never>, count: () => void) {
    super(listener as ServerCallListener<unknown>);
    this.#count = count;
  }

  override onMessage(message: unknown): void {
    this.#count();
    super.onMessage(message);
  }
}

test.run();
