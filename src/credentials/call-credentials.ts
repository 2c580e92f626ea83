/**
 * CallCredentials: on whose behalf a call is made, as metadata that is made anew for each call, such as an `authorization`
 * header. Above: users, who implement it; channels, which ask. Below: Metadata.
 * Holds: whoever asks through askForMetadata gets one answer at most, at once or later, whatever the credentials do.
 * Source: io.grpc.CallCredentials, io.grpc.CompositeCallCredentials.
 */

import { Metadata, type MetadataInit } from '../values/metadata.ts';
import { isThenable } from '../values/thenable.ts';

/** What credentials are told of the call that asks. */
export interface CallCredentialsRequest {
  /**
   * `https://authority/package.Service`, without port 443: the audience of a JWT. Always `https`, whatever the
   * transport.
   */
  readonly serviceUrl: string;
  /** The name of the method alone, such as `GetFeature`. */
  readonly methodName: string;
  /** `/package.Service/Method`. */
  readonly path: string;
  /** `:authority` of the call. */
  readonly authority: string;
  /** Aborted once no answer is needed: the call was cancelled, its deadline passed, or other credentials failed. */
  readonly signal: AbortSignal;
}

/** Takes the answer: metadata with a null error, or what went wrong with null metadata. A second answer is ignored. */
export type CallCredentialsCallback = (error: unknown, metadata: Metadata | null) => void;

/** What CallCredentials.fromHeaders takes: a client of google-auth-library, a GoogleAuth, and what looks like one. */
export interface RequestHeadersClient {
  /** The headers for a request to `url`: a record, a Headers or a Map, or a promise of one. */
  getRequestHeaders(url: string): MetadataInit | PromiseLike<MetadataInit>;
}

/** What has such a client, and may have to find it first. */
export interface RequestHeadersClientSource {
  /** Asked for each call, so what it finds is its own to keep. */
  getClient(): RequestHeadersClient | PromiseLike<RequestHeadersClient>;
}

/**
 * Metadata for each call. A channel asks once it has a connection for the call, again for each new attempt, and sends
 * nothing before the answer. It asks only where the connection is private: over TLS, or within the process; a call over
 * any other ends UNAUTHENTICATED.
 *
 * A failure ends the call UNAVAILABLE, with the error as cause; an error that carries a status, such as a StatusError,
 * ends it with that status. A status that only the application may give (OK, INVALID_ARGUMENT, NOT_FOUND,
 * ALREADY_EXISTS, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, DATA_LOSS) becomes INTERNAL. Source: gRFC A54.
 */
export abstract class CallCredentials {
  /**
   * Calls `callback` once, at once or later. Must not block. What it throws counts as an answer. Runs in the async
   * context of the call's start.
   */
  abstract requestMetadata(request: CallCredentialsRequest, callback: CallCredentialsCallback): void;

  /** Credentials out of a function, which may throw, and whose promise may reject. */
  static from(provide: (request: CallCredentialsRequest) => Metadata | PromiseLike<Metadata>): CallCredentials {
    return new ProvidedCredentials(provide);
  }

  /** All of them, asked at the same time; their metadata in this order. One that fails fails all at once. */
  static combine(...credentials: readonly CallCredentials[]): CallCredentials {
    const [only] = credentials;
    if (only === undefined) return CallCredentials.from(() => new Metadata());
    return credentials.length === 1 ? only : new CombinedCredentials(credentials);
  }

  /**
   * The headers that a client of google-auth-library, or one like it, makes for the URL of the service; or the client that
   * getClient() gives. What has both methods is asked for headers.
   */
  static fromHeaders(client: RequestHeadersClient | RequestHeadersClientSource): CallCredentials {
    return CallCredentials.from(({ serviceUrl }) => {
      if ('getRequestHeaders' in client) return metadataOf(client, serviceUrl);
      const found = client.getClient();
      return isThenable(found) ? found.then((it) => metadataOf(it, serviceUrl)) : metadataOf(found, serviceUrl);
    });
  }
}

class ProvidedCredentials extends CallCredentials {
  readonly #provide: (request: CallCredentialsRequest) => Metadata | PromiseLike<Metadata>;

  constructor(provide: (request: CallCredentialsRequest) => Metadata | PromiseLike<Metadata>) {
    super();
    this.#provide = provide;
  }

  requestMetadata(request: CallCredentialsRequest, callback: CallCredentialsCallback): void {
    const given = this.#provide(request);
    if (!isThenable(given)) {
      callback(null, given);
      return;
    }
    given.then(
      (metadata) => callback(null, metadata),
      (error: unknown) => callback(error, null),
    );
  }
}

class CombinedCredentials extends CallCredentials {
  readonly #parts: readonly CallCredentials[];

  constructor(parts: readonly CallCredentials[]) {
    super();
    this.#parts = parts;
  }

  requestMetadata(request: CallCredentialsRequest, callback: CallCredentialsCallback): void {
    const answers: Metadata[] = [];
    let missing = this.#parts.length;
    let failed = false;
    const onAnswer = (index: number, error: unknown, metadata: Metadata | null): void => {
      if (failed) return;
      failed = metadata === null;
      if (metadata === null) {
        callback(error, null);
        return;
      }
      answers[index] = metadata;
      missing -= 1;
      if (missing === 0) callback(null, merged(answers));
    };
    for (const [index, part] of this.#parts.entries()) {
      if (failed) return;
      askForMetadata(part, request, (error, metadata) => onAnswer(index, error, metadata));
    }
  }
}

/**
 * Asks, and takes one answer: the first, or what was thrown before it. An answer that is neither metadata nor an error
 * is a failure too.
 */
export function askForMetadata(
  credentials: CallCredentials,
  request: CallCredentialsRequest,
  callback: CallCredentialsCallback,
): void {
  let answered = false;
  const answer: CallCredentialsCallback = (error, metadata) => {
    if (answered) return;
    answered = true;
    const failed = error !== null && error !== undefined;
    if (!failed && metadata instanceof Metadata) callback(null, metadata);
    else callback(failed ? error : new TypeError('the answer is no Metadata'), null);
  };
  try {
    credentials.requestMetadata(request, answer);
  } catch (thrown) {
    answer(thrown, null);
  }
}

function metadataOf(client: RequestHeadersClient, serviceUrl: string): Metadata | PromiseLike<Metadata> {
  const headers = client.getRequestHeaders(serviceUrl);
  return isThenable(headers) ? headers.then(toMetadata) : toMetadata(headers);
}

function toMetadata(headers: MetadataInit): Metadata {
  return new Metadata(headers);
}

function merged(all: readonly Metadata[]): Metadata {
  const metadata = new Metadata();
  for (const one of all) metadata.merge(one);
  return metadata;
}
