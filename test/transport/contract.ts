/**
 * The contract of src/transport, stream.ts and transport.ts, as tests: every promise once, for whatever keeps it. Above:
 * the contract tests of each transport. Below: contract-*.ts, by theme. Holds: nothing here assumes sockets or bytes on a
 * wire; a new transport is done when it passes.
 */
import type { Suite } from '../support/suite.ts';
import { closingContract } from './contract-closing.ts';
import { connectionContract } from './contract-connection.ts';
import { edgeContract } from './contract-edges.ts';
import { flowContract } from './contract-flow.ts';
import { raceContract } from './contract-races.ts';
import { streamContract } from './contract-stream.ts';
import type { Promised, TransportKit } from './pair.ts';

/** Registers the whole contract in `suite`, but for what the kit says is not kept. */
export function transportContract(suite: Suite, kit: TransportKit): void {
  const test: Promised = (name, body) => {
    const fault = kit.faults[name];
    if (fault === undefined) suite(name, { timeoutMs: 15_000 }, body);
    else suite.skip(name, fault);
  };
  connectionContract(test, kit);
  streamContract(test, kit);
  closingContract(test, kit);
  flowContract(test, kit);
  edgeContract(test, kit);
  raceContract(test, kit);
}
