/**
 * createClient: a service's methods as promises and async iterables. Above: users. Below: unary-call.ts, stream-call.ts over
 * any Channel. Holds: a method's types come from the service's alone, whichever generator made it (methods-of.ts); every call
 * opens when it is made.
 */
import type { Channel } from '../call/channel.ts';
import type { MethodDescriptor, MethodKind } from '../values/method.ts';
import type { DuplexCall, ResponseStream, UploadCall } from './call-objects.ts';
import { type CallSettings, NO_SETTINGS, withDefaults } from './call-settings.ts';
import type { Messages } from './message-writer.ts';
import { methodsOf } from './methods-of.ts';
import type { ClientMethodsOf } from './service-methods.ts';
import type { ServiceShape, UntypedService } from './service-shape.ts';
import { startDuplex, startStream } from './stream-call.ts';
import { callUnary, callUpload, startUpload } from './unary-call.ts';

/** A unary method. The promise rejects with a StatusError. */
export type UnaryFunction<Req, Res> = (request: Req, settings?: CallSettings) => Promise<Res>;

/** A server-streaming method. */
export type ServerStreamingFunction<Req, Res> = (request: Req, settings?: CallSettings) => ResponseStream<Res>;

/** A client-streaming method: given its requests it is awaited, without them it gives a call to send on. */
export interface ClientStreamingFunction<Req, Res> {
  (requests: Messages<Req>, settings?: CallSettings): Promise<Res>;
  (settings?: CallSettings): UploadCall<Req, Res>;
}

/** A bidi method: given its requests it sends them and half-closes, without them they are sent by hand. */
export interface BidiStreamingFunction<Req, Res> {
  (requests: Messages<Req>, settings?: CallSettings): ResponseStream<Res>;
  (settings?: CallSettings): DuplexCall<Req, Res>;
}

/** A method whose kind the compiler does not know: what it gives is only what its kind gives. */
export interface UntypedFunction<Req, Res> {
  (input: Req | Messages<Req>, settings?: CallSettings): Promise<Res> & ResponseStream<Res>;
  (settings?: CallSettings): UploadCall<Req, Res> & DuplexCall<Req, Res>;
}

/** How a method is called, by its kind. */
export type ClientFunction<M> =
  M extends MethodDescriptor<infer Req, infer Res>
    ? MethodKind extends M['kind']
      ? UntypedFunction<Req, Res>
      : {
          unary: UnaryFunction<Req, Res>;
          server_streaming: ServerStreamingFunction<Req, Res>;
          client_streaming: ClientStreamingFunction<Req, Res>;
          bidi_streaming: BidiStreamingFunction<Req, Res>;
          unknown: BidiStreamingFunction<Req, Res>;
        }[M['kind']]
    : never;

/** A client of a service: a function for each method. */
export type Client<M> = { readonly [K in keyof M]: ClientFunction<M[K]> };

type Method = MethodDescriptor<unknown, unknown>;

/**
 * A client of a service. `service` is what a generator makes of it: a definition for grpc-js (proto-loader, ts-proto,
 * grpc-tools, protobuf-ts), a generic definition of ts-proto, a ServiceType of protobuf-ts, a service reflected by
 * protobufjs, or a record of MethodDescriptors. (Those of protobuf-es have a createClient in halfclose/protobuf-es, static
 * ones of pbjs a bind in halfclose/protobufjs.) Methods have lowerCamel names, and the generator's own as well. Where the
 * service's types do not tell its messages and kinds, say them as `M`, or work without. `defaults` hold for every call
 * that does not say otherwise. Throws TypeError for what is no service.
 */
export function createClient<S extends ServiceShape<S>>(
  service: S,
  channel: Channel,
  defaults?: CallSettings,
): Client<ClientMethodsOf<S>>;
/** As above, for a service whose types do not tell: its methods are given as `M`, or stay untyped. */
export function createClient<M extends object = never>(
  service: UntypedService,
  channel: Channel,
  defaults?: CallSettings,
): Client<M>;
export function createClient(service: object, channel: Channel, defaults: CallSettings = NO_SETTINGS): object {
  const methods = methodsOf(service);
  const client: object = {};
  for (const [name, { value, enumerable }] of Object.entries(Object.getOwnPropertyDescriptors(methods))) {
    Object.defineProperty(client, name, {
      value: functionOf(value, channel, defaults),
      enumerable: enumerable === true,
    });
  }
  return Object.freeze(client);
}

function functionOf(method: Method, channel: Channel, defaults: CallSettings): object {
  switch (method.kind) {
    case 'unary':
      return (request: unknown, settings?: CallSettings) =>
        callUnary(channel, method, request, withDefaults(settings, defaults));
    case 'server_streaming':
      return (request: unknown, settings?: CallSettings) =>
        startStream(channel, method, request, withDefaults(settings, defaults));
    case 'client_streaming':
      return (first?: Messages<unknown> | CallSettings, second?: CallSettings) =>
        isMessages(first)
          ? callUpload(channel, method, first, withDefaults(second, defaults))
          : startUpload(channel, method, withDefaults(first, defaults));
    default:
      return (first?: Messages<unknown> | CallSettings, second?: CallSettings) =>
        isMessages(first)
          ? startDuplex(channel, method, first, withDefaults(second, defaults))
          : startDuplex(channel, method, null, withDefaults(first, defaults));
  }
}

function isMessages(first: Messages<unknown> | CallSettings | undefined): first is Messages<unknown> {
  return first !== undefined && (Symbol.asyncIterator in first || Symbol.iterator in first);
}
