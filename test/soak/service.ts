/** The service of the soak: one method of each kind, over plain bytes, whose answers can be checked. Above: soak.ts. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceDefinition } from '../../src/index.ts';
import {
  BYTES_MARSHALLER,
  type HandlerContext,
  implement,
  MethodDescriptor,
  type MethodKind,
} from '../../src/index.ts';

type Bytes = Uint8Array;

function method<Kind extends MethodKind>(name: string, kind: Kind): MethodDescriptor<Bytes, Bytes, Kind> {
  const requestMarshaller = BYTES_MARSHALLER;
  return new MethodDescriptor({
    service: 'soak.Soak',
    name,
    kind,
    requestMarshaller,
    responseMarshaller: BYTES_MARSHALLER,
    idempotency: 'idempotent',
  });
}

/** `get` answers with its request, `list` with so many messages, `put` with how many came, `chat` with each. */
export const SOAK_METHODS = Object.freeze({
  get: method('Get', 'unary'),
  list: method('List', 'server_streaming'),
  put: method('Put', 'client_streaming'),
  chat: method('Chat', 'bidi_streaming'),
});

/** A number as a message. */
export function numberMessage(value: number, bytes = 4): Bytes {
  const message = Buffer.alloc(bytes);
  message.writeUInt32BE(value);
  return message;
}

export function numberOf(message: Bytes): number {
  return Buffer.from(message).readUInt32BE(0);
}

/** The service; `calls` are told by the key that clients send, so that nothing is done twice unseen. */
export function soakService(onCall: (id: string | null) => void): ServiceDefinition {
  const seen = (context: HandlerContext): void => onCall(context.metadata.get('soak-call') ?? null);
  return implement(SOAK_METHODS, {
    get: (request, context) => {
      seen(context);
      return request;
    },
    async *list(request, context) {
      seen(context);
      const count = numberOf(request);
      for (let i = 0; i < count; i += 1) {
        if (i % 16 === 15) await sleep(1);
        yield numberMessage(i);
      }
    },
    put: async (requests, context) => {
      seen(context);
      let count = 0;
      for await (const _ of requests) count += 1;
      return numberMessage(count);
    },
    async *chat(requests, context) {
      seen(context);
      yield* requests;
    },
  });
}
