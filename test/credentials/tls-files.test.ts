/**
 * TlsFiles: files become TLS options, and new ones follow when they are whole. Connections with them:
 * test/transport/http2/tls-rotation.test.ts.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expectTypeOf } from 'expect-type';
import { ChannelCredentials, type TlsClientOptions } from '../../src/credentials/channel-credentials.ts';
import { ServerCredentials, type TlsServerOptions } from '../../src/credentials/server-credentials.ts';
import { type TlsFilePaths, type TlsFiles, type TlsFilesOptions, tlsFiles } from '../../src/credentials/tls-files.ts';
import type { TlsSource } from '../../src/credentials/tls-source.ts';
import { certificates, type KeyPair } from '../support/certificates.ts';
import { assert, suite, within } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';

const test = suite('TlsFiles');

const { ca, server, elsewhere, client, foreign } = await certificates();
const PATHS = { cert: 'tls.crt', key: 'tls.key', ca: 'ca.crt' };

/** A folder of PEM files and who follows them, with all that it told. */
class Folder implements Disposable {
  readonly path: string = mkdtempSync(path.join(tmpdir(), 'halfclose-tls-'));
  readonly clock: WoundClock = new WoundClock();
  readonly failures: Error[] = [];
  changes = 0;
  #files: TlsFiles<object> | null = null;

  write(pair: KeyPair, authority: string = ca.cert): this {
    return this.put('tls.crt', pair.cert).put('tls.key', pair.key).put('ca.crt', authority);
  }

  put(name: string, content: string | Uint8Array): this {
    writeFileSync(path.join(this.path, name), content);
    return this;
  }

  /** The files by what they hold, with their folder. */
  paths(names: TlsFilePaths = PATHS): TlsFilePaths {
    return Object.fromEntries(Object.entries(names).map(([name, file]) => [name, path.join(this.path, file)]));
  }

  follow(options: TlsFilesOptions<object> = {}): TlsFiles<object> {
    const onFailure = (error: Error): void => void this.failures.push(error);
    const files = tlsFiles(this.paths(), { clock: this.clock, onFailure, ...options });
    files.onChange(() => {
      this.changes += 1;
    });
    this.#files = files;
    return files;
  }

  /** What is current, as the names of the pairs. */
  get now(): string {
    const { cert, key } = this.#files?.current() ?? {};
    const all = { server, elsewhere, client };
    const names = (field: keyof KeyPair, content: Buffer | undefined): string | undefined =>
      Object.entries(all).find(([, pair]) => pair[field] === content?.toString())?.[0];
    assert.is(names('cert', cert), names('key', key));
    return `${names('cert', cert)}, ${this.changes} changes, ${this.failures.length} failures`;
  }

  [Symbol.dispose](): void {
    this.#files?.close();
    assert.is(this.clock.armed, 0, 'still polls');
    rmSync(this.path, { recursive: true });
  }
}

test('what the files hold is there at once, together with what stands beside them', () => {
  using folder = new Folder().write(server);
  const files = tlsFiles(folder.paths(), { tls: { clientCertificate: 'require', minVersion: 'TLSv1.3' } });
  const { cert, key, ca: authority, clientCertificate, minVersion } = files.current();
  assert.equal([cert, key, authority].map(String), [server.cert, server.key, ca.cert]);
  assert.equal([clientCertificate, minVersion], ['require', 'TLSv1.3']);
  assert.is(files.current(), files.current());
  assert.is(ServerCredentials.tls(files).tls, files.current());
  assert.is(ChannelCredentials.tls(files).tls, files.current());
  files.close();
});

test('the types keep what is for one end from the other', () => {
  expectTypeOf<TlsFiles<{ clientCertificate: 'require' }>>().toExtend<TlsSource<TlsServerOptions>>();
  expectTypeOf<TlsFiles<{ servername: string }>>().toExtend<TlsSource<TlsClientOptions>>();
  // @ts-expect-error: a name is a text.
  expectTypeOf<TlsFiles<{ servername: number }>>();
  expectTypeOf(tlsFiles).parameter(0).toEqualTypeOf<TlsFilePaths>();
  // @ts-expect-error: the secure context is what is made of the files.
  const wrong: Parameters<typeof tlsFiles>[1] = { tls: { secureContext: null } };
  assert.ok(wrong);
});

test('new files are found at the next look, ten seconds after the last', async () => {
  using folder = new Folder().write(server);
  const files = folder.follow();
  const before = files.current();
  folder.write(elsewhere);
  folder.clock.advance(9_999);
  await files.reload();
  assert.is(folder.now, 'elsewhere, 1 changes, 0 failures');
  assert.is.not(files.current(), before);
  assert.is(String(before.cert), server.cert, 'what a connection was given stays as it was');
  folder.write(client);
  // The look from outside counts as one.
  folder.clock.advance(9_999);
  assert.is(folder.now, 'elsewhere, 1 changes, 0 failures');
  const changed = new Promise<void>((resolve) => files.onChange(resolve));
  folder.clock.advance(1);
  await within(2_000, changed, 'a change');
  assert.is(folder.now, 'client, 2 changes, 0 failures');
});

test('each look is followed by one more, and only one is armed', async () => {
  using folder = new Folder().write(server);
  const files = folder.follow({ pollMs: 50 });
  for (let look = 0; look < 4; look += 1) {
    assert.is(folder.clock.armed, 1);
    folder.clock.advance(50);
    await Promise.all([files.reload(), files.reload()]);
  }
  assert.is(folder.now, 'server, 0 changes, 0 failures');
});

test('the same contents again are no change', async () => {
  using folder = new Folder().write(server);
  const files = folder.follow();
  const before = files.current();
  await folder.write(server).clock.advanceAsync(0);
  await files.reload();
  assert.is(files.current(), before);
  assert.is(folder.now, 'server, 0 changes, 0 failures');
});

test('a swapped link is followed, as Kubernetes swaps that of a secret', async () => {
  using folder = new Folder();
  for (const [version, pair] of Object.entries({ v1: server, v2: elsewhere })) {
    mkdirSync(path.join(folder.path, version));
    for (const [name, content] of [['tls.crt', pair.cert] as const, ['tls.key', pair.key] as const]) {
      folder.put(`${version}/${name}`, content);
    }
    folder.put(`${version}/ca.crt`, ca.cert);
  }
  const data = path.join(folder.path, '..data');
  symlinkSync('v1', data);
  for (const name of Object.values(PATHS)) symlinkSync(`..data/${name}`, path.join(folder.path, name));
  const files = folder.follow();
  assert.is(folder.now, 'server, 0 changes, 0 failures');
  symlinkSync('v2', `${data}_tmp`);
  renameSync(`${data}_tmp`, data);
  await files.reload();
  assert.is(folder.now, 'elsewhere, 1 changes, 0 failures');
});

for (const [what, breakIt, text] of [
  ['a certificate without its key', (it) => it.put('tls.crt', foreign.server.cert), /key values mismatch/],
  ['an empty certificate', (it) => it.put('tls.crt', ''), /tls\.crt is empty/],
  ['an empty key', (it) => it.put('tls.key', ''), /tls\.key is empty/],
  ['an empty list of CAs', (it) => it.put('ca.crt', ''), /ca\.crt is empty/],
  ['a list of CAs without any', (it) => it.put('ca.crt', '# soon\n'), /ca\.crt has no certificate/],
  [
    'a list of CAs that is cut off',
    (it) => it.put('ca.crt', `${ca.cert}\n${foreign.ca.cert.slice(0, 300)}`),
    /ca\.crt is cut off/,
  ],
  [
    'a CA that is none',
    (it) => it.put('ca.crt', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'),
    /ca\.crt has a broken certificate/,
  ],
  ['a key that is cut off', (it) => it.put('tls.key', server.key.slice(0, 60)), /PEM|DECODER|asn1/i],
  ['a missing file', (it) => rmSync(path.join(it.path, 'tls.crt')), /ENOENT.*tls\.crt/],
] as const satisfies readonly (readonly [string, (folder: Folder) => unknown, RegExp])[]) {
  test(`${what}: what was there stays, the hook is told once, and whole files are taken again`, async () => {
    using folder = new Folder().write(server);
    const files = folder.follow();
    breakIt(folder);
    for (let look = 0; look < 3; look += 1) await files.reload();
    assert.is(folder.now, 'server, 0 changes, 1 failures');
    assert.match(folder.failures[0]?.message ?? '', text);
    assert.match(folder.failures[0]?.message ?? '', /^the TLS files stay as they were: /);
    assert.instance(folder.failures[0]?.cause, Error);
    assert.is(folder.clock.armed, 1);
    await folder.write(elsewhere).clock.advanceAsync(0);
    await files.reload();
    assert.is(folder.now, 'elsewhere, 1 changes, 1 failures');
    breakIt(folder);
    await files.reload();
    assert.is(folder.failures.length, 2, 'the same again is told again');
  });

  test(`${what} at the start is thrown`, () => {
    using folder = new Folder().write(server);
    breakIt(folder);
    assert.throws(() => folder.follow(), text);
    assert.throws(() => folder.follow(), /^cannot use the TLS files: /);
  });
}

test('without a hook a failure is a warning, and so is one of the hook', async () => {
  using folder = new Folder().write(server);
  const warned = (): Promise<string> =>
    new Promise((resolve) => process.once('warning', ({ name, message }) => resolve(`${name}: ${message}`)));
  const mute = tlsFiles(folder.paths(), { clock: folder.clock });
  const broken = tlsFiles(folder.paths(), {
    clock: folder.clock,
    onFailure: () => {
      throw new Error('not today');
    },
  });
  folder.put('tls.key', '');
  for (const [files, text] of [
    [mute, /^HalfcloseWarning: the TLS files stay as they were: .*tls\.key is empty$/],
    [broken, /^HalfcloseWarning: onFailure of the TLS files threw: not today$/],
  ] as const) {
    const warning = warned();
    await files.reload();
    assert.match(await within(2_000, warning, 'a warning'), text);
    files.close();
  }
});

test('after close nothing changes any more, not even by a look that was under way', async () => {
  using folder = new Folder().write(server);
  const files = folder.follow();
  folder.write(elsewhere);
  const look = files.reload();
  files.close();
  files.close();
  await look;
  await files.reload();
  assert.is(folder.now, 'server, 0 changes, 0 failures');
});

test('who has stopped listening hears no more; the same function may listen twice', async () => {
  using folder = new Folder().write(server);
  const files = folder.follow();
  let heard = 0;
  const listener = (): void => {
    heard += 1;
  };
  const stops = [files.onChange(listener), files.onChange(listener)];
  folder.write(elsewhere);
  await files.reload();
  assert.is(heard, 2);
  stops[0]?.();
  stops[0]?.();
  folder.write(client);
  await files.reload();
  assert.is(heard, 3);
});

test('a process with nothing else to do ends', () => {
  using folder = new Folder().write(server);
  const module = new URL('../../src/credentials/tls-files.js', import.meta.url).href;
  const program = `
    import { tlsFiles } from '${module}';
    tlsFiles(${JSON.stringify(folder.paths())}, { pollMs: 1 });
    setTimeout(() => console.log('over'), 30);
  `;
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', timeout: 8_000 });
  assert.is(`${ran.status} ${ran.stdout}${ran.stderr}`, '0 over\n');
});

test.run();
