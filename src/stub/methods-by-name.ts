/**
 * What every generator's services have in common: names, kinds, idempotency. Above: methods-of.ts and the codecs. Below:
 * values/method. Holds: each method is listed once, under its lowerCamel name, and found under the generator's own as well.
 */
import type { Idempotency, MethodDescriptor, MethodKind } from '../values/method.ts';

/** The methods of a service, by name. */
export interface MethodsByName {
  readonly [name: string]: MethodDescriptor<unknown, unknown>;
}

/**
 * Methods under their lowerCamel names, in the order given; each is also there, though not listed, under the name given.
 * Where two names differ only in the case of their first letter each method has its own alone.
 */
export function methodsByName(methods: readonly (readonly [string, object])[]): MethodsByName {
  const byName: object = Object.create(null);
  const given = new Set(methods.map(([name]) => name));
  for (const [name, method] of methods) {
    const camel = lowerCamel(name);
    const isTaken = camel !== name && given.has(camel);
    Object.defineProperty(byName, name, { value: method, configurable: true, enumerable: isTaken });
    if (!isTaken) Object.defineProperty(byName, camel, { value: method, configurable: true, enumerable: true });
  }
  return Object.freeze(byName) as MethodsByName;
}

function lowerCamel(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

/** How many messages go each way. */
export function kindOf(requestStream: boolean, responseStream: boolean): MethodKind {
  if (requestStream) return responseStream ? 'bidi_streaming' : 'client_streaming';
  return responseStream ? 'server_streaming' : 'unary';
}

/** The name of a google.protobuf.MethodOptions.IdempotencyLevel, as generators pass it on. */
export function idempotencyOf(level: unknown): Idempotency {
  switch (level) {
    case 'NO_SIDE_EFFECTS':
      return 'no_side_effects';
    case 'IDEMPOTENT':
      return 'idempotent';
    default:
      return 'unknown';
  }
}
