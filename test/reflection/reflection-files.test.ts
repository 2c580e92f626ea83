/** The embedded descriptors of reflection.proto are what the compiler makes of it. */
import { fileDesc } from '@bufbuild/protobuf/codegenv2';
import { REFLECTION_V1_FILE, REFLECTION_V1ALPHA_FILE } from '../../src/reflection/reflection-files.ts';
import { assert, suite } from '../support/suite.ts';
import { file_grpc_reflection_v1_reflection } from './gen/grpc/reflection/v1/reflection_pb.ts';
import { file_grpc_reflection_v1alpha_reflection } from './gen/grpc/reflection/v1alpha/reflection_pb.ts';

const test = suite('the descriptors of reflection.proto');

test('are those of proto/grpc/reflection', () => {
  assert.equal(fileDesc(REFLECTION_V1_FILE).proto, file_grpc_reflection_v1_reflection.proto);
  assert.equal(fileDesc(REFLECTION_V1ALPHA_FILE).proto, file_grpc_reflection_v1alpha_reflection.proto);
});

test.run();
