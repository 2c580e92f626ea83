/**
 * What the conformance service answers, as its requests say. Above: the service in each face. Below: forms.ts. Holds: of
 * several requests the first one has the definition; each request is told back once.
 */
import { create } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { type Deadline, Metadata, type StatusError } from '../../../../../src/index.ts';
import { headersFrom, metadataOf, statusErrorOf } from '../forms.ts';
import {
  type ConformancePayload,
  type ConformancePayload_RequestInfo,
  ConformancePayload_RequestInfoSchema,
  ConformancePayloadSchema,
  type StreamResponseDefinition,
  type UnaryResponseDefinition,
} from '../gen/connectrpc/conformance/v1/service_pb.ts';

/** What came before the requests. */
export interface Preamble {
  readonly metadata: Metadata;
  readonly deadline: Deadline | null;
}

function requestInfo({ metadata, deadline }: Preamble, requests: Any[]): ConformancePayload_RequestInfo {
  const left = deadline === null ? {} : { timeoutMs: BigInt(Math.max(0, Math.round(deadline.remainingMs()))) };
  return create(ConformancePayload_RequestInfoSchema, { requestHeaders: headersFrom(metadata), requests, ...left });
}

/** Headers, trailers and pauses, whatever is between them. */
interface Surroundings {
  /** Null if none are to be sent. */
  readonly headers: Metadata | null;
  readonly trailers: Metadata;
  /** Before the answer, or before each of a stream. */
  readonly delayMs: number;
}

function surroundingsOf(definition: UnaryResponseDefinition | StreamResponseDefinition | undefined): Surroundings {
  if (definition === undefined) return { headers: null, trailers: new Metadata(), delayMs: 0 };
  return {
    headers: metadataOf(definition.responseHeaders),
    trailers: metadataOf(definition.responseTrailers),
    delayMs: definition.responseDelayMs,
  };
}

/** One response, or an error in its place. */
export interface UnaryAnswer extends Surroundings {
  readonly result: { readonly payload: ConformancePayload } | { readonly failure: StatusError };
}

export function unaryAnswer(
  definition: UnaryResponseDefinition | undefined,
  preamble: Preamble,
  requests: Any[],
): UnaryAnswer {
  const info = requestInfo(preamble, requests);
  const response = definition?.response;
  if (response?.case === 'error') {
    return { ...surroundingsOf(definition), result: { failure: statusErrorOf(response.value, info) } };
  }
  const data = response?.case === 'responseData' ? response.value : new Uint8Array();
  return {
    ...surroundingsOf(definition),
    result: { payload: create(ConformancePayloadSchema, { data, requestInfo: info }) },
  };
}

/** The responses of a stream, and the error behind them. */
export class StreamAnswer {
  readonly surroundings: Surroundings;
  readonly #definition: StreamResponseDefinition | undefined;
  readonly #preamble: Preamble;
  #untold: Any[] = [];
  #count = 0;

  constructor(definition: StreamResponseDefinition | undefined, preamble: Preamble) {
    this.surroundings = surroundingsOf(definition);
    this.#definition = definition;
    this.#preamble = preamble;
  }

  /** A request came; the first one as well. */
  onRequest(request: Any): void {
    this.#untold.push(request);
  }

  /** Whether there is a further response. */
  get hasNext(): boolean {
    return this.#count < (this.#definition?.responseData.length ?? 0);
  }

  /** The next response, with what has not been told yet. */
  next(): ConformancePayload {
    const payload = create(ConformancePayloadSchema, {
      data: this.#definition?.responseData[this.#count] ?? new Uint8Array(),
    });
    const requests = this.#takeUntold();
    if (this.#count === 0) payload.requestInfo = requestInfo(this.#preamble, requests);
    else if (requests.length > 0) payload.requestInfo = create(ConformancePayload_RequestInfoSchema, { requests });
    this.#count += 1;
    return payload;
  }

  /** How the stream ends: null for well. */
  failure(): StatusError | null {
    const error = this.#definition?.error;
    if (error === undefined) return null;
    return statusErrorOf(error, this.#count === 0 ? requestInfo(this.#preamble, this.#takeUntold()) : null);
  }

  #takeUntold(): Any[] {
    const untold = this.#untold;
    this.#untold = [];
    return untold;
  }
}
