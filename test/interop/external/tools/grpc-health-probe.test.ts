/** grpc_health_probe, which Kubernetes users run, finds our server as healthy as it says it is. Needs Go. */
// file-timeout: 1200 s
import { assert, suite } from '../../../support/suite.ts';
import { goTool } from '../../tools.ts';
import { runTool } from './tool-run.ts';
import { ZooServer } from './zoo-server.ts';

const test = suite('grpc_health_probe');
const tool = goTool('github.com/grpc-ecosystem/grpc-health-probe', 'v0.4.40');

/** Its exit codes. */
const SERVING = 0;
const RPC_FAILED = 3;
const UNHEALTHY = 4;

if ('missing' in tool) {
  test.skip('says what the server says', tool.missing);
} else {
  test('says what the server says', { timeoutMs: 120_000 }, async () => {
    await using server = new ZooServer([]);
    const address = await server.start();
    const probe = (service: string) => runTool(tool.path, [`-addr=${address}`, `-service=${service}`]);
    assert.is((await probe('')).code, SERVING);
    const unknown = await probe('zoo.animals.Zoo');
    assert.is(unknown.code, RPC_FAILED);
    assert.match(unknown.stderr, /NotFound/);
    server.health.setStatus('zoo.animals.Zoo', 'SERVING');
    const serving = await probe('zoo.animals.Zoo');
    assert.is(serving.code, SERVING);
    assert.match(`${serving.stdout}${serving.stderr}`, /status: SERVING/);
    server.health.enterTerminalState();
    assert.is((await probe('zoo.animals.Zoo')).code, UNHEALTHY);
    assert.is((await probe('')).code, UNHEALTHY);
  });
}

test.run();
