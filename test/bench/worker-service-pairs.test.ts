/** Pairs of stacks in the benchmark: which there are, and what becomes of those with an implementation beyond Node. */
import { readOptions } from '../../bench/options.ts';
import { whyNotGrpcGo } from '../../bench/peers/grpc-go.ts';
import { SCENARIOS, type Scenario } from '../../bench/scenarios.ts';
import { isStackName, loadStack } from '../../bench/stacks.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('bench pairs');

function scenarioOf(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  if (found === undefined) throw new Error(`no scenario ${name}`);
  return found;
}

function contendersOf(scenario: string, ...args: string[]): string[] {
  const options = readOptions(args);
  if (typeof options === 'string') throw new Error('a text');
  return options.contendersOf(scenarioOf(scenario)).map(({ name }) => name);
}

const PAIRS = ['calls > floor', 'floor > calls', 'calls > grpc-go', 'grpc-go > calls'];

test('the full run has pairs for unary and ping-pong, the quick run has none', () => {
  for (const scenario of ['unary-32-100', 'ping-pong-1', 'ping-pong-100']) {
    assert.equal(contendersOf(scenario, '--full').slice(-4), PAIRS);
    assert.ok(contendersOf(scenario).every((name) => !name.includes('>')));
  }
  for (const scenario of ['unary-32-1', 'download-32', 'idle', 'in-process', 'tls']) {
    assert.ok(contendersOf(scenario, '--full').every((name) => !name.includes('>')));
  }
});

test('grpc-go is a stack that runs only when asked for, and not in Node', async () => {
  assert.ok(isStackName('grpc-go'));
  assert.equal(contendersOf('unary-32-1', '--stack', 'grpc-go>floor,grpc-go'), ['grpc-go > floor', 'grpc-go']);
  assert.match(readOptions(['--list']) as string, /grpc-go/);
  const error = await loadStack('grpc-go').catch((reason: Error) => reason);
  assert.match((error as Error).message, /does not run in Node/);
});

test('what grpc-go cannot do is known without it', () => {
  for (const [scenario, reason] of [
    ['download-32', /no download$/],
    ['upload-1024', /no upload$/],
    ['idle', /no idle$/],
    ['slow-reader-32', /no slow-reader$/],
    ['churn', /no churn$/],
    ['tls', /cleartext/],
    ['gzip', /compress/],
    ['metadata', /metadata/],
    ['in-process', /this process/],
  ] as const) {
    assert.match(whyNotGrpcGo(scenarioOf(scenario)) ?? '', reason);
  }
});

test.run();
