/**
 * How a client's stream ends, worked out from what there is: trailers, a reset, a GOAWAY, a lost connection, or nothing at
 * all. Above: Http2ClientStream, which knows when. Below: headers, status-mapping. Pure; the order of the questions is that of
 * PROTOCOL-HTTP2 "Errors", and what a retry may assume that of gRFC A6.
 */
import { type ClientHttp2Stream, constants } from 'node:http2';
import { Metadata } from '../../values/metadata.ts';
import { Status } from '../../values/status.ts';
import type { StreamProgress } from '../stream.ts';
import { type InboundHead, readStatus } from './headers.ts';
import { type Goaway, isNeverSent, statusOfGoaway, statusOfHttpStatus, statusOfReset } from './status-mapping.ts';

/** The end of a stream. */
export interface Finale {
  readonly status: Status;
  readonly trailers: Metadata;
  readonly progress: StreamProgress;
}

/** An end without trailers. */
export function plainFinale(status: Status, progress: StreamProgress): Finale {
  return { status, trailers: new Metadata(), progress };
}

/**
 * The server ended the stream, or reset it with NO_ERROR, and sent no trailers at all. Source: gRPC's negative HTTP/2 tests;
 * grpc-java and grpc-go say INTERNAL too.
 */
export function finaleWithoutStatus(): Finale {
  return plainFinale(Status.INTERNAL.withDescription('the server ended the stream without a status'), 'processed');
}

/** The server sent a block that ends the stream; `trailersOnly` if it is the only one. */
export function trailersFinale(head: InboundHead, trailersOnly: boolean): Finale {
  return { status: trailersStatus(head, trailersOnly), trailers: head.metadata, progress: 'processed' };
}

function trailersStatus(head: InboundHead, trailersOnly: boolean): Status {
  if (head.status !== null) return readStatus(head.status, head.message);
  if (!trailersOnly) return Status.UNKNOWN.withDescription('missing GRPC status in response');
  return statusOfHttpStatus(head.httpStatus ?? 0).withDescription(
    `HTTP status code ${head.httpStatus}\nmissing GRPC status, inferred error from HTTP status code`,
  );
}

/** The connection went away under the stream, for the reason `loss`. */
export function lossFinale(http2: ClientHttp2Stream, goaway: Goaway | null, loss: Status): Finale {
  if (goaway !== null && isBeyond(http2, goaway)) return plainFinale(statusOfGoaway(goaway), 'not-taken');
  return plainFinale(loss, http2.id === undefined ? 'not-sent' : 'processed');
}

/** The http2 stream was closed without trailers, perhaps with an error, while the connection lives. */
export function resetFinale(http2: ClientHttp2Stream, goaway: Goaway | null, error: Error | null): Finale {
  if (isNeverSent(error)) {
    const status = Status.UNAVAILABLE.withDescription('the connection takes no more streams').withCause(error);
    return plainFinale(status, 'not-sent');
  }
  if (goaway !== null && isBeyond(http2, goaway)) return plainFinale(statusOfGoaway(goaway), 'not-taken');
  const { rstCode } = http2;
  if (rstCode === constants.NGHTTP2_NO_ERROR) return finaleWithoutStatus();
  const status = statusOfReset(rstCode).withCause(error ?? undefined);
  return plainFinale(status, rstCode === constants.NGHTTP2_REFUSED_STREAM ? 'refused' : 'processed');
}

/** Whether the server will not have looked at the stream. RFC 9113 §6.8. */
function isBeyond(http2: ClientHttp2Stream, goaway: Goaway): boolean {
  return http2.id !== undefined && http2.id > goaway.lastStreamId;
}
