/**
 * Rich error details between two ends: what a handler throws its client catches, whatever the transport, the kind of method
 * and the style; and the same with grpc-js at either end, whose users pack and unpack the trailer by hand.
 */
import {
  Client,
  credentials,
  Metadata as GrpcJsMetadata,
  Server as GrpcJsServer,
  ServerCredentials as GrpcJsServerCredentials,
  type ServiceError,
} from '@grpc/grpc-js';
import { RouteGuide } from '../../../examples/route-guide/gen/route_guide_pb.ts';
import { CallOptions } from '../../../src/call/call-options.ts';
import type { Channel } from '../../../src/call/channel.ts';
import { ServerCallListener } from '../../../src/call/server-call.ts';
import { ServiceDefinition } from '../../../src/call/service-definition.ts';
import { createChannel } from '../../../src/channel/create-channel.ts';
import { createInProcessChannel } from '../../../src/channel/create-in-process-channel.ts';
import { ChannelCredentials } from '../../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../../src/credentials/server-credentials.ts';
import { Server } from '../../../src/server/server.ts';
import { createClient, type Client as StubClient } from '../../../src/stub/client.ts';
import { type ClientMethods, clientMethods, serverMethods } from '../../../src/stub/codec/protobuf-es.ts';
import {
  BadRequestSchema,
  DebugInfoSchema,
  detailsOf,
  ErrorInfoSchema,
  findDetails,
  RetryInfoSchema,
  statusError,
} from '../../../src/stub/codec/status-details.ts';
import { implement } from '../../../src/stub/implement.ts';
import { InProcessServer } from '../../../src/transport/in-process/server.ts';
import { Metadata } from '../../../src/values/metadata.ts';
import { Code, Status } from '../../../src/values/status.ts';
import { StatusError, trailersFrom } from '../../../src/values/status-error.ts';
import { RecordingClientListener } from '../../support/recorder.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { decodeStatus, encodeStatus, type PlainStatus } from './google-rpc.ts';

const test = suite('status details on the wire');

const KEY = 'grpc-status-details-bin';
const PATIENCE_MS = 5_000;
const GET_FEATURE = '/routeguide.RouteGuide/GetFeature';

type Guide = StubClient<ClientMethods<typeof RouteGuide>>;

const OFF_THE_MAP: PlainStatus = {
  code: Code.INVALID_ARGUMENT,
  message: 'off the map',
  details: [
    ['ErrorInfo', { reason: 'OFF_THE_MAP', domain: 'routeguide.example.com', metadata: { planet: 'earth' } }],
    ['BadRequest', { fieldViolations: [{ field: 'latitude', description: 'above 90' }] }],
    ['BadRequest', { fieldViolations: [{ field: 'longitude', description: 'above 180' }] }],
  ],
};

function offTheMap(): StatusError {
  return statusError(Code.INVALID_ARGUMENT, 'off the map', {
    details: [
      [ErrorInfoSchema, { reason: 'OFF_THE_MAP', domain: 'routeguide.example.com', metadata: { planet: 'earth' } }],
      [BadRequestSchema, { fieldViolations: [{ field: 'latitude', description: 'above 90' }] }],
      [BadRequestSchema, { fieldViolations: [{ field: 'longitude', description: 'above 180' }] }],
    ],
    trailers: { 'x-server': 'summit' },
  });
}

/** Each method throws, the streaming ones after a message. */
const guide = implement(serverMethods(RouteGuide), {
  getFeature: () => {
    throw offTheMap();
  },
  listFeatures: async function* () {
    yield { name: 'the old mill' };
    throw offTheMap();
  },
  recordRoute: async (points) => {
    for await (const _ of points) throw offTheMap();
    return {};
  },
  routeChat: async function* (notes) {
    for await (const note of notes) {
      yield note;
      throw offTheMap();
    }
  },
});

/** What the promise of a call is rejected with. */
async function caughtOf(outcome: Promise<unknown>): Promise<unknown> {
  const caught = outcome.then(
    (value) => assert.unreachable(`resolved to ${String(value)}`),
    (error: unknown) => error,
  );
  return await within(PATIENCE_MS, caught, 'the error of a call');
}

async function readAll(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of messages);
}

function assertOffTheMap(error: unknown): void {
  assert.instance(error, StatusError);
  if (!(error instanceof StatusError)) return;
  assert.is(error.code, Code.INVALID_ARGUMENT);
  assert.is(error.status.description, 'off the map');
  assert.equal(
    findDetails(error, BadRequestSchema).map((request) => request.fieldViolations[0]?.field),
    ['latitude', 'longitude'],
  );
  assert.equal(findDetails(error, ErrorInfoSchema)[0]?.metadata, { planet: 'earth' });
  assert.equal(findDetails(error, RetryInfoSchema), []);
  assert.is(detailsOf(error).length, 3);
}

const CALLS: { readonly [kind: string]: (client: Guide) => Promise<unknown> } = {
  unary: (client) => client.getFeature({}),
  'server-streaming': (client) => readAll(client.listFeatures({})),
  'client-streaming': (client) => client.recordRoute([{}]),
  bidi: (client) => readAll(client.routeChat([{ message: 'hello' }])),
};

interface Serving {
  readonly service: ServiceDefinition;
  readonly onHandlerError?: (error: unknown) => void;
}

/** A server of ours and a channel to it, for one test. */
async function withServer(
  transport: 'in-process' | 'http2',
  { service, ...options }: Serving,
  run: (channel: Channel, port: number) => Promise<void>,
): Promise<void> {
  const address = InProcessServer.anonymous();
  await using server = new Server(options).addService(service).addServerListener(address);
  if (transport === 'http2') server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  await server.start();
  await using channel =
    transport === 'http2'
      ? createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure())
      : createInProcessChannel(address);
  await run(channel, transport === 'http2' ? server.port : 0);
}

for (const transport of ['in-process', 'http2'] as const) {
  for (const [kind, call] of Object.entries(CALLS)) {
    test(`a client catches what a handler throws: ${kind}, ${transport}`, async () => {
      await withServer(transport, { service: guide }, async (channel) => {
        const error = await caughtOf(call(createClient(clientMethods(RouteGuide), channel)));
        assertOffTheMap(error);
        assert.is((error as StatusError).trailers.get('x-server'), 'summit');
      });
    });
  }
}

test('a handler in the call style closes with the trailers of an error, a listener finds the details in them', async () => {
  const { getFeature } = clientMethods(RouteGuide);
  const service = new ServiceDefinition('routeguide.RouteGuide').addMethod(getFeature, (call) => {
    const error = offTheMap();
    call.close(error.status, trailersFrom(error));
    return new ServerCallListener();
  });
  await withServer('http2', { service }, async (channel) => {
    const listener = new RecordingClientListener();
    const call = channel.newCall(getFeature, CallOptions.DEFAULT);
    call.start(listener, new Metadata());
    call.halfClose();
    const { status, trailers } = await within(PATIENCE_MS, listener.closed, 'the end of the call');
    assertOffTheMap(new StatusError(status, trailers));
    assert.is(findDetails(trailers, BadRequestSchema).length, 2);
  });
});

test('details of a call that failed elsewhere stay with the server unless it passes them on', async () => {
  const downstream = new StatusError(Status.INVALID_ARGUMENT, offTheMap().trailers, {
    method: 'routeguide.Geography/Locate',
    peer: null,
    phase: 'before any response',
  });
  let thrown = downstream;
  const reported: unknown[] = [];
  const { getFeature } = serverMethods(RouteGuide);
  const handlers = {
    getFeature: () => {
      throw thrown;
    },
  };
  const rig = {
    service: implement({ getFeature }, handlers),
    onHandlerError: (error: unknown) => reported.push(error),
  };
  await withServer('in-process', rig, async (channel) => {
    const client = createClient(clientMethods(RouteGuide), channel);
    const hidden = await caughtOf(client.getFeature({}));
    assert.is((hidden as StatusError).code, Code.UNKNOWN);
    assert.equal(detailsOf(hidden), []);
    assert.equal(reported, [downstream]);

    thrown = statusError(Code.INVALID_ARGUMENT, 'off the map', { details: detailsOf(downstream), cause: downstream });
    assertOffTheMap(await caughtOf(client.getFeature({})));
    assert.is(reported.length, 1);
  });
});

test('details that the client does not take end the call with a status that says so', async () => {
  const { getFeature } = serverMethods(RouteGuide);
  const service = implement(
    { getFeature },
    {
      getFeature: () => {
        throw statusError(Code.ABORTED, 'busy', { details: [[DebugInfoSchema, { detail: 'x'.repeat(9_000) }]] });
      },
    },
  );
  await withServer('http2', { service }, async (channel) => {
    const error = await caughtOf(createClient(clientMethods(RouteGuide), channel).getFeature({}));
    assert.match(String(error), /^StatusError: RESOURCE_EXHAUSTED: trailers of \d+ bytes exceed the limit of 8192 /);
    assert.equal(detailsOf(error), []);
  });
});

test('a client finds what a server of grpc-js packed by hand', async () => {
  const server = new GrpcJsServer();
  const packed = new GrpcJsMetadata();
  packed.set(KEY, encodeStatus(OFF_THE_MAP));
  const asBytes = (payload: Buffer): Buffer => payload;
  const definition = {
    path: GET_FEATURE,
    requestStream: false as const,
    responseStream: false as const,
    requestSerialize: asBytes,
    requestDeserialize: asBytes,
    responseSerialize: asBytes,
    responseDeserialize: asBytes,
  };
  server.addService(
    { getFeature: definition },
    {
      getFeature: (_call: unknown, callback: (error: Partial<ServiceError>) => void) =>
        callback({ code: OFF_THE_MAP.code, details: OFF_THE_MAP.message, metadata: packed }),
    },
  );
  const port = await within(
    PATIENCE_MS,
    new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', GrpcJsServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    }),
    'a grpc-js server to listen',
  );
  const channel = createChannel(`127.0.0.1:${port}`, ChannelCredentials.insecure());
  try {
    assertOffTheMap(await caughtOf(createClient(clientMethods(RouteGuide), channel).getFeature({})));
  } finally {
    channel.shutdownNow();
    server.forceShutdown();
  }
});

test('a client of grpc-js unpacks by hand what a handler threw', async () => {
  await withServer('http2', { service: guide }, async (_channel, port) => {
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    try {
      const asBytes = (payload: Buffer): Buffer => payload;
      const failure = new Promise<ServiceError | null>((resolve) => {
        client.makeUnaryRequest(GET_FEATURE, asBytes, asBytes, Buffer.alloc(0), (error) => resolve(error));
      });
      const error = await within(PATIENCE_MS, failure, 'the error of a grpc-js call');
      assert.is(error?.code, Code.INVALID_ARGUMENT);
      assert.is(error?.details, 'off the map');
      const [packed, ...more] = error?.metadata.get(KEY) ?? [];
      assert.is(more.length, 0);
      assert.equal(decodeStatus(packed as Buffer), OFF_THE_MAP);
    } finally {
      client.close();
    }
  });
});

test.run();
