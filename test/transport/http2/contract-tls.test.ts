/** The transport contract, kept by HTTP/2 over TLS. */
import { certificates } from '../../support/certificates.ts';
import { suite } from '../../support/suite.ts';
import { transportContract } from '../contract.ts';
import { http2Kit } from './contract-kit.ts';

const test = suite('Http2Transport over TLS');
transportContract(test, http2Kit({ tls: await certificates() }));
test.run();
