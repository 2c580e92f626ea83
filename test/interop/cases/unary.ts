/** The cases of one request and one response. Above: cases.ts. Below: expect.ts, requests.ts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import type { FaceClient } from '../face.ts';
import { EmptySchema } from '../gen/grpc/testing/empty_pb.ts';
import { SimpleRequestSchema } from '../gen/grpc/testing/messages_pb.ts';
import { TEST_SERVICE } from '../test-service.ts';
import { type CaseSettings, type Cases, MANY_CALLS_LIMIT_MS } from './case.ts';
import { expectEqual, expectPayloads, expectThat, single } from './expect.ts';
import { EMPTY, LARGE_RESPONSE, largeUnary } from './requests.ts';

const CACHED_CALLS = 2;
const LONG_LIVED_CALLS = 5;
const LONG_LIVED_INTERVAL_MS = 20;
const PICKED_CALLS = 100;

async function emptyUnary(client: FaceClient): Promise<void> {
  const response = single(await client.unary(TEST_SERVICE.emptyCall, EMPTY));
  expectEqual('the bytes of the response', toBinary(EmptySchema, response).length, 0);
}

async function largeUnaryCase(client: FaceClient): Promise<void> {
  expectPayloads([single(await largeUnary(client))], [LARGE_RESPONSE]);
}

/** The same request twice, from one user: the second answer is the first one, for a cache stands between. */
async function cacheableUnary(client: FaceClient): Promise<void> {
  const nanoseconds = BigInt(Math.trunc((performance.timeOrigin + performance.now()) * 1e6));
  const request = create(SimpleRequestSchema, { payload: { body: Buffer.from(`${nanoseconds}`) } });
  const bodies: string[] = [];
  for (let i = 0; i < CACHED_CALLS; i += 1) {
    const outcome = await client.unary(TEST_SERVICE.cacheableUnaryCall, request, {
      metadata: { 'x-user-ip': '1.2.3.4' },
    });
    bodies.push(Buffer.from(single(outcome).payload?.body ?? []).toString());
  }
  expectThat(bodies[0] !== '', 'a payload', bodies[0]);
  expectEqual('the payload of the second response', bodies[1], bodies[0]);
}

async function longLivedChannel(client: FaceClient): Promise<void> {
  for (let i = 0; i < LONG_LIVED_CALLS; i += 1) {
    if (i > 0) await sleep(LONG_LIVED_INTERVAL_MS);
    await largeUnaryCase(client);
  }
}

async function concurrentLargeUnary(client: FaceClient, { concurrentCalls }: CaseSettings): Promise<void> {
  await Promise.all(Array.from({ length: concurrentCalls }, () => largeUnaryCase(client)));
}

async function pickFirstUnary(client: FaceClient): Promise<void> {
  const request = create(SimpleRequestSchema, { fillServerId: true });
  const ids: string[] = [];
  for (let i = 0; i < PICKED_CALLS; i += 1) {
    ids.push(single(await client.unary(TEST_SERVICE.unaryCall, request)).serverId);
  }
  expectThat(ids[0] !== '', 'the id of a server', ids[0]);
  expectEqual('the servers that answered', [...new Set(ids)], [ids[0]]);
}

export const UNARY_CASES: Cases = {
  empty_unary: { run: emptyUnary },
  cacheable_unary: { run: cacheableUnary },
  large_unary: { run: largeUnaryCase },
};

export const MANY_UNARY_CASES: Cases = {
  long_lived_channel: { run: longLivedChannel },
  concurrent_large_unary: { run: concurrentLargeUnary, limitMs: () => MANY_CALLS_LIMIT_MS },
  pick_first_unary: { run: pickFirstUnary },
};
