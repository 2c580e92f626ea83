/** ForeignResponse: code by HTTP status, and a description that says who answered, of bounded length. */
import { ForeignResponse } from '../../../src/transport/http2/foreign-response.ts';
import { parseHead } from '../../../src/transport/http2/headers.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('ForeignResponse');

const response = (...raw: string[]): ForeignResponse => new ForeignResponse(parseHead(raw));

test('without a body: status line and content-type', () => {
  const foreign = response(':status', '503', 'content-type', 'text/html', 'server', 'proxy');
  assert.is(foreign.status().toString(), 'UNAVAILABLE: HTTP status code 503\ninvalid content-type: text/html');
  assert.equal([...foreign.metadata], [['server', 'proxy']]);
});

test('without content-type, and without a status', () => {
  assert.is(
    response(':status', '404').status().toString(),
    'UNIMPLEMENTED: HTTP status code 404\nmissing content-type in response headers',
  );
  assert.is(
    response().status().toString(),
    'INTERNAL: Missing HTTP status code\nmissing content-type in response headers',
  );
});

test('with a body in pieces, cut in the midst of a character or not', () => {
  const foreign = response(':status', '500', 'content-type', 'text/plain');
  const body = Buffer.from('  größer  \n');
  assert.not(foreign.isFullAfter(body.subarray(0, 5)));
  assert.not(foreign.isFullAfter(body.subarray(5)));
  assert.ok(foreign.status().description?.endsWith('text/plain\ngrößer'));
});

test('is full at a thousand bytes, and shows no more', () => {
  const foreign = response(':status', '500');
  assert.not(foreign.isFullAfter(Buffer.alloc(999, 'a')));
  assert.ok(foreign.isFullAfter(Buffer.alloc(500, 'b')));
  assert.ok(foreign.status().description?.endsWith(`\n${'a'.repeat(999)}b`));
});

test('a body of nothing but space adds no line', () => {
  const foreign = response(':status', '500');
  foreign.isFullAfter(Buffer.from(' \r\n '));
  assert.ok(foreign.status().description?.endsWith('missing content-type in response headers'));
});

test.run();
