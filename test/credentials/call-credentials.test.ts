/** CallCredentials: one answer out of whatever users give. Upstream: CompositeCallCredentialsTest. Calls: test/channel. */
import { expectTypeOf } from 'expect-type';
import fc from 'fast-check';
import {
  askForMetadata,
  CallCredentials,
  type CallCredentialsCallback,
  type CallCredentialsRequest,
  type RequestHeadersClient,
  type RequestHeadersClientSource,
} from '../../src/credentials/call-credentials.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('CallCredentials');

const BROKEN = new Error('no token today');

const REQUEST: CallCredentialsRequest = {
  serviceUrl: 'https://example.com/some.Service',
  methodName: 'Method',
  path: '/some.Service/Method',
  authority: 'example.com:443',
  signal: new AbortController().signal,
};

/** Answers by hand. */
class HandCredentials extends CallCredentials {
  readonly requests: CallCredentialsRequest[] = [];
  answer: CallCredentialsCallback = () => {};

  requestMetadata(request: CallCredentialsRequest, callback: CallCredentialsCallback): void {
    this.requests.push(request);
    this.answer = callback;
  }
}

/** What came of asking: metadata as text, or the error. */
class Answers {
  readonly all: unknown[] = [];
  #wake: () => void = () => {};

  readonly take: CallCredentialsCallback = (error, metadata) => {
    this.all.push(metadata === null ? error : metadata.toString());
    this.#wake();
  };

  get only(): unknown {
    assert.is(this.all.length, 1);
    return this.all[0];
  }

  /** The only answer, once it is there. */
  async later(): Promise<unknown> {
    assert.equal(this.all, [], 'came at once');
    await within(1_000, new Promise<void>((resolve) => (this.#wake = resolve)), 'an answer');
    return this.only;
  }
}

function ask(credentials: CallCredentials): Answers {
  const answers = new Answers();
  askForMetadata(credentials, REQUEST, answers.take);
  return answers;
}

function token(text: string): Metadata {
  return new Metadata({ authorization: text });
}

/** Settles at once, more often than a promise would. */
function thenable(...values: readonly Metadata[]): PromiseLike<Metadata> {
  const then = (onFulfilled: (metadata: Metadata) => void): void => {
    for (const value of values) onFulfilled(value);
  };
  return { then } as PromiseLike<Metadata>;
}

test('a function gets the request, and its metadata is the answer, at once', () => {
  const seen: CallCredentialsRequest[] = [];
  const credentials = CallCredentials.from((request) => {
    seen.push(request);
    return token('a');
  });
  assert.is(ask(credentials).only, 'Metadata(authorization=a)');
  assert.is(seen[0], REQUEST);
});

test('a promise answers later, with its metadata or the reason for its rejection', async () => {
  assert.is(await ask(CallCredentials.from(async () => token('a'))).later(), 'Metadata(authorization=a)');
  const rejecting = CallCredentials.from(async () => {
    throw BROKEN;
  });
  assert.is(await ask(rejecting).later(), BROKEN);
});

test('what a function throws is its answer', () => {
  const throwing = CallCredentials.from(() => {
    throw BROKEN;
  });
  assert.is(ask(throwing).only, BROKEN);
});

test('only the first answer counts, whatever comes behind it', () => {
  const twice = ask(CallCredentials.from(() => thenable(token('a'), token('b'))));
  assert.is(twice.only, 'Metadata(authorization=a)');
  const hand = new HandCredentials();
  const answers = ask(hand);
  hand.answer(BROKEN, null);
  hand.answer(null, token('late'));
  assert.is(answers.only, BROKEN);
  class ThrowingAfterwards extends CallCredentials {
    requestMetadata(_request: CallCredentialsRequest, callback: CallCredentialsCallback): void {
      callback(null, token('a'));
      throw BROKEN;
    }
  }
  assert.is(ask(new ThrowingAfterwards()).only, 'Metadata(authorization=a)');
});

test('an answer that is no answer is a failure, and an error outranks metadata', () => {
  const junk: unknown[] = [undefined, null, 'authorization: a', {}, new Map()];
  for (const given of junk) {
    assert.instance(ask(CallCredentials.from(() => given as Metadata)).only, TypeError);
  }
  for (const nothing of [undefined, null]) {
    const hand = new HandCredentials();
    const answers = ask(hand);
    hand.answer(nothing, null);
    assert.instance(answers.only, TypeError);
    const throwing = CallCredentials.from(() => {
      throw nothing;
    });
    assert.instance(ask(throwing).only, TypeError);
  }
  const hand = new HandCredentials();
  const answers = ask(hand);
  hand.answer(BROKEN, token('a'));
  assert.is(answers.only, BROKEN);
});

test('several are asked at the same time, and their metadata come in their order', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }), (order) => {
      const parts = order.map(() => new HandCredentials());
      const answers = ask(CallCredentials.combine(...parts));
      assert.equal(
        parts.map(({ requests }) => requests),
        parts.map(() => [REQUEST]),
      );
      for (const index of order) {
        assert.equal(answers.all, []);
        parts[index]?.answer(null, token(`${index}`));
        parts[index]?.answer(null, token('again'));
      }
      const pairs = [0, 1, 2, 3].map((index) => `authorization=${index}`);
      assert.is(answers.only, `Metadata(${pairs.join(',')})`);
    }),
  );
});

test('the metadata that several gave stay as they were', () => {
  const shared = token('shared');
  const combined = CallCredentials.combine(
    CallCredentials.from(() => shared),
    CallCredentials.from(() => token('other')),
  );
  assert.is(ask(combined).only, 'Metadata(authorization=shared,authorization=other)');
  assert.is(ask(combined).only, 'Metadata(authorization=shared,authorization=other)');
  assert.is(shared.size, 1);
});

test('the first of several that fails fails all, without waiting for the rest', () => {
  const [first, second] = [new HandCredentials(), new HandCredentials()];
  const answers = new Answers();
  // Not through askForMetadata, which would hide a second answer.
  CallCredentials.combine(first, second).requestMetadata(REQUEST, answers.take);
  second.answer(BROKEN, null);
  assert.is(answers.only, BROKEN);
  first.answer(new Error('too late'), null);
  assert.is(answers.only, BROKEN);
});

test('one of several that throws fails all, and those behind it are not asked', () => {
  const throwing = CallCredentials.from(() => {
    throw BROKEN;
  });
  const other = new HandCredentials();
  assert.is(ask(CallCredentials.combine(throwing, other)).only, BROKEN);
  assert.equal(other.requests, []);
  const answers = ask(CallCredentials.combine(other, throwing));
  other.answer(null, token('a'));
  assert.is(answers.only, BROKEN);
});

test('of one the combination is itself, of none it says nothing', () => {
  const only = new HandCredentials();
  assert.is(CallCredentials.combine(only), only);
  assert.is(ask(CallCredentials.combine()).only, 'Metadata()');
});

class Client implements RequestHeadersClient {
  readonly urls: string[] = [];
  readonly #headers: ReturnType<RequestHeadersClient['getRequestHeaders']>;

  constructor(headers: ReturnType<RequestHeadersClient['getRequestHeaders']>) {
    this.#headers = headers;
  }

  getRequestHeaders(url: string): ReturnType<RequestHeadersClient['getRequestHeaders']> {
    this.urls.push(url);
    return this.#headers;
  }
}

const HEADERS = { Authorization: 'Bearer a', 'x-goog-user-project': 'p' };

for (const [kind, headers] of [
  ['record', HEADERS],
  ['Headers', new Headers(HEADERS)],
  ['Map', new Map(Object.entries(HEADERS))],
] as const) {
  test(`a client’s headers may be a ${kind}, or a promise of one`, async () => {
    const client = new Client(headers);
    const expected = 'Metadata(authorization=Bearer a,x-goog-user-project=p)';
    assert.is(ask(CallCredentials.fromHeaders(client)).only, expected);
    assert.is(await ask(CallCredentials.fromHeaders(new Client(Promise.resolve(headers)))).later(), expected);
    assert.equal(client.urls, ['https://example.com/some.Service']);
  });
}

test('a client’s failure, and headers that no call can carry, are failures', async () => {
  assert.is(await ask(CallCredentials.fromHeaders(new Client(Promise.reject(BROKEN)))).later(), BROKEN);
  const bad = { authorization: 'Bearer a\nx-admin: true' };
  assert.instance(ask(CallCredentials.fromHeaders(new Client(bad))).only, TypeError);
  assert.instance(await ask(CallCredentials.fromHeaders(new Client(Promise.resolve(bad)))).later(), TypeError);
});

test('the client may have to be found first, and is asked for anew for each call', async () => {
  const client = new Client(HEADERS);
  let asked = 0;
  const source: RequestHeadersClientSource = {
    getClient: () => {
      asked += 1;
      return asked === 1 ? client : Promise.resolve(client);
    },
  };
  const credentials = CallCredentials.fromHeaders(source);
  const expected = 'Metadata(authorization=Bearer a,x-goog-user-project=p)';
  assert.is(ask(credentials).only, expected);
  assert.is(await ask(credentials).later(), expected);
  const promising = new Client(Promise.resolve(new Headers(HEADERS)));
  assert.is(await ask(CallCredentials.fromHeaders({ getClient: async () => promising })).later(), expected);
  assert.equal(client.urls, ['https://example.com/some.Service', 'https://example.com/some.Service']);
  assert.equal(promising.urls, ['https://example.com/some.Service']);
});

test('a client that cannot be found is a failure', async () => {
  assert.is(await ask(CallCredentials.fromHeaders({ getClient: () => Promise.reject(BROKEN) })).later(), BROKEN);
  const throwing: RequestHeadersClientSource = {
    getClient: () => {
      throw BROKEN;
    },
  };
  assert.is(ask(CallCredentials.fromHeaders(throwing)).only, BROKEN);
  const nothing = { getClient: () => undefined } as unknown as RequestHeadersClientSource;
  assert.instance(ask(CallCredentials.fromHeaders(nothing)).only, TypeError);
});

test('what makes headers itself is asked for no client', () => {
  const client = Object.assign(new Client(HEADERS), { getClient: () => assert.unreachable() });
  assert.match(String(ask(CallCredentials.fromHeaders(client)).only), /authorization=Bearer a/);
});

test('clients of google-auth-library fit by their types', () => {
  interface RecordClient {
    getRequestHeaders(url?: string): Promise<{ [index: string]: string }>;
  }
  interface HeadersClient {
    getRequestHeaders(url?: string | URL): Promise<Headers>;
  }
  expectTypeOf<RecordClient>().toExtend<RequestHeadersClient>();
  expectTypeOf<HeadersClient>().toExtend<RequestHeadersClient>();
  expectTypeOf<{ getRequestHeaders(url: string): Promise<number> }>().not.toExtend<RequestHeadersClient>();
});

test.run();
