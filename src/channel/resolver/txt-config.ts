/**
 * TXT records into a service config: the first choice that fits this client. Above: DnsLookup. Below: nothing; pure.
 * Holds: records of others under the same name are passed over; a record that is broken is a Status, for the channel to
 * treat as it treats a broken config. Source: gRFC A2.
 */
import { Status } from '../../values/status.ts';

/** Who asks. */
export interface ConfigChooser {
  /** The machine's name, as `os.hostname()` gives it. */
  readonly hostname: string;
  /** Gives numbers from 0 up to 1. */
  readonly random: () => number;
}

const ATTRIBUTE = 'grpc_config=';
/** What choices call a client on Node. Source: grpc-js, which chose the word. */
const LANGUAGE = 'node';

/**
 * The service config of the first choice that fits, undefined for none, or a Status that says what is wrong. `records`
 * are as node:dns gives them: each in pieces.
 */
export function chooseServiceConfig(records: readonly (readonly string[])[], chooser: ConfigChooser): unknown {
  try {
    for (const choice of records.flatMap(choicesOf)) {
      if (fits(choice, chooser)) return choice['serviceConfig'];
    }
    return undefined;
  } catch (thrown) {
    return Status.UNAVAILABLE.withDescription(`TXT record: ${(thrown as Error).message}`).withCause(thrown);
  }
}

type Choice = Readonly<Record<string, unknown>>;

function choicesOf(record: readonly string[]): Choice[] {
  const text = record.join('');
  if (!text.startsWith(ATTRIBUTE)) return [];
  const choices: unknown = JSON.parse(text.slice(ATTRIBUTE.length));
  if (!Array.isArray(choices)) throw new TypeError('must be a list of choices');
  return choices.map(checkedChoice);
}

function checkedChoice(choice: unknown): Choice {
  if (!isRecord(choice)) throw new TypeError('a choice must be an object');
  if (!isRecord(choice['serviceConfig'])) throw new TypeError('a choice must have a serviceConfig, an object');
  const percentage = choice['percentage'] ?? 100;
  if (typeof percentage !== 'number' || !(percentage >= 0 && percentage <= 100)) {
    throw new TypeError('percentage must be a number from 0 to 100');
  }
  for (const key of ['clientLanguage', 'clientHostname']) {
    const list = choice[key] ?? [];
    if (!Array.isArray(list) || !list.every((each) => typeof each === 'string')) {
      throw new TypeError(`${key} must be a list of strings`);
    }
  }
  return choice;
}

function fits(choice: Choice, { hostname, random }: ConfigChooser): boolean {
  if (!lists(choice['clientLanguage'], LANGUAGE) || !lists(choice['clientHostname'], hostname)) return false;
  // A throw for each choice, as others do it: a percentage is of the clients that an earlier choice left over.
  return random() * 100 < ((choice['percentage'] ?? 100) as number);
}

/** Whether a list names a word, in whatever case; a list that is absent or empty names all. */
function lists(list: unknown, word: string): boolean {
  const words = (list ?? []) as readonly string[];
  return words.length === 0 || words.some((each) => each.toLowerCase() === word.toLowerCase());
}

function isRecord(value: unknown): value is Choice {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
