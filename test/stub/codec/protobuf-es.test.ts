/**
 * The protobuf-es codec: descriptors from a generated service, their types, and bytes against ones written by hand.
 */
import { create, type DescService, type MessageInitShape } from '@bufbuild/protobuf';
import { expectTypeOf } from 'expect-type';
import {
  type Feature,
  type Point,
  PointSchema,
  RouteGuide,
  type RouteNote,
  RouteNoteSchema,
  RouteSummarySchema,
} from '../../../examples/route-guide/gen/route_guide_pb.ts';
import { CallOptions } from '../../../src/call/call-options.ts';
import type { Channel } from '../../../src/call/channel.ts';
import type { ClientCall } from '../../../src/call/client-call.ts';
import type { ServerCallHandler } from '../../../src/call/server-call.ts';
import {
  clientMethods,
  createClient,
  implement,
  marshallerOf,
  methodOf,
  serverMethods,
} from '../../../src/stub/codec/protobuf-es.ts';
import { startInProcess } from '../../../src/testing/in-process.ts';
import { type Marshaller, MethodDescriptor } from '../../../src/values/method.ts';
import { Code } from '../../../src/values/status.ts';
import { assert, suite } from '../../support/suite.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

const test = suite('protobuf-es');

test('names the methods of a service as the generator does, in the order of the file', () => {
  const names = ['getFeature', 'listFeatures', 'recordRoute', 'routeChat'];
  assert.equal(Object.keys(clientMethods(RouteGuide)), names);
  assert.equal(Object.keys(serverMethods(RouteGuide)), names);
});

test('gives each method its path and its kind', () => {
  const methods = clientMethods(RouteGuide);
  const seen = Object.values(methods).map((method) => [method.path, method.kind]);
  assert.equal(seen, [
    ['/routeguide.RouteGuide/GetFeature', 'unary'],
    ['/routeguide.RouteGuide/ListFeatures', 'server_streaming'],
    ['/routeguide.RouteGuide/RecordRoute', 'client_streaming'],
    ['/routeguide.RouteGuide/RouteChat', 'bidi_streaming'],
  ]);
  assert.instance(methods.getFeature, MethodDescriptor);
});

test('takes idempotency and schema from the descriptor', () => {
  const { getFeature, recordRoute } = clientMethods(RouteGuide);
  assert.is(getFeature.idempotency, 'no_side_effects');
  assert.is(recordRoute.idempotency, 'unknown');
  assert.is(getFeature.schema, RouteGuide.method.getFeature);
  const idempotent = { ...RouteGuide.method.getFeature, idempotency: 2 as const };
  assert.is(methodOf(idempotent).idempotency, 'idempotent');
});

test('writes a negative int32 in ten bytes', () => {
  const { requestMarshaller } = clientMethods(RouteGuide).getFeature;
  const payload = requestMarshaller.serialize({ latitude: 407838351, longitude: -746143763 });
  assert.is(hex(payload), hex(bytes('08 8fbdbcc201 10 edff9a9cfdffffffff01')));
});

test('writes plain objects, nested too, and messages alike', () => {
  const marshaller = marshallerOf(RouteNoteSchema);
  const golden = hex(bytes('0a02 1001 12 02 4869'));
  assert.is(hex(marshaller.serialize({ location: { longitude: 1 }, message: 'Hi' })), golden);
  const location = create(PointSchema, { longitude: 1 });
  assert.is(hex(marshaller.serialize(create(RouteNoteSchema, { location, message: 'Hi' }))), golden);
  assert.is(marshaller.serialize({}).length, 0);
});

test('reads a message with every field, those left out at their defaults', () => {
  const summary = marshallerOf(RouteSummarySchema).deserialize(bytes('0803 1002 18a0f107'));
  assert.is(summary.$typeName, 'routeguide.RouteSummary');
  assert.equal([summary.pointCount, summary.featureCount, summary.distance, summary.elapsedTime], [3, 2, 129184, 0]);
});

test('keeps unknown fields and sends them on', () => {
  const marshaller = marshallerOf(PointSchema);
  assert.is(hex(marshaller.serialize(marshaller.deserialize(bytes('0801 7a01ff')))), '08017a01ff');
});

test('throws for broken bytes', () => {
  const { deserialize } = marshallerOf(RouteNoteSchema);
  for (const broken of ['0a', '0a05', '12ff', 'ffff', '08']) {
    assert.throws(
      () => deserialize(bytes(broken)),
      (error: unknown) => error instanceof Error,
      broken,
    );
  }
});

test('throws for a value that does not fit its field', () => {
  const { serialize } = marshallerOf(PointSchema);
  assert.throws(() => serialize({ latitude: 2 ** 31 }), /int32/);
  assert.throws(() => serialize({ latitude: 0.5 }), /int32/);
});

test('has types of its own for each end', () => {
  const client = clientMethods(RouteGuide);
  const server = serverMethods(RouteGuide);
  expectTypeOf<keyof typeof client>().toEqualTypeOf<'getFeature' | 'listFeatures' | 'recordRoute' | 'routeChat'>();
  expectTypeOf(client.getFeature.kind).toEqualTypeOf<'unary'>();
  expectTypeOf(client.listFeatures.kind).toEqualTypeOf<'server_streaming'>();
  expectTypeOf(client.recordRoute.kind).toEqualTypeOf<'client_streaming'>();
  expectTypeOf(server.routeChat.kind).toEqualTypeOf<'bidi_streaming'>();
  expectTypeOf(client.getFeature.responseMarshaller.deserialize).returns.toEqualTypeOf<Feature>();
  expectTypeOf(server.getFeature.requestMarshaller.deserialize).returns.toEqualTypeOf<Point>();
  expectTypeOf(client.getFeature.requestMarshaller.serialize).toBeCallableWith({ latitude: 1 });
  expectTypeOf(server.recordRoute.responseMarshaller.serialize).toBeCallableWith({ pointCount: 1 });
});

test('lets a channel and a handler infer their messages', () => {
  const client = clientMethods(RouteGuide);
  const server = serverMethods(RouteGuide);
  const call = (channel: Channel) => channel.newCall(client.getFeature, CallOptions.DEFAULT);
  type Call = ReturnType<typeof call>;
  expectTypeOf<Parameters<Call['start']>[0]['onMessage']>().parameter(0).toEqualTypeOf<Feature>();
  expectTypeOf<Call['sendMessage']>().toBeCallableWith({ latitude: 1, longitude: 2 });
  expectTypeOf<Call>().not.toEqualTypeOf<ClientCall<Point, Feature>>();

  const handlerOf = <Req, Res>(_method: MethodDescriptor<Req, Res>): ServerCallHandler<Req, Res> | null => null;
  type Summary = MessageInitShape<typeof RouteSummarySchema>;
  expectTypeOf(handlerOf(server.recordRoute)).toEqualTypeOf<ServerCallHandler<Point, Summary> | null>();
});

test('makes one method that both ends can use', () => {
  const exact = methodOf(RouteGuide.method.routeChat);
  expectTypeOf(exact.requestMarshaller).toEqualTypeOf<Marshaller<RouteNote>>();
  const forClient: ReturnType<typeof clientMethods<typeof RouteGuide>>['routeChat'] = exact;
  const forServer: ReturnType<typeof serverMethods<typeof RouteGuide>>['routeChat'] = exact;
  assert.is(forClient.path, forServer.path);
});

test('takes services that are known only at run time', () => {
  const service: DescService = RouteGuide;
  assert.is(clientMethods(service)['getFeature']?.path, '/routeguide.RouteGuide/GetFeature');
});

test('makes clients and implementations: plain objects in, messages out', async () => {
  class Guide {
    readonly #names = ['Here', 'There'];
    getFeature(point: Point) {
      return { name: `${this.#names[0]} ${point.latitude}`, location: point };
    }
    *listFeatures() {
      for (const name of this.#names) yield { name };
    }
    async recordRoute(points: AsyncIterable<Point>) {
      let pointCount = 0;
      for await (const point of points) pointCount += point.latitude;
      return { pointCount };
    }
    async *routeChat(notes: AsyncIterable<RouteNote>) {
      for await (const note of notes) yield note;
    }
  }
  await using rig = await startInProcess(implement(RouteGuide, new Guide()));
  const client = createClient(RouteGuide, rig.channel);
  const feature = await client.getFeature({ latitude: 3 });
  assert.equal([feature.$typeName, feature.name, feature.location?.latitude], ['routeguide.Feature', 'Here 3', 3]);
  const names: string[] = [];
  for await (const { name } of client.listFeatures({})) names.push(name);
  assert.equal(names, ['Here', 'There']);
  assert.is((await client.recordRoute([{ latitude: 1 }, { latitude: 2 }])).pointCount, 3);
  for await (const note of client.routeChat([{ message: 'hi' }])) assert.is(note.message, 'hi');
});

test('answers UNIMPLEMENTED for a handler that is missing, and holds to the client’s defaults', async () => {
  await using rig = await startInProcess(
    implement(RouteGuide, {} as Parameters<typeof implement<typeof RouteGuide>>[1]),
  );
  let trailers = 0;
  const client = createClient(RouteGuide, rig.channel, { onTrailers: () => (trailers += 1) });
  assert.is((await client.routeChat().status).code, Code.UNIMPLEMENTED);
  assert.is(trailers, 1);
});

test.run();
