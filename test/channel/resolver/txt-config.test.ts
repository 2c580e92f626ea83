/** chooseServiceConfig: gRFC A2's choices. */
import fc from 'fast-check';
import { chooseServiceConfig } from '../../../src/channel/resolver/txt-config.ts';
import { Status } from '../../../src/values/status.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('chooseServiceConfig');

const A = { loadBalancingPolicy: 'a' };
const B = { loadBalancingPolicy: 'b' };

function choose(choices: unknown, random = 0.5, hostname = 'box'): unknown {
  return chooseServiceConfig([[`grpc_config=${JSON.stringify(choices)}`]], { hostname, random: () => random });
}

test('takes the first choice that fits', () => {
  assert.equal(choose([{ serviceConfig: A }, { serviceConfig: B }]), A);
  assert.equal(choose([{ clientLanguage: ['go'], serviceConfig: A }, { serviceConfig: B }]), B);
  assert.equal(choose([{ clientLanguage: ['go', 'NODE'], serviceConfig: A }, { serviceConfig: B }]), A);
  assert.equal(choose([{ clientHostname: ['other'], serviceConfig: A }, { serviceConfig: B }]), B);
  assert.equal(choose([{ clientHostname: ['Box'], serviceConfig: A }]), A);
  assert.equal(choose([{ clientLanguage: [], clientHostname: [], percentage: null, serviceConfig: A }]), A);
  assert.is(choose([{ clientLanguage: ['go'], serviceConfig: A }]), undefined);
  assert.is(choose([]), undefined);
});

test('gives a choice its percentage of the clients', () => {
  assert.is(choose([{ percentage: 0, serviceConfig: A }], 0), undefined);
  assert.equal(choose([{ percentage: 1, serviceConfig: A }], 0), A);
  assert.equal(choose([{ percentage: 30, serviceConfig: A }], 0.299), A);
  assert.is(choose([{ percentage: 30, serviceConfig: A }], 0.3), undefined);
  assert.equal(choose([{ percentage: 100, serviceConfig: A }], 0.999_999), A);
  const numbers = [0.6, 0.2];
  const text = JSON.stringify([50, 50].map((percentage, x) => ({ percentage, serviceConfig: { x } })));
  const chooser = { hostname: '', random: (): number => numbers.shift() ?? 1 };
  assert.equal(chooseServiceConfig([['grpc_config=', text]], chooser), { x: 1 }, 'a throw for each');
});

test('joins the pieces of a record and passes over those of others', () => {
  const records = [['v=spf1'], ['grpc_con', 'fig=[{"serviceConfig":', '{"x":1}}]'], ['GRPC_CONFIG=[]']];
  assert.equal(chooseServiceConfig(records, { hostname: '', random: () => 0 }), { x: 1 });
  assert.is(chooseServiceConfig([['something else']], { hostname: '', random: () => 0 }), undefined);
});

test('says what is wrong with a record', () => {
  const faults: [unknown, RegExp][] = [
    [{}, /list of choices/],
    [[5], /must be an object/],
    [[{}], /serviceConfig, an object/],
    [[{ serviceConfig: [] }], /serviceConfig, an object/],
    [[{ serviceConfig: A, percentage: 101 }], /from 0 to 100/],
    [[{ serviceConfig: A, percentage: '1' }], /from 0 to 100/],
    [[{ serviceConfig: A, clientLanguage: 'node' }], /clientLanguage must be a list/],
    [[{ serviceConfig: A }, { serviceConfig: B, clientHostname: [1] }], /clientHostname must be a list/],
  ];
  for (const [choices, words] of faults) {
    const status = choose(choices);
    assert.ok(status instanceof Status && words.test(`${status.description}`), `${status}`);
    assert.match(`${status}`, /^UNAVAILABLE: TXT record: /);
  }
});

test('never throws, whatever a record holds', () => {
  const json = fc.oneof(fc.string(), fc.json());
  fc.assert(
    fc.property(fc.array(json), (texts) => {
      const chosen = chooseServiceConfig(
        texts.map((text) => ['grpc_config=', text]),
        { hostname: '', random: () => 0 },
      );
      return chosen === undefined || chosen instanceof Status || typeof chosen === 'object';
    }),
  );
});

test.run();
