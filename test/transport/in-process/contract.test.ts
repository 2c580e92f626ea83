/** The transport contract within the process. */
import { InProcessClientTransport } from '../../../src/transport/in-process/client-transport.ts';
import { InProcessServer } from '../../../src/transport/in-process/server.ts';
import type { SocketAddress } from '../../../src/values/attributes.ts';
import { suite } from '../../support/suite.ts';
import { transportContract } from '../contract.ts';

const test = suite('InProcessTransport');

let count = 0;

function freeName(): string {
  count += 1;
  return `contract-${count}`;
}

function nameOf(address: SocketAddress): string {
  if (!('name' in address)) throw new TypeError('not a name');
  return address.name;
}

transportContract(test, {
  listener: (address, options) => InProcessServer.named(address === null ? freeName() : nameOf(address), options),
  client: (address, options) => new InProcessClientTransport({ server: nameOf(address), ...options }),
  nowhere: async () => ({ name: freeName() }),
  ping: null,
  faults: {},
});

test.run();
