/**
 * The connectrpc conformance suite (https://github.com/connectrpc/conformance) against halfclose: all that it has for gRPC
 * over HTTP/2, each end of a call in each face. Its reference ends are connect-go and grpc-go. Needs Go.
 */
// file-timeout: 1200 s
import { assert, suite } from '../../../support/suite.ts';
import type { FaceName } from '../../face.ts';
import { goTool } from '../../tools.ts';
import { type Mode, runSuite } from './conformance-run.ts';

const PATIENCE_MS = 180_000;
/** Fewer cases than this would mean that the suite did not see what conf.yaml says. */
const LEAST_CASES: Readonly<Record<Mode, number>> = { client: 1050, server: 920 };

/** A case where we know better, and what we do there. The suite must see it fail. */
interface Dissent {
  readonly cases: string;
  readonly mode: Mode;
  readonly faces: readonly FaceName[];
  readonly reason: string;
}

const DISSENTS: readonly Dissent[] = [
  {
    cases: 'HTTP to RPC Code Mapping/**/request-header-fields-too-large',
    mode: 'client',
    faces: ['calls', 'promises', 'reactors'],
    reason: '431 is INTERNAL, as gRPC’s http-grpc-status-mapping.md has it by now; the suite still wants UNKNOWN',
  },
  {
    cases: 'gRPC Unexpected Requests/**/unexpected-codec',
    mode: 'server',
    faces: ['calls', 'promises', 'reactors'],
    reason:
      'application/grpc+foo is taken, as by grpc-java and grpc-js: what messages look like is for the marshallers',
  },
  {
    cases: 'gRPC Unexpected Requests/**/multiple-requests',
    mode: 'server',
    faces: ['reactors'],
    reason: 'the handler of one request runs when that has come and reads no other, as in C++',
  },
];

const test = suite('the conformance suite');
const tool = goTool('connectrpc.com/conformance/cmd/connectconformance', 'v1.0.6');

for (const mode of ['client', 'server'] as const) {
  for (const face of ['promises', 'calls', 'reactors'] as const) {
    const name = `${mode}, ${face}`;
    if ('missing' in tool) {
      test.skip(name, tool.missing);
      continue;
    }
    test(name, { timeoutMs: PATIENCE_MS + 5_000 }, async () => {
      const mustFail = DISSENTS.filter((one) => one.mode === mode && one.faces.includes(face)).map(
        ({ cases }) => cases,
      );
      const run = await runSuite({ program: tool.path, mode, face, mustFail, patienceMs: PATIENCE_MS });
      assert.is(run.exitCode, 0, run.output);
      assert.ok(run.caseCount >= LEAST_CASES[mode], run.output);
      console.log(`${name}: ${run.caseCount} cases`);
    });
  }
}

test.run();
