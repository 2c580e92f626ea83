/** What the bytes between grpc-js and us go through: compression, limits and large messages, TLS. */
import { randomBytes } from 'node:crypto';
import { certificates } from '../../support/certificates.ts';
import { ECHO_KINDS, type Pair } from '../../support/echo.ts';
import { bytes, everywhere, PAIRINGS } from '../../support/echo-pairings.ts';
import { TcpProxy } from '../../support/proxy.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('grpc-js, bytes');

const MIB = 1024 * 1024;

// ---- compression ----

for (const compression of ['gzip', 'deflate'] as const) {
  for (const pairing of PAIRINGS) {
    test(`${pairing.name}: requests compressed with ${compression}`, async () => {
      await using server = await pairing.start({});
      await using proxy = await TcpProxy.listen(server.port);
      await using client = pairing.make(proxy.port, {});
      const messages = [Buffer.alloc(200_000, 'ab'), Buffer.alloc(0), Buffer.alloc(10, 'x')];
      for (const kind of ECHO_KINDS) {
        const outcome = await client.call(kind, messages, { compression, command: { size: 1 } });
        assert.is(outcome.code, 0, outcome.message);
      }
      const echoed = await client.call('bidi_streaming', messages, { compression });
      assert.equal(
        echoed.messages.map((message) => message.length),
        [200_000, 0, 10],
      );
      assert.ok(messages[0]?.equals(echoed.messages[0] ?? Buffer.of()));
      assert.ok(proxy.bytes('up') < 50_000, `${proxy.bytes('up')} bytes went up`);
    });

    if (pairing.server === 'theirs') continue;
    test(`${pairing.name}: responses compressed with ${compression}`, async () => {
      await using server = await pairing.start({});
      await using proxy = await TcpProxy.listen(server.port);
      await using client = pairing.make(proxy.port, {});
      for (const kind of ECHO_KINDS) {
        const outcome = await client.call(kind, bytes('a'), { command: { compression, size: 300_000, count: 2 } });
        assert.is(outcome.code, 0, outcome.message);
        assert.ok(
          outcome.messages.every((message) => message.length === 300_000 && message.every((byte) => byte === 0)),
        );
      }
      assert.ok(proxy.bytes('down') < 50_000, `${proxy.bytes('down')} bytes came down`);
    });
  }
}

// ---- sizes ----

for (const pairing of PAIRINGS) {
  test(`${pairing.name}: a server that reads nothing stops the sender`, async () => {
    await using server = await pairing.start({});
    await using proxy = await TcpProxy.listen(server.port);
    await using client = pairing.make(proxy.port, {});
    const messages = Array.from({ length: 100 }, () => Buffer.alloc(100_000));
    const outcome = await client.call('bidi_streaming', messages, { command: { deaf: true }, timeoutMs: 400 });
    assert.is(outcome.code, 4, outcome.message);
    // The largest window here is our server's, 1 MiB.
    assert.ok(proxy.bytes('up') < 1.5 * MIB, `${proxy.bytes('up')} bytes went up`);
  });
}

everywhere(
  test,
  'large messages pass when the limits allow',
  { serverLimit: 20 * MIB, clientLimit: 20 * MIB },
  () => async (client) => {
    const large = randomBytes(10 * MIB);
    for (const kind of ECHO_KINDS) {
      const outcome = await client.call(kind, [large]);
      assert.is(outcome.code, 0, outcome.message);
      assert.ok(large.equals(outcome.messages[0] ?? Buffer.of()), kind);
    }
  },
  60_000,
);

everywhere(
  test,
  'the default limit is 4 MiB',
  {},
  () => async (client) => {
    const fits = await client.call('unary', [Buffer.alloc(4 * MIB)]);
    assert.is(fits.code, 0, fits.message);
    const over = await client.call('unary', [Buffer.alloc(4 * MIB + 1)]);
    assert.is(over.code, 8, over.message);
    const back = await client.call('unary', bytes('a'), { command: { size: 4 * MIB + 1 } });
    assert.is(back.code, 8, back.message);
  },
  30_000,
);

everywhere(
  test,
  'a message over the limit of the server ends the call',
  { serverLimit: 1_000 },
  () => async (client) => {
    for (const kind of ECHO_KINDS) {
      const outcome = await client.call(kind, [Buffer.alloc(1_001)]);
      assert.is(outcome.code, 8, outcome.message);
      const inflated = await client.call(kind, [Buffer.alloc(100_000)], { compression: 'gzip' });
      assert.is(inflated.code, 8, inflated.message);
      const fits = await client.call(kind, [Buffer.alloc(1_000)]);
      assert.is(fits.code, 0, fits.message);
    }
  },
);

everywhere(
  test,
  'a message over the limit of the client ends the call',
  { clientLimit: 1_000 },
  (pairing) => async (client) => {
    for (const kind of ECHO_KINDS) {
      const outcome = await client.call(kind, bytes('a'), { command: { size: 1_001 } });
      assert.is(outcome.code, 8, outcome.message);
      const fits = await client.call(kind, bytes('a'), { command: { size: 1_000 } });
      assert.is(fits.code, 0, fits.message);
      if (pairing.server === 'theirs') continue;
      const inflated = await client.call(kind, bytes('a'), { command: { size: 100_000, compression: 'gzip' } });
      assert.is(inflated.code, 8, inflated.message);
    }
  },
);

// ---- TLS ----

for (const pairing of PAIRINGS) {
  test(`${pairing.name}: TLS`, async () => {
    const tls = await certificates();
    const pairs: readonly Pair[] = [['x-data-bin', randomBytes(300)]];
    await using server = await pairing.start({ tls });
    await using client = pairing.make(server.port, { tls });
    for (const kind of ECHO_KINDS) {
      const outcome = await client.call(kind, [randomBytes(50_000)], { pairs });
      assert.is(outcome.code, 0, outcome.message);
      assert.equal(outcome.trailers, pairs);
    }
  });

  test(`${pairing.name}: mutual TLS`, async () => {
    const tls = await certificates();
    await using server = await pairing.start({ tls, mutual: true });
    await using known = pairing.make(server.port, { tls, identity: tls.client });
    const outcome = await known.call('unary', bytes('a'));
    assert.is(outcome.code, 0, outcome.message);
    await using unknown = pairing.make(server.port, { tls });
    assert.is((await unknown.call('unary', bytes('a'))).code, 14);
    await using foreign = pairing.make(server.port, { tls, identity: tls.foreign.client });
    assert.is((await foreign.call('unary', bytes('a'))).code, 14);
    assert.is(server.events.filter((event) => event === 'start Unary').length, 1);
  });

  test(`${pairing.name}: a server's certificate that is no good is refused`, async () => {
    const tls = await certificates();
    for (const bad of [tls.expired, tls.elsewhere, tls.foreign.server]) {
      await using server = await pairing.start({ tls: { ...tls, server: bad } });
      await using client = pairing.make(server.port, { tls });
      const outcome = await client.call('unary', bytes('a'));
      assert.is(outcome.code, 14, outcome.message);
    }
  });
}

test.run();
