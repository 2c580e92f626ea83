/** The proxy contract through nghttpx. */
import { suite } from '../../../support/suite.ts';
import { NGHTTPX } from './nghttpx.ts';
import { proxyContract } from './proxy-contract.ts';

const test = suite('nghttpx');

const RESET = 'INTERNAL: stream reset by the peer with HTTP/2 code INTERNAL_ERROR';

proxyContract(test, NGHTTPX, {
  added: ['x-forwarded-proto'],
  refusesPaths: 'every nghttpx has one upstream that takes all paths',
  silent: RESET,
  unreachable: 'UNAVAILABLE: HTTP status code 502',
  lost: RESET,
  cutShort: RESET,
});

test.run();
