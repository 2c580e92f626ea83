/**
 * The transport contract over a FaultyTransport within the process: nothing differs without a fault, and what goes
 * through slow lines keeps every promise too.
 */
import { Faults } from '../../src/testing/faults.ts';
import { suite } from '../support/suite.ts';
import { transportContract } from '../transport/contract.ts';
import { faultyKit, IN_PROCESS, slowFaults } from './faulty-pair.ts';

const healthy = suite('FaultyTransport within the process');
transportContract(
  healthy,
  faultyKit(IN_PROCESS, () => new Faults()),
);
healthy.run();

const slow = suite('FaultyTransport within the process, slow');
transportContract(slow, faultyKit(IN_PROCESS, slowFaults));
slow.run();
