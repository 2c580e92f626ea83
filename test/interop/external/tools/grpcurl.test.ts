/**
 * grpcurl lists, describes and calls our server with what reflection tells it, whichever codec the descriptors come from. Needs
 * Go.
 */
// file-timeout: 1200 s
import path from 'node:path';
import protobuf from 'protobufjs';
import { RouteGuide } from '../../../../examples/route-guide/gen/route_guide_pb.ts';
import type { FileDescriptors } from '../../../../src/reflection/index.ts';
import { fileDescriptorsOf } from '../../../../src/stub/codec/protobuf-es.ts';
import { fileDescriptorsOf as fileDescriptorsOfRoot } from '../../../../src/stub/codec/protobufjs.ts';
import { assert, suite } from '../../../support/suite.ts';
import { goTool } from '../../tools.ts';
import { runTool } from './tool-run.ts';
import { GENERATED_FILES, ZooServer } from './zoo-server.ts';

const test = suite('grpcurl');
const tool = goTool('github.com/fullstorydev/grpcurl/cmd/grpcurl', 'v1.9.3');

/** The same files by way of protobufjs. */
function reflectedFiles(): Uint8Array[] {
  const root = new protobuf.Root();
  const [zoo, own] = ['test/reflection/proto', 'node_modules/protobufjs'].map((folder) =>
    path.join(process.cwd(), folder),
  );
  root.resolvePath = (_origin, target) => path.join((target.startsWith('google/') ? own : zoo) ?? '', target);
  root.loadSync('zoo/animals/animals.proto', { keepCase: true });
  return [...fileDescriptorsOfRoot(root), ...fileDescriptorsOf(RouteGuide)];
}

const SOURCES: Readonly<Record<string, () => FileDescriptors>> = {
  'protobuf-es': () => GENERATED_FILES,
  protobufjs: reflectedFiles,
};

const SERVICES = `grpc.health.v1.Health
grpc.reflection.v1.ServerReflection
grpc.reflection.v1alpha.ServerReflection
routeguide.RouteGuide
zoo.animals.Zoo
`;

const ANIMAL = `zoo.animals.Animal is a message:
message Animal {
  string name = 1;
  .zoo.animals.Kind kind = 2;
  map<string, .zoo.animals.Animal.Meal> meals_by_day = 3;
  oneof home {
    .zoo.Cage cage = 4;
    string field = 5;
  }
  optional int32 legs = 6;
  .google.protobuf.Timestamp born_at = 7;
  repeated sint64 weights = 8 [packed = false];
  message Meal {
    int32 grams = 1 [deprecated = true];
  }
  reserved 20 to 22;
}
`;

/** Each line without its indentation, sorted: the order of declarations is grpcurl's. */
const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .sort();

/** An animal with a cage, an extension of it included. */
const CAGED = '{"name":"Leo","cage":{"id":7,"lock":{"code":"x"},"[zoo.roof]":"tin"},"bornAt":"2020-01-01T00:00:00Z"}';

for (const [source, files] of Object.entries(SOURCES)) {
  if ('missing' in tool) {
    test.skip(`with descriptors of ${source}`, tool.missing);
    continue;
  }
  test(`with descriptors of ${source}`, { timeoutMs: 120_000 }, async () => {
    await using server = new ZooServer(files());
    const address = await server.start();
    const grpcurl = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await runTool(tool.path, ['-plaintext', ...args]);
      assert.is(code, 0, `grpcurl ${args.join(' ')}: ${stderr}`);
      return stdout;
    };
    assert.is(await grpcurl(address, 'list'), SERVICES);
    assert.is(await grpcurl(address, 'list', 'zoo.animals.Zoo'), 'zoo.animals.Zoo.Feed\nzoo.animals.Zoo.Visit\n');
    // Without a symbol every service is described.
    assert.is((await grpcurl(address, 'describe')).match(/ is a service:/g)?.length, 5);
    assert.equal(lines(await grpcurl(address, 'describe', 'zoo.animals.Animal')), lines(ANIMAL));
    for (const symbol of ['zoo.animals.Zoo.Feed', 'zoo.animals.Kind', 'zoo.roof', 'zoo.Cage.Lock']) {
      assert.match(await grpcurl(address, 'describe', symbol), new RegExp(`^${symbol} is `));
    }
    assert.match(await grpcurl('-d', '{"latitude":1}', address, 'routeguide.RouteGuide/GetFeature'), /"latitude": 1/);
    const meals = '{"name":"Leo","kind":"CAT","mealsByDay":{"Monday":{"grams":5},"Tuesday":{}}}';
    const fed = await grpcurl('-d', meals, address, 'zoo.animals.Zoo/Feed');
    assert.equal(fed.match(/Leo on \w+/g), ['Leo on Monday', 'Leo on Tuesday']);
    const cages = await grpcurl('-d', `${CAGED} ${CAGED}`, address, 'zoo.animals.Zoo.Visit');
    assert.is(cages.match(/"\[zoo.roof\]": "tin"/g)?.length, 2, cages);
    assert.match(await grpcurl('-d', '{}', address, 'grpc.health.v1.Health/Check'), /"status": "SERVING"/);
    const unknown = await runTool(tool.path, ['-plaintext', address, 'describe', 'zoo.Plant']);
    assert.is(unknown.code, 1);
    assert.match(unknown.stderr, /Symbol not found: zoo\.Plant/);
  });
}

test.run();
