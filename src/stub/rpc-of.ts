/**
 * rpcOf: a channel as the clients that ts-proto generates by default want it. Above: users. Below: the calls of the promise
 * style. Holds: messages cross it as bytes; the generated client is the codec.
 */
import type { Channel } from '../call/channel.ts';
import { BYTES_MARSHALLER, MethodDescriptor, type MethodKind } from '../values/method.ts';
import { type CallSettings, NO_SETTINGS } from './call-settings.ts';
import { startDuplex, startStream } from './stream-call.ts';
import { callUnary, callUpload } from './unary-call.ts';

type Bytes = Uint8Array;

/** The `Rpc` of ts-proto's clients. Their streams are async iterables with the option useAsyncIterable; without it the
 * generated code wants Observables of rxjs, which `from` of rxjs makes of these. */
export interface Rpc {
  request(service: string, method: string, data: Bytes): Promise<Bytes>;
  clientStreamingRequest(service: string, method: string, data: AsyncIterable<Bytes>): Promise<Bytes>;
  serverStreamingRequest(service: string, method: string, data: Bytes): AsyncIterable<Bytes>;
  bidirectionalStreamingRequest(service: string, method: string, data: AsyncIterable<Bytes>): AsyncIterable<Bytes>;
}

/**
 * What a client that ts-proto generates is constructed with: `new RouteGuideClientImpl(rpcOf(channel))`. `settings` hold for
 * each of its calls, a timeout from the beginning of the call; the generated methods take none of their own.
 */
export function rpcOf(channel: Channel, settings: CallSettings = NO_SETTINGS): Rpc {
  return Object.freeze({
    request: (service: string, name: string, data: Bytes) =>
      callUnary(channel, bytesMethod(service, name, 'unary'), data, settings),
    clientStreamingRequest: (service: string, name: string, data: AsyncIterable<Bytes>) =>
      callUpload(channel, bytesMethod(service, name, 'client_streaming'), data, settings),
    serverStreamingRequest: (service: string, name: string, data: Bytes) =>
      startStream(channel, bytesMethod(service, name, 'server_streaming'), data, settings),
    bidirectionalStreamingRequest: (service: string, name: string, data: AsyncIterable<Bytes>) =>
      startDuplex(channel, bytesMethod(service, name, 'bidi_streaming'), data, settings),
  });
}

function bytesMethod(service: string, name: string, kind: MethodKind): MethodDescriptor<Bytes, Bytes> {
  return new MethodDescriptor({
    service,
    name,
    kind,
    requestMarshaller: BYTES_MARSHALLER,
    responseMarshaller: BYTES_MARSHALLER,
  });
}
