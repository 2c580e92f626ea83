/**
 * The cases of streams whose reader is slow, with megabytes under way. Above: cases.ts. Below: expect.ts, requests.ts. Holds: nothing here
 * waits for time to pass; that a stream stands still is seen from calls beside it that come and go.
 */
import { Code } from '../../../src/index.ts';
import type { FaceClient } from '../face.ts';
import type { StreamingOutputCallResponse } from '../gen/grpc/testing/messages_pb.ts';
import { TEST_SERVICE } from '../test-service.ts';
import type { Cases } from './case.ts';
import { expectPayloads, expectStatus, expectThat, readAll, single } from './expect.ts';
import { EMPTY, output } from './requests.ts';

const MEBIBYTE = 1 << 20;
const RESPONSES = 8;
/** More than the 16 MiB that grpc-go reads ahead at most, once it has measured the connection. */
const ROUNDS = 40;
/** So many calls are made and answered while a stream makes no progress, before it counts as standing still. */
const CALLS_OF_A_STANDSTILL = 20;

/** Zeros compress to nothing, and nothing fits any window. */
const PLAIN = { compressed: { value: false }, size: MEBIBYTE };

/** The server's messages wait for a slow reader; calls beside them do not. */
async function slowReader(client: FaceClient): Promise<void> {
  const request = output(Array.from({ length: RESPONSES }, () => PLAIN));
  const call = client.serverStreaming(TEST_SERVICE.streamingOutputCall, request);
  const responses: StreamingOutputCallResponse[] = [];
  for (let message = await call.receive(); message !== null; message = await call.receive()) {
    responses.push(message);
    single(await client.unary(TEST_SERVICE.emptyCall, EMPTY));
  }
  expectStatus(await call.outcome(), Code.OK);
  expectPayloads(
    responses,
    Array.from({ length: RESPONSES }, () => MEBIBYTE),
  );
}

/** Resolves once `progress` stays as it is. */
async function standstill(client: FaceClient, progress: () => number): Promise<void> {
  let seen = -1;
  for (let calls = 0; calls < CALLS_OF_A_STANDSTILL; calls += 1) {
    single(await client.unary(TEST_SERVICE.emptyCall, EMPTY));
    if (progress() === seen) continue;
    seen = progress();
    calls = 0;
  }
}

/** A client that does not read is not read from either, and both go on once it reads. */
async function pushBack(client: FaceClient): Promise<void> {
  const call = client.bidi(TEST_SERVICE.fullDuplexCall, { compression: 'identity' });
  let sent = 0;
  const sending = (async (): Promise<void> => {
    while (sent < ROUNDS && (await call.send(output([PLAIN], MEBIBYTE)))) sent += 1;
    call.halfClose();
  })();
  await standstill(client, () => sent);
  expectThat(sent < ROUNDS, `fewer than ${ROUNDS} requests sent while nobody reads`, sent);
  const responses = await readAll(call);
  await sending;
  expectStatus(await call.outcome(), Code.OK);
  expectPayloads(
    responses,
    Array.from({ length: ROUNDS }, () => MEBIBYTE),
  );
}

export const FLOW_CONTROL_CASES: Cases = {
  slow_reader: { run: slowReader },
  push_back: { run: pushBack, needs: 'reads no more requests of FullDuplexCall while its responses wait' },
};
