/**
 * The command lines of the interop programs. Above: the programs' mains. Holds: the type of a flag is that of its default;
 * what is no flag, or no value of one, is a UsageError.
 */

import { readFileSync } from 'node:fs';

type Value = string | number | boolean;
type Widened<T extends Value> = T extends string ? string : T extends number ? number : boolean;

/** The values of all flags, by name. */
export type Flags<T extends Readonly<Record<string, Value>>> = { readonly [K in keyof T]: Widened<T[K]> };

/** The command line is wrong. The programs end with exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

function parsed(flag: string, text: string, fallback: Value): Value {
  if (typeof fallback === 'string') return text;
  if (typeof fallback === 'boolean') {
    if (text !== 'true' && text !== 'false') throw new UsageError(`--${flag} is true or false, not ${text}`);
    return text === 'true';
  }
  if (!/^\d+$/.test(text)) throw new UsageError(`--${flag} is a number, not ${text}`);
  return Number(text);
}

/** `--flag=value`, `--flag value`, and for booleans `--flag`. A flag that is given twice has its last value. */
export function parseFlags<T extends Readonly<Record<string, Value>>>(args: readonly string[], defaults: T): Flags<T> {
  const values: Record<string, Value> = { ...defaults };
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [, flag = '', given] = /^--(\w+)(?:=(.*))?$/s.exec(word) ?? [];
    const fallback = Object.hasOwn(defaults, flag) ? defaults[flag] : undefined;
    if (fallback === undefined) throw new UsageError(`there is no flag ${word}`);
    const text = given ?? (typeof fallback === 'boolean' ? 'true' : rest.shift());
    if (text === undefined) throw new UsageError(`--${flag} needs a value`);
    values[flag] = parsed(flag, text, fallback);
  }
  return values as Flags<T>;
}

/** What is in the file that a flag names. */
export function readFlagged(flag: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`--${flag} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}
