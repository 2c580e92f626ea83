/** Asks a server by reflection, with protobuf-es as the client's codec. Above: the tests of reflection. */
import { fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { Channel } from '../../src/call/channel.ts';
import { createClient } from '../../src/stub/codec/protobuf-es.ts';
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from './gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as ServerReflectionAlpha } from './gen/grpc/reflection/v1alpha/reflection_pb.ts';

type Question = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>['messageRequest']>;
type Answer = ServerReflectionResponse['messageResponse'];

const SERVICES = { v1: ServerReflection, v1alpha: ServerReflectionAlpha as unknown as typeof ServerReflection };

/** All answers of one stream. */
export async function askAll(
  channel: Channel,
  questions: readonly Question[],
  version: 'v1' | 'v1alpha' = 'v1',
): Promise<Answer[]> {
  const answers: Answer[] = [];
  const requests = questions.map((messageRequest) => ({ host: 'here', messageRequest }));
  const responses = createClient(SERVICES[version], channel, { timeoutMs: 5_000 }).serverReflectionInfo(requests);
  for await (const { messageResponse, validHost, originalRequest } of responses) {
    if (validHost !== 'here') throw new Error(`valid_host is '${validHost}'`);
    if (originalRequest?.messageRequest.case !== questions[answers.length]?.case) throw new Error('not in order');
    answers.push(messageResponse);
  }
  return answers;
}

/** The answer to one question. */
export async function ask(channel: Channel, question: Question): Promise<Answer> {
  const [answer] = await askAll(channel, [question]);
  return answer ?? { case: undefined };
}

/** The files of an answer. Throws where it is another. */
export function filesOf(answer: Answer | undefined): FileDescriptorProto[] {
  if (answer?.case !== 'fileDescriptorResponse') throw new Error(`no files: ${JSON.stringify(answer)}`);
  return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
}

/** The names of the files of an answer. */
export function namesOf(answer: Answer | undefined): string[] {
  return filesOf(answer).map(({ name }) => name);
}

/** `NOT_FOUND: …` as code and text of an answer that there is none. */
export function errorOf(answer: Answer | undefined): [code: number, text: string] {
  if (answer?.case !== 'errorResponse') throw new Error(`no error: ${answer?.case}`);
  return [answer.value.errorCode, answer.value.errorMessage];
}
