/**
 * The command line of the matrix. Above: matrix-main.ts. Holds: every name in it is known; a wrong one is a UsageError that says
 * which there are.
 */
import { parseArgs } from 'node:util';
import type { FaceName } from '../face.ts';
import { FACES } from '../peers/halfclose.ts';
import { MODES, type Mode } from './modes.ts';

export interface MatrixOptions {
  /** Implementations to meet; halfclose's meeting with itself is `halfclose`. */
  readonly implementations: readonly string[];
  readonly faces: readonly FaceName[];
  readonly modes: readonly Mode[];
  /** Null: all. */
  readonly cases: readonly string[] | null;
  /** Files to write. */
  readonly json: string | null;
  readonly markdown: string | null;
}

/** The command line is wrong. The program ends with exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const MANY = { type: 'string', multiple: true } as const;
const FLAGS = {
  peer: MANY,
  face: MANY,
  mode: MANY,
  case: MANY,
  json: { type: 'string' },
  markdown: { type: 'string' },
} as const;

/** The values of a flag that may be given several times, each with commas; all that there are if it is not given. */
function chosen<T extends string>(
  flag: string,
  given: readonly string[] | undefined,
  known: readonly T[],
): readonly T[] {
  if (given === undefined) return known;
  const names = given.flatMap((list) => list.split(','));
  const unknown = names.find((name) => !known.some((one) => one === name));
  if (unknown !== undefined) throw new UsageError(`--${flag}: there is no ${unknown}; there are ${known.join(', ')}`);
  return known.filter((one) => names.includes(one));
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** Reads the command line. Throws a UsageError. */
export function parseOptions(
  args: readonly string[],
  implementations: readonly string[],
  cases: readonly string[],
): MatrixOptions {
  const values = parsed(args);
  return {
    implementations: chosen('peer', values.peer, implementations),
    faces: chosen('face', values.face, FACES),
    modes: chosen('mode', values.mode, MODES),
    cases: values.case === undefined ? null : chosen('case', values.case, cases),
    json: values.json ?? null,
    markdown: values.markdown ?? null,
  };
}
