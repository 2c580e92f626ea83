/** Interceptors that end a call while it is given its request: the promise tells of that, as a StatusError. */
import { type ClientInterceptor, ForwardingClientCall } from '../../../src/call/client-interceptor.ts';
import { Code } from '../../../src/values/status.ts';
import { StatusError } from '../../../src/values/status-error.ts';
import { assert, suite } from '../../support/suite.ts';
import { within } from '../../support/within.ts';
import { ECHO, PromisePair } from './promise-pair.ts';

const PATIENCE_MS = 5_000;
const REFUSAL = new Error('not this one');

/** Does `refuse` to every call when its message is sent. */
function refusing(refuse: (cancel: () => void) => void): ClientInterceptor {
  return (method, options, next) => {
    class Refusing<Req, Res> extends ForwardingClientCall<Req, Res> {
      override sendMessage(): void {
        refuse(() => this.cancel('refused', REFUSAL));
      }
    }
    return new Refusing(next.newCall(method, options));
  };
}

const test = suite('promises under refusing interceptors');

for (const [name, interceptor] of [
  ['cancels', refusing((cancel) => cancel())],
  [
    'throws',
    refusing(() => {
      throw REFUSAL;
    }),
  ],
] as const) {
  test(`one that ${name} in sendMessage ends every kind of call CANCELLED, with the cause`, async () => {
    await using pair = await PromisePair.open(ECHO, { channel: { interceptors: [interceptor] } });
    const { client } = pair;
    for (const call of [
      () => client.unary('a'),
      () => client.write(['a']),
      async () => {
        for await (const _ of client.read('a'));
      },
      async () => {
        for await (const _ of client.bidi(['a']));
      },
    ]) {
      const error = await within<unknown>(
        PATIENCE_MS,
        call().catch((thrown: unknown) => thrown),
      );
      assert.ok(error instanceof StatusError, String(error));
      assert.is(error.code, Code.CANCELLED);
      assert.is(error.cause, REFUSAL);
    }
  });
}

test.run();
