/**
 * A response that is not gRPC's: a proxy's error page, a web server. Above: Http2ClientStream. Below: status-mapping.
 * Its HTTP status gives the code; its headers and the beginning of its body go into the description, because they say who
 * answered. Source: grpc doc/http-grpc-status-mapping.md, io.grpc.internal.Http2ClientStreamTransportState.
 */
import type { Metadata } from '../../values/metadata.ts';
import { Status } from '../../values/status.ts';
import type { InboundHead } from './headers.ts';
import { statusOfHttpStatus } from './status-mapping.ts';

/** How much of a body goes into a description, in bytes. */
const MAX_BODY_BYTES = 1000;

/** Gathers a foreign response until there is enough of it. */
export class ForeignResponse {
  /** The headers of the response. */
  readonly metadata: Metadata;
  readonly #httpStatus: number | null;
  readonly #contentType: string | null;
  readonly #body: Uint8Array[] = [];
  #bodyBytes = 0;

  constructor(head: InboundHead) {
    this.metadata = head.metadata;
    this.#httpStatus = head.httpStatus;
    this.#contentType = head.contentType;
  }

  /** Takes a piece of the body; true once there is enough. */
  isFullAfter(chunk: Uint8Array): boolean {
    this.#body.push(chunk);
    this.#bodyBytes += chunk.length;
    return this.#bodyBytes >= MAX_BODY_BYTES;
  }

  /** What the response amounts to. */
  status(): Status {
    const status = this.#httpStatus === null ? Status.INTERNAL : statusOfHttpStatus(this.#httpStatus);
    const http = this.#httpStatus === null ? 'Missing HTTP status code' : `HTTP status code ${this.#httpStatus}`;
    const type =
      this.#contentType === null
        ? 'missing content-type in response headers'
        : `invalid content-type: ${this.#contentType}`;
    const body = Buffer.concat(this.#body).subarray(0, MAX_BODY_BYTES).toString('utf8').trim();
    return status.withDescription(`${http}\n${type}`).augmentDescription(body === '' ? null : body);
  }
}
