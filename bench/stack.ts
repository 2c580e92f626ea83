/**
 * What the benchmark asks of a stack: a way to serve the bench service, and to call it. Above: worker.ts runs one end of one
 * stack in a process of its own. Below: stacks/ has one file for each. Holds: a stack does nothing that its users would
 * not, and leaves out nothing that they need: it waits while the peer is slow, and notices a call that fails.
 */

/** How both ends talk. */
export interface StackOptions {
  /** Null for cleartext. PEM; the certificate is for localhost and signed by `ca`. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string } | null;
  /** Of requests and responses. */
  readonly compression: 'gzip' | null;
  /** So many ASCII entries go along with every request and every response's headers. */
  readonly metadataEntries: number;
  /** Both ends are in this process, and no socket is between them, if the stack can do without. */
  readonly inProcess: boolean;
}

/** One server on a port of 127.0.0.1 that it chose itself, or in the process. */
export interface StackServer {
  /** As a client of the same stack takes it: `127.0.0.1:port`, or a name within the process. */
  readonly target: string;
  close(): Promise<void>;
}

/** Null: all is well. */
export type Done = (error: Error | null) => void;

/** A call that stays open. */
export interface OpenCall {
  cancel(): void;
}

/** One connection to a server. Callbacks, because not every stack has promises. */
export interface StackClient {
  /** Resolves once there is a connection, where the stack can tell. */
  ready?(): Promise<void>;
  /** One unary call; the request is one of service.ts's simpleRequest. */
  unary(request: Uint8Array, done: Done): void;
  /** A bidi call: `messages` requests, each sent when the answer to the one before has come. */
  pingPong(request: Uint8Array, messages: number, done: Done): void;
  /** One call that receives what it orders, as fast as it comes. `onMessage` may pause the reading by a promise. */
  download(order: Uint8Array, onMessage: (message: Uint8Array) => undefined | Promise<void>, done: Done): void;
  /** One call that sends `messages` times the same message, as fast as the call takes them. */
  upload(message: Uint8Array, messages: number, done: Done): void;
  /** A bidi call (ping-pong) that has had one answer and stays open. */
  open(request: Uint8Array, opened: (error: Error | null, call: OpenCall) => void): void;
  close(): Promise<void>;
}

/** One way to speak gRPC. */
export interface Stack {
  readonly name: string;
  serve(options: StackOptions): Promise<StackServer>;
  connect(target: string, options: StackOptions): StackClient;
}

/** The metadata that every request and response carries. */
export function metadataOf({ metadataEntries }: StackOptions): [string, string][] {
  return Array.from({ length: metadataEntries }, (_, i) => [`x-bench-${i}`, `value ${i} of a header that is read`]);
}

/** Waits for each of `done`'s callers as a promise. */
export function settled(start: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error === null ? resolve() : reject(error)));
  });
}
