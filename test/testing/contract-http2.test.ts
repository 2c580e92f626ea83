/**
 * The transport contract over a FaultyTransport over HTTP/2: nothing differs without a fault, and what goes through
 * slow lines keeps every promise too.
 */
import { Faults } from '../../src/testing/faults.ts';
import { suite } from '../support/suite.ts';
import { transportContract } from '../transport/contract.ts';
import { faultyKit, HTTP2, slowFaults } from './faulty-pair.ts';

const healthy = suite('FaultyTransport over HTTP/2');
transportContract(
  healthy,
  faultyKit(HTTP2, () => new Faults()),
);
healthy.run();

const slow = suite('FaultyTransport over HTTP/2, slow');
transportContract(slow, faultyKit(HTTP2, slowFaults));
slow.run();
