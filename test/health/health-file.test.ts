/** The embedded descriptor of health.proto is what the compiler makes of it. */
import { fromBinary } from '@bufbuild/protobuf';
import { fileDesc } from '@bufbuild/protobuf/codegenv2';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { HEALTH_FILE } from '../../src/health/health-file.ts';
import { file_grpc_health_v1_health } from '../reflection/gen/grpc/health/v1/health_pb.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('the descriptor of health.proto');

test('is that of proto/grpc/health/v1/health.proto', () => {
  // fileDesc fills in what generators leave out: JSON names.
  assert.equal(fileDesc(HEALTH_FILE).proto, file_grpc_health_v1_health.proto);
  const { name } = fromBinary(FileDescriptorProtoSchema, Buffer.from(HEALTH_FILE, 'base64'));
  assert.is(name, 'grpc/health/v1/health.proto');
});

test.run();
