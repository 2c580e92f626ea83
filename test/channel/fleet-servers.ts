/**
 * A fleet: servers on 127.0.0.1, 127.0.0.2 and so on, all at one port, as one name leads to them. Above: fleet*.test.ts. Below:
 * Member, DnsServer.
 */
import type { Http2ChannelOptions } from '../../src/channel/create-channel.ts';
import type { ManagedChannel } from '../../src/channel/managed-channel.ts';
import { dnsResolver } from '../../src/channel/resolver/dns.ts';
import { DnsServer } from '../support/dns-server.ts';
import { until } from '../support/echo-pairings.ts';
import { type Ledger, Member, type MemberInit, open } from './ledger.ts';

const NAME = 'fleet.test';
/** A port that is free on the first address may be taken on another. */
const ATTEMPTS = 5;

/** How often names are looked up anew. */
const REFRESH_MS = 20;

export interface FleetInit {
  readonly ledger: Ledger;
  readonly size: number;
  /** What one of them is, by its number from 0; where it listens is settled here. */
  readonly member?: (index: number) => Pick<MemberInit, 'options' | 'service'>;
}

/** Servers under one name. */
export class Fleet {
  readonly members: readonly Member[];
  readonly names: DnsServer;

  private constructor(members: readonly Member[], names: DnsServer) {
    this.members = members;
    this.names = names;
    this.lead(members);
  }

  static async start(init: FleetInit): Promise<Fleet> {
    const members = await startMembers(init);
    return new Fleet(members, await DnsServer.listen());
  }

  /** From now on the name leads to these. */
  lead(members: readonly Member[]): void {
    this.names.set(NAME, { A: members.map(({ host }) => host) });
  }

  /** Where a channel finds them. */
  get target(): string {
    return `dns://${this.names.authority}/${NAME}:${this.members[0]?.port ?? 0}`;
  }

  /** A channel to the name, which it looks up again and again. */
  open(options: Http2ChannelOptions = {}): ManagedChannel {
    const resolvers = [dnsResolver({ refreshMs: REFRESH_MS, minResolutionIntervalMs: 0 })];
    return open(this.target, { resolvers, ...options });
  }

  /** How many calls each has begun since it was started last. */
  get begun(): number[] {
    return this.members.map(({ begun }) => begun);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.names[Symbol.asyncDispose]();
    for (const member of this.members) await member[Symbol.asyncDispose]();
  }
}

async function startMembers({ ledger, size, member = () => ({}) }: FleetInit, attempt = 1): Promise<Member[]> {
  const members: Member[] = [];
  try {
    for (let i = 0; i < size; i += 1) {
      const port = members[0]?.port ?? 0;
      members.push(await Member.start({ ...member(i), ledger, host: `127.0.0.${i + 1}`, port }));
    }
    return members;
  } catch (error) {
    for (const started of members) await started[Symbol.asyncDispose]();
    if (attempt === ATTEMPTS) throw error;
    return await startMembers({ ledger, size, member }, attempt + 1);
  }
}

/** Connects, and waits until as many addresses as these, and they alone, are READY. */
export async function connected(channel: ManagedChannel, members: readonly { readonly host: string }[]): Promise<void> {
  channel.connect();
  const wanted = members.map(({ host }) => host).sort();
  await until(`connections to ${wanted.join(', ')}`, () => {
    const ready = channel.inspect().subchannels.filter(({ state }) => state === 'READY');
    const hosts = ready.map(({ address }) => address.replace(/:\d+$/, '')).sort();
    return hosts.join() === wanted.join();
  });
}
