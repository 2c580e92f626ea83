/** The proxy contract through nginx, and what nginx alone does: it changes connections after so many requests. */
import type { Outcome } from '../../../support/echo.ts';
import { echoMethods } from '../../../support/echo.ts';
import { callEcho } from '../../../support/echo-service.ts';
import { assert, suite } from '../../../support/suite.ts';
import { NGINX } from './nginx.ts';
import { Proxied } from './proxied.ts';
import { proxyContract } from './proxy-contract.ts';

/** Default of nginx's keepalive_requests. */
const PER_CONNECTION = 1_000;
const AT_ONCE = 50;

const test = suite('nginx');

proxyContract(test, NGINX, {
  added: [],
  refusesPaths: true,
  silent: 'UNAVAILABLE: HTTP status code 504',
  unreachable: 'UNAVAILABLE: HTTP status code 502',
  lost: 'UNAVAILABLE: HTTP status code 502',
  cutShort: 'INTERNAL: stream reset by the peer with HTTP/2 code INTERNAL_ERROR',
});

/** Calls after calls, so many at once. */
async function callAll(row: Proxied): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let started = 0;
  const caller = async (): Promise<void> => {
    while (started < 5 * PER_CONNECTION) {
      started += 1;
      outcomes.push(await callEcho(row.channel, echoMethods.unary, [Buffer.alloc(1)]));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  return outcomes;
}

function recyclingTest(): void {
  const title = `a connection that has had its ${PER_CONNECTION} requests: calls that cross its GOAWAY go to the next, none is lost`;
  if ('missing' in NGINX.tool) {
    test.skip(title, NGINX.tool.missing);
    return;
  }
  test(title, { timeoutMs: 30_000 }, async () => {
    await using row = await Proxied.start(NGINX);
    const outcomes = await callAll(row);
    const failed = outcomes.filter(({ code }) => code !== 0).map(({ code, message }) => `${code} ${message}`);
    assert.equal(failed, [], `${failed.length} of ${outcomes.length} calls were lost`);
    const seen = row.upstream.journal.events.filter((event) => event === 'start Unary').length;
    assert.is(seen, outcomes.length, 'the server saw a call twice');
  });
}

recyclingTest();

test.run();
