/** Empty messages within the process: they have a weight, so that a writer who goes by readiness stops. */
import { CallPair } from '../../call/call-pair.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('empty messages within the process');

/** More than a window and a ready threshold hold, at five bytes each. */
const MOST = 25_000;

test('a writer of nothing but empty messages is not ready for ever', async () => {
  await using pair = await CallPair.open();
  const { call } = await pair.bidi();
  let sent = 0;
  for (let turn = 0; turn < 10; turn += 1) {
    for (; call.isReady() && sent < MOST; sent += 1) call.sendMessage('');
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(sent > 0 && sent < MOST, `${sent} messages were sent, and none was read`);
});

test.run();
