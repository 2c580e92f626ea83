/** The cases of calls that end before their answer: cancelled, or out of time. Above: cases.ts. Below: expect.ts, requests.ts. */
import { Code } from '../../../src/index.ts';
import type { FaceClient } from '../face.ts';
import { TEST_SERVICE } from '../test-service.ts';
import { type CaseSettings, type Cases, MANY_CALLS_LIMIT_MS } from './case.ts';
import { expectEqual, expectPayloads, expectStatus, readAll, single } from './expect.ts';
import { ECHO_INITIAL } from './metadata.ts';
import { EMPTY, largeUnary, outputOf } from './requests.ts';

const SHORT_MS = 1;
/** Long enough that calls which wait for a slot on the connection do not all end before they begin. */
const MEANWHILE_MS = 100;
const LONG_MS = 14_000;

async function cancelAfterBegin(client: FaceClient): Promise<void> {
  const call = client.clientStreaming(TEST_SERVICE.streamingInputCall);
  call.cancel();
  const outcome = await call.outcome();
  expectStatus(outcome, Code.CANCELLED);
  expectEqual('the number of responses', outcome.messages.length, 0);
}

async function cancelAfterFirstResponse(client: FaceClient): Promise<void> {
  const call = client.bidi(TEST_SERVICE.fullDuplexCall);
  await call.send(outputOf([31_415], 27_182));
  expectPayloads(
    [await call.receive()].flatMap((message) => message ?? []),
    [31_415],
  );
  call.cancel();
  expectStatus(await call.outcome(), Code.CANCELLED);
}

/** The server waits for what the client does not send; whether the first message still went out is all the same. */
async function sleepUntil(client: FaceClient, timeoutMs: number): Promise<void> {
  const call = client.bidi(TEST_SERVICE.fullDuplexCall, { timeoutMs });
  await call.send(outputOf([], 27_182));
  expectEqual('the number of responses', (await readAll(call)).length, 0);
  expectStatus(await call.outcome(), Code.DEADLINE_EXCEEDED);
}

/** Calls that were given up before they were made. */
async function cancelBeforeStart(client: FaceClient): Promise<void> {
  const init = { signal: AbortSignal.abort() };
  expectStatus(await largeUnary(client, {}, init), Code.CANCELLED);
  const call = client.bidi(TEST_SERVICE.fullDuplexCall, init);
  expectEqual('the number of responses', (await readAll(call)).length, 0);
  expectStatus(await call.outcome(), Code.CANCELLED);
}

/** Calls with one request, which may or may not have left. */
async function cancelAtOnce(client: FaceClient): Promise<void> {
  const abort = new AbortController();
  const unary = largeUnary(client, {}, { signal: abort.signal });
  abort.abort();
  expectStatus(await unary, Code.CANCELLED);
  const call = client.serverStreaming(TEST_SERVICE.streamingOutputCall, outputOf([31_415, 9]));
  call.cancel();
  expectEqual('the number of responses', (await readAll(call)).length, 0);
  expectStatus(await call.outcome(), Code.CANCELLED);
}

async function cancelAfterFirstRequest(client: FaceClient): Promise<void> {
  const call = client.bidi(TEST_SERVICE.fullDuplexCall);
  await call.send(outputOf([], 27_182));
  call.cancel();
  expectEqual('whether more may be sent', await call.send(outputOf([9])), false);
  expectEqual('the number of responses', (await readAll(call)).length, 0);
  expectStatus(await call.outcome(), Code.CANCELLED);
}

async function cancelAfterHeaders(client: FaceClient): Promise<void> {
  const call = client.bidi(TEST_SERVICE.fullDuplexCall, { metadata: { [ECHO_INITIAL]: 'early' } });
  expectEqual('the echo in the headers', (await call.headers()).get(ECHO_INITIAL), 'early');
  call.cancel();
  expectEqual('the number of responses', (await readAll(call)).length, 0);
  const outcome = await call.outcome();
  expectStatus(outcome, Code.CANCELLED);
  expectEqual('the echo in the headers', outcome.headers.get(ECHO_INITIAL), 'early');
}

async function timeoutNotReached(client: FaceClient): Promise<void> {
  single(await client.unary(TEST_SERVICE.emptyCall, EMPTY, { timeoutMs: LONG_MS }));
  const call = client.bidi(TEST_SERVICE.fullDuplexCall, { timeoutMs: LONG_MS });
  await call.send(outputOf([31_415]));
  call.halfClose();
  expectPayloads(await readAll(call), [31_415]);
  expectStatus(await call.outcome(), Code.OK);
}

/** On one connection every other call runs out of time, and takes none of the others along. */
async function manyTimeouts(client: FaceClient, { concurrentCalls }: CaseSettings): Promise<void> {
  const one = async (_: unknown, index: number): Promise<void> => {
    if (index % 2 === 0) await sleepUntil(client, MEANWHILE_MS);
    else single(await client.unary(TEST_SERVICE.emptyCall, EMPTY, { timeoutMs: MANY_CALLS_LIMIT_MS }));
  };
  await Promise.all(Array.from({ length: concurrentCalls }, one));
}

export const CANCEL_CASES: Cases = {
  cancel_after_begin: { run: cancelAfterBegin },
  cancel_after_first_response: { run: cancelAfterFirstResponse },
  timeout_on_sleeping_server: { run: (client) => sleepUntil(client, SHORT_MS) },
};

export const OWN_CANCEL_CASES: Cases = {
  cancel_before_start: { run: cancelBeforeStart },
  cancel_at_once: { run: cancelAtOnce },
  cancel_after_first_request: { run: cancelAfterFirstRequest },
  cancel_after_headers: {
    run: cancelAfterHeaders,
    needs: 'sends the headers of FullDuplexCall before its first response, if it has to echo some',
  },
  timeout_not_reached: { run: timeoutNotReached },
  many_timeouts: { run: manyTimeouts, limitMs: () => MANY_CALLS_LIMIT_MS },
};
