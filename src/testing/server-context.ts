/**
 * testServerContext(): the context of an RPC that there is none of, for tests that call a handler of reactors by itself.
 * Above: users' tests, through `halfclose/testing`. Below: CallbackServerContext. Holds: the reactor that the handler returns
 * is bound to nothing: what it starts goes nowhere and no reaction comes; finishOf tells how it was finished.
 * Source: grpc::testing::ServerContextTestSpouse, grpc::testing::DefaultReactorTestPeer.
 */
import { ServerCall } from '../call/server-call.ts';
import { CompressorRegistry } from '../framing/compressor.ts';
import { deadlineOf } from '../reactor/deadlines.ts';
import { bytesMethod } from '../reactor/generic-stub.ts';
import { GenericCallbackServerContext } from '../reactor/server-context.ts';
import { Outgoing } from '../reactor/server-rpc.ts';
import { Attributes } from '../values/attributes.ts';
import { Deadline } from '../values/deadline.ts';
import { Metadata, type MetadataInit } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';

/** What a handler is to learn of its RPC. */
export interface TestServerContextInit {
  /** The request's metadata. Default: none. */
  readonly metadata?: MetadataInit;
  /** As ClientContext.setDeadline. Default: none. */
  readonly deadline?: Date | number;
  /** `:authority` of the request. Default: none. */
  readonly authority?: string;
  /** For handlers of a generic service. Default: `/test.Service/Method`. */
  readonly path?: string;
  /** Facts about the connection, behind peer() and authContext(). Default: none. */
  readonly attributes?: Attributes;
}

/**
 * A context for one call of a handler, be it one of a generic service. Throws TypeError for what is not a path or not
 * metadata, RangeError for a deadline that is none.
 */
export function testServerContext(init: TestServerContextInit = {}): TestServerContext {
  return new TestServerContext(new NoCall(init), new Metadata(init.metadata), new Outgoing());
}

/** A context whose test sees what the handler has said through it. Made by testServerContext. */
export class TestServerContext extends GenericCallbackServerContext {
  readonly #outgoing: Outgoing;

  constructor(call: ServerCall<never, never>, headers: Metadata, outgoing: Outgoing) {
    super(call, headers, outgoing);
    this.#outgoing = outgoing;
  }

  /** What the handler has added to the response's headers so far. */
  initialMetadata(): Metadata {
    return this.#outgoing.headers ?? new Metadata();
  }

  /** What the handler has added to the trailers so far. */
  trailingMetadata(): Metadata {
    return this.#outgoing.trailers ?? new Metadata();
  }
}

/** What the context has for a call. */
class NoCall extends ServerCall<never, never> {
  readonly method: MethodDescriptor<never, never>;
  readonly authority: string | null;
  readonly deadline: Deadline | null;
  readonly #attributes: Attributes;
  #isCancelled = false;

  constructor({ path = '/test.Service/Method', authority, deadline, attributes }: TestServerContextInit) {
    super();
    const method = bytesMethod(path, 'unknown');
    if (method === null) throw new TypeError(`not a method's path: '${path}'`);
    this.method = method as MethodDescriptor<never, never>;
    this.authority = authority ?? null;
    this.deadline = instantOf(deadline ?? Number.POSITIVE_INFINITY);
    this.#attributes = attributes ?? Attributes.EMPTY;
  }

  cancel(): void {
    this.#isCancelled = true;
  }

  isCancelled(): boolean {
    return this.#isCancelled;
  }

  setCompression(name: string): void {
    if (CompressorRegistry.DEFAULT.get(name) === null) {
      throw new TypeError(`Unable to find compressor by name ${name}`);
    }
  }

  getAttributes(): Attributes {
    return this.#attributes;
  }

  // The rest is what reactors do with their calls, and none is bound to this one.
  request(): void {}
  isReady(): boolean {
    return false;
  }
  sendHeaders(): void {}
  sendMessage(): void {}
  close(): void {}
  setMessageCompression(): void {}
  setOnReadyThreshold(): void {}
}

function instantOf(deadline: Date | number): Deadline | null {
  const atMs = deadlineOf(deadline);
  return atMs === Number.POSITIVE_INFINITY ? null : Deadline.after(atMs - Date.now());
}
