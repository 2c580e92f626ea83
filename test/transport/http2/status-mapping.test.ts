/** The tables: what HTTP statuses, HTTP/2 codes, GOAWAYs and errors of Node mean in place of a gRPC status. */
import {
  errorCode,
  errorText,
  http2CodeName,
  isNeverSent,
  statusOfGoaway,
  statusOfHttpStatus,
  statusOfReset,
} from '../../../src/transport/http2/status-mapping.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('status-mapping');

const HTTP: Readonly<Record<number, string>> = {
  400: 'INTERNAL',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'UNIMPLEMENTED',
  429: 'UNAVAILABLE',
  431: 'INTERNAL',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'UNAVAILABLE',
};

test('every HTTP status: the table, 1xx INTERNAL, all else UNKNOWN, none OK', () => {
  for (let http = 0; http <= 1_000; http += 1) {
    const expected = http >= 100 && http < 200 ? 'INTERNAL' : (HTTP[http] ?? 'UNKNOWN');
    assert.is(statusOfHttpStatus(http).name, expected, `${http}`);
  }
  assert.is(statusOfHttpStatus(Number.NaN).name, 'UNKNOWN');
});

const HTTP2: readonly (readonly [name: string, status: string])[] = [
  ['NO_ERROR', 'INTERNAL'],
  ['PROTOCOL_ERROR', 'INTERNAL'],
  ['INTERNAL_ERROR', 'INTERNAL'],
  ['FLOW_CONTROL_ERROR', 'INTERNAL'],
  ['SETTINGS_TIMEOUT', 'INTERNAL'],
  ['STREAM_CLOSED', 'INTERNAL'],
  ['FRAME_SIZE_ERROR', 'INTERNAL'],
  ['REFUSED_STREAM', 'UNAVAILABLE'],
  ['CANCEL', 'CANCELLED'],
  ['COMPRESSION_ERROR', 'INTERNAL'],
  ['CONNECT_ERROR', 'INTERNAL'],
  ['ENHANCE_YOUR_CALM', 'RESOURCE_EXHAUSTED'],
  ['INADEQUATE_SECURITY', 'PERMISSION_DENIED'],
  ['HTTP_1_1_REQUIRED', 'UNKNOWN'],
];

test('every HTTP/2 code: its name and its status', () => {
  for (const [code, [name, status]] of HTTP2.entries()) {
    assert.is(http2CodeName(code), name);
    assert.is(statusOfReset(code).toString(), `${status}: stream reset by the peer with HTTP/2 code ${name}`);
  }
});

test('an HTTP/2 code without a name is INTERNAL and shown as a number', () => {
  assert.is(statusOfReset(14).toString(), 'INTERNAL: stream reset by the peer with HTTP/2 code 14');
  assert.is(statusOfReset(0xffffffff).toString(), 'INTERNAL: stream reset by the peer with HTTP/2 code 4294967295');
});

test('a GOAWAY is UNAVAILABLE with its code and its debug data', () => {
  const bare = statusOfGoaway({ code: 0, lastStreamId: 1, debug: null });
  assert.is(bare.toString(), 'UNAVAILABLE: the peer is closing the connection (GOAWAY NO_ERROR)');
  const full = statusOfGoaway({ code: 11, lastStreamId: 1, debug: 'too_many_pings' });
  const text = 'the peer is closing the connection (GOAWAY ENHANCE_YOUR_CALM, debug data: too_many_pings)';
  assert.is(full.toString(), `UNAVAILABLE: ${text}`);
});

test('of Node’s errors those of a dead session mean that nothing was sent', () => {
  const error = (code: unknown): Error => Object.assign(new Error('x'), { code });
  for (const code of ['ERR_HTTP2_GOAWAY_SESSION', 'ERR_HTTP2_INVALID_SESSION', 'ERR_HTTP2_OUT_OF_STREAMS']) {
    assert.ok(isNeverSent(error(code)), code);
  }
  for (const code of ['ERR_HTTP2_STREAM_ERROR', 'ECONNRESET', '', 7, undefined]) assert.not(isNeverSent(error(code)));
  assert.not(isNeverSent(new Error('plain')));
  assert.not(isNeverSent(null));
});

test('the code of an error is a string or nothing', () => {
  assert.is(errorCode(Object.assign(new Error('x'), { code: 'E' })), 'E');
  assert.is(errorCode(Object.assign(new Error('x'), { code: 5 })), '');
  assert.is(errorCode(new Error('x')), '');
});

test('the text of an error of several addresses is that of its parts', () => {
  assert.is(errorText(new Error('plain')), 'plain');
  assert.is(errorText(new AggregateError([new Error('one'), 'two'])), 'one; two');
  assert.is(errorText(new AggregateError([new Error('one')], 'own text')), 'own text');
});

test.run();
