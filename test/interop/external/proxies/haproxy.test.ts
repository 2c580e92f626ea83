/** The proxy contract through HAProxy. */
import { suite } from '../../../support/suite.ts';
import { HAPROXY } from './haproxy.ts';
import { proxyContract } from './proxy-contract.ts';

const test = suite('HAProxy');

proxyContract(test, HAPROXY, {
  added: [],
  refusesPaths: true,
  silent: 'UNAVAILABLE: HTTP status code 504',
  unreachable: 'UNAVAILABLE: HTTP status code 503',
  // It says REFUSED_STREAM, though the handler had begun.
  lost: 'begun anew',
  // It ends the response as if it were complete: DATA with END_STREAM, and only then a reset.
  cutShort: 'INTERNAL: the server ended the stream without a status',
});

test.run();
