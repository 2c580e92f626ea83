/**
 * The cases of compressed messages. Above: cases.ts. Below: expect.ts, requests.ts. Holds: whether a response came compressed is known
 * from its message alone, of channels made with PROBED_COMPRESSORS.
 */
import { Code } from '../../../src/index.ts';
import type { FaceClient } from '../face.ts';
import { TEST_SERVICE, wasCompressed } from '../test-service.ts';
import type { Cases } from './case.ts';
import { expectEqual, expectPayloads, expectStatus, readAll, single } from './expect.ts';
import { input, LARGE_RESPONSE, largeUnary, output } from './requests.ts';

/** The first message of the streaming case, and the second. */
const COMPRESSED_SIZE = 27_182;
const PLAIN_SIZE = 45_904;

const TRUE = { value: true };
const FALSE = { value: false };

/** A server that looks for the compressed flag refuses a request that lacks it. */
async function probeUnary(client: FaceClient): Promise<void> {
  const outcome = await largeUnary(client, { expectCompressed: TRUE }, { compression: 'identity' });
  expectStatus(outcome, Code.INVALID_ARGUMENT);
}

async function compressedUnary(client: FaceClient): Promise<void> {
  const compressed = await largeUnary(client, { expectCompressed: TRUE }, { compression: 'gzip' });
  expectPayloads([single(compressed)], [LARGE_RESPONSE]);
  const plain = await largeUnary(client, { expectCompressed: FALSE }, { compression: 'identity' });
  expectPayloads([single(plain)], [LARGE_RESPONSE]);
}

async function probeStreaming(client: FaceClient): Promise<void> {
  const call = client.clientStreaming(TEST_SERVICE.streamingInputCall, { compression: 'gzip' });
  await call.send(input(COMPRESSED_SIZE, { expectCompressed: TRUE }), false);
  call.halfClose();
  expectStatus(await call.outcome(), Code.INVALID_ARGUMENT);
}

async function compressedStreaming(client: FaceClient): Promise<void> {
  const call = client.clientStreaming(TEST_SERVICE.streamingInputCall, { compression: 'gzip' });
  await call.send(input(COMPRESSED_SIZE, { expectCompressed: TRUE }), true);
  await call.send(input(PLAIN_SIZE, { expectCompressed: FALSE }), false);
  call.halfClose();
  const { aggregatedPayloadSize } = single(await call.outcome());
  expectEqual('the aggregated size', aggregatedPayloadSize, COMPRESSED_SIZE + PLAIN_SIZE);
}

async function serverCompressedUnary(client: FaceClient): Promise<void> {
  for (const responseCompressed of [TRUE, FALSE]) {
    const response = single(await largeUnary(client, { responseCompressed }));
    expectPayloads([response], [LARGE_RESPONSE]);
    expectEqual('whether the response came compressed', wasCompressed(response), responseCompressed.value);
  }
}

async function serverCompressedStreaming(client: FaceClient): Promise<void> {
  const request = output([
    { compressed: TRUE, size: 31_415 },
    { compressed: FALSE, size: 92_653 },
  ]);
  const call = client.serverStreaming(TEST_SERVICE.streamingOutputCall, request);
  const responses = await readAll(call);
  expectStatus(await call.outcome(), Code.OK);
  expectPayloads(responses, [31_415, 92_653]);
  expectEqual('which responses came compressed', responses.map(wasCompressed), [true, false]);
}

export const COMPRESSION_CASES: Cases = {
  client_compressed_unary: {
    async run(client) {
      await probeUnary(client);
      await compressedUnary(client);
    },
  },
  client_compressed_unary_noprobe: { run: compressedUnary },
  server_compressed_unary: { run: serverCompressedUnary },
  client_compressed_streaming: {
    async run(client) {
      await probeStreaming(client);
      await compressedStreaming(client);
    },
  },
  client_compressed_streaming_noprobe: { run: compressedStreaming },
  server_compressed_streaming: { run: serverCompressedStreaming },
};
