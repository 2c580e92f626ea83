/**
 * The negative HTTP/2 server itself: it sees what its cases forbid, does not answer a client that keeps the window, and
 * runs as a program.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { create, toBinary } from '@bufbuild/protobuf';
import { DEFAULT_WINDOW } from '../../support/http2-frame.ts';
import { grpcFrame, RawClient, type RawConnection, requestHeaders } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { SimpleRequestSchema } from '../gen/grpc/testing/messages_pb.ts';
import { NEGATIVE_CASES, NegativeServer } from './negative-server.ts';

const PROGRAM = path.join(import.meta.dirname, 'negative-server-main.js');
const UNARY_CALL = '/grpc.testing.TestService/UnaryCall';
const PATIENCE_MS = 8_000;
const LONG = { timeoutMs: 40_000 };

const test = suite('NegativeServer');

/** Asks for a response of so many bytes; returns the number of the stream. */
function ask(client: RawConnection, responseSize: number): number {
  const request = create(SimpleRequestSchema, { responseSize });
  const stream = client.open(requestHeaders(UNARY_CALL));
  client.sendData(stream, grpcFrame(toBinary(SimpleRequestSchema, request)), { endStream: true });
  return stream;
}

test('a second stream beside the only one that is allowed is a fault', async () => {
  await using server = await NegativeServer.listen('max_streams');
  await using client = await RawClient.connect(server.port);
  for (const stream of [ask(client, 10), ask(client, 10)]) await client.frame('HEADERS', { stream, endStream: true });
  assert.equal(server.faults, ['stream 3 came beside 1']);
});

test('a stream behind the GOAWAY is a fault', async () => {
  await using server = await NegativeServer.listen('goaway');
  await using client = await RawClient.connect(server.port);
  ask(client, 10);
  assert.is((await client.frame('GOAWAY')).lastStream, 1);
  ask(client, 10);
  await client.roundTrip();
  assert.equal(server.faults, ['stream 3 came behind the GOAWAY with 1']);
});

test('an answer to a PING that is not its own is a fault', async () => {
  await using server = await NegativeServer.listen('ping');
  await using client = await RawClient.connect(server.port, {
    ackPings: false,
    onFrame: (frame, connection) => {
      if (frame.type === 'PING' && !frame.ack) connection.ackPing(Buffer.from('00000000000000ff', 'hex'));
    },
  });
  const stream = ask(client, 10);
  await client.frame('HEADERS', { stream, endStream: true });
  const pings = client.frames.filter((frame) => frame.type === 'PING').length;
  assert.is(pings, 6, 'around two frames of the request, and headers and two pieces of the response');
  const faults = Array.from({ length: pings }, (_, index) => `PING ${index + 1} was answered as 255`);
  assert.equal(server.faults, faults);
});

test('a client that gives back the window without the padding gets no more than that window holds', async () => {
  await using server = await NegativeServer.listen('data_frame_padding');
  await using client = await RawClient.connect(server.port, {
    returnWindow: false,
    onFrame: (frame, connection) => {
      if (frame.type !== 'DATA') return;
      connection.sendWindowUpdate(0, frame.payload.length);
      connection.sendWindowUpdate(frame.stream, frame.payload.length);
    },
  });
  const stream = ask(client, 10_000);
  const dataBytes = (): number => client.frames.reduce((sum, frame) => sum + (frame.type === 'DATA' ? 5 : 0), 0);
  await client.frame('DATA', { stream });
  for (let before = -1; before !== dataBytes(); ) {
    before = dataBytes();
    await client.roundTrip();
  }
  const held = Math.floor(DEFAULT_WINDOW / 256) * 5;
  assert.ok(dataBytes() > 0 && dataBytes() <= held, `${dataBytes()} bytes of the response came`);
  assert.not(client.has('HEADERS', { stream, endStream: true }));
});

/** Runs the program to its end, and `act` once it listens. */
async function runProgram(args: readonly string[], act: (port: number) => Promise<void>): Promise<[unknown, string]> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    const closed = once(child, 'close');
    const errors = text(child.stderr);
    const said = await within(PATIENCE_MS, Promise.race([once(child.stdout, 'data'), closed]), 'the program to speak');
    const port = /^listening on (\d+)\n$/.exec(String(said[0]))?.[1];
    if (port !== undefined) await act(Number(port));
    child.kill('SIGTERM');
    const [code] = await within(PATIENCE_MS, closed, 'the program to end');
    return [code, await errors];
  } finally {
    child.kill('SIGKILL');
  }
}

test('as a program it ends with 0 after a client that did well, and tells of one that did not', LONG, async () => {
  const args = ['--port=0', '--test_case', 'max_streams'];
  const calling = (calls: number) => async (port: number) => {
    await using client = await RawClient.connect(port);
    const streams = Array.from({ length: calls }, () => ask(client, 10));
    for (const stream of streams) await client.frame('HEADERS', { stream, endStream: true });
  };
  assert.equal(await runProgram(args, calling(1)), [0, '']);
  assert.equal(await runProgram(args, calling(2)), [1, 'stream 3 came beside 1\n']);
});

test('as a program it refuses a case that there is not', LONG, async () => {
  const [code, errors] = await runProgram(['--port=0', '--test_case=kindness'], async () => {});
  assert.is(code, 2);
  assert.is(errors, `--test_case is ${NEGATIVE_CASES.join(', ')}; not kindness\n`);
});

test.run();
