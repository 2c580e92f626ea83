/** The transport contract, kept by HTTP/2 in cleartext. */
import { suite } from '../../support/suite.ts';
import { transportContract } from '../contract.ts';
import { http2Kit } from './contract-kit.ts';

const test = suite('Http2Transport in cleartext');
transportContract(test, http2Kit({}));
test.run();
