/**
 * dnsResolver: lookups over time, by a wound clock; at a DNS server of the test and at the system's, which is stood in for
 * by the option that users have.
 */

import { type DnsResolverOptions, dnsResolver } from '../../../src/channel/resolver/dns.ts';
import type { HostLookup } from '../../../src/channel/resolver/dns-lookup.ts';
import { ResolverRegistry } from '../../../src/channel/resolver/registry.ts';
import type { Resolution, Resolver, ResolverListener } from '../../../src/channel/resolver/resolver.ts';
import { ManualClock } from '../../../src/testing/manual-clock.ts';
import { Status } from '../../../src/values/status.ts';
import { DnsServer } from '../../support/dns-server.ts';
import { assert, suite, within } from '../../support/suite.ts';

const test = suite('dnsResolver');
const TRUE = { clientLanguage: ['node'], serviceConfig: { answer: 42 } };

/** A resolver, what it told, and its clock. */
class Watched implements ResolverListener {
  readonly clock = new ManualClock();
  readonly resolver: Resolver;
  /** Addresses as `host:port`, joined; failures as their text. */
  readonly told: string[] = [];
  readonly configs: unknown[] = [];
  #waiters: (() => void)[] = [];

  constructor(target: string, options: DnsResolverOptions = {}) {
    const registry = new ResolverRegistry([dnsResolver(options)]);
    const { provider, target: parts } = registry.read(target);
    this.resolver = provider.newResolver(parts, { clock: this.clock, random: () => 0.5 });
  }

  start(): this {
    this.resolver.start(this);
    return this;
  }

  onResolution({ endpoints, serviceConfig }: Resolution): void {
    for (const { addresses } of endpoints) assert.is(addresses.length, 1);
    const hosts = endpoints.flatMap(({ addresses }) =>
      addresses.map((a) => ('host' in a ? `${a.host}:${a.port}` : '')),
    );
    this.configs.push(serviceConfig);
    this.#tell(hosts.join(' '));
  }

  onFailure(reason: Status): void {
    assert.is(reason.name, 'UNAVAILABLE');
    this.#tell(`${reason.description}`);
  }

  #tell(text: string): void {
    this.told.push(text);
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }

  /** What it tells next. */
  async next(count = this.told.length + 1): Promise<string> {
    while (this.told.length < count) {
      await within(5_000, new Promise<void>((resolve) => this.#waiters.push(resolve)), `word ${count} of a resolver`);
    }
    return `${this.told[count - 1]}`;
  }
}

type Reply = (error: Error | null, addresses: readonly { readonly address: string }[]) => void;

/** A lookup in place of the system's, whose answers the test gives. */
class HandLookup {
  readonly asked: string[] = [];
  readonly replies: Reply[] = [];
  readonly lookup: HostLookup = (hostname, options, callback) => {
    assert.equal(options, { all: true });
    this.asked.push(hostname);
    this.replies.push(callback);
  };

  answer(...addresses: string[]): void {
    this.replies.shift()?.(
      null,
      addresses.map((address) => ({ address })),
    );
  }

  fail(code: string): void {
    this.replies.shift()?.(Object.assign(new Error(`getaddrinfo ${code}`), { code }), []);
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function byHand(
  options: DnsResolverOptions,
  body: (watched: Watched, hand: HandLookup) => Promise<void>,
  target = 'host:1',
): Promise<void> {
  const hand = new HandLookup();
  const watched = new Watched(target, { lookup: hand.lookup, ...options }).start();
  await turn();
  try {
    await body(watched, hand);
  } finally {
    watched.resolver.shutdown();
    assert.is(watched.clock.pending, 0, 'a timer is left');
  }
}

async function byServer(body: (server: DnsServer) => Promise<void>): Promise<void> {
  const server = await DnsServer.listen();
  try {
    await body(server);
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

async function watching(watched: Watched, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } finally {
    watched.resolver.shutdown();
  }
}

test('asks the system unless told otherwise', async () => {
  const watched = new Watched('localhost:50051').start();
  await watching(watched, async () => {
    assert.match(await watched.next(), /(^| )(127\.0\.0\.1|::1):50051/);
  });
});

test('tells what it finds, in order, each address once, with the port or 443', async () => {
  await byHand({}, async (watched, hand) => {
    hand.answer('10.0.0.2', '10.0.0.1', '10.0.0.2', '::1');
    assert.equal(watched.told, ['10.0.0.2:1 10.0.0.1:1 ::1:1']);
    assert.equal(hand.asked, ['host']);
  });
  await byHand(
    {},
    async (watched, hand) => {
      hand.answer('10.0.0.1');
      assert.equal(watched.told, ['10.0.0.1:443']);
    },
    'dns:///host',
  );
});

test('tells nothing within start, though the lookup answers at once', async () => {
  const watched = new Watched('host:1', { lookup: (_, __, callback) => callback(null, [{ address: '10.0.0.1' }]) });
  watched.start();
  assert.equal(watched.told, []);
  await turn();
  assert.equal(watched.told, ['10.0.0.1:1']);
  watched.resolver.shutdown();
});

test('a literal answers itself, without a lookup', async () => {
  const hand = new HandLookup();
  for (const target of ['10.0.0.1:5', '[::1]:5', 'dns://8.8.8.8/10.0.0.1:5']) {
    const watched = new Watched(target, { lookup: hand.lookup }).start();
    assert.match(await watched.next(), /^(10\.0\.0\.1|::1):5$/);
    watched.resolver.resolveAgain();
    await watched.clock.advanceAsync(3_600_000);
    assert.is(watched.told.length, 1);
    watched.resolver.shutdown();
  }
  assert.equal(hand.asked, []);
});

test('looks up again when asked, but not within 30 s of an answer', async () => {
  await byHand({}, async (watched, hand) => {
    await watched.clock.advanceAsync(5_000);
    hand.answer('10.0.0.1');
    watched.resolver.resolveAgain();
    await watched.clock.advanceAsync(29_999);
    watched.resolver.resolveAgain();
    assert.is(hand.asked.length, 1);
    await watched.clock.advanceAsync(1);
    assert.is(hand.asked.length, 2);
    watched.resolver.resolveAgain();
    hand.answer('10.0.0.2');
    assert.equal(watched.told, ['10.0.0.1:1', '10.0.0.2:1']);
    await watched.clock.advanceAsync(3_600_000);
    assert.is(hand.asked.length, 2, 'it was asked during a lookup, and that is answered');
    watched.resolver.resolveAgain();
    await watched.clock.advanceAsync(0);
    assert.is(hand.asked.length, 3, 'the interval has long passed');
  });
});

test('never looks up within a call of its methods', async () => {
  let asked = 0;
  const watched = new Watched('host:1', {
    minResolutionIntervalMs: 0,
    lookup: (_, __, callback) => {
      asked += 1;
      callback(asked === 1 ? new Error('none') : null, [{ address: '10.0.0.1' }]);
    },
  }).start();
  await turn();
  watched.resolver.resetBackoff();
  assert.is(asked, 1);
  await turn();
  assert.is(asked, 2);
  watched.resolver.resolveAgain();
  assert.is(asked, 2);
  await watched.clock.advanceAsync(0);
  assert.is(asked, 3);
  watched.resolver.shutdown();
});

test('takes another interval, and refreshes by itself', async () => {
  await byHand({ minResolutionIntervalMs: 1_000, refreshMs: 10_000 }, async (watched, hand) => {
    hand.answer('10.0.0.1');
    await watched.clock.advanceAsync(9_999);
    assert.is(hand.asked.length, 1);
    await watched.clock.advanceAsync(1);
    hand.answer('10.0.0.1', '10.0.0.2');
    watched.resolver.resolveAgain();
    await watched.clock.advanceAsync(1_000);
    hand.answer('10.0.0.2');
    assert.equal(watched.told, ['10.0.0.1:1', '10.0.0.1:1 10.0.0.2:1', '10.0.0.2:1']);
    await watched.clock.advanceAsync(10_000);
    hand.fail('EAI_AGAIN');
    await watched.clock.advanceAsync(1_000);
    hand.answer('10.0.0.2');
    await watched.clock.advanceAsync(10_000);
    assert.is(hand.asked.length, 6, 'refreshing goes on after a failure');
  });
});

test('after a failure tries again by itself, at longer and longer intervals, and asking changes nothing', async () => {
  await byHand({ minResolutionIntervalMs: 0 }, async (watched, hand) => {
    const waits = [1_000, 1_600, 2_560, 4_096];
    for (const wait of waits) {
      hand.fail('ENOTFOUND');
      watched.resolver.resolveAgain();
      const asked = hand.asked.length;
      await watched.clock.advanceAsync(wait - 1);
      assert.is(hand.asked.length, asked);
      await watched.clock.advanceAsync(1);
      assert.is(hand.asked.length, asked + 1);
    }
    assert.is(watched.told.length, waits.length);
    assert.is(watched.told[0], "DNS resolution of 'host' failed: getaddrinfo ENOTFOUND");
    hand.answer('10.0.0.1');
    watched.resolver.resolveAgain();
    await watched.clock.advanceAsync(0);
    hand.fail('ENOTFOUND');
    await watched.clock.advanceAsync(1_000);
    assert.is(hand.asked.length, waits.length + 3, 'an answer starts the sequence anew');
  });
});

test('waits 120 s at most between failures', async () => {
  await byHand({}, async (watched, hand) => {
    for (let i = 0; i < 20; i += 1) {
      hand.fail('ENOTFOUND');
      await watched.clock.advanceAsync(120_000);
      assert.is(hand.asked.length, i + 2);
    }
  });
});

test('forgets its back-off when told to, but only after a failure', async () => {
  await byHand({}, async (watched, hand) => {
    for (let i = 0; i < 3; i += 1) {
      hand.fail('ENOTFOUND');
      watched.resolver.resetBackoff();
      await turn();
      assert.is(hand.asked.length, i + 2);
    }
    watched.resolver.resetBackoff();
    await turn();
    assert.is(hand.asked.length, 4, 'one lookup at a time');
    hand.answer('10.0.0.1');
    watched.resolver.resetBackoff();
    await watched.clock.advanceAsync(3_600_000);
    assert.is(hand.asked.length, 4);
  });
});

test('an empty answer is a failure', async () => {
  await byHand({}, async (watched, hand) => {
    hand.answer();
    assert.equal(watched.told, ["DNS resolution of 'host' failed: it has no addresses"]);
  });
});

test('a lookup that throws, knows nothing of lists or answers twice does no harm', async () => {
  await byHand({}, async (watched, hand) => {
    const [reply] = hand.replies;
    (reply as unknown as (error: null, address: string) => void)(null, '10.0.0.1');
    reply?.(null, [{ address: '10.0.0.2' }]);
    reply?.(new Error('twice'), []);
    assert.equal(watched.told, ['10.0.0.1:1']);
  });
  const watched = new Watched('host:1', {
    lookup: () => {
      throw new Error('a thrown thing');
    },
  }).start();
  await turn();
  assert.equal(watched.told, ["DNS resolution of 'host' failed: a thrown thing"]);
  watched.resolver.shutdown();
});

test('a name that no DNS has is a failure like others', async () => {
  await byServer(async (server) => {
    for (const host of ['a..b', 'a'.repeat(70), `${'abc.'.repeat(100)}test`]) {
      for (const target of [`${host}:1`, `dns://${server.authority}/${host}:1`]) {
        const watched = new Watched(target, { serviceConfigLookup: true }).start();
        await watching(watched, async () => assert.match(await watched.next(1), /^DNS resolution of 'a/));
      }
    }
  });
});

test('a lookup that hangs has failed in time, is not asked twice, and counts when it comes after all', async () => {
  await byHand({ timeoutMs: 5_000 }, async (watched, hand) => {
    await watched.clock.advanceAsync(4_999);
    assert.equal(watched.told, []);
    await watched.clock.advanceAsync(1);
    assert.equal(watched.told, ["DNS resolution of 'host' failed: no answer within 5000 ms"]);
    await watched.clock.advanceAsync(5_000);
    assert.is(watched.told.length, 2);
    assert.is(hand.asked.length, 1, 'threads of the pool are few');
    hand.answer('10.0.0.1');
    assert.is(watched.told.at(-1), '10.0.0.1:1');
    watched.resolver.resolveAgain();
    await watched.clock.advanceAsync(30_000);
    assert.is(hand.asked.length, 2);
  });
});

test('an overdue lookup that comes while its successor is awaited answers that', async () => {
  await byHand({ timeoutMs: 500 }, async (watched, hand) => {
    await watched.clock.advanceAsync(500);
    hand.fail('ENOTFOUND');
    assert.is(watched.told.length, 1, 'it has failed already');
    await watched.clock.advanceAsync(500);
    assert.is(hand.asked.length, 2);
    await watched.clock.advanceAsync(500);
    await watched.clock.advanceAsync(1_100);
    assert.is(hand.asked.length, 2);
    hand.fail('EAI_AGAIN');
    assert.match(`${watched.told.at(-1)}`, /EAI_AGAIN/);
  });
});

test('nothing is told once it was shut down, in whatever state', async () => {
  const told: string[] = [];
  const shutDown = async (act: (watched: Watched, hand: HandLookup) => unknown): Promise<number> => {
    const hand = new HandLookup();
    const watched = new Watched('host:1', { lookup: hand.lookup }).start();
    await act(watched, hand);
    const before = watched.told.length;
    watched.resolver.shutdown();
    watched.resolver.shutdown();
    watched.resolver.resolveAgain();
    watched.resolver.resetBackoff();
    hand.answer('10.0.0.1');
    await turn();
    hand.answer('10.0.0.1');
    await watched.clock.advanceAsync(3_600_000);
    told.push(...watched.told.slice(before));
    assert.is(watched.clock.pending, 0);
    return hand.asked.length;
  };
  assert.is(await shutDown(() => {}), 0, 'nobody is asked');
  await shutDown(turn);
  await shutDown(async (_, hand) => {
    await turn();
    hand.answer('10.0.0.1');
  });
  await shutDown(async (_, hand) => {
    await turn();
    hand.fail('ENOTFOUND');
  });
  await shutDown((watched) => watched.clock.advanceAsync(30_000));
  assert.equal(told, []);
});

test('may be shut down by its listener', async () => {
  const hand = new HandLookup();
  const watched = new Watched('host:1', { lookup: hand.lookup });
  watched.resolver.start({ onResolution: () => watched.resolver.shutdown(), onFailure: () => assert.unreachable() });
  await turn();
  hand.answer('10.0.0.1');
  assert.is(watched.clock.pending, 0);
});

test('asks the DNS server that the target names, for both families', async () => {
  await byServer(async (server) => {
    server.set('host.test', { A: ['10.0.0.1', '10.0.0.2'], AAAA: ['fd00::1'] });
    const watched = new Watched(`dns://${server.authority}/host.test:5`, { minResolutionIntervalMs: 0 }).start();
    await watching(watched, async () => {
      assert.equal((await watched.next()).split(' ').sort(), ['10.0.0.1:5', '10.0.0.2:5', 'fd00::1:5']);
      assert.match(`${watched.told[0]}`, /^fd00/);
      server.set('host.test', { A: ['10.0.0.3'] });
      watched.resolver.resolveAgain();
      await watched.clock.advanceAsync(0);
      assert.is(await watched.next(2), '10.0.0.3:5');
      server.set('host.test', { AAAA: ['fd00::2'] });
      watched.resolver.resolveAgain();
      await watched.clock.advanceAsync(0);
      assert.is(await watched.next(3), 'fd00::2:5');
    });
  });
});

test('at a server: no such name, no addresses, a refusal, and then an answer', async () => {
  await byServer(async (server) => {
    const watched = new Watched(`dns://${server.authority}/host.test:5`).start();
    await watching(watched, async () => {
      assert.match(await watched.next(), /'host\.test' failed: query\w+ ENOTFOUND host\.test$/);
      server.set('host.test', {});
      await watched.clock.advanceAsync(1_000);
      assert.match(await watched.next(2), /ENODATA/);
      server.set('host.test', 'refused', 'A');
      await watched.clock.advanceAsync(1_600);
      assert.match(await watched.next(3), /EREFUSED/);
      server.set('host.test', { A: ['10.0.0.1'] }, 'A');
      await watched.clock.advanceAsync(2_560);
      assert.is(await watched.next(4), '10.0.0.1:5');
    });
  });
});

test('at a server: one family is enough where the other fails', async () => {
  await byServer(async (server) => {
    server.set('host.test', 'refused', 'AAAA');
    server.set('host.test', { A: ['10.0.0.1'] }, 'A');
    const watched = new Watched(`dns://${server.authority}/host.test:5`).start();
    await watching(watched, async () => assert.is(await watched.next(), '10.0.0.1:5'));
  });
});

test('at a server: silence is bounded, and what is known by then counts', async () => {
  await byServer(async (server) => {
    server.set('host.test', 'silent');
    const watched = new Watched(`dns://${server.authority}/host.test:5`, { timeoutMs: 900 }).start();
    await watching(watched, async () => {
      await server.asked('host.test', 'A');
      await watched.clock.advanceAsync(900);
      assert.match(await watched.next(1), /no answer within 900 ms/);
      server.set('host.test', { A: ['10.0.0.1'] }, 'A');
      await watched.clock.advanceAsync(100);
      await server.asked('host.test', 'A', 2);
      await server.asked('host.test', 'AAAA', 2);
      // The answer is in node's hands once it could put another question to the same server and got that answered.
      const probe = new Watched(`dns://${server.authority}/probe.test:5`).start();
      await watching(probe, async () => void (await probe.next(1)));
      await watched.clock.advanceAsync(900);
      assert.is(await watched.next(2), '10.0.0.1:5');
    });
  });
});

test('at a server: who is overdue is not waited for again', async () => {
  await byServer(async (server) => {
    server.set('host.test', 'silent');
    const watched = new Watched(`dns://${server.authority}/host.test:5`, { timeoutMs: 900 }).start();
    await watching(watched, async () => {
      await server.asked('host.test', 'A');
      await watched.clock.advanceAsync(899);
      server.set('host.test', { A: ['10.0.0.1'] });
      watched.clock.advance(1);
      watched.resolver.resetBackoff();
      assert.is(await watched.next(2), '10.0.0.1:5');
    });
  });
});

test('at a server: a shutdown in the middle tells nothing and leaves nothing running', async () => {
  await byServer(async (server) => {
    server.set('host.test', 'silent');
    const watched = new Watched(`dns://${server.authority}/host.test:5`, { serviceConfigLookup: true }).start();
    await server.asked('host.test', 'A');
    watched.resolver.shutdown();
    await turn();
    assert.equal(watched.told, []);
    assert.is(watched.clock.pending, 0);
  });
});

test('service configs of TXT records are left alone unless wanted', async () => {
  await byServer(async (server) => {
    server.set('host.test', { A: ['10.0.0.1'] });
    const watched = new Watched(`dns://${server.authority}/host.test:5`).start();
    await watching(watched, async () => {
      await watched.next(1);
      assert.equal(watched.configs, [undefined]);
      assert.is(server.count('_grpc_config.host.test', 'TXT'), 0);
    });
  });
});

test('service configs of TXT records: found, changed, in trouble, broken, gone', async () => {
  const name = '_grpc_config.host.test';
  const text = `grpc_config=${JSON.stringify([TRUE])}`;
  await byServer(async (server) => {
    server.set('host.test', { A: ['10.0.0.1'] });
    server.set(name, { TXT: [['other'], [text.slice(0, 20), text.slice(20)]] });
    const options = { serviceConfigLookup: true, minResolutionIntervalMs: 0, timeoutMs: 900 };
    const watched = new Watched(`dns://${server.authority}/host.test:5`, options).start();
    const again = async (count: number): Promise<void> => {
      watched.resolver.resolveAgain();
      await watched.clock.advanceAsync(0);
      assert.is(await watched.next(count), '10.0.0.1:5');
    };
    await watching(watched, async () => {
      await watched.next(1);
      server.set(name, 'refused');
      await again(2);
      server.set(name, { TXT: [['grpc_config={}']] });
      await again(3);
      server.set(name, 'no-such-name');
      await again(4);
      const [first, inTrouble, broken, gone] = watched.configs;
      assert.equal(first, { answer: 42 });
      assert.equal(inTrouble, { answer: 42 }, 'what was known stays');
      assert.ok(broken instanceof Status && /list of choices/.test(`${broken.description}`), `${broken}`);
      assert.is(gone, undefined);
    });
  });
});

test('service configs of TXT records do not keep addresses waiting for ever', async () => {
  await byServer(async (server) => {
    server.set('host.test', { A: ['10.0.0.1'] });
    server.set('_grpc_config.host.test', 'silent');
    const options = { serviceConfigLookup: true, timeoutMs: 900 };
    const watched = new Watched(`dns://${server.authority}/host.test:5`, options).start();
    await watching(watched, async () => {
      await server.asked('_grpc_config.host.test', 'TXT');
      const probe = new Watched(`dns://${server.authority}/probe.test:5`).start();
      await watching(probe, async () => void (await probe.next(1)));
      assert.equal(watched.told, []);
      await watched.clock.advanceAsync(900);
      assert.is(await watched.next(1), '10.0.0.1:5');
      assert.equal(watched.configs, [undefined]);
    });
  });
});

test('service configs of TXT records are not looked for under localhost and literals', async () => {
  await byServer(async (server) => {
    for (const host of ['localhost', 'db.localhost', '10.0.0.1']) {
      const watched = new Watched(`dns://${server.authority}/${host}:5`, { serviceConfigLookup: true }).start();
      await watching(watched, async () => void (await watched.next(1)));
    }
    assert.equal(
      server.queries.filter(({ type }) => type === 'TXT'),
      [],
    );
  });
});

test('refuses durations that are none', () => {
  const bad: DnsResolverOptions[] = [
    { refreshMs: 0 },
    { refreshMs: Number.NaN },
    { timeoutMs: 0 },
    { timeoutMs: -1 },
    { minResolutionIntervalMs: -1 },
    { minResolutionIntervalMs: Number.NaN },
  ];
  for (const options of bad) {
    const [name = ''] = Object.keys(options);
    assert.throws(
      () => dnsResolver(options),
      (error: unknown) => error instanceof RangeError && error.message.startsWith(name),
    );
  }
  assert.is(dnsResolver({ minResolutionIntervalMs: 0, refreshMs: 1, timeoutMs: 1 }).scheme, 'dns');
});

test.run();
