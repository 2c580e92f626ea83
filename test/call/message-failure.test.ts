/** What a face shows of a call that a message has ended. */
import { outcomeOf, oversizedRequest, unparsedResponse, unserializedRequest } from '../../src/call/message-failure.ts';
import { MessageFailure } from '../../src/transport/message-failure.ts';
import { Status } from '../../src/values/status.ts';
import { StatusError } from '../../src/values/status-error.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('MessageFailure');

const THROWN = new Error('thrown by a marshaller');
const ENDED = Status.CANCELLED.withDescription('Failed to stream message');

test('is a StatusError that says what became of the message, with the error behind it as cause', () => {
  for (const [failure, text, cause] of [
    [unparsedResponse(THROWN), 'INTERNAL: Failed to parse the response', THROWN],
    [unserializedRequest(THROWN), 'INTERNAL: Failed to serialize the request', THROWN],
    [oversizedRequest(6, 5), 'RESOURCE_EXHAUSTED: message too large 6 > 5', undefined],
  ] as const) {
    assert.instance(failure, StatusError);
    assert.instance(failure, MessageFailure);
    assert.is(failure.name, 'MessageFailure');
    assert.is(failure.status.toString(), text);
    assert.is(failure.message, text);
    assert.is(failure.cause, cause);
    assert.is(Status.from(failure), failure.status);
  }
});

test('the outcome of a call that a message has ended is that of the message', () => {
  const failure = unparsedResponse(THROWN);
  assert.is(outcomeOf(ENDED.withCause(failure)), failure.status);
});

test('the outcome of any other call is its status, whatever its cause', () => {
  const nested = new Error('about it', { cause: unparsedResponse(THROWN) });
  for (const cause of [undefined, null, THROWN, nested, new StatusError(Status.NOT_FOUND)]) {
    const status = ENDED.withCause(cause);
    assert.is(outcomeOf(status), status);
  }
  assert.is(outcomeOf(Status.OK), Status.OK);
});

test.run();
