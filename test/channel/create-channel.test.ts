/** createChannel: what is a target, and what its authority. Calls over it: test/server/server.test.ts. */
import { createChannel, type Http2ChannelOptions } from '../../src/channel/create-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { assert, suite } from '../support/suite.ts';
import { Ledger, Member, open } from './ledger.ts';

const test = suite('createChannel');

function authorityOf(target: string, authority?: string): string {
  const options = authority === undefined ? {} : { authority };
  return createChannel(target, ChannelCredentials.insecure(), options).authority();
}

test('takes host, host:port, [v6]:port and unix:path, and makes the authority of them', () => {
  assert.is(authorityOf('example.com'), 'example.com');
  assert.is(authorityOf('dns:///example.com:50051'), 'example.com:50051');
  assert.is(authorityOf('dns://10.0.0.1/example.com:50051'), 'example.com:50051');
  assert.is(authorityOf('ipv4:10.0.0.1:1,10.0.0.2:2'), '10.0.0.1:1');
  assert.is(authorityOf('unix-abstract:some'), 'localhost');
  assert.is(authorityOf('example.com:50051'), 'example.com:50051');
  assert.is(authorityOf('localhost:1'), 'localhost:1');
  assert.is(authorityOf('10.0.0.1:65535'), '10.0.0.1:65535');
  assert.is(authorityOf('[::1]:50051'), '[::1]:50051');
  assert.is(authorityOf('unix:/run/some.sock'), 'localhost');
  assert.is(authorityOf('unix:///run/some.sock'), 'localhost');
  assert.is(authorityOf('unix:some.sock'), 'localhost');
});

test('lets the options name another authority', () => {
  assert.is(authorityOf('10.0.0.1:443', 'example.com'), 'example.com');
  assert.is(authorityOf('unix:/run/some.sock', 'example.com'), 'example.com');
});

const BAD = [
  '',
  'example.com:',
  ':50051',
  'example.com:0',
  'example.com:65536',
  'example.com:grpc',
  'example.com:-1',
  '::1:50051',
  '[example.com]:50051',
  'https://example.com:443',
  'user@example.com:443',
  'two words:443',
  'unix:',
  'unix://some.host/run/some.sock',
];

test('refuses what is not a target, in words that name it', () => {
  for (const target of BAD) {
    assert.throws(
      () => authorityOf(target),
      (error: unknown) => error instanceof TypeError && error.message.includes(target),
      `took '${target}'`,
    );
  }
});

test('refuses a service config with a fault, and a balancer that there is not', () => {
  const make = (options: Http2ChannelOptions) => () =>
    createChannel('some.host', ChannelCredentials.insecure(), options);
  const tokens = { maxTokens: 0, tokenRatio: 1 };
  assert.throws(make({ serviceConfig: { retryThrottling: tokens } }), /serviceConfig: retryThrottling\.maxTokens/);
  assert.throws(make({ balancer: 'best_of_all' }), /best_of_all/);
});

test('no service config goes beyond the limits of the channel', async () => {
  const ledger = new Ledger();
  await using member = await Member.start({ ledger });
  const retryPolicy = {
    maxAttempts: 4,
    initialBackoff: '0.001s',
    maxBackoff: '0.001s',
    backoffMultiplier: 1,
    retryableStatusCodes: ['NOT_FOUND'],
  } as const;
  const serviceConfig = { methodConfig: [{ name: [{}], retryPolicy }] };
  await using channel = open(member.port, { serviceConfig, serviceConfigLimits: { maxAttempts: 2 } });
  assert.match((await ledger.call(channel, { command: { code: 5 } })).status, /^NOT_FOUND/);
  assert.is(member.begun, 2);
});

test.run();
