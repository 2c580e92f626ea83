/**
 * Certificates for tests, made once per process: a CA, what it signed, and what must be refused. Nothing lies in the
 * repository that could expire. Above: TLS tests of every kind. Below: selfsigned.
 */
import { generate, type SelfsignedOptions } from 'selfsigned';

/** A certificate with its private key, both as PEM. */
export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

export interface Certificates {
  /** Signed `server`, `client`, `expired` and `elsewhere`. */
  readonly ca: KeyPair;
  /** For localhost, 127.0.0.1 and ::1. */
  readonly server: KeyPair;
  /** For a client whose common name is `test client`. */
  readonly client: KeyPair;
  /** As `server`, but expired. */
  readonly expired: KeyPair;
  /** For the name elsewhere.test and no address. */
  readonly elsewhere: KeyPair;
  /** A CA that nobody trusts, with a server and a client of its own. */
  readonly foreign: { readonly ca: KeyPair; readonly server: KeyPair; readonly client: KeyPair };
}

const DAY_MS = 24 * 3600 * 1000;
const COMMON: SelfsignedOptions = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' };

let made: Promise<Certificates> | null = null;

/** The same certificates at every call. */
export function certificates(): Promise<Certificates> {
  made ??= makeAll();
  return made;
}

async function makeAll(): Promise<Certificates> {
  const [ca, foreignCa] = await Promise.all([makeCa('test CA'), makeCa('foreign CA')]);
  const [server, client, expired, elsewhere, foreignServer, foreignClient] = await Promise.all([
    makeServer(ca, 'localhost'),
    makeClient(ca),
    makeServer(ca, 'localhost', 30 * DAY_MS),
    makeServer(ca, 'elsewhere.test'),
    makeServer(foreignCa, 'localhost'),
    makeClient(foreignCa),
  ]);
  return {
    ca,
    server,
    client,
    expired,
    elsewhere,
    foreign: { ca: foreignCa, server: foreignServer, client: foreignClient },
  };
}

function makeCa(commonName: string): Promise<KeyPair> {
  return make(commonName, 0, {
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
}

function makeServer(ca: KeyPair, host: string, agoMs = 0): Promise<KeyPair> {
  const addresses = host === 'localhost' ? ['127.0.0.1', '::1'] : [];
  return make(host, agoMs, {
    ca,
    extensions: [
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [{ type: 2, value: host }, ...addresses.map((ip) => ({ type: 7, ip }) as const)],
      },
    ],
  });
}

function makeClient(ca: KeyPair): Promise<KeyPair> {
  return make('test client', 0, { ca, extensions: [{ name: 'extKeyUsage', clientAuth: true }] });
}

/** Valid for 30 days from yesterday on, or from `agoMs` before that. */
async function make(commonName: string, agoMs: number, options: SelfsignedOptions): Promise<KeyPair> {
  const notBefore = Date.now() - DAY_MS - agoMs;
  const made = await generate([{ name: 'commonName', value: commonName }], {
    ...COMMON,
    ...options,
    notBeforeDate: new Date(notBefore),
    notAfterDate: new Date(notBefore + 30 * DAY_MS),
  });
  return { key: made.private, cert: made.cert };
}
