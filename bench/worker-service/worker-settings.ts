/** What a worker is started with. Above: main.ts reads it, the benchmark's server and client heed it. */
export interface WorkerSettings {
  /** The address that the benchmark's servers listen at. */
  readonly host: string;
  /** The port of servers whose configuration names none; 0 for any. */
  readonly serverPort: number;
  /** What servers show and clients trust under TLS, as PEM; null where the worker was given none. */
  readonly cert: string | Buffer | null;
  readonly key: string | Buffer | null;
  readonly ca: string | Buffer | null;
}

/** Loopback, any port, no certificates. */
export const DEFAULT_SETTINGS: WorkerSettings = { host: '127.0.0.1', serverPort: 0, cert: null, key: null, ca: null };
