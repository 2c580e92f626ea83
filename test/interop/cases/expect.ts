/**
 * What the cases expect of outcomes. Above: the cases. Below: face.ts, the generated messages. Holds: a failure says on one line what
 * was expected and what is there.
 */
import { type Code, Status } from '../../../src/index.ts';
import type { Outcome, ReadableCall } from '../face.ts';
import type { Payload } from '../gen/grpc/testing/messages_pb.ts';

/** Why a case did not pass. */
export class CaseFailure extends Error {
  override readonly name = 'CaseFailure';
}

/** A value on one line; bytes in hexadecimal digits. */
function show(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  return JSON.stringify(value) ?? 'nothing';
}

/** Compares strings, numbers, booleans, bytes and lists of them. Throws CaseFailure. */
export function expectEqual(what: string, actual: unknown, expected: unknown): void {
  const [is, due] = [show(actual), show(expected)];
  if (is !== due) throw new CaseFailure(`${what}: expected ${due}, got ${is}`);
}

/** As expectEqual, for what must hold. `actual` says what is there instead. */
export function expectThat(holds: boolean, expected: string, actual: unknown): void {
  if (!holds) throw new CaseFailure(`expected ${expected}, got ${show(actual)}`);
}

/** Compares the code, and the message if one is given. Throws CaseFailure. */
export function expectStatus({ status }: Outcome<unknown>, code: Code, message?: string): void {
  const expected = Status.fromCode(code).withDescription(message ?? null);
  const isSame = status.code === code && (message === undefined || status.description === message);
  if (!isSame) throw new CaseFailure(`the status: expected ${show(`${expected}`)}, got ${show(`${status}`)}`);
}

/** The one response of a call that ended well. Throws CaseFailure. */
export function single<Res>(outcome: Outcome<Res>): Res {
  expectStatus(outcome, 0);
  const [response, ...more] = outcome.messages;
  if (response === undefined || more.length > 0) {
    throw new CaseFailure(`the number of responses: expected 1, got ${outcome.messages.length}`);
  }
  return response;
}

interface WithPayload {
  readonly payload?: Payload | undefined;
}

/** The length of a message's payload. */
export function bytesOf(message: WithPayload | null): number | null {
  return message === null ? null : (message.payload?.body.length ?? 0);
}

/** That there are just so many messages, each with a payload of so many zero bytes. Throws CaseFailure. */
export function expectPayloads(messages: readonly WithPayload[], sizes: readonly number[]): void {
  expectEqual('the sizes of the payloads', messages.map(bytesOf), sizes);
  for (const { payload } of messages) {
    const bytes = payload?.body ?? new Uint8Array();
    const isZero = Buffer.alloc(bytes.length).equals(bytes);
    expectThat(isZero && (payload?.type ?? 0) === 0, 'a COMPRESSABLE payload of zeros', payload?.type);
  }
}

/** All responses that are still to come. */
export async function readAll<Res>(call: ReadableCall<Res>): Promise<Res[]> {
  const messages: Res[] = [];
  for (let message = await call.receive(); message !== null; message = await call.receive()) messages.push(message);
  return messages;
}
