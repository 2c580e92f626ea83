/** The transport contract, kept by HTTP/2 over a Unix socket. */
import { suite } from '../../support/suite.ts';
import { transportContract } from '../contract.ts';
import { http2Kit } from './contract-kit.ts';

const test = suite('Http2Transport over a Unix socket');
transportContract(test, http2Kit({ unix: true }));
test.run();
