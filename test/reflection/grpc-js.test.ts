/** A client of grpc-js, with protobuf-es as its codec, reads our reflection and our health. */
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { HealthService } from '../../src/health/index.ts';
import { addReflection } from '../../src/reflection/index.ts';
import { Server } from '../../src/server/server.ts';
import { fileDescriptorsOf } from '../../src/stub/codec/protobuf-es.ts';
import { assert, suite, within } from '../support/suite.ts';
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus as Serving,
} from './gen/grpc/health/v1/health_pb.ts';
import { ServerReflection, ServerReflectionRequestSchema } from './gen/grpc/reflection/v1/reflection_pb.ts';
import { Zoo } from './gen/zoo/animals/animals_pb.ts';

const PATIENCE_MS = 5_000;
const test = suite('grpc-js reads');

const serialize =
  <D extends DescMessage>(schema: D) =>
  (message: MessageShape<D>): Buffer =>
    Buffer.from(toBinary(schema, message));
const deserialize =
  <D extends DescMessage>(schema: D) =>
  (bytes: Buffer): MessageShape<D> =>
    fromBinary(schema, bytes);

/** A server of health and reflection, and a client of grpc-js. */
async function start(health: HealthService): Promise<{ client: Client; [Symbol.asyncDispose](): Promise<void> }> {
  const server = new Server().addService(health);
  addReflection(server, fileDescriptorsOf(Zoo));
  server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  await server.start();
  const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
  const dispose = async (): Promise<void> => {
    client.close();
    await server[Symbol.asyncDispose]();
  };
  return { client, [Symbol.asyncDispose]: dispose };
}

const path = (service: DescService, method: DescMethod): string => `/${service.typeName}/${method.name}`;

test('health: Check and Watch', async () => {
  const health = new HealthService();
  await using rig = await start(health);
  const { check, watch } = Health.method;
  const request = create(HealthCheckRequestSchema, { service: 'zoo' });
  const error = await new Promise<ServiceError | null>((resolve) => {
    rig.client.makeUnaryRequest(
      path(Health, check),
      serialize(check.input),
      deserialize(check.output),
      request,
      new Metadata(),
      resolve,
    );
  });
  assert.is(error?.details, 'unknown service');
  const call = rig.client.makeServerStreamRequest(
    path(Health, watch),
    serialize(watch.input),
    deserialize(watch.output),
    request,
  );
  const seen: number[] = [];
  const ended = new Promise<void>((resolve) => {
    call.on('data', ({ status }: { status: number }) => {
      seen.push(status);
      if (seen.length === 1) health.setStatus('zoo', 'SERVING');
      if (seen.length === 2) health.enterTerminalState();
      if (seen.length === 3) call.cancel();
    });
    call.on('error', () => resolve());
  });
  await within(PATIENCE_MS, ended, 'the end of the watch');
  assert.equal(seen, [Serving.SERVICE_UNKNOWN, Serving.SERVING, Serving.NOT_SERVING]);
});

test('reflection: the list, a file, an error', async () => {
  await using rig = await start(new HealthService());
  const { serverReflectionInfo: info } = ServerReflection.method;
  const call = rig.client.makeBidiStreamRequest(
    path(ServerReflection, info),
    serialize(info.input),
    deserialize(info.output),
  );
  const answers: (string | undefined)[] = [];
  call.on('data', (response: MessageShape<typeof info.output>) => answers.push(response.messageResponse.case));
  const ended = new Promise<void>((resolve) => call.on('end', resolve));
  for (const [question, value] of [
    ['listServices', ''],
    ['fileContainingSymbol', 'zoo.animals.Zoo'],
    ['fileByFilename', 'nothing'],
  ] as const) {
    call.write(create(ServerReflectionRequestSchema, { messageRequest: { case: question, value } }));
  }
  call.end();
  await within(PATIENCE_MS, ended, 'the end of the stream');
  assert.equal(answers, ['listServicesResponse', 'fileDescriptorResponse', 'errorResponse']);
});

test.run();
