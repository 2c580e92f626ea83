/**
 * grpc.reflection: its messages, which v1 and v1alpha have in common, as far as a server needs them. Above: ReflectionStream.
 * Below: values/protobuf-wire.ts. Holds: a request keeps its bytes, which go back in the response as they came; of several
 * questions in one request the last counts, as in any oneof. Source: grpc/reflection/v1/reflection.proto.
 */
import type { Marshaller } from '../values/method.ts';
import { bytesTag, varintTag, WireReader, WireWriter } from '../values/protobuf-wire.ts';
import type { Status } from '../values/status.ts';

/** What a client wants to know. */
export type ReflectionQuestion =
  | { readonly about: 'file'; readonly name: string }
  | { readonly about: 'symbol'; readonly name: string }
  | { readonly about: 'extension'; readonly message: string; readonly number: number }
  | { readonly about: 'extension numbers'; readonly message: string }
  | { readonly about: 'services' };

/** One request. */
export interface ReflectionRequest {
  /** As it came. */
  readonly bytes: Uint8Array;
  readonly host: string;
  /** Null for none, or one of a kind that is not known here. */
  readonly question: ReflectionQuestion | null;
}

const REQUEST = { host: 1, file: 3, symbol: 4, extension: 5, extensionNumbers: 6, services: 7 };
const EXTENSION = { message: 1, number: 2 };
const RESPONSE = { host: 1, request: 2, files: 4, extensionNumbers: 5, services: 6, error: 7 };
const FILES = { file: 1 };
const NUMBERS = { message: 1, numbers: 2 };
const SERVICES = { service: 1 };
const SERVICE = { name: 1 };
const ERROR = { code: 1, description: 2 };

/** Requests; only ever read here. */
export const REQUEST_MARSHALLER: Marshaller<ReflectionRequest> = Object.freeze({
  serialize: ({ bytes }: ReflectionRequest): Uint8Array => bytes,
  deserialize: (payload: Uint8Array): ReflectionRequest => {
    let host = '';
    let question: ReflectionQuestion | null = null;
    const reader = new WireReader(payload);
    while (reader.next()) {
      if (reader.tag === bytesTag(REQUEST.host)) host = reader.string();
      else question = readQuestion(reader) ?? question;
    }
    return { bytes: payload, host, question };
  },
});

/** The question in the field at hand; null for a field that is none. */
function readQuestion(reader: WireReader): ReflectionQuestion | null {
  switch (reader.tag) {
    case bytesTag(REQUEST.file):
      return { about: 'file', name: reader.string() };
    case bytesTag(REQUEST.symbol):
      return { about: 'symbol', name: reader.string() };
    case bytesTag(REQUEST.extension):
      return readExtension(reader.bytes());
    case bytesTag(REQUEST.extensionNumbers):
      return { about: 'extension numbers', message: reader.string() };
    case bytesTag(REQUEST.services):
      reader.string();
      return { about: 'services' };
    default:
      reader.skip();
      return null;
  }
}

function readExtension(bytes: Uint8Array): ReflectionQuestion {
  let message = '';
  let number = 0;
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.tag === bytesTag(EXTENSION.message)) message = reader.string();
    else if (reader.tag === varintTag(EXTENSION.number)) number = reader.int32();
    else reader.skip();
  }
  return { about: 'extension', message, number };
}

/** A response with serialized FileDescriptorProtos. */
export function filesResponse(request: ReflectionRequest, files: readonly Uint8Array[]): Uint8Array {
  const answer = new WireWriter();
  for (const file of files) answer.bytes(FILES.file, file);
  return response(request, RESPONSE.files, answer);
}

/** A response with the numbers of the extensions of a message. */
export function numbersResponse(request: ReflectionRequest, message: string, numbers: readonly number[]): Uint8Array {
  const answer = new WireWriter().string(NUMBERS.message, message).packedInt32(NUMBERS.numbers, numbers);
  return response(request, RESPONSE.extensionNumbers, answer);
}

/** A response with the full names of services. */
export function servicesResponse(request: ReflectionRequest, names: readonly string[]): Uint8Array {
  const answer = new WireWriter();
  for (const name of names) answer.bytes(SERVICES.service, new WireWriter().string(SERVICE.name, name).finish());
  return response(request, RESPONSE.services, answer);
}

/** A response that there is no answer. */
export function errorResponse(request: ReflectionRequest, { code, description }: Status): Uint8Array {
  return response(
    request,
    RESPONSE.error,
    new WireWriter().int32(ERROR.code, code).string(ERROR.description, description ?? ''),
  );
}

function response(request: ReflectionRequest, field: number, answer: WireWriter): Uint8Array {
  const writer = new WireWriter();
  if (request.host !== '') writer.string(RESPONSE.host, request.host);
  return writer.bytes(RESPONSE.request, request.bytes).bytes(field, answer.finish()).finish();
}
