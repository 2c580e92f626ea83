import { expectTypeOf } from 'expect-type';
import type { Channel } from '../../src/call/channel.ts';
import type { CallbackService } from '../../src/reactor/callback-service.ts';
import type { ClientContext } from '../../src/reactor/client-context.ts';
import {
  ClientBidiReactor,
  ClientReadReactor,
  ClientUnaryReactor,
  ClientWriteReactor,
} from '../../src/reactor/client-reactors.ts';
import { CallbackGenericService } from '../../src/reactor/generic-service.ts';
import { GenericStub } from '../../src/reactor/generic-stub.ts';
import type { CallbackServerContext, GenericCallbackServerContext } from '../../src/reactor/server-context.ts';
import {
  ServerBidiReactor,
  ServerReadReactor,
  ServerUnaryReactor,
  ServerWriteReactor,
} from '../../src/reactor/server-reactors.ts';
import type {
  AsyncMethods,
  BidiStreamingMethod,
  ClientStreamingMethod,
  ServerStreamingMethod,
  UnaryMethod,
} from '../../src/reactor/stub.ts';
import type { UnaryCompletion } from '../../src/reactor/unary-callback.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite } from '../support/suite.ts';
import type { TextMethods, TextService } from './reactor-pair.ts';

const test = suite('types of reactors');

/** Code that is compiled and never run. */
function compiled(_code: (stub: AsyncMethods<TextMethods>, context: ClientContext) => void): void {}

test('a stub has for each method the form of its kind', () => {
  expectTypeOf<AsyncMethods<TextMethods>['unary']>().toEqualTypeOf<UnaryMethod<string, string>>();
  expectTypeOf<AsyncMethods<TextMethods>['read']>().toEqualTypeOf<ServerStreamingMethod<string, string>>();
  expectTypeOf<AsyncMethods<TextMethods>['write']>().toEqualTypeOf<ClientStreamingMethod<string, string>>();
  expectTypeOf<AsyncMethods<TextMethods>['bidi']>().toEqualTypeOf<BidiStreamingMethod<string, string>>();
  expectTypeOf<UnaryCompletion<string>>().parameters.toEqualTypeOf<[Status, string | undefined]>();
});

test('a method takes the reactor of its kind, and no other', () => {
  compiled((stub, context) => {
    stub.unary(context, 'request', new ClientUnaryReactor<string>());
    stub.unary(context, 'request', (status, response) => {
      expectTypeOf(status).toEqualTypeOf<Status>();
      expectTypeOf(response).toEqualTypeOf<string | undefined>();
    });
    stub.read(context, 'request', new ClientReadReactor<string>());
    stub.write(context, new ClientWriteReactor<string, string>());
    stub.bidi(context, new ClientBidiReactor<string, string>());

    // @ts-expect-error a read reactor for a unary method
    stub.unary(context, 'request', new ClientReadReactor<string>());
    // @ts-expect-error a write reactor for a unary method
    stub.unary(context, 'request', new ClientWriteReactor<string, string>());
    // @ts-expect-error a bidi reactor for a unary method
    stub.unary(context, 'request', new ClientBidiReactor<string, string>());
    // @ts-expect-error a unary reactor where a read reactor is due
    stub.read(context, 'request', new ClientUnaryReactor<string>());
    // @ts-expect-error a write reactor where a read reactor is due
    stub.read(context, 'request', new ClientWriteReactor<string, string>());
    // @ts-expect-error a bidi reactor has all that a read reactor has, and is none
    stub.read(context, 'request', new ClientBidiReactor<string, string>());
    // @ts-expect-error only unary methods take a function
    stub.read(context, 'request', () => {});
    // @ts-expect-error a unary reactor where a write reactor is due
    stub.write(context, new ClientUnaryReactor<string>());
    // @ts-expect-error a read reactor where a write reactor is due
    stub.write(context, new ClientReadReactor<string>());
    // @ts-expect-error a bidi reactor has all that a write reactor has, and is none
    stub.write(context, new ClientBidiReactor<string, string>());
    // @ts-expect-error a unary reactor where a bidi reactor is due
    stub.bidi(context, new ClientUnaryReactor<string>());
    // @ts-expect-error a read reactor where a bidi reactor is due
    stub.bidi(context, new ClientReadReactor<string>());
    // @ts-expect-error a write reactor where a bidi reactor is due
    stub.bidi(context, new ClientWriteReactor<string, string>());
    // @ts-expect-error a server's reactor
    stub.bidi(context, new ServerBidiReactor<string, string>());
    // @ts-expect-error a method that the service does not have
    stub.other(context, new ClientBidiReactor<string, string>());
  });
});

test('a method takes the reactor of its messages, and no other', () => {
  compiled((stub, context) => {
    // A reactor may well send only some of what might be sent.
    stub.write(context, new ClientWriteReactor<'hello', string>());
    stub.bidi(context, new ClientBidiReactor<'hello', string>());

    // @ts-expect-error the request
    stub.unary(context, 1, new ClientUnaryReactor<string>());
    // @ts-expect-error the response of a function
    stub.unary(context, 'request', (_status: Status, _response: number | undefined) => {});
    // @ts-expect-error the response of a reactor
    stub.unary(context, 'request', new ClientUnaryReactor<number>());
    // @ts-expect-error the messages that are read
    stub.read(context, 'request', new ClientReadReactor<number>());
    // @ts-expect-error the messages that are written
    stub.write(context, new ClientWriteReactor<number, string>());
    // @ts-expect-error the response
    stub.write(context, new ClientWriteReactor<string, number>());
    // @ts-expect-error the messages that are written
    stub.bidi(context, new ClientBidiReactor<number, string>());
    // @ts-expect-error the messages that are read
    stub.bidi(context, new ClientBidiReactor<string, number>());
    // @ts-expect-error the server may answer more than this reactor takes
    stub.unary(context, 'request', new ClientUnaryReactor<'hello'>());
    // @ts-expect-error the server may send more than this reactor takes
    stub.read(context, 'request', new ClientReadReactor<'hello'>());
    // @ts-expect-error the server may answer more than this reactor takes
    stub.write(context, new ClientWriteReactor<string, 'hello'>());
    // @ts-expect-error the server may send more than this reactor takes
    stub.bidi(context, new ClientBidiReactor<string, 'hello'>());
    // @ts-expect-error this reactor may send more than the server takes
    stub.write(context, new ClientWriteReactor<string | number, string>());
    // @ts-expect-error this reactor may send more than the server takes
    stub.bidi(context, new ClientBidiReactor<string | number, string>());
  });
});

test('a generic stub takes unary and bidi reactors of bytes', () => {
  compiled((_stub, context) => {
    const generic = new GenericStub({} as Channel);
    const bytes = new Uint8Array();
    generic.prepareUnaryCall(context, '/a.B/C', {}, bytes, new ClientUnaryReactor<Uint8Array>());
    generic.prepareBidiStreamingCall(context, '/a.B/C', {}, new ClientBidiReactor<Uint8Array, Uint8Array>());
    // @ts-expect-error of texts
    generic.prepareUnaryCall(context, '/a.B/C', {}, bytes, new ClientUnaryReactor<string>());
    // @ts-expect-error of another kind
    generic.prepareBidiStreamingCall(context, '/a.B/C', {}, new ClientReadReactor<Uint8Array>());
    // @ts-expect-error of texts
    generic.prepareBidiStreamingCall(context, '/a.B/C', {}, new ClientBidiReactor<string, string>());
  });
});

test('a service gives for each method the reactor of its kind, and no other', () => {
  const good: TextService = {
    unary: () => new ServerUnaryReactor<string>(),
    read: () => new ServerWriteReactor<string>(),
    write: () => new ServerReadReactor<string, string>(),
    bidi: () => new ServerBidiReactor<string, string>(),
  };
  const none: TextService[] = [{}, { unary: () => null, bidi: () => null }];
  const bad: TextService[] = [
    // @ts-expect-error a read reactor for a unary method
    { unary: () => new ServerReadReactor<string, string>() },
    // @ts-expect-error a write reactor for a unary method
    { unary: () => new ServerWriteReactor<string>() },
    // @ts-expect-error a bidi reactor for a unary method
    { unary: () => new ServerBidiReactor<string, string>() },
    // @ts-expect-error a unary reactor for a server-streaming method
    { read: () => new ServerUnaryReactor<string>() },
    // @ts-expect-error a read reactor for a server-streaming method: the two ends are mirrored
    { read: () => new ServerReadReactor<string, string>() },
    // @ts-expect-error a bidi reactor for a server-streaming method
    { read: () => new ServerBidiReactor<string, string>() },
    // @ts-expect-error a unary reactor for a client-streaming method
    { write: () => new ServerUnaryReactor<string>() },
    // @ts-expect-error a write reactor for a client-streaming method
    { write: () => new ServerWriteReactor<string>() },
    // @ts-expect-error a bidi reactor for a client-streaming method
    { write: () => new ServerBidiReactor<string, string>() },
    // @ts-expect-error a unary reactor for a bidi method
    { bidi: () => new ServerUnaryReactor<string>() },
    // @ts-expect-error a read reactor for a bidi method
    { bidi: () => new ServerReadReactor<string, string>() },
    // @ts-expect-error a write reactor for a bidi method
    { bidi: () => new ServerWriteReactor<string>() },
    // @ts-expect-error a client's reactor
    { bidi: () => new ClientBidiReactor<string, string>() },
    // @ts-expect-error nothing
    { bidi: () => {} },
    // @ts-expect-error a promise
    { bidi: async () => null },
    // @ts-expect-error a method that the service does not have
    { other: () => null },
  ];
  expectTypeOf([good, ...none, ...bad]).toEqualTypeOf<TextService[]>();
});

test('a service takes and gives the messages of its methods, and no others', () => {
  const good: TextService[] = [
    { unary: (_context, request: string | number) => ServerUnaryReactor.from<'hello'>({ onDone: () => request }) },
    { read: () => new ServerWriteReactor<'hello'>() },
    { write: () => new ServerReadReactor<string, 'hello'>() },
    { bidi: () => new ServerBidiReactor<string, 'hello'>() },
  ];
  const bad: TextService[] = [
    // @ts-expect-error the request
    { unary: (_context, _request: number) => null },
    // @ts-expect-error the client may send more than this handler takes
    { unary: (_context, _request: 'hello') => null },
    // @ts-expect-error the response
    { unary: () => new ServerUnaryReactor<number>() },
    // @ts-expect-error this reactor may answer more than the client takes
    { unary: () => new ServerUnaryReactor<string | number>() },
    // @ts-expect-error the default reactor, of another response
    { unary: (context) => context.defaultReactor<number>() },
    // @ts-expect-error the messages that are written
    { read: () => new ServerWriteReactor<number>() },
    // @ts-expect-error the messages that are read
    { write: () => new ServerReadReactor<number, string>() },
    // @ts-expect-error the client may send more than this reactor takes
    { write: () => new ServerReadReactor<'hello', string>() },
    // @ts-expect-error the response
    { write: () => new ServerReadReactor<string, number>() },
    // @ts-expect-error the messages that are read
    { bidi: () => new ServerBidiReactor<number, string>() },
    // @ts-expect-error the client may send more than this reactor takes
    { bidi: () => new ServerBidiReactor<'hello', string>() },
    // @ts-expect-error the messages that are written
    { bidi: () => new ServerBidiReactor<string, number>() },
    // @ts-expect-error methods without a request message have none to hand over
    { bidi: (_context, _request: string) => null },
  ];
  expectTypeOf([...good, ...bad]).toEqualTypeOf<TextService[]>();
});

test('a class may be the service, and is held to its kinds and messages as a literal is', () => {
  class Good implements CallbackService<TextMethods> {
    unary(_context: CallbackServerContext, _request: string): ServerUnaryReactor<string> | null {
      return null;
    }

    bidi(): ServerBidiReactor<string, string> {
      return new ServerBidiReactor();
    }

    /** What is no method of the service is the class's own business. */
    helper(): number {
      return 1;
    }
  }
  class OtherKind implements CallbackService<TextMethods> {
    // @ts-expect-error a unary method
    unary(): ServerBidiReactor<string, string> {
      return new ServerBidiReactor();
    }
  }
  class OtherMessage implements CallbackService<TextMethods> {
    // @ts-expect-error requests are texts
    unary(_context: CallbackServerContext, _request: number): null {
      return null;
    }
  }
  class OtherResponse implements CallbackService<TextMethods> {
    // @ts-expect-error responses are texts
    write(): ServerReadReactor<string, Uint8Array> {
      return new ServerReadReactor();
    }
  }
  expectTypeOf(new Good()).toExtend<TextService>();
  expectTypeOf(new OtherKind()).not.toExtend<TextService>();
  expectTypeOf(new OtherMessage()).not.toExtend<TextService>();
  expectTypeOf(new OtherResponse()).not.toExtend<TextService>();
});

test('a generic service gives bidi reactors of bytes', () => {
  class Good extends CallbackGenericService {
    override createReactor(context: GenericCallbackServerContext): ServerBidiReactor<Uint8Array, Uint8Array> | null {
      return context.method() === '/a.B/C' ? new ServerBidiReactor() : null;
    }
  }
  class Bad extends CallbackGenericService {
    // @ts-expect-error of texts
    override createReactor(): ServerBidiReactor<string, string> {
      return new ServerBidiReactor();
    }
  }
  expectTypeOf<ReturnType<Good['createReactor']>>().not.toBeAny();
  expectTypeOf<Bad>().not.toBeAny();
});

test('a reactor out of a literal: its reactions know their parameters, and the reactor as `this`', () => {
  const seen: unknown[] = [];
  const unary = ClientUnaryReactor.from<string>({
    onReadInitialMetadataDone(ok) {
      expectTypeOf(ok).toEqualTypeOf<boolean>();
    },
    onDone(status, response) {
      expectTypeOf(status).toEqualTypeOf<Status>();
      expectTypeOf(response).toEqualTypeOf<string | undefined>();
      expectTypeOf(this).toExtend<ClientUnaryReactor<string>>();
      seen.push(this);
    },
  });
  const bidi = ClientBidiReactor.from<number, string>({
    onReadDone(ok, message) {
      expectTypeOf(message).toEqualTypeOf<string | undefined>();
      if (ok) this.startRead();
      // @ts-expect-error requests are numbers
      if (ok) this.startWrite('text');
      seen.push(this);
    },
    onWriteDone(ok) {
      if (ok) this.startWriteLast(1);
    },
  });
  const read = ServerReadReactor.from<string, number>({
    onReadDone(_ok, message) {
      expectTypeOf(message).toEqualTypeOf<string | undefined>();
      this.finish(Status.OK, message?.length ?? 0);
      // @ts-expect-error the response is a number
      this.finish(Status.OK, message);
    },
    onCancel() {
      this.finish(Status.CANCELLED);
      // @ts-expect-error a read reactor does not write
      this.startWrite(1);
    },
  });
  expectTypeOf(unary).toEqualTypeOf<ClientUnaryReactor<string>>();
  expectTypeOf(bidi).toEqualTypeOf<ClientBidiReactor<number, string>>();
  expectTypeOf(read).toEqualTypeOf<ServerReadReactor<string, number>>();
  // @ts-expect-error a reaction that a unary reactor does not have
  ClientUnaryReactor.from<string>({ onReadDone() {} });
  // @ts-expect-error no reaction at all, but an operation
  ClientReadReactor.from<string>({ startRead() {} });
  // @ts-expect-error of another message
  ServerBidiReactor.from<string, string>({ onReadDone(_ok: boolean, _message: number | undefined) {} });

  unary.onDone(Status.OK, 'hello');
  bidi.onReadDone(false, undefined);
  assert.is(seen[0], unary);
  assert.is(seen[1], bidi);
});

test.run();
