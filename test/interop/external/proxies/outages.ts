/**
 * The part of the proxy contract that is about proxies and servers that stop, start anew and reload while calls are open.
 * Above: proxy-contract.ts. Below: proxied.ts.
 */
import { LOCAL_ADDRESS } from '../../../../src/values/attributes.ts';
import { Code, Status } from '../../../../src/values/status.ts';
import { until } from '../../../support/echo-pairings.ts';
import { assert, type Suite } from '../../../support/suite.ts';
import { assertStatus, finish, type OpenCall, open, Proxied, ping, succeeds } from './proxied.ts';
import type { ProxyHabits } from './proxy-contract.ts';
import type { ProxyKind } from './proxy-process.ts';

const PATIENCE_MS = 5_000;

export function outageTests(test: Suite, kind: ProxyKind, habits: ProxyHabits): void {
  proxyTests(test, kind);
  reloadTests(test, kind);
  upstreamTests(test, kind, habits);
  lossTests(test, kind, habits);
}

/** An open call that has had an answer. */
async function openChat({ channel }: Proxied): Promise<OpenCall> {
  const chat = open(channel, 'bidi_streaming');
  assert.is(await ping(chat, 'hello'), 'hello');
  return chat;
}

function proxyTests(test: Suite, kind: ProxyKind): void {
  test('a proxy that is killed: the open call is UNAVAILABLE, one that waits for ready outlasts it', async () => {
    await using row = await Proxied.start(kind);
    const chat = await openChat(row);
    chat.call.request(1);
    await row.proxy.kill();
    assert.is((await chat.heard.closed).status.code, Code.UNAVAILABLE);
    await until('the handler is cancelled', () => row.upstream.journal.events.includes('cancelled Bidi'));
    const patient = open(row.channel, 'unary', { waitForReady: true });
    patient.call.sendMessage(Buffer.from('still here'));
    const end = finish(patient);
    assert.is((await finish(open(row.channel, 'unary'))).status.code, Code.UNAVAILABLE);
    await row.proxy.launch();
    assert.ok((await end).status.isOk);
    assert.equal(patient.heard.messages.map(String), ['still here']);
    await succeeds(row);
  });
}

/** Unary calls in a row, each to its end. */
class Calls {
  readonly #row: Proxied;
  readonly #failures: Status[] = [];
  #successes = 0;

  constructor(row: Proxied) {
    this.#row = row;
  }

  /** One call; gives the port that it went out from: another one means another connection. Null if it failed. */
  async next(): Promise<number | null> {
    const one = open(this.#row.channel, 'unary');
    one.call.sendMessage(Buffer.alloc(1));
    const { status } = await finish(one);
    if (!status.isOk) {
      this.#failures.push(status);
      return null;
    }
    this.#successes += 1;
    const address = one.call.getAttributes().get(LOCAL_ADDRESS);
    return address !== null && 'port' in address ? address.port : null;
  }

  /** Calls until the port that one goes out from, null for none, is as it should be. */
  async until(what: string, isThere: (port: number | null) => boolean): Promise<void> {
    const giveUpAt = performance.now() + PATIENCE_MS;
    while (!isThere(await this.next())) {
      if (performance.now() > giveUpAt) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    }
  }

  /** The last failure. */
  get failure(): Status {
    return this.#failures.at(-1) ?? Status.OK;
  }

  /** Calls that cross the GOAWAY of the connection that is being left begin anew by themselves; the server sees each once. */
  assertNoneLost(): void {
    assert.equal(this.#failures.map(String), []);
    const seen = this.#row.upstream.journal.events.filter((event) => event === 'start Unary').length;
    assert.is(seen, this.#successes, 'the server saw a call twice');
  }
}

function reloadTests(test: Suite, kind: ProxyKind): void {
  test('a proxy that reloads: the open call goes on, others move to the new one, none is lost', async () => {
    await using row = await Proxied.start(kind);
    const chat = await openChat(row);
    const calls = new Calls(row);
    const before = await calls.next();
    row.proxy.reload();
    await calls.until('calls move to a new connection', (port) => port !== before && port !== null);
    for (let count = 0; count < 20; count += 1) await calls.next();
    calls.assertNoneLost();
    assert.is(await ping(chat, 'the old proxy'), 'the old proxy');
    assert.ok((await finish(chat)).status.isOk);
  });

  test('a proxy that leaves: the open call runs to its end, later ones find nobody', async () => {
    await using row = await Proxied.start(kind);
    const chat = await openChat(row);
    const left = row.proxy.leave();
    const calls = new Calls(row);
    await calls.until('the proxy accepts no more', (port) => port === null);
    assert.is(calls.failure.code, Code.UNAVAILABLE);
    assert.is(await ping(chat, 'the last'), 'the last');
    assert.ok((await finish(chat)).status.isOk);
    await left;
  });
}

function upstreamTests(test: Suite, kind: ProxyKind, { unreachable }: ProxyHabits): void {
  test(`an upstream that is down: ${unreachable}, until it is back`, { timeoutMs: 2 * PATIENCE_MS }, async () => {
    await using row = await Proxied.start(kind, { direct: true });
    await succeeds(row);
    await row.upstream.stop();
    const one = open(row.channel, 'unary');
    one.call.sendMessage(Buffer.alloc(1));
    assertStatus((await finish(one)).status, unreachable);
    await row.upstream.start();
    // A proxy may leave an upstream alone for a while.
    await new Calls(row).until('calls succeed again', (port) => port !== null);
  });

  test('an upstream that is stopped and started in mid-call: its own words come through, and the channel goes on', async () => {
    await using row = await Proxied.start(kind);
    const chat = await openChat(row);
    chat.call.request(1);
    await row.upstream.stop();
    assertStatus((await chat.heard.closed).status, 'UNAVAILABLE: Server shutdownNow invoked');
    await row.upstream.start();
    await succeeds(row);
  });

  test('an upstream that is replaced gently: its open call ends well, and no other is lost', async () => {
    await using row = await Proxied.start(kind);
    const chat = await openChat(row);
    const old = row.upstream.retire();
    await row.upstream.start();
    const calls = new Calls(row);
    for (let count = 0; count < 50; count += 1) await calls.next();
    calls.assertNoneLost();
    assert.is(await ping(chat, 'the old server'), 'the old server');
    assert.ok((await finish(chat)).status.isOk);
    assert.ok(await old.awaitTermination(PATIENCE_MS), 'the old server has come to its end');
  });
}

function lossTests(test: Suite, kind: ProxyKind, { lost, cutShort }: ProxyHabits): void {
  test(`an upstream that is lost before it answers: ${lost}`, async () => {
    await using row = await Proxied.start(kind);
    const chat = open(row.channel, 'bidi_streaming', { command: { deaf: true } });
    chat.call.sendMessage(Buffer.alloc(1));
    chat.call.request(1);
    const begun = (): number => row.upstream.journal.events.filter((event) => event === 'start Bidi').length;
    await until('the handler begins', () => begun() === 1);
    row.wire.last.reset();
    if (lost === 'begun anew') {
      await until('another handler begins', () => begun() === 2);
      chat.call.cancel('enough');
      assert.is((await chat.heard.closed).status.code, Code.CANCELLED);
    } else {
      assertStatus((await chat.heard.closed).status, lost);
    }
    await succeeds(row);
  });

  test(`an upstream that is lost in the midst of its answers: ${cutShort}`, async () => {
    await using row = await Proxied.start(kind);
    const chat = await openChat(row);
    chat.call.request(1);
    row.wire.last.reset();
    assertStatus((await chat.heard.closed).status, cutShort);
    await succeeds(row);
  });
}
