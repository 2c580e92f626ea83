/**
 * connectFailure(): why there is no connection, when there are several reasons. Above: balancers. Below: nothing; pure.
 * Holds: the text is bounded, however many addresses there are and whatever their failures say.
 */
import { Status } from '../../values/status.ts';

/** So many different failures are told in words. */
const SHOWN = 4;
const LONGEST_SHOWN = 200;

/** What calls fail with: a lone failure as it is, of several each one's text. The cause is that of the first. */
export function connectFailure(failures: readonly Status[]): Status {
  const [first = Status.UNAVAILABLE] = failures;
  if (failures.length <= 1) return first;
  const texts = [...new Set(failures.map(({ description, name }) => cut(description ?? name)))];
  const shown = texts.slice(0, SHOWN);
  if (texts.length > SHOWN) shown.push(`and ${texts.length - SHOWN} more`);
  const text = `none of ${failures.length} addresses can be reached: ${shown.join('; ')}`;
  return Status.UNAVAILABLE.withDescription(text).withCause(first.cause);
}

function cut(text: string): string {
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}
