/**
 * Reactors with the messages of both codecs, an RPC of each kind: the types that the codecs give are those that stubs and
 * services ask for, and tell the truth. With texts: stub-types.test.ts.
 */
import path from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { expectTypeOf } from 'expect-type';
import protobuf from 'protobufjs';
import {
  type Feature,
  type FeatureSchema,
  type Point,
  type PointSchema,
  type Rectangle,
  type RectangleSchema,
  RouteGuide,
  type RouteNote,
  type RouteNoteSchema,
  type RouteSummary,
  type RouteSummarySchema,
} from '../../examples/route-guide/gen/route_guide_pb.ts';
import { type CallbackService, callbackService } from '../../src/reactor/callback-service.ts';
import { ClientContext } from '../../src/reactor/client-context.ts';
import { ClientBidiReactor, ClientReadReactor, ClientWriteReactor } from '../../src/reactor/client-reactors.ts';
import type { CallbackServerContext } from '../../src/reactor/server-context.ts';
import {
  ServerBidiReactor,
  ServerReadReactor,
  ServerUnaryReactor,
  ServerWriteReactor,
} from '../../src/reactor/server-reactors.ts';
import { type BidiStreamingMethod, newStub, type UnaryMethod } from '../../src/reactor/stub.ts';
import { clientMethods, serverMethods } from '../../src/stub/codec/protobuf-es.ts';
import { serviceMethods } from '../../src/stub/codec/protobufjs.ts';
import type { MethodDescriptor } from '../../src/values/method.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite, within } from '../support/suite.ts';
import { serve } from './serving.ts';
import { watch } from './watched.ts';

const test = suite('reactors with codecs');

/** Code that is compiled and never run. */
function compiled(_code: (context: ClientContext) => void): void {}

type Init<Schema extends typeof FeatureSchema | typeof RouteSummarySchema | typeof RouteNoteSchema> =
  MessageInitShape<Schema>;

/** RouteGuide with messages of protobuf-es: what comes is whole, what goes may be a plain object. */
class EsRouteGuide implements CallbackService<ReturnType<typeof serverMethods<typeof RouteGuide>>> {
  getFeature(context: CallbackServerContext, point: Point): ServerUnaryReactor<Init<typeof FeatureSchema>> {
    const reactor = context.defaultReactor<Init<typeof FeatureSchema>>();
    reactor.finish(Status.OK, { name: `at ${point.latitude}`, location: point });
    return reactor;
  }

  listFeatures(_context: CallbackServerContext, rectangle: Rectangle): ServerWriteReactor<Init<typeof FeatureSchema>> {
    const reactor = new ServerWriteReactor<Init<typeof FeatureSchema>>();
    reactor.startWriteAndFinish({ name: `from ${rectangle.lo?.latitude}` }, undefined, Status.OK);
    return reactor;
  }

  recordRoute(): ServerReadReactor<Point, Init<typeof RouteSummarySchema>> {
    let pointCount = 0;
    const reactor = ServerReadReactor.from<Point, Init<typeof RouteSummarySchema>>({
      onReadDone(ok) {
        if (ok) {
          pointCount += 1;
          this.startRead();
        } else {
          this.finish(Status.OK, { pointCount });
        }
      },
    });
    reactor.startRead();
    return reactor;
  }

  routeChat(): ServerBidiReactor<RouteNote, Init<typeof RouteNoteSchema>> {
    const reactor = ServerBidiReactor.from<RouteNote, Init<typeof RouteNoteSchema>>({
      onReadDone(_ok, note) {
        if (note !== undefined) this.startWriteAndFinish({ message: `${note.message}!` }, undefined, Status.OK);
      },
    });
    reactor.startRead();
    return reactor;
  }
}

test('protobuf-es: methods of both views, with reactors whose messages are generated, in every kind', async () => {
  await using served = await serve(callbackService(serverMethods(RouteGuide), new EsRouteGuide()));
  const stub = newStub(clientMethods(RouteGuide), served.channel).async();
  expectTypeOf(stub.getFeature).toEqualTypeOf<UnaryMethod<MessageInitShape<typeof PointSchema>, Feature>>();
  expectTypeOf(stub.routeChat).toEqualTypeOf<BidiStreamingMethod<Init<typeof RouteNoteSchema>, RouteNote>>();
  compiled((context) => {
    // @ts-expect-error a list of features is no list of points
    stub.listFeatures(context, {}, new ClientReadReactor<Point>());
    // @ts-expect-error a point has no name
    stub.getFeature(context, { name: 'x' }, () => {});
    // @ts-expect-error a route is of points
    stub.recordRoute(context, new ClientWriteReactor<RouteNote, RouteSummary>());
  });
  const heard: string[] = [];

  const unary = new Promise<void>((resolve) => {
    stub.getFeature(new ClientContext(), { latitude: 1 }, (_status, feature) => {
      heard.push(`${feature?.name}, ${feature?.location?.longitude}`);
      resolve();
    });
  });
  await within(5_000, unary);

  const lister = ClientReadReactor.from<Feature>({
    onReadDone(_ok, feature) {
      if (feature === undefined) return;
      heard.push(feature.name);
      this.startRead();
    },
  });
  watch(lister);
  const corner: MessageInitShape<typeof RectangleSchema> = { lo: { latitude: 2 } };
  stub.listFeatures(new ClientContext(), corner, lister);
  lister.startRead();
  lister.startCall();
  await lister.done();

  // Messages are inits as well: a reactor may be of either.
  const recorder = ClientWriteReactor.from<Point | { latitude: number }, RouteSummary>({
    onDone: (_status, summary) => heard.push(`${summary?.pointCount} point, ${summary?.elapsedTime} s`),
  });
  watch(recorder);
  stub.recordRoute(new ClientContext(), recorder);
  recorder.startWriteLast({ latitude: 3 });
  recorder.startCall();
  await recorder.done();

  const chatter = ClientBidiReactor.from<Init<typeof RouteNoteSchema>, RouteNote>({
    onReadDone: (_ok, note) => heard.push(`${note?.message}`),
  });
  watch(chatter);
  stub.routeChat(new ClientContext(), chatter);
  chatter.startWrite({ message: 'hello' });
  chatter.startRead();
  chatter.startCall();
  await chatter.done();

  assert.equal(heard, ['at 1, 0', 'from 2', '1 point, 0 s', 'hello!']);
});

interface PlainPoint {
  latitude?: number;
}
interface PlainFeature {
  name: string;
}
/** What protobufjs cannot know, in the user's words. */
interface PlainRouteGuide {
  getFeature: MethodDescriptor<PlainPoint, PlainFeature> & { readonly kind: 'unary' };
  listFeatures: MethodDescriptor<{ lo?: PlainPoint }, PlainFeature> & { readonly kind: 'server_streaming' };
  recordRoute: MethodDescriptor<PlainPoint, { pointCount: number }> & { readonly kind: 'client_streaming' };
  routeChat: MethodDescriptor<{ message: string }, { message: string }> & { readonly kind: 'bidi_streaming' };
}

const ROUTE_GUIDE_PROTO = path.join(process.cwd(), 'examples/route-guide/route_guide.proto');

test('protobufjs: methods with types of one’s own, in every kind', async () => {
  const root = await within(5_000, new protobuf.Root().load(ROUTE_GUIDE_PROTO));
  const methods = serviceMethods<PlainRouteGuide>(root.lookupService('routeguide.RouteGuide'));
  const service: CallbackService<PlainRouteGuide> = {
    getFeature(context, point) {
      expectTypeOf(point).toEqualTypeOf<PlainPoint>();
      const reactor = context.defaultReactor<PlainFeature>();
      reactor.finish(Status.OK, { name: `at ${point.latitude}` });
      return reactor;
    },
    listFeatures(_context, { lo }) {
      const reactor = new ServerWriteReactor<PlainFeature>();
      reactor.startWriteAndFinish({ name: `from ${lo?.latitude}` }, undefined, Status.OK);
      return reactor;
    },
    recordRoute() {
      const reactor = ServerReadReactor.from<PlainPoint, { pointCount: number }>({
        onReadDone(_ok, point) {
          if (point !== undefined) this.finish(Status.OK, { pointCount: point.latitude ?? 0 });
        },
      });
      reactor.startRead();
      return reactor;
    },
    routeChat() {
      const reactor = ServerBidiReactor.from<{ message: string }, { message: string }>({
        onReadDone(_ok, note) {
          if (note !== undefined) this.startWriteAndFinish({ message: `${note.message}!` }, undefined, Status.OK);
        },
      });
      reactor.startRead();
      return reactor;
    },
  };
  await using served = await serve(callbackService(methods, service));
  const stub = newStub(methods, served.channel).async();
  expectTypeOf(stub.getFeature).toEqualTypeOf<UnaryMethod<PlainPoint, PlainFeature>>();
  compiled((context) => {
    const other: CallbackService<PlainRouteGuide> = {
      // @ts-expect-error a bidi method
      routeChat: () => new ServerUnaryReactor<{ message: string }>(),
      // @ts-expect-error features have names
      getFeature: () => new ServerUnaryReactor<PlainPoint>(),
    };
    callbackService(methods, other);
    // @ts-expect-error features have names
    stub.listFeatures(context, {}, new ClientReadReactor<PlainPoint>());
    // @ts-expect-error the latitude is a number
    stub.getFeature(context, { latitude: '1' }, () => {});
  });
  const heard: string[] = [];

  const unary = new Promise<void>((resolve) => {
    stub.getFeature(new ClientContext(), { latitude: 1 }, (_status, feature) => {
      heard.push(`${feature?.name}`);
      resolve();
    });
  });
  await within(5_000, unary);

  const lister = ClientReadReactor.from<PlainFeature>({ onReadDone: (_ok, feature) => heard.push(`${feature?.name}`) });
  watch(lister);
  stub.listFeatures(new ClientContext(), { lo: { latitude: 2 } }, lister);
  lister.startRead();
  lister.startCall();
  await lister.done();

  const recorder = ClientWriteReactor.from<PlainPoint, { pointCount: number }>({
    onDone: (_status, summary) => heard.push(`${summary?.pointCount}`),
  });
  watch(recorder);
  stub.recordRoute(new ClientContext(), recorder);
  recorder.startWriteLast({ latitude: 3 });
  recorder.startCall();
  await recorder.done();

  const chatter = ClientBidiReactor.from<{ message: string }, { message: string }>({
    onReadDone: (_ok, note) => heard.push(`${note?.message}`),
  });
  watch(chatter);
  stub.routeChat(new ClientContext(), chatter);
  chatter.startWrite({ message: 'hello' });
  chatter.startRead();
  chatter.startCall();
  await chatter.done();

  assert.equal(heard, ['at 1', 'from 2', '3', 'hello!']);
});

test.run();
