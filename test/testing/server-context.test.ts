/**
 * testServerContext and finishOf: handlers of reactors called by a test itself, without a server. Upstream: mock_test.cc
 * MockedCallSucceeds, MockedCallSucceedsWithWait, MockedCallFails; server_context_test_spouse_test.cc.
 */

import { Alarm } from '../../src/reactor/alarm.ts';
import type { CallbackService } from '../../src/reactor/callback-service.ts';
import { ClientContext } from '../../src/reactor/client-context.ts';
import { deadlineAfter } from '../../src/reactor/deadlines.ts';
import { CallbackGenericService } from '../../src/reactor/generic-service.ts';
import type { CallbackServerContext, GenericCallbackServerContext } from '../../src/reactor/server-context.ts';
import {
  ServerBidiReactor,
  ServerReadReactor,
  ServerUnaryReactor,
  ServerWriteReactor,
} from '../../src/reactor/server-reactors.ts';
import { finishOf, ManualClock, testServerContext } from '../../src/testing/index.ts';
import { Attributes, REMOTE_ADDRESS, SECURITY_LEVEL } from '../../src/values/attributes.ts';
import type { Clock } from '../../src/values/clock.ts';
import { Status } from '../../src/values/status.ts';
import { thrownBy } from '../call/call-pair.ts';
import type { TEXT_METHODS } from '../reactor/reactor-pair.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('testServerContext');

/** The service under test: greets by name, at once or, where it is asked to wait, a minute later. */
class Greeter implements CallbackService<typeof TEXT_METHODS> {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  unary(context: CallbackServerContext, name: string): ServerUnaryReactor<string> {
    const reactor = context.defaultReactor<string>();
    if (name === '') {
      context.addTrailingMetadata('x-field', 'name');
      reactor.finish(Status.INVALID_ARGUMENT.withDescription('who?'));
    } else if (context.clientMetadata().has('x-wait')) {
      new Alarm(this.#clock).set(deadlineAfter(60_000), () => reactor.finish(Status.OK, `at last, ${name}`));
    } else {
      context.addInitialMetadata('x-greeted', name);
      reactor.finish(Status.OK, `hello, ${name}`);
    }
    return reactor;
  }
}

test('a handler that finishes at once (MockedCallSucceeds)', () => {
  const context = testServerContext();
  const finish = finishOf(new Greeter(new ManualClock()).unary(context, 'Ada'));
  assert.is(finish?.status, Status.OK);
  assert.is(finish?.message, 'hello, Ada');
  assert.is(context.initialMetadata().get('x-greeted'), 'Ada');
  assert.is(context.trailingMetadata().size, 0);
});

test('a handler that finishes later (MockedCallSucceedsWithWait)', async () => {
  const clock = new ManualClock();
  const reactor = new Greeter(clock).unary(testServerContext({ metadata: { 'x-wait': 'yes' } }), 'Ada');
  assert.is(finishOf(reactor), null);
  await clock.advanceAsync(60_000);
  assert.is(finishOf(reactor)?.status, Status.OK);
  assert.is(finishOf(reactor)?.message, 'at last, Ada');
});

test('a handler that fails, with what it says in the trailers (MockedCallFails)', () => {
  const context = testServerContext();
  const finish = finishOf(new Greeter(new ManualClock()).unary(context, ''));
  assert.is(finish?.status.toString(), 'INVALID_ARGUMENT: who?');
  assert.is(finish?.message, undefined);
  assert.is(context.trailingMetadata().get('x-field'), 'name');
  assert.is(context.initialMetadata().size, 0);
});

test('what the test says of the RPC is what the handler hears', () => {
  const attributes = Attributes.EMPTY.with(REMOTE_ADDRESS, { host: '::1', port: 7 }).with(SECURITY_LEVEL, 'none');
  const deadline = deadlineAfter(3_600_000);
  const init = { authority: 'example.test', path: '/a.B/C', attributes };
  for (const one of [deadline, new Date(deadline)]) {
    const context = testServerContext({
      ...init,
      deadline: one,
      metadata: [
        ['x-key', 'a'],
        ['x-key', 'b'],
      ],
    });
    assert.equal(context.clientMetadata().getAll('x-key'), ['a', 'b']);
    assert.ok(Math.abs(context.deadline() - deadline) < 1000);
    assert.ok((context.deadlineInstant()?.remainingMs() ?? 0) > 0);
    assert.is(context.getAuthority(), 'example.test');
    assert.is(context.host(), 'example.test');
    assert.is(context.method(), '/a.B/C');
    assert.is(context.peer(), 'ipv6:%5B::1%5D:7');
    assert.equal(context.authContext().findPropertyValues('transport_security_type'), ['insecure']);
  }
});

test('what it does not say, the handler does not hear', () => {
  for (const context of [testServerContext(), testServerContext({ deadline: Number.POSITIVE_INFINITY })]) {
    assert.is(context.clientMetadata().size, 0);
    assert.is(context.deadline(), Number.POSITIVE_INFINITY);
    assert.is(context.deadlineInstant(), null);
    assert.is(context.getAuthority(), null);
    assert.is(context.host(), '');
    assert.is(context.method(), '/test.Service/Method');
    assert.is(context.peer(), '');
    assert.equal([...context.authContext()], []);
    assert.not(context.isCancelled());
  }
});

test('what cannot be of any RPC is refused', () => {
  assert.is(
    thrownBy(() => testServerContext({ path: 'C' })),
    "TypeError: not a method's path: 'C'",
  );
  assert.match(thrownBy(() => testServerContext({ deadline: Number.NaN })) ?? '', /^RangeError: /);
  assert.match(thrownBy(() => testServerContext({ metadata: { 'grpc-x': '' } })) ?? '', /^TypeError: /);
});

test('the context takes from the handler what it would take in earnest, and no more', () => {
  const context = testServerContext();
  context.tryCancel();
  assert.ok(context.isCancelled());
  context.tryCancel();
  context.setCompressionLevel('high');
  assert.is(context.compressionAlgorithm(), 'gzip');
  assert.match(thrownBy(() => context.setCompressionAlgorithm('no-such')) ?? '', /^TypeError: /);
  assert.is(context.compressionAlgorithm(), 'gzip');
  context.defaultReactor();
  assert.is(
    thrownBy(() => context.defaultReactor()),
    'IllegalStateError: defaultReactor was called already',
  );
  const given = context.initialMetadata();
  given.append('x-late', 'kept');
  assert.is(context.initialMetadata().get('x-late'), 'kept');
});

test('reactors of every kind: how they were finished is all that happens, and misuse throws', () => {
  const heard: string[] = [];
  const note = (): void => {
    heard.push('a reaction');
  };
  const unary = ServerUnaryReactor.from<string>({ onSendInitialMetadataDone: note, onCancel: note, onDone: note });
  unary.startSendInitialMetadata();
  unary.finish(Status.ABORTED, 'not a response');
  assert.equal(finishOf(unary), { status: Status.ABORTED, message: undefined, options: undefined });

  const read = ServerReadReactor.from<string, number>({ onReadDone: note, onDone: note });
  read.startRead();
  assert.is(finishOf(read), null);
  read.finish(Status.OK, 3);
  assert.is(finishOf(read)?.message, 3);
  assert.is(
    thrownBy(() => read.finish(Status.OK, 4)),
    'IllegalStateError: finish was called after finish',
  );

  const write = ServerWriteReactor.from<string>({ onWriteDone: note, onDone: note });
  write.startWriteAndFinish('last', { noCompression: true }, Status.DATA_LOSS);
  assert.equal(finishOf(write), { status: Status.DATA_LOSS, message: 'last', options: { noCompression: true } });

  const bidi = new ServerBidiReactor<string, string>();
  bidi.startWrite('first');
  assert.is(
    thrownBy(() => bidi.startWrite('second')),
    'IllegalStateError: startWrite was called while a write is outstanding',
  );
  bidi.finish(Status.OK);
  assert.equal(finishOf(bidi), { status: Status.OK, message: undefined, options: undefined });
  assert.equal(heard, []);
});

test('a handler of a generic service, and one that calls others on behalf of its RPC', () => {
  class Relay extends CallbackGenericService {
    override createReactor(context: GenericCallbackServerContext): ServerBidiReactor<Uint8Array, Uint8Array> {
      const child = ClientContext.fromServerContext(context);
      const reactor = new ServerBidiReactor<Uint8Array, Uint8Array>();
      reactor.finish(Status.UNAVAILABLE.withDescription(`${context.method()} ${child.debugErrorString()}`));
      return reactor;
    }
  }
  const context = testServerContext({ path: '/a.B/C', deadline: deadlineAfter(1000) });
  assert.is(finishOf(new Relay().createReactor(context))?.status.description, '/a.B/C ');
});

test.run();
