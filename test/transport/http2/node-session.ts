/**
 * A bare node:http2 client session for the tests that pin what node itself does. Above: tests of this folder.
 * Below: node:http2 alone, nothing of ours.
 */
import http2 from 'node:http2';
import { within } from '../../support/within.ts';

/** A session whose errors are silenced; disposing destroys it and waits until it is gone. */
export type NodeSession = http2.ClientHttp2Session & AsyncDisposable;

/** Connects to a port of 127.0.0.1, in cleartext. */
export function nodeSession(port: number, options: http2.SecureClientSessionOptions = {}): NodeSession {
  const session = http2.connect(`http://127.0.0.1:${port}`, options);
  session.on('error', () => {});
  const closed = new Promise((resolve) => session.once('close', resolve));
  return Object.assign(session, {
    async [Symbol.asyncDispose](): Promise<void> {
      session.destroy();
      await within(5_000, closed, 'a node session to close');
    },
  });
}

/** A POST whose errors are silenced. */
export function nodeRequest(
  session: http2.ClientHttp2Session,
  options: http2.ClientSessionRequestOptions = {},
  headers: http2.OutgoingHttpHeaders = {},
): http2.ClientHttp2Stream {
  const stream = session.request({ ':method': 'POST', ':path': '/test.Rig/Call', ...headers }, options);
  stream.on('error', () => {});
  return stream;
}

/** The next event of this name; unlike events.once it does not reject for an `error`. */
export function eventOf(emitter: NodeJS.EventEmitter, name: string): Promise<unknown[]> {
  return within(5_000, new Promise((resolve) => emitter.once(name, (...values: unknown[]) => resolve(values))), name);
}
