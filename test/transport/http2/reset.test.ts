/**
 * A server that resets a stream, with every code, at every stage, while our side is open and after it is half-closed.
 * What node tells of such a reset differs from case to case; what the call ends with must not.
 */
import { Code } from '../../../src/values/status.ts';
import type { ErrorCode } from '../../support/http2-frame.ts';
import { grpcFrame, responseHeaders, trailers } from '../../support/raw-http2.ts';
import { assert, suite } from '../../support/suite.ts';
import { ClientRig, type RecordedStream } from './client-rig.ts';

const test = suite('Http2ClientStream, reset by the server');

/** What a reset means before there is a status. */
const MEANINGS: readonly (readonly [code: ErrorCode, outcome: string])[] = [
  ['NO_ERROR', 'INTERNAL processed'],
  ['PROTOCOL_ERROR', 'INTERNAL processed'],
  ['INTERNAL_ERROR', 'INTERNAL processed'],
  ['FLOW_CONTROL_ERROR', 'INTERNAL processed'],
  ['SETTINGS_TIMEOUT', 'INTERNAL processed'],
  ['STREAM_CLOSED', 'INTERNAL processed'],
  ['FRAME_SIZE_ERROR', 'INTERNAL processed'],
  ['REFUSED_STREAM', 'UNAVAILABLE refused'],
  ['CANCEL', 'CANCELLED processed'],
  ['COMPRESSION_ERROR', 'INTERNAL processed'],
  ['CONNECT_ERROR', 'INTERNAL processed'],
  ['ENHANCE_YOUR_CALM', 'RESOURCE_EXHAUSTED processed'],
  ['INADEQUATE_SECURITY', 'PERMISSION_DENIED processed'],
  ['HTTP_1_1_REQUIRED', 'UNKNOWN processed'],
  [0xbad, 'INTERNAL processed'],
];

const SIDES = [
  ['open', (rig: ClientRig, id: number): Promise<RecordedStream> => rig.bidi(id)],
  ['half-closed', (rig: ClientRig, id: number): Promise<RecordedStream> => rig.unary(id)],
] as const;

/** Runs one exchange for each code, one stream after the other on one connection. */
async function forEachCode(
  open: (rig: ClientRig, id: number) => Promise<RecordedStream>,
  exchange: (rig: ClientRig, id: number, call: RecordedStream, code: ErrorCode, outcome: string) => Promise<void>,
): Promise<void> {
  await using rig = await ClientRig.open();
  let id = 1;
  for (const [code, outcome] of MEANINGS) {
    const call = await open(rig, id);
    await exchange(rig, id, call, code, outcome);
    id += 2;
  }
  assert.equal(rig.listener.names, ['ready'], 'the connection lives on');
}

for (const [side, open] of SIDES) {
  test(`our side ${side}: before headers the code decides`, async () => {
    await forEachCode(open, async (rig, id, call, code, outcome) => {
      rig.peer.sendRst(id, code);
      assert.is(await call.outcome(), outcome, `code ${code}`);
      assert.equal(
        call.names.filter((name) => name !== 'ready' && name !== 'written'),
        ['close'],
      );
    });
  });

  test(`our side ${side}: after headers the code decides`, async () => {
    await forEachCode(open, async (rig, id, call, code, outcome) => {
      rig.peer.sendHeaders(id, responseHeaders());
      rig.peer.sendRst(id, code);
      assert.is(await call.outcome(), outcome, `code ${code}`);
      assert.is(call.names.filter((name) => name === 'headers').length, 1);
    });
  });

  test(`our side ${side}: after messages they are delivered, then the code decides`, async () => {
    await forEachCode(open, async (rig, id, call, code, outcome) => {
      call.request(2);
      rig.peer.sendHeaders(id, responseHeaders());
      rig.peer.sendData(id, grpcFrame(Buffer.from('one')));
      rig.peer.sendData(id, grpcFrame(Buffer.from('two')));
      rig.peer.sendRst(id, code);
      assert.is(await call.outcome(), outcome, `code ${code}`);
      assert.equal(call.messages, ['one', 'two'], `code ${code}`);
    });
  });

  test(`our side ${side}: in the midst of a message the code decides`, async () => {
    await forEachCode(open, async (rig, id, call, code, outcome) => {
      call.request(2);
      rig.peer.sendHeaders(id, responseHeaders());
      rig.peer.sendData(id, grpcFrame(Buffer.from('cut off')).subarray(0, 8));
      rig.peer.sendRst(id, code);
      assert.is(await call.outcome(), outcome, `code ${code}`);
      assert.equal(call.messages, []);
    });
  });

  test(`our side ${side}: after trailers the status stands`, async () => {
    await forEachCode(open, async (rig, id, call, code) => {
      call.request(1);
      rig.peer.sendHeaders(id, responseHeaders());
      rig.peer.sendData(id, grpcFrame(Buffer.from('one')));
      rig.peer.sendHeaders(id, trailers(Code.NOT_FOUND), { endStream: true });
      rig.peer.sendRst(id, code);
      assert.is(await call.outcome(), 'NOT_FOUND processed', `code ${code}`);
      assert.equal(call.messages, ['one']);
    });
  });

  test(`our side ${side}: after trailers the status stands though a message is yet to be asked for`, async () => {
    await forEachCode(open, async (rig, id, call, code) => {
      rig.peer.sendHeaders(id, responseHeaders());
      rig.peer.sendData(id, grpcFrame(Buffer.from('one')));
      rig.peer.sendHeaders(id, trailers(Code.OK), { endStream: true });
      rig.peer.sendRst(id, code);
      await rig.peer.roundTrip();
      assert.not(call.names.includes('close'), `code ${code}`);
      call.request(1);
      assert.is(await call.outcome(), 'OK processed', `code ${code}`);
      assert.equal(call.messages, ['one']);
    });
  });
}

test('tells the code by name in the description', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.unary();
  rig.peer.sendRst(1, 'ENHANCE_YOUR_CALM');
  const { status } = await call.closed;
  assert.is(status.description, 'stream reset by the peer with HTTP/2 code ENHANCE_YOUR_CALM');
});

test('tells nothing twice when a reset follows our own cancel', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.bidi();
  call.cancel();
  rig.peer.sendRst(1, 'INTERNAL_ERROR');
  assert.is(await call.outcome(), 'CANCELLED processed');
  await rig.peer.roundTrip();
  assert.is(call.names.filter((name) => name === 'close').length, 1);
});

test.run();
