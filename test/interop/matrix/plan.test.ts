/** Which pairs the matrix runs, and for what reasons it leaves cases out. */
import { assert, suite } from '../../support/suite.ts';
import type { Peer } from '../peers/peer.ts';
import { type Pairing, planMatrix, reasonNotToRun, type Selection } from './plan.ts';

/** A peer that is nothing but its name and what it cannot do. */
function peer(name: string, client: Peer['client']['cannot'] = {}, server: Partial<Peer['server']> = {}): Peer {
  return {
    name,
    implementation: name.replace(/\/.*/, ''),
    version: '1',
    client: { commandLine: () => ['client'], takesMany: true, cannot: client },
    server: { commandLine: () => ['server'], listening: /listening/, cannot: {}, ...server },
  };
}

const CALLS = peer('halfclose/calls');
const REACTORS = peer('halfclose/reactors');
const GO = peer('grpc-go', { ping_pong: 'the client has no ping_pong' });
const JAVA = peer('grpc-java', {}, { cannot: { empty_unary: 'the server has no empty_unary' } });
const ALL: Selection = { implementations: ['halfclose', 'grpc-go', 'grpc-java'], modes: ['cleartext'], cases: null };

function namesOf(pairs: readonly Pairing[]): string[] {
  return pairs.map(({ client, server, mode }) => `${client.name} > ${server.name} ${mode}`);
}

const test = suite('interop matrix plan');

test('every pair has halfclose on one side, and both of its faces meet each other', () => {
  assert.equal(namesOf(planMatrix([CALLS, REACTORS, GO, JAVA], [], ALL)).sort(), [
    'grpc-go > halfclose/calls cleartext',
    'grpc-go > halfclose/reactors cleartext',
    'grpc-java > halfclose/calls cleartext',
    'grpc-java > halfclose/reactors cleartext',
    'halfclose/calls > grpc-go cleartext',
    'halfclose/calls > grpc-java cleartext',
    'halfclose/calls > halfclose/calls cleartext',
    'halfclose/calls > halfclose/reactors cleartext',
    'halfclose/reactors > grpc-go cleartext',
    'halfclose/reactors > grpc-java cleartext',
    'halfclose/reactors > halfclose/calls cleartext',
    'halfclose/reactors > halfclose/reactors cleartext',
  ]);
});

test('a selected peer stands on both sides, and halfclose meets itself only if asked to', () => {
  const selection: Selection = { ...ALL, implementations: ['grpc-go'], modes: ['cleartext', 'tls'] };
  assert.equal(namesOf(planMatrix([CALLS, GO, JAVA], [], selection)), [
    'grpc-go > halfclose/calls cleartext',
    'halfclose/calls > grpc-go cleartext',
    'grpc-go > halfclose/calls tls',
    'halfclose/calls > grpc-go tls',
  ]);
});

test('what a client or a server cannot do is skipped with its reason, and is not run', () => {
  const selection: Selection = { ...ALL, cases: ['empty_unary', 'ping_pong'] };
  const pairs = planMatrix([CALLS, GO, JAVA], [], selection);
  const said = pairs.map(({ client, server, cases, skipped }) => [
    `${client.name} > ${server.name}`,
    cases.join(),
    skipped.map((result) => `${result.case} ${result.outcome} ${'reason' in result ? result.reason : ''}`).join(),
  ]);
  assert.equal(said, [
    ['halfclose/calls > halfclose/calls', 'empty_unary,ping_pong', ''],
    ['grpc-go > halfclose/calls', 'empty_unary', 'ping_pong skipped the client has no ping_pong'],
    ['grpc-java > halfclose/calls', 'empty_unary,ping_pong', ''],
    ['halfclose/calls > grpc-go', 'empty_unary,ping_pong', ''],
    ['halfclose/calls > grpc-java', 'ping_pong', 'empty_unary skipped the server has no empty_unary'],
  ]);
});

test('only clients of halfclose run the further cases', () => {
  const pairs = planMatrix([CALLS, GO], ['push_back'], { ...ALL, cases: ['push_back', 'large_unary'] });
  const cases = new Map(pairs.map(({ client, server, cases }) => [`${client.name} > ${server.name}`, cases.join()]));
  assert.is(cases.get('halfclose/calls > grpc-go'), 'large_unary,push_back');
  assert.is(cases.get('grpc-go > halfclose/calls'), 'large_unary');
});

test('a pair without a case is none', () => {
  assert.equal(namesOf(planMatrix([CALLS, GO], ['push_back'], { ...ALL, cases: ['push_back'] })), [
    'halfclose/calls > halfclose/calls cleartext',
    'halfclose/calls > grpc-go cleartext',
  ]);
});

test('a server may be unable to do one case in a mode, or every case', () => {
  const server = peer('grpc-go', {}, { cannotIn: { tls: { ping_pong: 'not over TLS' }, gzip: 'has no gzip' } });
  const reasonIn = (mode: 'cleartext' | 'tls' | 'gzip', name: string): string | null =>
    reasonNotToRun(CALLS, server, mode, name);
  assert.is(reasonIn('cleartext', 'ping_pong'), null);
  assert.is(reasonIn('tls', 'ping_pong'), 'not over TLS');
  assert.is(reasonIn('tls', 'empty_unary'), null);
  assert.is(reasonIn('gzip', 'ping_pong'), 'has no gzip');
  assert.is(reasonIn('gzip', 'empty_unary'), 'has no gzip');
});

test.run();
