/**
 * A DNS server that a test directs: it answers A, AAAA and TXT over UDP on 127.0.0.1, says that a name does not exist, or
 * keeps silent. What it knows may change at any moment. Above: tests of resolvers. Below: node:dgram.
 * Holds: a name of which nothing was said does not exist. Source: RFC 1035 §4, RFC 3596.
 */
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { within } from './within.ts';

/** What is known of a name. A kind of records that is not there has none. */
export interface DnsRecords {
  readonly A?: readonly string[];
  readonly AAAA?: readonly string[];
  /** Each record in pieces of up to 255 bytes. */
  readonly TXT?: readonly (readonly string[])[];
}

export type DnsType = keyof DnsRecords;

/** A question that came. */
export interface DnsQuery {
  /** In lower case. */
  readonly name: string;
  /** `A`, `AAAA`, `TXT`, or the number of another. */
  readonly type: DnsType | number;
}

/** `silent`: no answer at all. `refused`: the server will not say. */
export type DnsAnswers = DnsRecords | 'no-such-name' | 'silent' | 'refused';

const TYPES: Readonly<Record<number, DnsType>> = { 1: 'A', 16: 'TXT', 28: 'AAAA' };
const NUMBERS: Readonly<Record<DnsType, number>> = { A: 1, TXT: 16, AAAA: 28 };
const HEADER_BYTES = 12;
const NXDOMAIN = 3;
const REFUSED = 5;
const PATIENCE_MS = 5_000;

export class DnsServer {
  /** In the order in which they came, repetitions included. */
  readonly queries: DnsQuery[] = [];
  readonly #socket: dgram.Socket = dgram.createSocket('udp4');
  readonly #known = new Map<string, DnsAnswers>();
  readonly #waiters = new Set<() => void>();

  /** Listens on a free port of 127.0.0.1. */
  static async listen(): Promise<DnsServer> {
    const server = new DnsServer();
    server.#socket.on('message', (message, from) => server.#onMessage(message, from));
    server.#socket.bind(0, '127.0.0.1');
    await within(PATIENCE_MS, once(server.#socket, 'listening'), 'a DNS server to listen');
    return server;
  }

  /** As it stands in a target: `127.0.0.1:port`. */
  get authority(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  /** From now on answers so for `name`, or for one kind of its records. */
  set(name: string, answers: DnsAnswers, type?: DnsType): void {
    this.#known.set(keyOf(name, type), answers);
  }

  /** How often something was asked. */
  count(name: string, type: DnsType): number {
    return this.queries.filter((query) => query.name === name && query.type === type).length;
  }

  /** Waits until something was asked so many times in all. */
  async asked(name: string, type: DnsType, times = 1): Promise<void> {
    let waiter = (): void => {};
    const come = new Promise<void>((resolve) => {
      waiter = (): void => {
        if (this.count(name, type) >= times) resolve();
      };
    });
    this.#waiters.add(waiter);
    waiter();
    try {
      await within(PATIENCE_MS, come, `${times} questions for ${type} of ${name}`);
    } finally {
      this.#waiters.delete(waiter);
    }
  }

  #onMessage(message: Buffer, from: dgram.RemoteInfo): void {
    const question = readQuestion(message);
    if (question === null) return;
    this.queries.push(question.query);
    const { name, type } = question.query;
    const own = typeof type === 'string' ? this.#known.get(keyOf(name, type)) : undefined;
    const reply = replyTo(message, question, own ?? this.#known.get(keyOf(name)) ?? 'no-such-name');
    if (reply !== null) this.#socket.send(reply, from.port, from.address);
    for (const waiter of this.#waiters) waiter();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await within(PATIENCE_MS, closed, 'a DNS server to close');
  }
}

function keyOf(name: string, type?: DnsType): string {
  return type === undefined ? name : `${type} ${name}`;
}

interface Question {
  readonly query: DnsQuery;
  /** Where it ends in its message. */
  readonly end: number;
}

function readQuestion(message: Buffer): Question | null {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = message[at]; length !== undefined && length > 0; length = message[at]) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  if (at + 5 > message.length) return null;
  const number = message.readUInt16BE(at + 1);
  return { query: { name: labels.join('.').toLowerCase(), type: TYPES[number] ?? number }, end: at + 5 };
}

function replyTo(message: Buffer, { query, end }: Question, answers: DnsAnswers): Buffer | null {
  if (answers === 'silent') return null;
  const code = answers === 'no-such-name' ? NXDOMAIN : answers === 'refused' ? REFUSED : 0;
  const records = typeof answers === 'string' || typeof query.type === 'number' ? [] : dataOf(answers, query.type);
  const header = Buffer.alloc(HEADER_BYTES);
  message.copy(header, 0, 0, 2);
  // An answer, recursion was asked for and is there.
  header.writeUInt16BE(0x8180 | code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  const type = typeof query.type === 'number' ? query.type : NUMBERS[query.type];
  return Buffer.concat([header, message.subarray(HEADER_BYTES, end), ...records.map((data) => recordOf(type, data))]);
}

/** The records of one kind, each as it travels. */
function dataOf(records: DnsRecords, type: DnsType): Buffer[] {
  if (type === 'TXT') return (records.TXT ?? []).map((pieces) => Buffer.concat(pieces.map(pieceOf)));
  return (records[type] ?? []).map((address) => (type === 'A' ? ipv4Bytes(address) : ipv6Bytes(address)));
}

function pieceOf(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > 255) throw new RangeError('a piece of a TXT record has 255 bytes at most');
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function recordOf(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  // The name is that of the question, at the end of the header. It lives for 0 seconds.
  head.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function ipv4Bytes(address: string): Buffer {
  if (!net.isIPv4(address)) throw new TypeError(`'${address}' is no IPv4 address`);
  return Buffer.from(address.split('.').map(Number));
}

function ipv6Bytes(address: string): Buffer {
  if (!net.isIPv6(address) || address.includes('.')) throw new TypeError(`'${address}' is no plain IPv6 address`);
  const [head = '', tail] = address.split('::');
  const groups = (part: string | undefined): string[] => (part ? part.split(':') : []);
  const missing = tail === undefined ? 0 : 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array.from({ length: missing }, () => '0'), ...groups(tail)];
  const bytes = Buffer.alloc(16);
  all.forEach((group, index) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  });
  return bytes;
}
