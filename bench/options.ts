/**
 * The benchmark's command line. Above: main.ts. Below: node:util. Holds: what cannot be understood is a UsageError, never a
 * silent default.
 */
import { parseArgs } from 'node:util';
import type { Contender, Effort } from './runner.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';
import { isStackName, PEER_NAMES, QUICK_STACKS, STACK_NAMES, type StackName } from './stacks.ts';
import { UsageError } from './usage-error.ts';

const USAGE = `npm run bench -- [options]

  --full                every scenario and every stack, with longer rounds (about an hour); some also in pairs, with
                        grpc-go too if there is Go
  --scenario a,b        only scenarios whose name holds one of these; --list names them
  --stack a,b           only these stacks, or pairs 'client>server'
  --rounds n            rounds of each contender in each scenario; at least 1
  --round-ms n          how long a round is
  --node 24             workers run the newest Node of this major version
  --compare old.json    says what changed since an older run
  --json file           where to write the results. Default: bench-results.json
  --html file           where to write the page. Default: bench-results.html
  --markdown file       a page whose part about the last full run is replaced: docs/performance.md. Default: none
  --count               does not measure: counts the promises, ticks, timers and bytes of each operation
  --list                names scenarios and stacks, and ends

npm run bench -- --target host:port --proto file.proto --call pkg.Service/Method [--data '{…}'] loads any server: see
--target --help.`;

export interface Options {
  readonly scenarios: readonly Scenario[];
  readonly contendersOf: (scenario: Scenario) => readonly Contender[];
  readonly effort: Effort;
  readonly nodeMajor: number | null;
  readonly compare: string | null;
  readonly json: string;
  readonly html: string;
  readonly markdown: string | null;
  /** What --count asks for; null to measure. JSON goes to a file only if one is named. */
  readonly count: { readonly json: string | null } | null;
}

/** The floor first: it is what ratios are to. */
const QUICK: Effort = { rounds: 5, roundMs: 300, warmUpMs: 1500 };
const FULL: Effort = { rounds: 5, roundMs: 800, warmUpMs: 3000 };

const FLAGS = {
  full: { type: 'boolean' },
  scenario: { type: 'string' },
  stack: { type: 'string' },
  rounds: { type: 'string' },
  'round-ms': { type: 'string' },
  node: { type: 'string' },
  compare: { type: 'string' },
  json: { type: 'string' },
  html: { type: 'string' },
  markdown: { type: 'string' },
  count: { type: 'boolean' },
  list: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function positive(flag: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new UsageError(`--${flag} takes a whole number over 0, not '${text}'`);
  return value;
}

function scenariosFor(names: string | undefined, full: boolean): Scenario[] {
  if (names === undefined) return SCENARIOS.filter((scenario) => full || scenario.quick === true);
  const wanted = names.split(',');
  return wanted.flatMap((part) => {
    const exact = SCENARIOS.filter((scenario) => scenario.name === part);
    const found = exact.length > 0 ? exact : SCENARIOS.filter((scenario) => scenario.name.includes(part));
    if (found.length === 0) throw new UsageError(`no scenario is called '${part}'; --list names them`);
    return found;
  });
}

/** `calls`, or `calls>floor` for a client and a server of different stacks. */
function contender(text: string): Contender {
  const [client = '', server = client, ...rest] = text.split('>');
  if (!isStackName(client) || !isStackName(server) || rest.length > 0) {
    throw new UsageError(`no stack is called '${text}'; --list names them`);
  }
  return { name: client === server ? client : `${client} > ${server}`, client, server };
}

/** What shows which end costs what, and how halfclose stands beside an implementation that is not Node's. */
const CROSS_PAIRS = ['calls>floor', 'floor>calls', 'calls>grpc-go', 'grpc-go>calls'];
const CROSSED_SCENARIOS = ['unary-32-100', 'ping-pong-1', 'ping-pong-100'];

function crossPairs({ name }: Scenario): Contender[] {
  return CROSSED_SCENARIOS.includes(name) ? CROSS_PAIRS.map(contender) : [];
}

function contendersFor(stacks: string | undefined, full: boolean): Options['contendersOf'] {
  if (stacks !== undefined) {
    const wanted = stacks.split(',').map(contender);
    return () => wanted;
  }
  const names: readonly StackName[] = full ? STACK_NAMES : QUICK_STACKS;
  return (scenario) => {
    const own = (scenario.stacks ?? names).map((name) => contender(name));
    return full ? [...own, ...crossPairs(scenario)] : own;
  };
}

/** What times or draws has no meaning where nothing is timed. */
const NOT_COUNTING = ['rounds', 'round-ms', 'compare', 'html', 'markdown'] as const;

function countingOf(values: ReturnType<typeof parse>): NonNullable<Options['count']> {
  const odd = NOT_COUNTING.find((flag) => values[flag] !== undefined);
  if (odd !== undefined) throw new UsageError(`--count goes without --${odd}`);
  return { json: values.json ?? null };
}

/** What the command line asks for; a text to print and end with, for --help and --list. */
export function readOptions(args: readonly string[]): Options | string {
  const values = parse(args);
  if (values.help === true) return USAGE;
  if (values.list === true) return listing();
  const full = values.full === true;
  const effort = full ? FULL : QUICK;
  return {
    scenarios: scenariosFor(values.scenario, full),
    contendersOf: contendersFor(values.stack, full),
    effort: {
      ...effort,
      rounds: positive('rounds', values.rounds, effort.rounds),
      roundMs: positive('round-ms', values['round-ms'], effort.roundMs),
    },
    nodeMajor: values.node === undefined ? null : positive('node', values.node, 0),
    compare: values.compare ?? null,
    json: values.json ?? 'bench-results.json',
    html: values.html ?? 'bench-results.html',
    markdown: values.markdown ?? null,
    count: values.count === true ? countingOf(values) : null,
  };
}

function listing(): string {
  const scenarios = SCENARIOS.map(({ name, title, quick }) => `  ${name.padEnd(18)}${title}${quick ? ' (quick)' : ''}`);
  const stacks = [
    `stacks: ${STACK_NAMES.join(', ')}`,
    `beyond Node, for unary and ping-pong: ${PEER_NAMES.join(', ')}`,
  ];
  return ['scenarios', ...scenarios, '', ...stacks].join('\n');
}
