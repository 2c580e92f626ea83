/** WriteOptions, the object and the class, and the flags that a stream gets of either. */
import { toWriteFlags, WriteOptions, type WriteOptionsInit } from '../../src/reactor/write-options.ts';
import { WriteFlag } from '../../src/transport/stream.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('WriteOptions');

const { NO_COMPRESS, BUFFER_HINT, WRITE_THROUGH } = WriteFlag;

/** What an options object says, by its properties alone. */
function properties(options: WriteOptionsInit): WriteOptionsInit {
  const { lastMessage, bufferHint, corked, noCompression, writeThrough } = options;
  return { lastMessage, bufferHint, corked, noCompression, writeThrough } as WriteOptionsInit;
}

const NOTHING = { lastMessage: false, bufferHint: false, corked: false, noCompression: false, writeThrough: false };

test('no options, none set and all false ask for nothing', () => {
  for (const options of [undefined, {}, NOTHING, new WriteOptions()]) assert.is(toWriteFlags(options), 0);
});

test('each option asks for its flag, and all of them for all flags', () => {
  assert.is(toWriteFlags({ bufferHint: true }), BUFFER_HINT);
  assert.is(toWriteFlags({ corked: true }), BUFFER_HINT);
  assert.is(toWriteFlags({ noCompression: true }), NO_COMPRESS);
  assert.is(toWriteFlags({ writeThrough: true }), WRITE_THROUGH);
  const all = { bufferHint: true, corked: true, noCompression: true, writeThrough: true };
  assert.is(toWriteFlags(all), BUFFER_HINT | NO_COMPRESS | WRITE_THROUGH);
});

test('the last message implies the buffer hint, whatever is said of that', () => {
  assert.is(toWriteFlags({ lastMessage: true }), BUFFER_HINT);
  assert.is(toWriteFlags({ lastMessage: true, bufferHint: false, noCompression: true }), BUFFER_HINT | NO_COMPRESS);
  const options = new WriteOptions().setLastMessage();
  assert.not(options.getBufferHint());
  assert.is(toWriteFlags(options), BUFFER_HINT);
  assert.is(toWriteFlags(options.clearLastMessage()), 0);
});

test('the class starts with nothing, and its setters and clearers show in getters and properties', () => {
  const options = new WriteOptions();
  assert.equal(properties(options), NOTHING);
  assert.equal(properties(options.setLastMessage()), { ...NOTHING, lastMessage: true });
  assert.ok(options.isLastMessage());
  assert.not(options.clearLastMessage().isLastMessage());

  assert.equal(properties(options.setNoCompression()), { ...NOTHING, noCompression: true });
  assert.ok(options.getNoCompression());
  assert.is(toWriteFlags(options), NO_COMPRESS);
  assert.not(options.clearNoCompression().getNoCompression());

  assert.equal(properties(options.setWriteThrough()), { ...NOTHING, writeThrough: true });
  assert.ok(options.isWriteThrough());
  assert.is(toWriteFlags(options), WRITE_THROUGH);
  assert.not(options.clearWriteThrough().isWriteThrough());
  assert.equal(properties(options), NOTHING);
});

test('corked is another name for the buffer hint', () => {
  const options = new WriteOptions();
  for (const set of [() => options.setCorked(), () => options.setBufferHint()]) {
    for (const clear of [() => options.clearCorked(), () => options.clearBufferHint()]) {
      assert.equal(properties(set()), { ...NOTHING, bufferHint: true, corked: true });
      assert.ok(options.isCorked() && options.getBufferHint());
      assert.is(toWriteFlags(options), BUFFER_HINT);
      assert.equal(properties(clear()), NOTHING);
      assert.not(options.isCorked() || options.getBufferHint());
    }
  }
});

test('clear takes back everything but the last message', () => {
  const options = new WriteOptions().setNoCompression().setCorked().setWriteThrough().setLastMessage();
  assert.is(toWriteFlags(options), BUFFER_HINT | NO_COMPRESS | WRITE_THROUGH);
  assert.equal(properties(options.clear()), { ...NOTHING, lastMessage: true });
});

test('all setters chain', () => {
  const options = new WriteOptions();
  const end = options
    .setLastMessage()
    .setBufferHint()
    .setCorked()
    .setNoCompression()
    .setWriteThrough()
    .clear()
    .clearLastMessage()
    .clearBufferHint()
    .clearCorked()
    .clearNoCompression()
    .clearWriteThrough();
  assert.is(end, options);
  assert.equal(properties(options), NOTHING);
});

test.run();
