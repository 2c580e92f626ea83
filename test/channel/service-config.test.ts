/** Service configs: gRFC A6's and A21's rules, one fault at a time, and how methods are looked up. */
import fc from 'fast-check';
import { NO_SETTINGS } from '../../src/call/method-settings.ts';
import type { BalancerProvider, BalancerProviders } from '../../src/channel/balancer/balancer.ts';
import {
  type ParsedServiceConfig,
  readServiceConfig,
  type ServiceConfig,
  type ServiceConfigLimits,
  type ServiceConfigMethods,
} from '../../src/channel/service-config.ts';
import { Code, Status } from '../../src/values/status.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('service config');

function balancerNamed(name: string): BalancerProvider {
  return {
    name,
    readConfig(json): unknown {
      if (json['bad'] !== undefined) throw new TypeError('bad is not good');
      return { name, ...json };
    },
    newBalancer: () => {
      throw new Error('no balancer is made of a config');
    },
  };
}

const KNOWN = new Map(['pick_first', 'round_robin', 'mine'].map((name) => [name, balancerNamed(name)]));
const PROVIDERS: BalancerProviders = { get: (name) => KNOWN.get(name) ?? null };

function read(json: unknown, limits?: ServiceConfigLimits): ParsedServiceConfig {
  const parsed = readServiceConfig(json, PROVIDERS, limits);
  if (parsed instanceof Status) assert.unreachable(`${parsed}`);
  return parsed as ParsedServiceConfig;
}

/** As users write it. */
function typed(config: ServiceConfig, limits?: ServiceConfigLimits): ParsedServiceConfig {
  return read(config, limits);
}

function faultOf(json: unknown): string {
  const status = readServiceConfig(json, PROVIDERS);
  assert.ok(status instanceof Status, 'it was taken');
  assert.is((status as Status).code, Code.UNAVAILABLE);
  return `${(status as Status).description}`;
}

const RETRY = {
  maxAttempts: 3,
  initialBackoff: '0.1s',
  maxBackoff: '1s',
  backoffMultiplier: 2,
  retryableStatusCodes: ['UNAVAILABLE'],
} as const;
const HEDGING = { maxAttempts: 3 } as const;
const ALL = [{}];

test('nothing said is nothing known', () => {
  for (const json of [undefined, null, {}, { methodConfig: null, retryThrottling: null, loadBalancingConfig: [] }]) {
    const config = read(json);
    assert.is(config.settingsOf('a.B', 'C'), NO_SETTINGS);
    assert.is(config.throttling, null);
    assert.is(config.balancer, null);
    assert.is(config.healthServiceName, null);
    assert.is(config.maxConnectionsPerSubchannel, 1);
  }
});

test('a Status in place of JSON comes back', () => {
  const status = Status.UNAVAILABLE.withDescription('a broken record');
  assert.is(readServiceConfig(status, PROVIDERS), status);
});

test('the most exact entry holds, in whole', () => {
  const config = typed({
    methodConfig: [
      { name: [{}], timeout: '1s' },
      { name: [{ service: 'a.B' }, { service: 'x.Y', method: 'Z' }], waitForReady: true },
      { name: [{ service: 'a.B', method: 'C' }], maxRequestMessageBytes: 7 },
    ],
  });
  const exact = config.settingsOf('a.B', 'C');
  assert.equal(exact, { ...NO_SETTINGS, maxRequestBytes: 7 });
  const ofService = config.settingsOf('a.B', 'D');
  assert.equal(ofService, { ...NO_SETTINGS, waitForReady: true });
  const ofAll = config.settingsOf('x.Y', 'W');
  assert.equal(ofAll, { ...NO_SETTINGS, timeoutMs: 1_000 });
  assert.is(config.settingsOf('x.Y', 'Z'), ofService);
  assert.is(config.settingsOf('q.R', 'S'), ofAll);
  assert.is(config.settingsOf('a.B', 'C'), exact, 'the same object each time');
  assert.is(config.settingsOf('a', 'B.C'), ofAll);
  assert.is(config.settingsOf('__proto__', 'constructor'), ofAll);
  assert.ok(Object.isFrozen(exact));
});

test('empty and null names are no names', () => {
  const config = read({ methodConfig: [{ name: [{ service: '', method: null }], timeout: '1s' }] });
  assert.is(config.settingsOf('a.B', 'C').timeoutMs, 1_000);
  const ofService = read({ methodConfig: [{ name: [{ service: 'a.B', method: '' }], timeout: '1s' }] });
  assert.is(ofService.settingsOf('a.B', 'C').timeoutMs, 1_000);
  assert.is(read({ methodConfig: [{ timeout: '1s' }] }).settingsOf('a.B', 'C'), NO_SETTINGS, 'an entry for nobody');
});

test('reads all of an entry', () => {
  const methods: ServiceConfigMethods = {
    name: ALL,
    waitForReady: false,
    timeout: '1.5s',
    maxRequestMessageBytes: 0,
    maxResponseMessageBytes: 4_294_967_295,
    retryPolicy: {
      maxAttempts: 4,
      initialBackoff: '0.1s',
      maxBackoff: '10s',
      backoffMultiplier: 1.6,
      retryableStatusCodes: ['UNAVAILABLE', Code.ABORTED],
    },
  };
  assert.equal(typed({ methodConfig: [methods] }).settingsOf('a.B', 'C'), {
    timeoutMs: 1_500,
    waitForReady: false,
    maxRequestBytes: 0,
    maxResponseBytes: 4_294_967_295,
    retry: {
      maxAttempts: 4,
      initialBackoffMs: 100,
      maxBackoffMs: 10_000,
      backoffMultiplier: 1.6,
      retryableCodes: new Set([Code.UNAVAILABLE, Code.ABORTED]),
    },
    hedging: null,
  });
  const hedging = { maxAttempts: 2, hedgingDelay: '0.25s', nonFatalStatusCodes: ['INTERNAL'] } as const;
  const hedged = typed({ methodConfig: [{ name: ALL, hedgingPolicy: hedging }] }).settingsOf('a.B', 'C');
  assert.equal(hedged.hedging, { maxAttempts: 2, delayMs: 250, nonFatalCodes: new Set([Code.INTERNAL]) });
  const bare = typed({ methodConfig: [{ name: ALL, hedgingPolicy: HEDGING }] }).settingsOf('a.B', 'C');
  assert.equal(bare.hedging, { maxAttempts: 3, delayMs: 0, nonFatalCodes: new Set() });
});

test('unknown fields are passed over, wherever they are', () => {
  const config = read({
    zone: 5,
    methodConfig: [
      { name: [{ service: 'a.B', colour: 'red' }], shape: [], retryPolicy: { ...RETRY, perAttemptRecvTimeout: 1 } },
    ],
    retryThrottling: { maxTokens: 10, tokenRatio: 0.1, more: null },
    healthCheckConfig: { x: 1 },
    connectionScaling: { y: 1 },
  });
  assert.is(config.settingsOf('a.B', 'C').retry?.maxAttempts, 3);
});

test('attempts beyond five are cut, or beyond what the channel allows', () => {
  const json: ServiceConfig = {
    methodConfig: [
      { name: [{ service: 'r' }], retryPolicy: { ...RETRY, maxAttempts: 50 } },
      { name: [{ service: 'h' }], hedgingPolicy: { maxAttempts: 50 } },
    ],
  };
  const attempts = (limits?: ServiceConfigLimits): unknown[] => {
    const config = typed(json, limits);
    return [config.settingsOf('r', 'm').retry?.maxAttempts, config.settingsOf('h', 'm').hedging?.maxAttempts];
  };
  assert.equal(attempts(), [5, 5]);
  assert.equal(attempts({ maxAttempts: 20 }), [20, 20]);
  assert.equal(attempts({ maxAttempts: 100 }), [50, 50]);
  assert.equal(attempts({ maxAttempts: 1 }), [undefined, undefined]);
});

test('durations: fractions are padded, not counted', () => {
  const ms = (timeout: unknown): unknown =>
    read({ methodConfig: [{ name: ALL, timeout }] }).settingsOf('a', 'b').timeoutMs;
  assert.is(ms('0.1s'), 100);
  assert.is(ms('1s'), 1_000);
  assert.is(ms('0s'), 0);
  assert.is(ms('0.000000001s'), 1e-6);
  assert.is(ms('1.05s'), 1_050);
  assert.is(ms('3.000000000s'), 3_000);
  assert.is(ms('315576000000s'), 315_576_000_000_000);
  assert.is(ms(null), null);
  for (const bad of [
    '1',
    '1ms',
    '-1s',
    '+1s',
    '1.s',
    '.5s',
    '1.0000000001s',
    ' 1s',
    '1e3s',
    '315576000001s',
    's',
    '',
    1,
    {},
  ]) {
    const fault = faultOf({ methodConfig: [{ name: ALL, timeout: bad }] });
    assert.ok(fault.startsWith("methodConfig[0].timeout: must be a duration such as '1.5s', but is "), fault);
  }
});

test('durations of any length are read to the nanosecond', () => {
  fc.assert(
    fc.property(fc.nat({ max: 1_000_000 }), fc.nat({ max: 999_999_999 }), (seconds, nanos) => {
      const text = `${seconds}.${String(nanos).padStart(9, '0')}s`;
      const { timeoutMs } = read({ methodConfig: [{ name: ALL, timeout: text }] }).settingsOf('a', 'b');
      assert.is(timeoutMs, seconds * 1_000 + nanos / 1e6);
    }),
  );
});

test('codes are names in whatever case, or numbers', () => {
  const codes = (list: unknown): unknown =>
    read({ methodConfig: [{ name: ALL, retryPolicy: { ...RETRY, retryableStatusCodes: list } }] }).settingsOf('a', 'b')
      .retry?.retryableCodes;
  assert.equal(codes([14, 'UNAVAILABLE', 'unavailable', 'Data_Loss', 1]), new Set([14, 15, 1]));
  for (const bad of ['UNAVAILABEL', '14', 17, -1, 1.5, 'toString', '', null, {}]) {
    const fault = faultOf({ methodConfig: [{ name: ALL, retryPolicy: { ...RETRY, retryableStatusCodes: [1, bad] } }] });
    assert.match(fault, /^methodConfig\[0\]\.retryPolicy\.retryableStatusCodes\[1\]: must be a status code, such as/);
  }
});

/** What is wrong, by the words that say so. */
const FAULTS: readonly [string, unknown][] = [
  ['it must be an object, but is "{}"', '{}'],
  ['it must be an object, but is [1]', [1]],
  ['methodConfig: must be a list, but is {}', { methodConfig: {} }],
  ['methodConfig[1]: must be an object, but is 5', { methodConfig: [{}, 5] }],
  ['methodConfig[0]: is required', { methodConfig: [null] }],
  ['methodConfig[0].name: must be a list, but is "a"', { methodConfig: [{ name: 'a' }] }],
  ['methodConfig[0].name[0]: must be an object, but is "a"', { methodConfig: [{ name: ['a'] }] }],
  ['methodConfig[0].name[0]: is required', { methodConfig: [{ name: [null] }] }],
  ['methodConfig[0].name[0].service: must be a string, but is 5', { methodConfig: [{ name: [{ service: 5 }] }] }],
  ['methodConfig[0].name[0]: has a method, but no service', { methodConfig: [{ name: [{ method: 'C' }] }] }],
  [
    "methodConfig[0].name[1]: 'a.B/C' is there twice",
    {
      methodConfig: [
        {
          name: [
            { service: 'a.B', method: 'C' },
            { service: 'a.B', method: 'C' },
          ],
        },
      ],
    },
  ],
  [
    "methodConfig[1].name[0]: 'a.B/' is there twice",
    { methodConfig: [{ name: [{ service: 'a.B' }] }, { name: [{ service: 'a.B', method: '' }] }] },
  ],
  [
    'methodConfig[1].name[0]: the default is there twice',
    { methodConfig: [{ name: [{}] }, { name: [{ service: '' }] }] },
  ],
  ['methodConfig[0].waitForReady: must be true or false, but is "true"', { methodConfig: [{ waitForReady: 'true' }] }],
  [
    'methodConfig[0].maxRequestMessageBytes: must be a whole number of 0 or more, but is -1',
    { methodConfig: [{ maxRequestMessageBytes: -1 }] },
  ],
  [
    'methodConfig[0].maxRequestMessageBytes: must be a whole number of 0 or more, but is 1.5',
    { methodConfig: [{ maxRequestMessageBytes: 1.5 }] },
  ],
  [
    'methodConfig[0].maxResponseMessageBytes: must be a whole number of 0 or more, but is 4294967296',
    { methodConfig: [{ maxResponseMessageBytes: 2 ** 32 }] },
  ],
  [
    'methodConfig[0].maxResponseMessageBytes: must be a whole number of 0 or more, but is "much"',
    { methodConfig: [{ maxResponseMessageBytes: 'much' }] },
  ],
  [
    'methodConfig[0]: has both a retryPolicy and a hedgingPolicy',
    { methodConfig: [{ retryPolicy: RETRY, hedgingPolicy: HEDGING }] },
  ],
  ['methodConfig[0].retryPolicy: must be an object, but is 1', { methodConfig: [{ retryPolicy: 1 }] }],
  ...retryFaults(),
  ['methodConfig[0].hedgingPolicy.maxAttempts: is required', { methodConfig: [{ hedgingPolicy: {} }] }],
  [
    'methodConfig[0].hedgingPolicy.maxAttempts: must be a whole number of 2 or more, but is 1',
    { methodConfig: [{ hedgingPolicy: { maxAttempts: 1 } }] },
  ],
  [
    "methodConfig[0].hedgingPolicy.hedgingDelay: must be a duration such as '1.5s', but is 5",
    { methodConfig: [{ hedgingPolicy: { ...HEDGING, hedgingDelay: 5 } }] },
  ],
  [
    'methodConfig[0].hedgingPolicy.nonFatalStatusCodes[0]: OK is no failure',
    { methodConfig: [{ hedgingPolicy: { ...HEDGING, nonFatalStatusCodes: [0] } }] },
  ],
  ['retryThrottling: must be an object, but is true', { retryThrottling: true }],
  ['retryThrottling.maxTokens: is required', { retryThrottling: { tokenRatio: 1 } }],
  [
    'retryThrottling.maxTokens: must be a number over 0, but is 0',
    { retryThrottling: { maxTokens: 0, tokenRatio: 1 } },
  ],
  [
    'retryThrottling.maxTokens: must be a number over 0, up to 1000, but is 1001',
    { retryThrottling: { maxTokens: 1001, tokenRatio: 1 } },
  ],
  ['retryThrottling.tokenRatio: is required', { retryThrottling: { maxTokens: 10 } }],
  [
    'retryThrottling.tokenRatio: must be a number over 0, but is 0',
    { retryThrottling: { maxTokens: 10, tokenRatio: 0 } },
  ],
  [
    'retryThrottling.tokenRatio: must be 0.001 or more, but is 0.0009',
    { retryThrottling: { maxTokens: 10, tokenRatio: 0.0009 } },
  ],
  ['healthCheckConfig: must be an object, but is "a.B"', { healthCheckConfig: 'a.B' }],
  ['healthCheckConfig.serviceName: must be a string, but is 1', { healthCheckConfig: { serviceName: 1 } }],
  [
    'connectionScaling.maxConnectionsPerSubchannel: must be a whole number of 0 or more, but is -1',
    { connectionScaling: { maxConnectionsPerSubchannel: -1 } },
  ],
  ['loadBalancingConfig: must be a list, but is {}', { loadBalancingConfig: {} }],
  ["loadBalancingConfig: the channel knows none of 'xds', 'rls'", { loadBalancingConfig: [{ xds: {} }, { rls: {} }] }],
  ['loadBalancingPolicy: must be a string, but is {}', { loadBalancingPolicy: {} }],
  ["loadBalancingPolicy: the channel knows no 'grpclb'", { loadBalancingPolicy: 'grpclb' }],
];

function retryFaults(): [string, unknown][] {
  const cases: [keyof typeof RETRY, unknown, string][] = [
    ['maxAttempts', undefined, 'is required'],
    ['maxAttempts', null, 'is required'],
    ['maxAttempts', 1, 'must be a whole number of 2 or more, but is 1'],
    ['maxAttempts', 2.5, 'must be a whole number of 2 or more, but is 2.5'],
    ['initialBackoff', undefined, 'is required'],
    ['initialBackoff', '0s', 'must be a duration over \'0s\', but is "0s"'],
    ['maxBackoff', undefined, 'is required'],
    ['maxBackoff', '0.000s', 'must be a duration over \'0s\', but is "0.000s"'],
    ['backoffMultiplier', undefined, 'is required'],
    ['backoffMultiplier', 0, 'must be a number over 0, but is 0'],
    ['backoffMultiplier', Number.NaN, 'must be a number over 0, but is NaN'],
    ['backoffMultiplier', Number.POSITIVE_INFINITY, 'must be a number over 0, but is Infinity'],
    ['retryableStatusCodes', undefined, 'must name a code'],
    ['retryableStatusCodes', [], 'must name a code'],
    ['retryableStatusCodes', 'UNAVAILABLE', 'must be a list, but is "UNAVAILABLE"'],
  ];
  return cases.map(([field, value, text]) => [
    `methodConfig[0].retryPolicy.${field}: ${text}`,
    { methodConfig: [{ retryPolicy: { ...RETRY, [field]: value } }] },
  ]);
}

test('each fault is told with its place', () => {
  for (const [text, json] of FAULTS) assert.is(faultOf(json), text);
});

test('what is shown of a value is bounded, and may be anything', () => {
  assert.ok(faultOf({ methodConfig: 'x'.repeat(10_000) }).length < 120);
  const ring: Record<string, unknown> = {};
  ring['ring'] = ring;
  assert.is(faultOf({ methodConfig: ring }), 'methodConfig: must be a list, but is object');
  assert.is(faultOf({ methodConfig: () => 1 }), 'methodConfig: must be a list, but is () => 1');
  assert.is(faultOf({ methodConfig: 5n }), 'methodConfig: must be a list, but is bigint');
});

test('numbers may stand in strings, as proto3 has it', () => {
  const methods = {
    name: ALL,
    maxRequestMessageBytes: '10',
    retryPolicy: { ...RETRY, maxAttempts: '4', backoffMultiplier: '1.5e0' },
  };
  const settings = read({ methodConfig: [methods] }).settingsOf('a', 'b');
  assert.is(settings.maxRequestBytes, 10);
  assert.is(settings.retry?.maxAttempts, 4);
  assert.is(settings.retry?.backoffMultiplier, 1.5);
});

test('throttling, health and connections', () => {
  const config = typed({
    retryThrottling: { maxTokens: 1_000, tokenRatio: 0.001 },
    healthCheckConfig: { serviceName: '' },
    connectionScaling: { maxConnectionsPerSubchannel: 3 },
  });
  assert.equal(config.throttling, { maxTokens: 1_000, tokenRatio: 0.001 });
  assert.is(config.healthServiceName, '');
  assert.is(config.maxConnectionsPerSubchannel, 3);
  const connections = (asked: number, limits?: ServiceConfigLimits): number =>
    typed({ connectionScaling: { maxConnectionsPerSubchannel: asked } }, limits).maxConnectionsPerSubchannel;
  assert.is(connections(0), 1);
  assert.is(connections(100), 10);
  assert.is(connections(100, { maxConnectionsPerSubchannel: 50 }), 50);
});

test('the first balancer that is known is chosen, with its own config', () => {
  const config = typed({ loadBalancingConfig: [{ xds: { bad: 1 } }, { mine: { x: 1 } }, { pick_first: { bad: 1 } }] });
  assert.is(config.balancer?.provider, KNOWN.get('mine'));
  assert.equal(config.balancer?.config, { name: 'mine', x: 1 });
  const fault = faultOf({ loadBalancingConfig: [{ mine: { bad: 1 } }] });
  assert.match(fault, /^loadBalancingConfig.*bad is not good$/);
});

test('the old way to name a balancer still counts, in whatever case, but not beside the new one', () => {
  assert.is(typed({ loadBalancingPolicy: 'ROUND_ROBIN' }).balancer?.provider, KNOWN.get('round_robin'));
  assert.equal(typed({ loadBalancingPolicy: 'mine' }).balancer?.config, { name: 'mine' });
  assert.is(typed({ loadBalancingPolicy: 'UNSPECIFIED' }).balancer, null);
  const both = typed({ loadBalancingPolicy: 'nobody', loadBalancingConfig: [{ mine: {} }] });
  assert.is(both.balancer?.provider, KNOWN.get('mine'));
});

test('any JSON is a config or a status', () => {
  const keys = ['methodConfig', 'name', 'service', 'method', 'timeout', 'retryPolicy', 'maxAttempts', 'initialBackoff'];
  keys.push('retryableStatusCodes', 'hedgingPolicy', 'retryThrottling', 'maxTokens', 'loadBalancingConfig', 'mine');
  const leaf = fc.oneof(fc.constantFrom(null, 0, 1, 3, 14, '1s', '0.5s', 'UNAVAILABLE', 'a.B', true), fc.jsonValue());
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6, depthSize: 'large' },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys), tie('tree'), { maxKeys: 5 }),
    ),
  }));
  fc.assert(
    fc.property(tree, (json) => {
      const parsed = readServiceConfig(json, PROVIDERS);
      if (parsed instanceof Status) assert.ok(!parsed.isOk && parsed.description !== null);
      else assert.ok(parsed.settingsOf('a.B', 'C'));
    }),
    { numRuns: 3_000 },
  );
});

test('lookup agrees with a plain reading of the rules', () => {
  const word = fc.constantFrom('', 'a', 'b');
  const name = fc
    .record({ service: word, method: word })
    .filter(({ service, method }) => service !== '' || method === '');
  const names = fc.uniqueArray(name, { selector: ({ service, method }) => `${service}/${method}` });
  fc.assert(
    fc.property(names, fc.constantFrom('a', 'b', 'c'), fc.constantFrom('a', 'b', 'c'), (listed, service, method) => {
      const config = read({
        methodConfig: listed.map((each, index) => ({ name: [each], maxRequestMessageBytes: index })),
      });
      const at = (s: string, m: string): number => listed.findIndex((each) => each.service === s && each.method === m);
      const expected = [at(service, method), at(service, ''), at('', '')].find((index) => index >= 0) ?? null;
      assert.is(config.settingsOf(service, method).maxRequestBytes, expected);
    }),
  );
});

test.run();
