/**
 * GenericStub: calls methods that are known by name alone, on bytes. Above: proxies, tools, tests. Below: ClientRpc and
 * UnaryCallback. Holds: a method of any kind may be driven as bidi. Source: grpc::GenericStubCallback, grpc::StubOptions.
 */
import { CallOptionKey, type CallOptions } from '../call/call-options.ts';
import type { Channel } from '../call/channel.ts';
import type { ClientCall } from '../call/client-call.ts';
import { BYTES_MARSHALLER, MethodDescriptor, type MethodKind } from '../values/method.ts';
import type { ClientContext } from './client-context.ts';
import {
  bindClientReactor,
  type ClientBidiReactor,
  type ClientReactor,
  type ClientUnaryReactor,
} from './client-reactors.ts';
import type { ClientRpcInit } from './client-rpc.ts';
import { checkReactor } from './stub.ts';
import { UnaryCallback, type UnaryCompletion } from './unary-callback.ts';

/** What one generic call may be told. */
export interface GenericCallOptions {
  /** Kept with the call under STATS_SUFFIX, for interceptors that count calls; the call itself does not change. */
  readonly suffixForStats?: string;
}

/** Where interceptors find the suffix of a generic call; null for none. Source: grpc::StubOptions::suffix_for_stats. */
export const STATS_SUFFIX: CallOptionKey<string | null> = new CallOptionKey<string | null>('suffix-for-stats', null);

/** Calls any method by its path, `/package.Service/Method`. Throws TypeError for what is not a path. */
export class GenericStub {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** A unary RPC that starts at once; `completion` hears how it ended, once, on a later tick. */
  unaryCall(
    context: ClientContext,
    path: string,
    options: GenericCallOptions,
    request: Uint8Array,
    completion: UnaryCompletion<Uint8Array>,
  ): void {
    new UnaryCallback(this.#init(context, path, 'unary', options, null), completion).start(request);
  }

  /** A unary RPC that starts at the reactor's startCall. */
  prepareUnaryCall(
    context: ClientContext,
    path: string,
    options: GenericCallOptions,
    request: Uint8Array,
    reactor: ClientUnaryReactor<Uint8Array>,
  ): void {
    const init = this.#init(context, path, 'unary', options, { message: request });
    checkReactor(init.method, reactor);
    bindClientReactor(reactor as ClientReactor<Uint8Array, Uint8Array>, init);
  }

  /** An RPC of whatever kind, driven as bidi, that starts at the reactor's startCall. */
  prepareBidiStreamingCall(
    context: ClientContext,
    path: string,
    options: GenericCallOptions,
    reactor: ClientBidiReactor<Uint8Array, Uint8Array>,
  ): void {
    const init = this.#init(context, path, 'unknown', options, null);
    checkReactor(init.method, reactor);
    bindClientReactor(reactor, init);
  }

  #init(
    context: ClientContext,
    path: string,
    kind: MethodKind,
    { suffixForStats }: GenericCallOptions,
    request: { readonly message: Uint8Array } | null,
  ): ClientRpcInit<Uint8Array, Uint8Array> {
    const channel = suffixForStats === undefined ? this.#channel : new SuffixedChannel(this.#channel, suffixForStats);
    const method = bytesMethod(path, kind);
    if (method === null) throw new TypeError(`not a method's path: '${path}'`);
    return { channel, method, context, request, hasResponse: kind === 'unary' };
  }
}

/** The method at a path, on bytes; null for what is not `/package.Service/Method`. */
export function bytesMethod(path: string, kind: MethodKind): MethodDescriptor<Uint8Array, Uint8Array> | null {
  const slash = path.lastIndexOf('/');
  if (!path.startsWith('/') || slash < 2 || slash === path.length - 1) return null;
  return new MethodDescriptor({
    service: path.slice(1, slash),
    name: path.slice(slash + 1),
    kind,
    requestMarshaller: BYTES_MARSHALLER,
    responseMarshaller: BYTES_MARSHALLER,
  });
}

/** A channel whose calls carry a suffix. */
class SuffixedChannel implements Channel {
  readonly #channel: Channel;
  readonly #suffix: string;

  constructor(channel: Channel, suffix: string) {
    this.#channel = channel;
    this.#suffix = suffix;
  }

  newCall<Req, Res>(method: MethodDescriptor<Req, Res>, options: CallOptions): ClientCall<Req, Res> {
    return this.#channel.newCall(method, options.withOption(STATS_SUFFIX, this.#suffix));
  }

  authority(): string {
    return this.#channel.authority();
  }
}
