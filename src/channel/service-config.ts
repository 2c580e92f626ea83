/**
 * Service config: what the owner of a service says of calls to it: limits, retries, how connections are balanced. Above:
 * users, who may give a channel one; ManagedChannel, which reads what the resolver found. Below: JsonPlace, BalancerProviders.
 * Holds: reading never throws, and one fault makes the whole config invalid; a lookup makes no object.
 * Source: grpc doc/service_config.md, grpc-proto's service_config.proto, gRFC A6, A17, A21, A105.
 */
import type { HedgingPolicy, MethodSettings, RetryPolicy } from '../call/method-settings.ts';
import { NO_SETTINGS } from '../call/method-settings.ts';
import type { RetryThrottling } from '../call/retry-throttle.ts';
import { Code, type CodeName, Status } from '../values/status.ts';
import type { BalancerProviders, ChosenBalancer } from './balancer/balancer.ts';
import { readChosenBalancer } from './balancer/chosen-balancer.ts';
import { JsonPlace } from './json-place.ts';

/** Seconds with an `s`, such as `'1.5s'`: up to nine decimals, no sign. */
export type ServiceConfigDuration = `${number}s`;

/** What a service's owner says of calls to it, as JSON. What is not known here is passed over. */
export interface ServiceConfig {
  /** How connections are balanced: the first policy that the channel knows. One at least must be known. Default: pick_first. */
  readonly loadBalancingConfig?: readonly Readonly<Record<string, object>>[];
  /** The name of a policy, such as `round_robin`; of no effect beside `loadBalancingConfig`, which took its place. */
  readonly loadBalancingPolicy?: string;
  /** What holds for which methods. */
  readonly methodConfig?: readonly ServiceConfigMethods[];
  /** Keeps retries and hedges from burying a server in trouble. Default: nothing does. */
  readonly retryThrottling?: {
    /** Over 0, up to 1,000. While half of them or fewer are left nothing is tried again. */
    readonly maxTokens: number;
    /** What a success gives back, 0.001 or more; a failure takes 1. */
    readonly tokenRatio: number;
  };
  /** The name by which the servers know the service's health; then balancers pass over a server that is not well. */
  readonly healthCheckConfig?: { readonly serviceName?: string };
  readonly connectionScaling?: {
    /** How many connections one address may get, once its others take no more streams. Default: 1; 10 at most. */
    readonly maxConnectionsPerSubchannel?: number;
  };
}

/** What holds for some methods: of two that fit a method the more exact one, in whole. */
export interface ServiceConfigMethods {
  /**
   * `{ service, method }` is one method, `{ service }` all others of a service, `{}` all others. No two of a config are
   * the same.
   */
  readonly name: readonly { readonly service?: string; readonly method?: string }[];
  /** For calls that do not say themselves. */
  readonly waitForReady?: boolean;
  /** From the start of a call; an earlier deadline of the caller's counts. */
  readonly timeout?: ServiceConfigDuration;
  /** The caller's smaller limit counts. */
  readonly maxRequestMessageBytes?: number;
  /** The caller's smaller limit counts. */
  readonly maxResponseMessageBytes?: number;
  /** How a call that failed is tried again. Not beside `hedgingPolicy`. */
  readonly retryPolicy?: {
    /** The first attempt included; 2 or more, of which 5 count unless the channel allows more. */
    readonly maxAttempts: number;
    /** Before the second attempt, ± 20 %; over 0. */
    readonly initialBackoff: ServiceConfigDuration;
    /** Over 0. */
    readonly maxBackoff: ServiceConfigDuration;
    /** Each further wait is so many times as long; over 0. */
    readonly backoffMultiplier: number;
    /** One at least, and not OK. */
    readonly retryableStatusCodes: readonly (CodeName | Code)[];
  };
  /** How copies of a call race. Not beside `retryPolicy`. */
  readonly hedgingPolicy?: {
    /** The first copy included; 2 or more, of which 5 count unless the channel allows more. */
    readonly maxAttempts: number;
    /** Between one copy and the next. Default: '0s', all at once. */
    readonly hedgingDelay?: ServiceConfigDuration;
    /** A copy that fails with one of these lets the others go on; OK is not among them. Default: none. */
    readonly nonFatalStatusCodes?: readonly (CodeName | Code)[];
  };
}

/** What a channel allows, whatever a config asks for. */
export interface ServiceConfigLimits {
  /** The most attempts of one call, by retry or hedging policy; 1 or more, and 1 is none beside the first. Default: 5. */
  readonly maxAttempts?: number;
  /** The most connections to one address; 1 or more. Default: 10. */
  readonly maxConnectionsPerSubchannel?: number;
}

const DEFAULT_MAX_ATTEMPTS = 5;
const DEFAULT_MAX_CONNECTIONS = 10;
const MAX_TOKENS = 1_000;

/** What is said of one service. */
interface ServiceSettings {
  readonly byMethod: Map<string, MethodSettings>;
  /** Of its other methods. */
  others: MethodSettings | null;
}

/** A service config that has been read. */
export class ParsedServiceConfig {
  /** By service; the empty name for all other services. */
  readonly #services: ReadonlyMap<string, ServiceSettings>;
  readonly #others: MethodSettings;
  readonly throttling: RetryThrottling | null;
  /** Null leaves it to the channel. */
  readonly balancer: ChosenBalancer | null;
  /** Null for no health checks; the empty name is the server as a whole. */
  readonly healthServiceName: string | null;
  /** 1 or more. */
  readonly maxConnectionsPerSubchannel: number;

  /** For readServiceConfig. Throws TypeError. */
  constructor(config: JsonPlace, providers: BalancerProviders, limits: ServiceConfigLimits) {
    const maxAttempts = limits.maxAttempts ?? DEFAULT_MAX_ATTEMPTS;
    this.#services = servicesOf(config.field('methodConfig'), maxAttempts);
    this.#others = this.#services.get('')?.others ?? NO_SETTINGS;
    this.throttling = throttlingOf(config.field('retryThrottling'));
    this.balancer = balancerOf(config, providers);
    this.healthServiceName = config.field('healthCheckConfig').field('serviceName').text();
    const connections = config.field('connectionScaling').field('maxConnectionsPerSubchannel').whole(0) ?? 1;
    const maxConnections = limits.maxConnectionsPerSubchannel ?? DEFAULT_MAX_CONNECTIONS;
    this.maxConnectionsPerSubchannel = Math.max(1, Math.min(connections, maxConnections));
  }

  /** What holds for a method: said of it, else of its service, else of all. The same object each time. */
  settingsOf(service: string, method: string): MethodSettings {
    const known = this.#services.get(service);
    if (known === undefined) return this.#others;
    return known.byMethod.get(method) ?? known.others ?? this.#others;
  }
}

/**
 * Reads service config JSON: a value as JSON.parse gives it. Undefined and null are a config that says nothing. What is
 * wrong with it is an UNAVAILABLE whose text names the place, such as `methodConfig[1].retryPolicy.maxAttempts`; a Status
 * in place of JSON, as resolvers tell one, comes back as it is.
 */
export function readServiceConfig(
  json: unknown,
  providers: BalancerProviders,
  limits: ServiceConfigLimits = {},
): ParsedServiceConfig | Status {
  if (json instanceof Status) return json;
  try {
    return new ParsedServiceConfig(new JsonPlace(json), providers, limits);
  } catch (thrown) {
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    return Status.UNAVAILABLE.withDescription(text).withCause(thrown);
  }
}

function servicesOf(methodConfig: JsonPlace, maxAttempts: number): Map<string, ServiceSettings> {
  const services = new Map<string, ServiceSettings>();
  for (const entry of methodConfig.items()) {
    const settings = settingsOf(entry, maxAttempts);
    for (const name of entry.field('name').items()) enter(services, name, settings);
  }
  return services;
}

function enter(services: Map<string, ServiceSettings>, name: JsonPlace, settings: MethodSettings): void {
  name.required((place) => place.object());
  const service = name.field('service').text() ?? '';
  const method = name.field('method').text() ?? '';
  if (service === '' && method !== '') throw name.complaint('has a method, but no service');
  const known = services.get(service) ?? { byMethod: new Map(), others: null };
  services.set(service, known);
  if (method === '' ? known.others !== null : known.byMethod.has(method)) {
    throw name.complaint(`${service === '' ? 'the default' : `'${service}/${method}'`} is there twice`);
  }
  if (method === '') known.others = settings;
  else known.byMethod.set(method, settings);
}

function settingsOf(entry: JsonPlace, maxAttempts: number): MethodSettings {
  entry.required((place) => place.object());
  const retry = entry.field('retryPolicy');
  const hedging = entry.field('hedgingPolicy');
  if (!retry.isAbsent && !hedging.isAbsent) throw entry.complaint('has both a retryPolicy and a hedgingPolicy');
  return Object.freeze({
    timeoutMs: entry.field('timeout').durationMs(),
    waitForReady: entry.field('waitForReady').flag(),
    maxRequestBytes: entry.field('maxRequestMessageBytes').whole(0),
    maxResponseBytes: entry.field('maxResponseMessageBytes').whole(0),
    retry: retry.isAbsent ? null : retryOf(retry, maxAttempts),
    hedging: hedging.isAbsent ? null : hedgingOf(hedging, maxAttempts),
  });
}

/** Null where the channel allows no second attempt. */
function retryOf(policy: JsonPlace, most: number): RetryPolicy | null {
  const maxAttempts = policy.field('maxAttempts').required((place) => place.whole(2));
  const retryableStatusCodes = policy.field('retryableStatusCodes');
  const retryableCodes = codesOf(retryableStatusCodes);
  if (retryableCodes.size === 0) throw retryableStatusCodes.complaint('must name a code');
  const read: RetryPolicy = {
    maxAttempts: Math.min(maxAttempts, most),
    initialBackoffMs: policy.field('initialBackoff').required((place) => place.positiveDurationMs()),
    maxBackoffMs: policy.field('maxBackoff').required((place) => place.positiveDurationMs()),
    backoffMultiplier: policy.field('backoffMultiplier').required((place) => place.positive()),
    retryableCodes,
  };
  return read.maxAttempts < 2 ? null : Object.freeze(read);
}

/** As retryOf. */
function hedgingOf(policy: JsonPlace, most: number): HedgingPolicy | null {
  const maxAttempts = policy.field('maxAttempts').required((place) => place.whole(2));
  const read: HedgingPolicy = {
    maxAttempts: Math.min(maxAttempts, most),
    delayMs: policy.field('hedgingDelay').durationMs() ?? 0,
    nonFatalCodes: codesOf(policy.field('nonFatalStatusCodes')),
  };
  return read.maxAttempts < 2 ? null : Object.freeze(read);
}

/** Codes by number, or by name in whatever case. Source: gRFC A6 "Validation of retryPolicy". */
function codesOf(list: JsonPlace): ReadonlySet<Code> {
  return new Set(list.items().map(codeOf));
}

function codeOf(place: JsonPlace): Code {
  const { value } = place;
  const name = typeof value === 'string' ? value.toUpperCase() : '';
  const code = Object.hasOwn(Code, name) ? Code[name as CodeName] : value;
  const isCode = typeof code === 'number' && Number.isInteger(code) && code >= 0 && code <= Code.UNAUTHENTICATED;
  if (!isCode) throw place.fault("a status code, such as 'UNAVAILABLE' or 14");
  if (code === Code.OK) throw place.complaint('OK is no failure');
  return code as Code;
}

function throttlingOf(throttling: JsonPlace): RetryThrottling | null {
  if (throttling.isAbsent) return null;
  const tokens = throttling.field('maxTokens');
  const maxTokens = tokens.required((place) => place.positive());
  if (maxTokens > MAX_TOKENS) throw tokens.fault(`a number over 0, up to ${MAX_TOKENS}`);
  const ratio = throttling.field('tokenRatio');
  const tokenRatio = ratio.required((place) => place.positive());
  // Three decimals count, and of less a throttle would never recover.
  if (tokenRatio < 0.001) throw ratio.fault('0.001 or more');
  return Object.freeze({ maxTokens, tokenRatio });
}

function balancerOf(config: JsonPlace, providers: BalancerProviders): ChosenBalancer | null {
  const list = config.field('loadBalancingConfig');
  if (list.items().length > 0) {
    const chosen = list.guard(() => readChosenBalancer(list.value as readonly unknown[], providers));
    if (chosen === null) throw list.complaint(`the channel knows none of ${namesIn(list)}`);
    return chosen;
  }
  const policy = config.field('loadBalancingPolicy');
  const name = (policy.text() ?? '').toLowerCase();
  if (name === '' || name === 'unspecified') return null;
  const provider = providers.get(name);
  if (provider === null) throw policy.complaint(`the channel knows no '${name}'`);
  return { provider, config: policy.guard(() => provider.readConfig({}, providers)) };
}

function namesIn(list: JsonPlace): string {
  return list
    .items()
    .flatMap((policy) => Object.keys(policy.object() ?? {}))
    .map((name) => `'${name}'`)
    .join(', ');
}
