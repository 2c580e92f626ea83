/** What channels and calls publish on node:diagnostics_channel: each change once, in order, and calls under one identity. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { CallEndMessage, CallRetryMessage, CallStartMessage } from '../../src/call/call-diagnostics.ts';
import type { ChannelStateMessage, ResolutionMessage, SubchannelStateMessage } from '../../src/channel/diagnostics.ts';
import { freePorts } from '../support/free-ports.ts';
import { assert, suite } from '../support/suite.ts';
import { Ledger, Member, open } from './ledger.ts';

const test = suite('Diagnostics channels');

interface Messages {
  readonly 'channel.state': ChannelStateMessage;
  readonly 'subchannel.state': SubchannelStateMessage;
  readonly resolution: ResolutionMessage;
  readonly 'call.start': CallStartMessage;
  readonly 'call.retry': CallRetryMessage;
  readonly 'call.end': CallEndMessage;
}

const WORDS: { readonly [K in keyof Messages]: (message: Messages[K]) => string } = {
  'channel.state': ({ state }) => `channel ${state}`,
  'subchannel.state': ({ state, failure }) =>
    `subchannel ${state}${failure === null ? '' : ` ${failure.slice(0, 11)}`}`,
  resolution: ({ addresses, failure }) => `resolution ${addresses ?? failure}`,
  'call.start': ({ method }) => `start ${method.path}`,
  'call.retry': ({ status, pauseMs }) => `retry ${status?.name ?? 'hedge'} ${pauseMs > 0 ? 'later' : 'now'}`,
  'call.end': ({ status }) => `end ${status.name}`,
};

/** Hears everything until it is disposed of. */
class Ears implements Disposable {
  readonly heard: string[] = [];
  readonly calls: Set<unknown> = new Set<unknown>();
  readonly #subscribed: [name: string, onMessage: (message: unknown) => void][] = [];

  constructor(names: readonly (keyof Messages)[] = Object.keys(WORDS) as (keyof Messages)[]) {
    for (const name of names) {
      const onMessage = (message: unknown): void => {
        this.heard.push((WORDS[name] as (message: unknown) => string)(message));
        if (name.startsWith('call.')) this.calls.add((message as CallStartMessage).call);
      };
      subscribe(`halfclose.${name}`, onMessage);
      this.#subscribed.push([`halfclose.${name}`, onMessage]);
    }
  }

  [Symbol.dispose](): void {
    for (const [name, onMessage] of this.#subscribed) unsubscribe(name, onMessage);
  }
}

const RETRY = {
  maxAttempts: 3,
  initialBackoff: '0.001s',
  maxBackoff: '0.001s',
  backoffMultiplier: 1,
  retryableStatusCodes: ['NOT_FOUND'],
} as const;

test('a call on a new channel: resolution, connection, call', async () => {
  using ears = new Ears();
  const ledger = new Ledger();
  await using member = await Member.start({ ledger });
  await using channel = open(member.port);
  assert.is((await ledger.call(channel)).status, 'OK');
  assert.equal(ears.heard, [
    'start /test.Echo/Unary',
    'channel CONNECTING',
    'resolution 1',
    'subchannel CONNECTING',
    'subchannel READY',
    'channel READY',
    'end OK',
  ]);
  assert.is(ears.calls.size, 1);
});

test('a failure tells why', async () => {
  using ears = new Ears(['channel.state', 'subchannel.state', 'call.end']);
  const [port] = await freePorts(1);
  await using channel = open(port ?? 0, { backoff: { initialMs: 60_000 } });
  assert.match((await new Ledger().call(channel)).status, /^UNAVAILABLE/);
  assert.equal(ears.heard, [
    'channel CONNECTING',
    'subchannel CONNECTING',
    'subchannel TRANSIENT_FAILURE UNAVAILABLE',
    'channel TRANSIENT_FAILURE',
    'end UNAVAILABLE',
  ]);
});

test('retries by policy tell what the attempt before came to; hedged copies tell nothing of the kind', async () => {
  const ledger = new Ledger();
  await using member = await Member.start({ ledger });
  for (const [policy, again] of [
    [{ retryPolicy: RETRY }, 'retry NOT_FOUND later'],
    [{ hedgingPolicy: { maxAttempts: 3, nonFatalStatusCodes: ['NOT_FOUND'] } }, 'retry hedge now'],
  ] as const) {
    using ears = new Ears(['call.start', 'call.retry', 'call.end']);
    await using channel = open(member.port, { serviceConfig: { methodConfig: [{ name: [{}], ...policy }] } });
    const { status } = await ledger.call(channel, { command: { code: 5 } });
    assert.match(status, /^NOT_FOUND/);
    assert.equal(ears.heard, ['start /test.Echo/Unary', again, again, 'end NOT_FOUND']);
    assert.is(ears.calls.size, 1);
  }
});

test('without subscribers nothing is told to those who came too late', async () => {
  const ledger = new Ledger();
  await using member = await Member.start({ ledger });
  await using channel = open(member.port);
  await ledger.call(channel);
  using ears = new Ears();
  assert.equal(ears.heard, []);
});

test.run();
