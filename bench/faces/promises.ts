/** The bench service in the promise style. Above: faces.ts. */
import { type Channel, type Client, createClient, implement } from '../../src/index.ts';
import { type BenchClient, drive, type Face, IN_FLIGHT, METHODS, messagesOf, PAYLOAD, requestFor } from './face.ts';

type Bytes = Uint8Array;

function* repeat(messages: number): Generator<Bytes> {
  for (let i = 0; i < messages; i += 1) yield PAYLOAD;
}

class PromiseClient implements BenchClient {
  readonly #client: Client<typeof METHODS>;

  constructor(channel: Channel) {
    this.#client = createClient(METHODS, channel);
  }

  unary(calls: number): Promise<void> {
    return drive(calls, IN_FLIGHT, (done) => {
      this.#client.unary(PAYLOAD).then(
        () => done(true),
        () => done(false),
      );
    });
  }

  async serverStream(messages: number): Promise<void> {
    let left = messages;
    for await (const _ of this.#client.serverStream(requestFor(messages))) left -= 1;
    if (left !== 0) throw new Error('messages are missing');
  }

  async clientStream(messages: number): Promise<void> {
    await this.#client.clientStream(repeat(messages));
  }

  async pingPong(messages: number): Promise<void> {
    const call = this.#client.pingPong();
    for (let i = 0; i < messages; i += 1) {
      void call.send(PAYLOAD);
      await call.next();
    }
    call.closeSend();
    if (!(await call.status).isOk) throw new Error('a call failed');
  }
}

export const promiseFace: Face = {
  name: 'promises',
  service: () =>
    implement(METHODS, {
      unary: () => PAYLOAD,
      serverStream: (request) => repeat(messagesOf(request)),
      async clientStream(requests) {
        for await (const _ of requests);
        return PAYLOAD;
      },
      pingPong: (requests) => requests,
    }),
  client: (channel) => new PromiseClient(channel),
};
