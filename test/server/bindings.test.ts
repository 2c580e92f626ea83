/** Bindings: all addresses or none, whatever the order of events. */
import { Bindings } from '../../src/server/bindings.ts';
import type { ServerTransportListener } from '../../src/transport/transport.ts';
import { assert, suite } from '../support/suite.ts';
import { HandListener } from './hand-listener.ts';

const test = suite('Bindings');

const IN_USE = new Error('address in use');
const SLOW = false;

class SetUp {
  readonly told: string[] = [];
  readonly bindings: Bindings = new Bindings({
    onBound: () => this.told.push('bound'),
    onBindFailed: (error) => this.told.push(`failed: ${error.message}`),
    onClosed: () => this.told.push('closed'),
    onTransport: (): ServerTransportListener => {
      throw new Error('nobody connects here');
    },
  });
  readonly listeners: HandListener[];

  constructor(...listeners: HandListener[]) {
    this.listeners = listeners;
    for (const listener of listeners) this.bindings.add(listener);
  }
}

function named(name: string, isQuick?: boolean): HandListener {
  return new HandListener({ name }, isQuick);
}

test('tells that it is bound when all are, in the order of adding', () => {
  const [a, b] = [named('a', SLOW), named('b', SLOW)];
  const { bindings, told } = new SetUp(a, b);
  assert.is(bindings.size, 2);
  bindings.listen();
  b.succeed();
  assert.equal(told, []);
  assert.equal(bindings.addresses(), [{ name: 'b' }]);
  a.succeed();
  assert.equal(told, ['bound']);
  assert.equal(bindings.addresses(), [{ name: 'a' }, { name: 'b' }]);
});

test('tells so too when they are bound inside listen', () => {
  const { bindings, told } = new SetUp(named('a'), named('b'));
  bindings.listen();
  assert.equal(told, ['bound']);
});

test('closes all, once, and tells when the last is closed', () => {
  const [a, b] = [named('a', SLOW), named('b', SLOW)];
  const { bindings, told } = new SetUp(a, b);
  bindings.listen();
  a.succeed();
  b.succeed();
  bindings.close();
  bindings.close();
  assert.ok(a.closing && b.closing);
  a.finishClosing();
  assert.not(bindings.isClosed);
  b.finishClosing();
  assert.ok(bindings.isClosed);
  bindings.close();
  assert.equal(told, ['bound', 'closed']);
  assert.equal(bindings.addresses(), [{ name: 'a' }, { name: 'b' }], 'those that were bound');
});

test('closes those that are bound when one fails', () => {
  const [a, b] = [named('a', SLOW), named('b', SLOW)];
  const { bindings, told } = new SetUp(a, b);
  bindings.listen();
  a.succeed();
  b.fail(IN_USE);
  assert.ok(a.closing);
  assert.equal(told, ['failed: address in use']);
  a.finishClosing();
  assert.equal(told, ['failed: address in use', 'closed']);
});

test('closes one that is bound only after another has failed', () => {
  const [a, b, c] = [named('a', SLOW), named('b', SLOW), named('c')];
  const { bindings, told } = new SetUp(a, b, c);
  bindings.listen();
  a.fail(IN_USE);
  assert.not(b.closing, 'not before it is bound');
  assert.not(c.listening);
  b.succeed();
  assert.ok(b.closing);
  b.finishClosing();
  assert.equal(told, ['failed: address in use', 'closed']);
});

test('tells the first of two failures', () => {
  const [a, b] = [named('a', SLOW), named('b', SLOW)];
  const { bindings, told } = new SetUp(a, b);
  bindings.listen();
  b.fail(IN_USE);
  a.fail(new Error('another'));
  assert.equal(told, ['failed: address in use', 'closed']);
});

test('binds no further address when one fails inside listen', () => {
  const broken = named('broken', SLOW);
  broken.listen = (acceptor) => acceptor.onListenFailed(IN_USE);
  const next = named('next');
  const { bindings, told } = new SetUp(broken, next);
  bindings.listen();
  assert.not(next.listening);
  assert.equal(told, ['failed: address in use', 'closed']);
});

test('closes what is bound after a close amid binding', () => {
  const [a, b] = [named('a', SLOW), named('b', SLOW)];
  const { bindings, told } = new SetUp(a, b);
  bindings.listen();
  a.succeed();
  bindings.close();
  assert.ok(a.closing);
  assert.not(b.closing);
  a.finishClosing();
  b.succeed();
  assert.ok(b.closing);
  b.finishClosing();
  assert.equal(told, ['closed']);
});

test('is closed at once if it never listened', () => {
  const { bindings, told, listeners } = new SetUp(named('a'));
  bindings.close();
  assert.equal(told, ['closed']);
  assert.not(listeners[0]?.closing);
});

test.run();
