/** The command line of `npm run bench -- --target`. Above: main of target. Below: node:util. Holds: as options.ts does. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { UsageError } from '../usage-error.ts';

const TARGET_USAGE = `npm run bench -- --target host:port --proto file.proto --call pkg.Service/Method [options]

  --data '{…}'          the request as JSON; an array of requests for client streaming and bidi; @file reads it.
                        Default: one empty message
  --import-path dir     where the imports of the .proto file are; may be given more than once
  --metadata key:value  goes along with every call; may be given more than once
  --duration s          how long. Default: 10
  --warm-up s           before it, not counted. Default: 1
  --in-flight n         closed loop: so many calls at once, each followed by the next. Default: 10
  --rate n              constant rate: so many calls a second, whatever the server does; latency counts from the moment
                        at which a call was due, not from when there was room for it
  --max-in-flight n     with --rate: calls beyond it wait for room, with their clocks running. Default: 10000
  --connections n       calls go over so many connections in turn. Default: 1
  --timeout-ms n        the deadline of each call. Default: none
  --tls, --ca file      TLS; with a CA of your own
  --authority name      what the server is called, if not by the target
  --json file, --html file
                        where to write the results. Default: nowhere`;

export interface TargetOptions {
  readonly target: string;
  readonly proto: string;
  readonly importPaths: readonly string[];
  /** `pkg.Service` and `Method`. */
  readonly service: string;
  readonly method: string;
  readonly requests: readonly object[];
  readonly metadata: readonly (readonly [string, string])[];
  readonly durationMs: number;
  readonly warmUpMs: number;
  /** Calls a second; null for a closed loop. */
  readonly rate: number | null;
  readonly inFlight: number;
  readonly connections: number;
  readonly timeoutMs: number | null;
  /** Null for cleartext; the CA as PEM, or null for the system's. */
  readonly tls: { readonly ca: string | null } | null;
  readonly authority: string | null;
  readonly json: string | null;
  readonly html: string | null;
}

const FLAGS = {
  target: { type: 'string' },
  proto: { type: 'string' },
  call: { type: 'string' },
  data: { type: 'string' },
  'import-path': { type: 'string', multiple: true },
  metadata: { type: 'string', multiple: true },
  duration: { type: 'string' },
  'warm-up': { type: 'string' },
  'in-flight': { type: 'string' },
  rate: { type: 'string' },
  'max-in-flight': { type: 'string' },
  connections: { type: 'string' },
  'timeout-ms': { type: 'string' },
  tls: { type: 'boolean' },
  ca: { type: 'string' },
  authority: { type: 'string' },
  json: { type: 'string' },
  html: { type: 'string' },
  help: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parse>;

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function number(values: Values, flag: keyof Values & string, otherwise: number): number {
  const text = values[flag];
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new UsageError(`--${flag} takes a number over 0, not '${text}'`);
  return value;
}

function count(values: Values, flag: keyof Values & string, otherwise: number): number {
  const value = number(values, flag, otherwise);
  if (!Number.isInteger(value)) throw new UsageError(`--${flag} takes a whole number, not '${value}'`);
  return value;
}

function read(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--${flag}: ${(error as Error).message}`);
  }
}

function requestsOf(data: string | undefined): object[] {
  if (data === undefined) return [{}];
  const text = data.startsWith('@') ? read('data', data.slice(1)) : data;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`--data is no JSON: ${(error as Error).message}`);
  }
  const requests: unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  if (requests.every((request) => typeof request === 'object' && request !== null)) return requests as object[];
  throw new UsageError('--data takes an object, or an array of objects');
}

function entryOf(text: string): [string, string] {
  const colon = text.indexOf(':');
  if (colon < 1) throw new UsageError(`--metadata takes key:value, not '${text}'`);
  return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
}

function needed(values: Values, flag: 'target' | 'proto' | 'call'): string {
  const value = values[flag];
  if (value === undefined) throw new UsageError(`--${flag} is missing\n\n${TARGET_USAGE}`);
  return value;
}

/** What the command line asks for; a text to print and end with, for --help. */
export function readTargetOptions(args: readonly string[]): TargetOptions | string {
  const values = parse(args.filter((arg) => arg !== '--target' || !args.includes('--help')));
  if (values.help === true) return TARGET_USAGE;
  const [service = '', method = '', ...rest] = needed(values, 'call').replace(/^\//, '').split('/');
  if (service === '' || method === '' || rest.length > 0) throw new UsageError('--call takes pkg.Service/Method');
  const rate = values.rate === undefined ? null : number(values, 'rate', 1);
  return {
    target: needed(values, 'target'),
    proto: needed(values, 'proto'),
    importPaths: values['import-path'] ?? [],
    service,
    method,
    requests: requestsOf(values.data),
    metadata: (values.metadata ?? []).map(entryOf),
    durationMs: number(values, 'duration', 10) * 1000,
    warmUpMs: number(values, 'warm-up', 1) * 1000,
    rate,
    inFlight: rate === null ? count(values, 'in-flight', 10) : count(values, 'max-in-flight', 10_000),
    connections: count(values, 'connections', 1),
    timeoutMs: values['timeout-ms'] === undefined ? null : number(values, 'timeout-ms', 1),
    tls: values.tls === true ? { ca: values.ca === undefined ? null : read('ca', values.ca) } : null,
    authority: values.authority ?? null,
    json: values.json ?? null,
    html: values.html ?? null,
  };
}
