/** What a face of halfclose does in a benchmark: serves the bench service, and calls it. Above: faces.ts. */
import type { Channel, MethodKind, ServiceDefinition } from '../../src/index.ts';
import { BYTES_MARSHALLER, MethodDescriptor } from '../../src/index.ts';

/** Each resolves when so many calls, or messages, are through; rejects if a call does not end OK. */
export interface BenchClient {
  /** Unary calls, 100 in flight. */
  unary(calls: number): Promise<void>;
  /** One call that receives so many messages. */
  serverStream(messages: number): Promise<void>;
  /** One call that sends so many messages: calls and reactors each when the one before has passed flow control. */
  clientStream(messages: number): Promise<void>;
  /** One call that sends so many messages, each when the one before has come back. */
  pingPong(messages: number): Promise<void>;
}

export type Scenario = keyof BenchClient;

/** One face, at both ends. */
export interface Face {
  readonly name: string;
  service(): ServiceDefinition;
  client(channel: Channel): BenchClient;
}

export const IN_FLIGHT = 100;
export const PAYLOAD: Uint8Array = Buffer.alloc(32, 7);

function bytesMethod<K extends MethodKind>(name: string, kind: K): MethodDescriptor<Uint8Array, Uint8Array, K> {
  const marshallers = { requestMarshaller: BYTES_MARSHALLER, responseMarshaller: BYTES_MARSHALLER };
  return new MethodDescriptor({ service: 'bench.Bench', name, kind, ...marshallers });
}

/** The bench service. Its server stream sends as many messages as the request says, as a 32-bit number. */
export const METHODS = {
  unary: bytesMethod('Unary', 'unary'),
  serverStream: bytesMethod('ServerStream', 'server_streaming'),
  clientStream: bytesMethod('ClientStream', 'client_streaming'),
  pingPong: bytesMethod('PingPong', 'bidi_streaming'),
};

/** A request for so many messages. */
export function requestFor(messages: number): Uint8Array {
  const request = Buffer.alloc(4);
  request.writeUInt32BE(messages);
  return request;
}

/** The number in a request. */
export function messagesOf(request: Uint8Array): number {
  return Buffer.from(request).readUInt32BE();
}

/** Runs `one` so many times, `inFlight` at a time; `one` calls back with whether it went well. */
export function drive(times: number, inFlight: number, one: (done: (ok: boolean) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let started = 0;
    let ended = 0;
    const next = (ok: boolean): void => {
      ended += 1;
      if (!ok) reject(new Error('a call failed'));
      else if (ended === times) resolve();
      else if (started < times) start();
    };
    const start = (): void => {
      started += 1;
      one(next);
    };
    while (started < Math.min(times, inFlight)) start();
  });
}
