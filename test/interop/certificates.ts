/**
 * The certificates of interop servers: a CA and what it signed for the names that the official test certificates are for,
 * made anew for every run and written where programs can read them. Above: the matrix. Below: selfsigned. Holds: nothing
 * lies in the repository that could expire.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { generate, type SelfsignedOptions } from 'selfsigned';

/** PEM files. */
export interface TlsFiles {
  /** What clients trust. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** PEM texts, under the names of TlsFiles. */
export type TlsTexts = { readonly [K in keyof TlsFiles]: string | Buffer };

/** The name that clients of the official cases expect of a server, wherever it is. */
export const SERVER_NAME = 'foo.test.google.fr';

const DAY_MS = 24 * 3600 * 1000;
const NAMES = ['*.test.google.fr', 'waterzooi.test.google.be', '*.test.youtube.com'];
const ADDRESS = '192.168.1.3';

/** RSA, the one kind that every implementation's TLS takes without being asked to. */
async function make(commonName: string, options: SelfsignedOptions): Promise<{ key: string; cert: string }> {
  const notBefore = Date.now() - DAY_MS;
  const made = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'rsa',
    keySize: 2048,
    algorithm: 'sha256',
    ...options,
    notBeforeDate: new Date(notBefore),
    notAfterDate: new Date(notBefore + 30 * DAY_MS),
  });
  return { key: made.private, cert: made.cert };
}

/** A CA and the server that it signed, as the official test certificates are. */
export async function makeCertificates(): Promise<TlsTexts> {
  const ca = await make('testca', {
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const altNames = [...NAMES.map((value) => ({ type: 2, value }) as const), { type: 7, ip: ADDRESS } as const];
  const server = await make('*.test.google.com', {
    ca,
    extensions: [
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames },
    ],
  });
  return { ca: ca.cert, cert: server.cert, key: server.key };
}

/** Writes certificates into a folder, which is made. */
export function writeCertificates(folder: string, texts: TlsTexts): TlsFiles {
  mkdirSync(folder, { recursive: true });
  const files = {
    ca: path.join(folder, 'ca.pem'),
    cert: path.join(folder, 'server1.pem'),
    key: path.join(folder, 'server1.key'),
  };
  writeFileSync(files.ca, texts.ca);
  writeFileSync(files.cert, texts.cert);
  writeFileSync(files.key, texts.key, { mode: 0o600 });
  return files;
}
