/**
 * The `dns` scheme: names that are looked up. Above: NamedConnections, through ResolverRegistry. Below: DnsLookup, LookupPace.
 * Holds: one lookup at a time; timers run in the background, so a name keeps no process alive, though a lookup of node's
 * does until it ends; nothing is told after shutdown(). IP literals answer themselves, once.
 *
 *   idle ─start→ looking ─answer, failure, too late→ resting ─asked, refresh or back-off due→ looking
 *   resting ─an overdue answer→ resting          any ─shutdown→ shutdown
 *
 * Source: grpc doc/naming.md, gRFC A2, A10.
 */
import dns from 'node:dns';
import net from 'node:net';
import type { Clock, Timer, TimerTask } from '../../values/clock.ts';
import { Status } from '../../values/status.ts';
import { Backoff } from '../backoff.ts';
import { type DnsAnswer, DnsLookup, type DnsLookupListener, type DnsQuestion, type HostLookup } from './dns-lookup.ts';
import { authorityOfHost, type HostPort, readHostPort } from './host-port.ts';
import { LookupPace } from './lookup-pace.ts';
import type { Resolver, ResolverContext, ResolverListener, ResolverProvider, Target } from './resolver.ts';
import { DEFAULT_PORT, fault, StaticResolver } from './static.ts';

/** How names are looked up. Durations are in milliseconds. */
export interface DnsResolverOptions {
  /**
   * Looks a name up again so long after each answer, though nothing has failed: so that a server which joins a headless
   * service of Kubernetes is seen. Over 0. Default: Infinity, never by itself; then a new server is seen when a connection
   * is lost, as when servers limit the age of connections.
   */
  readonly refreshMs?: number;
  /**
   * The least time from an answer to a lookup that a lost connection or the like asks for; sooner questions wait. 0 or
   * more. Default: 30,000.
   */
  readonly minResolutionIntervalMs?: number;
  /**
   * How long a lookup may take; over 0. Then it has failed, and an answer that comes later still counts. Default: 30,000.
   */
  readonly timeoutMs?: number;
  /** Whether the TXT records of `_grpc_config.<host>` are read for a service config. Default: false. Source: gRFC A2. */
  readonly serviceConfigLookup?: boolean;
  /**
   * Looks names up in place of `dns.lookup`, for targets that name no DNS server. Default: `dns.lookup`, which knows
   * `/etc/hosts` and the search list, and orders what it finds as `dns.setDefaultResultOrder` says: as it came.
   */
  readonly lookup?: HostLookup;
}

type Settings = Required<DnsResolverOptions>;

/** Where DNS servers listen. Source: RFC 1035 §4.2. */
const DNS_PORT = 53;

/**
 * A provider of `dns:[//server[:port]/]host[:port]`, port 443 unless told: each address that is found is an endpoint. The
 * server is asked directly, for A and AAAA; without one the system is asked. A lookup that fails, or finds nothing, is tried
 * again by itself after 1 s, then 1.6 times as long each time up to 120 s, each ± 20 %. Throws RangeError for a duration
 * out of range. Every channel has one with the defaults; give a channel this one to have others.
 */
export function dnsResolver(options: DnsResolverOptions = {}): ResolverProvider {
  const settings = checkedSettings(options);
  return Object.freeze({
    scheme: 'dns',
    givesServiceConfig: settings.serviceConfigLookup,
    authorityOf: (target: Target): string => authorityOfHost(readTarget(target).hostPort),
    newResolver: (target: Target, context: ResolverContext): Resolver => newResolver(target, context, settings),
  });
}

function checkedSettings(options: DnsResolverOptions): Settings {
  const { refreshMs = Number.POSITIVE_INFINITY, minResolutionIntervalMs = 30_000, timeoutMs = 30_000 } = options;
  if (!(refreshMs > 0)) throw new RangeError(`refreshMs must be over 0, but is ${refreshMs}`);
  if (!(timeoutMs > 0)) throw new RangeError(`timeoutMs must be over 0, but is ${timeoutMs}`);
  if (!(minResolutionIntervalMs >= 0)) {
    throw new RangeError(`minResolutionIntervalMs must be 0 or more, but is ${minResolutionIntervalMs}`);
  }
  const { serviceConfigLookup = false, lookup = dns.lookup } = options;
  return { refreshMs, minResolutionIntervalMs, timeoutMs, serviceConfigLookup, lookup };
}

/** A target's host, and the server to ask for it, or null. */
function readTarget(target: Target): { readonly hostPort: HostPort; readonly server: string | null } {
  const { authority, path } = target;
  if (path === '' && authority !== '') {
    throw fault(target, `it names a DNS server and no host; write 'dns:///${authority}' for the host`);
  }
  try {
    return { hostPort: readHostPort(path), server: authority === '' ? null : readServer(authority) };
  } catch (thrown) {
    throw fault(target, `${(thrown as TypeError).message}; it must be such as 'host:port' or 'dns:///host:port'`);
  }
}

function readServer(authority: string): string {
  const { host, port } = readHostPort(authority);
  if (net.isIP(host) === 0 || host.includes('%')) throw new TypeError(`the DNS server '${host}' is no IP address`);
  return authorityOfHost({ host, port: port ?? DNS_PORT });
}

function newResolver(target: Target, context: ResolverContext, settings: Settings): Resolver {
  const { hostPort, server } = readTarget(target);
  const { host } = hostPort;
  const port = hostPort.port ?? DEFAULT_PORT;
  if (net.isIP(host) !== 0) return new StaticResolver({ endpoints: [{ addresses: [{ host, port }] }] });
  const { lookup, serviceConfigLookup } = settings;
  const wantsConfig = serviceConfigLookup && !/^(?:.*\.)?localhost\.?$/i.test(host);
  const question: DnsQuestion = { host, server, lookup, wantsConfig, random: context.random };
  return new DnsResolver(question, port, context, settings);
}

/** One name under resolution. */
class DnsResolver implements Resolver, DnsLookupListener, TimerTask {
  readonly #question: DnsQuestion;
  readonly #port: number;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #pace: LookupPace;
  #state: 'idle' | 'looking' | 'resting' | 'shutdown' = 'idle';
  #listener: ResolverListener | null = null;
  /** In looking, and in resting one that is overdue. */
  #lookup: DnsLookup | null = null;
  /** In looking until it is too late, in resting until the next lookup. */
  #timer: Timer | null = null;
  /** Whether the last lookup failed. */
  #failed = false;
  /** The service config as last found out. */
  #config: unknown = undefined;

  constructor(question: DnsQuestion, port: number, { clock, random }: ResolverContext, settings: Settings) {
    this.#question = question;
    this.#port = port;
    this.#clock = clock;
    this.#timeoutMs = settings.timeoutMs;
    const backoff = new Backoff({ random });
    this.#pace = new LookupPace(settings.minResolutionIntervalMs, settings.refreshMs, backoff);
  }

  start(listener: ResolverListener): void {
    this.#listener = listener;
    this.#look();
  }

  resolveAgain(): void {
    if (this.#state !== 'resting') return;
    this.#pace.onAsked();
    this.#rest();
  }

  resetBackoff(): void {
    this.#pace.resetBackoff();
    if (this.#state === 'resting' && this.#failed) this.#look();
  }

  shutdown(): void {
    this.#state = 'shutdown';
    this.#listener = null;
    this.#disarm();
    this.#lookup?.cancel();
    this.#lookup = null;
  }

  /** A lookup is overdue, or the next one is due. For the clock. */
  onTimer(): void {
    this.#timer = null;
    if (this.#state === 'looking') this.#onOverdue();
    else this.#look();
  }

  onLookupAnswered({ addresses, config }: DnsAnswer): void {
    this.#lookup = null;
    this.#failed = false;
    this.#pace.onAnswered(this.#clock.now());
    this.#rest();
    if (config !== null) this.#config = config.json;
    const port = this.#port;
    const endpoints = addresses.map((host) => ({ addresses: [{ host, port }] }));
    this.#listener?.onResolution({ endpoints, serviceConfig: this.#config });
  }

  onLookupFailed(error: Error): void {
    this.#lookup = null;
    // An overdue lookup has failed already.
    if (this.#state === 'looking') this.#fail(error);
  }

  #onOverdue(): void {
    const lookup = this.#lookup;
    lookup?.onOverdue();
    if (this.#state !== 'looking') return;
    if (lookup?.isOver) this.#lookup = null;
    this.#fail(new Error(`no answer within ${this.#timeoutMs} ms`));
  }

  #fail(error: Error): void {
    this.#failed = true;
    this.#pace.onFailed();
    this.#rest();
    const text = `DNS resolution of '${this.#question.host}' failed: ${error.message}`;
    this.#listener?.onFailure(Status.UNAVAILABLE.withDescription(text).withCause(error));
  }

  #look(): void {
    this.#state = 'looking';
    this.#disarm();
    this.#pace.onStarted(this.#clock.now());
    this.#timer = this.#clock.scheduleInBackground(this.#timeoutMs, this);
    if (this.#lookup !== null) return;
    this.#lookup = new DnsLookup(this.#question, this);
    this.#lookup.start();
  }

  /** Until the next lookup is due, which may be now. */
  #rest(): void {
    this.#state = 'resting';
    this.#disarm();
    this.#timer = this.#clock.scheduleInBackground(this.#pace.dueMs - this.#clock.now(), this);
  }

  #disarm(): void {
    this.#clock.cancel(this.#timer);
    this.#timer = null;
  }
}
