/** The cases of metadata, which the server echoes. Above: cases.ts. Below: expect.ts, requests.ts. */
import { Code } from '../../../src/index.ts';
import type { FaceClient, Outcome } from '../face.ts';
import { TEST_SERVICE } from '../test-service.ts';
import type { Cases } from './case.ts';
import { expectEqual, expectPayloads, expectStatus, readAll, single } from './expect.ts';
import { LARGE_REQUEST, LARGE_RESPONSE, largeUnary, outputOf } from './requests.ts';

/** What comes back with the headers, and what with the trailers. */
export const ECHO_INITIAL = 'x-grpc-test-echo-initial';
export const ECHO_TRAILING = 'x-grpc-test-echo-trailing-bin';

/** In bytes. Both together, the second in base64, stay below the 8 KiB that peers take unless told otherwise. */
const LARGE_TEXT = 3000;
const LARGE_BYTES = 2400;

interface Echoed {
  readonly text: string;
  readonly bytes: Uint8Array;
}

function expectEcho({ headers, trailers }: Outcome<unknown>, { text, bytes }: Echoed): void {
  expectEqual('the echo in the headers', headers.getAll(ECHO_INITIAL), [text]);
  expectEqual('the echo in the trailers', trailers.getAll(ECHO_TRAILING), [bytes]);
}

/** UnaryCall and FullDuplexCall, both with metadata to be echoed. */
async function echoMetadata(client: FaceClient, echoed: Echoed): Promise<void> {
  const metadata = { [ECHO_INITIAL]: echoed.text, [ECHO_TRAILING]: echoed.bytes };
  const unary = await largeUnary(client, {}, { metadata });
  expectPayloads([single(unary)], [LARGE_RESPONSE]);
  expectEcho(unary, echoed);

  const call = client.bidi(TEST_SERVICE.fullDuplexCall, { metadata });
  await call.send(outputOf([LARGE_RESPONSE], LARGE_REQUEST));
  call.halfClose();
  const responses = await readAll(call);
  const duplex = await call.outcome();
  expectStatus(duplex, Code.OK);
  expectPayloads(responses, [LARGE_RESPONSE]);
  expectEcho(duplex, echoed);
}

export const METADATA_CASES: Cases = {
  custom_metadata: {
    run: (client) => echoMetadata(client, { text: 'test_initial_metadata_value', bytes: Buffer.from('ababab', 'hex') }),
  },
};

export const OWN_METADATA_CASES: Cases = {
  large_metadata: {
    run: (client) => {
      const bytes = Buffer.from(Array.from({ length: LARGE_BYTES }, (_, index) => index % 256));
      return echoMetadata(client, { text: 'x'.repeat(LARGE_TEXT), bytes });
    },
  },
};
