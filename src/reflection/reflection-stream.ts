/**
 * ReflectionStream: one call of ServerReflectionInfo. Above: reflection-service.ts. Below: ServerCall, FileIndex. Holds: one
 * response for each request, in order; a question without an answer is answered so, and the stream goes on; a request is
 * read only when the answer to the last one has left.
 */
import { type ServerCall, ServerCallListener } from '../call/server-call.ts';
import { Metadata } from '../values/metadata.ts';
import { Status } from '../values/status.ts';
import type { FileDescriptor } from './file-descriptor.ts';
import type { FileIndex } from './file-index.ts';
import {
  errorResponse,
  filesResponse,
  numbersResponse,
  type ReflectionQuestion,
  type ReflectionRequest,
  servicesResponse,
} from './reflection-protocol.ts';

const UNKNOWN_QUESTION: Status = Status.UNIMPLEMENTED.withDescription('not a question that this server knows');

/** What a server has to tell. */
export interface ReflectedContents {
  readonly files: FileIndex;
  /** Full names. */
  readonly services: readonly string[];
}

/** One call. */
export class ReflectionStream extends ServerCallListener<ReflectionRequest> {
  readonly #call: ServerCall<ReflectionRequest, Uint8Array>;
  readonly #contents: ReflectedContents;
  /** The names of the files that went out on this stream. */
  readonly #sent = new Set<string>();
  /** Whether a request is asked for. */
  #isReading = true;

  constructor(call: ServerCall<ReflectionRequest, Uint8Array>, contents: ReflectedContents) {
    super();
    this.#call = call;
    this.#contents = contents;
    call.sendHeaders(new Metadata());
    call.request(1);
  }

  override onMessage(request: ReflectionRequest): void {
    this.#isReading = false;
    this.#call.sendMessage(this.#answer(request));
    this.onReady();
  }

  override onReady(): void {
    if (this.#isReading || !this.#call.isReady()) return;
    this.#isReading = true;
    this.#call.request(1);
  }

  override onHalfClose(): void {
    this.#call.close(Status.OK, new Metadata());
  }

  #answer(request: ReflectionRequest): Uint8Array {
    const { question } = request;
    const { files, services } = this.#contents;
    switch (question?.about) {
      case 'file':
        return this.#fileAnswer(request, question, files.named(question.name));
      case 'symbol':
        return this.#fileAnswer(request, question, files.declaring(question.name));
      case 'extension':
        return this.#fileAnswer(request, question, files.extending(question.message, question.number));
      case 'extension numbers': {
        const numbers = files.extensionNumbers(question.message);
        if (numbers === null) return errorResponse(request, notFound(question));
        return numbersResponse(request, question.message, numbers);
      }
      case 'services':
        return servicesResponse(request, services);
      default:
        return errorResponse(request, UNKNOWN_QUESTION);
    }
  }

  #fileAnswer(request: ReflectionRequest, question: ReflectionQuestion, file: FileDescriptor | null): Uint8Array {
    if (file === null) return errorResponse(request, notFound(question));
    const files = this.#contents.files.withImports(file, this.#sent);
    return filesResponse(
      request,
      files.map(({ bytes }) => bytes),
    );
  }
}

function notFound(question: ReflectionQuestion): Status {
  return Status.NOT_FOUND.withDescription(`${describe(question)} not found`);
}

function describe(question: ReflectionQuestion): string {
  switch (question.about) {
    case 'file':
      return `file ${question.name}`;
    case 'symbol':
      return `symbol ${question.name}`;
    case 'extension':
      return `extension ${question.number} of ${question.message}`;
    case 'extension numbers':
      return `message ${question.message}`;
    case 'services':
      return 'services';
  }
}
