/**
 * What `outlier_detection` may be told, and how it is read from JSON. Above: outlier-detection.ts. Below: JsonPlace,
 * readChosenBalancer. Source: gRFC A50, grpc-proto's OutlierDetectionLoadBalancingConfig.
 */
import { JsonPlace } from '../json-place.ts';
import type { BalancerProviders, ChosenBalancer } from './balancer.ts';
import { readChosenBalancer } from './chosen-balancer.ts';

/** What both ways to find an outlier have in common. */
interface Ejection {
  /** How many percent of the outliers are ejected, by chance; 0 to 100. */
  readonly enforcementPercentage: number;
  /** How many endpoints must have had enough calls, for any to be judged. */
  readonly minimumHosts: number;
  /** How many calls are enough, within one interval. */
  readonly requestVolume: number;
}

/** Ejects what succeeds much less often than the others. */
export interface SuccessRateEjection extends Ejection {
  /** By how many thousandths of a standard deviation a success rate must lie below the mean. */
  readonly stdevFactor: number;
}

/** Ejects what fails too often, whatever the others do. */
export interface FailurePercentageEjection extends Ejection {
  /** More than so many percent of the calls must have failed; 0 to 100. */
  readonly threshold: number;
}

/** What outlier_detection may be told. */
export interface OutlierConfig {
  /** How often it judges. */
  readonly intervalMs: number;
  /** How long the first ejection lasts; the one after it twice as long, and so on. */
  readonly baseEjectionMs: number;
  /** No ejection lasts longer, unless the base does. */
  readonly maxEjectionMs: number;
  /** While so many percent of the endpoints are ejected, no more are; 0 to 100. */
  readonly maxEjectionPercent: number;
  /** Null for not in this way. */
  readonly successRate: SuccessRateEjection | null;
  /** Null for not in this way. */
  readonly failurePercentage: FailurePercentageEjection | null;
  /** Who balances over what is not ejected. */
  readonly child: ChosenBalancer;
}

/** Reads the policy's JSON. Throws TypeError, which begins with the place of the fault. */
export function readOutlierConfig(
  json: Readonly<Record<string, unknown>>,
  providers: BalancerProviders,
): OutlierConfig {
  const config = new JsonPlace(json);
  return Object.freeze({
    intervalMs: config.field('interval').positiveDurationMs() ?? 10_000,
    baseEjectionMs: config.field('baseEjectionTime').durationMs() ?? 30_000,
    maxEjectionMs: config.field('maxEjectionTime').durationMs() ?? 300_000,
    maxEjectionPercent: percent(config.field('maxEjectionPercent'), 10),
    successRate: successRateOf(config.field('successRateEjection')),
    failurePercentage: failurePercentageOf(config.field('failurePercentageEjection')),
    child: childOf(config.field('childPolicy'), providers),
  });
}

function successRateOf(place: JsonPlace): SuccessRateEjection | null {
  if (place.object() === null) return null;
  return Object.freeze({ stdevFactor: place.field('stdevFactor').whole(0) ?? 1_900, ...ejectionOf(place, 100) });
}

function failurePercentageOf(place: JsonPlace): FailurePercentageEjection | null {
  if (place.object() === null) return null;
  return Object.freeze({ threshold: percent(place.field('threshold'), 85), ...ejectionOf(place, 50) });
}

function ejectionOf(place: JsonPlace, requestVolume: number): Ejection {
  return {
    enforcementPercentage: percent(place.field('enforcementPercentage'), 100),
    minimumHosts: place.field('minimumHosts').whole(0) ?? 5,
    requestVolume: place.field('requestVolume').whole(0) ?? requestVolume,
  };
}

function percent(place: JsonPlace, otherwise: number): number {
  const number = place.whole(0) ?? otherwise;
  if (number > 100) throw place.fault('a whole number from 0 to 100');
  return number;
}

function childOf(place: JsonPlace, providers: BalancerProviders): ChosenBalancer {
  if (place.items().length === 0) throw place.complaint('must name a policy');
  const chosen = place.guard(() => readChosenBalancer(place.value as readonly unknown[], providers));
  if (chosen === null) throw place.complaint('the channel knows none of its policies');
  return chosen;
}
