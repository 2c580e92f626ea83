/**
 * Connections with faults between two ends that a test holds, over each kind of transport. Above: tests of Faults.
 * Below: test/transport.
 */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { Faults, type FaultsOptions } from '../../src/testing/faults.ts';
import { InProcessClientTransport } from '../../src/transport/in-process/client-transport.ts';
import { InProcessServer } from '../../src/transport/in-process/server.ts';
import type { SocketAddress } from '../../src/values/attributes.ts';
import { http2Kit } from '../transport/http2/contract-kit.ts';
import { Pair, type TransportKit } from '../transport/pair.ts';

let count = 0;

function freeName(): string {
  count += 1;
  return `faulty-${count}`;
}

function nameOf(address: SocketAddress): string {
  if (!('name' in address)) throw new TypeError('not a name');
  return address.name;
}

export const IN_PROCESS: TransportKit = {
  listener: (address, options) => InProcessServer.named(address === null ? freeName() : nameOf(address), options),
  client: (address, options) => new InProcessClientTransport({ server: nameOf(address), ...options }),
  nowhere: async () => ({ name: freeName() }),
  ping: null,
  faults: {},
};

export const HTTP2: TransportKit = http2Kit({});

/** What faults are tried over, by name. */
export const KITS: Readonly<Record<string, TransportKit>> = { 'in-process': IN_PROCESS, 'HTTP/2': HTTP2 };

/** Everything takes a millisecond each way. */
export function slowFaults(): Faults {
  const faults = new Faults();
  faults.delay(1);
  return faults;
}

/** `kit` with its client connections seen through faults. */
export function faultyKit(kit: TransportKit, newFaults: () => Faults): TransportKit {
  // A wrapped connection shows the contract alone, which has no ping.
  return { ...kit, client: (address, options) => newFaults().wrap(kit.client(address, options)), ping: null };
}

/** A connection with faults, both ends. */
export class FaultyPair implements AsyncDisposable {
  readonly faults: Faults;
  readonly pair: Pair;

  private constructor(faults: Faults, pair: Pair) {
    this.faults = faults;
    this.pair = pair;
  }

  static async connect(kit: TransportKit, options: FaultsOptions = {}): Promise<FaultyPair> {
    const faults = new Faults(options);
    return new FaultyPair(faults, await Pair.connect(faultyKit(kit, () => faults)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pair[Symbol.asyncDispose]();
  }
}

/** Long enough for whatever would come to have come, over loopback; on a busy machine turns count, not time. */
export async function quiet(): Promise<void> {
  await sleep(25);
  for (let turn = 0; turn < 20; turn += 1) await setImmediate();
}
