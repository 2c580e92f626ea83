/**
 * The service `test.Echo` and how tests talk about it: what a caller may command, and what came of a call, in words that
 * fit every implementation. Bytes in, bytes out, no protobuf. Above: interop tests. Its servers and clients: echo-service.ts
 * (ours), grpc-js.ts.
 */
import { BYTES_MARSHALLER, MethodDescriptor, type MethodKind } from '../../src/values/method.ts';

/** The kinds that the service has a method of. */
export type EchoKind = Exclude<MethodKind, 'unknown'>;

export type EchoMethod = MethodDescriptor<Uint8Array, Uint8Array>;

/**
 * Unary and bidi methods answer each message with itself, ServerStreaming answers its message so many times, ClientStreaming
 * answers with all messages in one.
 */
export const echoMethods: Readonly<Record<EchoKind, EchoMethod>> = Object.freeze({
  unary: echoMethod('Unary', 'unary'),
  client_streaming: echoMethod('ClientStreaming', 'client_streaming'),
  server_streaming: echoMethod('ServerStreaming', 'server_streaming'),
  bidi_streaming: echoMethod('Bidi', 'bidi_streaming'),
});

export const ECHO_KINDS: readonly EchoKind[] = Object.freeze(Object.keys(echoMethods) as EchoKind[]);

function echoMethod(name: string, kind: EchoKind): EchoMethod {
  return new MethodDescriptor({
    service: 'test.Echo',
    name,
    kind,
    requestMarshaller: BYTES_MARSHALLER,
    responseMarshaller: BYTES_MARSHALLER,
  });
}

/** What the caller wants of the service, sent as JSON under `x-command`. Everything may be left out. */
export interface EchoCommand {
  /** The status to end with; other than 0 in place of the answer of Unary and ClientStreaming. Default: 0. */
  readonly code?: number;
  readonly message?: string;
  /** For Bidi and ServerStreaming: ends after so many answers. Default: at the end of the requests. */
  readonly after?: number;
  /** How many answers ServerStreaming gives, and Bidi for each message. Default: 1. */
  readonly count?: number;
  /** Answers are so many zero bytes. Default: what was sent. */
  readonly size?: number;
  /** Waits so long before each answer. Default: 0. */
  readonly delayMs?: number;
  /** Sends the headers at once, before any message is read. Default: with the first answer. */
  readonly headersFirst?: boolean;
  /** The compressor of the answers, where the implementation has one. Default: none. */
  readonly compression?: string;
  /** Reads nothing at all. Default: false. */
  readonly deaf?: boolean;
  /** Sent in the trailers, after what is echoed there. Default: none. */
  readonly trailers?: readonly (readonly [key: string, value: string])[];
}

export type Pair = readonly [key: string, value: string | Uint8Array];

const COMMAND_KEY = 'x-command';

/** The header that carries a command. */
export function commandPair(command: EchoCommand): Pair {
  const ascii = JSON.stringify(command).replaceAll(/[^\x20-\x7e]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return [COMMAND_KEY, ascii];
}

/** The command among some headers. */
export function readCommand(pairs: Iterable<Pair>): EchoCommand {
  for (const [key, value] of pairs) if (key === COMMAND_KEY) return JSON.parse(String(value)) as EchoCommand;
  return {};
}

/** The headers that the service sends back, as headers and as trailers: all that begin with `x-`, but for the command. */
export function echoedPairs(pairs: Iterable<Pair>): Pair[] {
  return [...pairs].filter(([key]) => key.startsWith('x-') && key !== COMMAND_KEY);
}

/** The trailers of a response: what is echoed, and what was commanded. */
export function trailerPairs(pairs: Iterable<Pair>): Pair[] {
  const all = [...pairs];
  return [...echoedPairs(all), ...(readCommand(all).trailers ?? [])];
}

/** How a call ended and what came before, the same for every client. */
export interface Outcome {
  readonly code: number;
  /** Empty for none. */
  readonly message: string;
  /** The custom headers of the response; null when none came. */
  readonly headers: readonly Pair[] | null;
  readonly messages: readonly Uint8Array[];
  readonly trailers: readonly Pair[];
}

/** Only what a test sent: without user-agent, date and the like. */
export function customPairs(pairs: Iterable<Pair>): Pair[] {
  return [...pairs].filter(([key]) => key.startsWith('x-'));
}

/** Where a caller cancels. */
export type CancelPoint = 'at once' | 'after headers' | 'after the first message' | 'after half-close' | 'when slow';

export interface CallInit {
  readonly command?: EchoCommand;
  readonly pairs?: readonly Pair[];
  readonly timeoutMs?: number;
  /** The compressor of the requests. */
  readonly compression?: 'gzip' | 'deflate';
  readonly cancel?: CancelPoint;
}

/** A client of the service, ours or another's. */
export interface EchoClient extends AsyncDisposable {
  /** One call: sends everything, half-closes, reads everything. Never rejects for how the call ends. */
  call(kind: EchoKind, messages: readonly Uint8Array[], init?: CallInit): Promise<Outcome>;
  /** A method that no server has. */
  callUnknown(): Promise<Outcome>;
}

/** A server of the service, ours or another's. */
export interface EchoServer extends AsyncDisposable {
  readonly port: number;
  /** What the handlers went through, in order: `start Unary`, `cancelled Unary`; of ours also `end Unary`. */
  readonly events: readonly string[];
  /** What each call's headers were, without the command. */
  readonly requests: readonly (readonly Pair[])[];
  /** Milliseconds that were left of each call's deadline when its handler began; null for none. */
  readonly deadlinesMs: readonly (number | null)[];
}
