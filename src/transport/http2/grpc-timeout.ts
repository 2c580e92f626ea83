/**
 * The coding of `grpc-timeout`: at most eight digits and a unit. Above: headers. Below: nothing.
 * Source: PROTOCOL-HTTP2 "Timeout".
 */

/** Milliseconds in a unit, finest first. */
const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['n', 1e-6],
  ['u', 1e-3],
  ['m', 1],
  ['S', 1e3],
  ['M', 60e3],
  ['H', 3600e3],
];

const MAX_VALUE = 99_999_999;
const TIMEOUT = /^([0-9]{1,8})([HMSmun])$/;

/**
 * Encodes what remains of a deadline, over 0 ms: in the finest unit that fits eight digits, rounded up, so that the server
 * has no less time than we have. More than 99,999,999 hours are sent as just that.
 */
export function encodeTimeout(remainingMs: number): string {
  for (const [unit, ms] of UNITS) {
    const value = Math.ceil(remainingMs / ms);
    if (value <= MAX_VALUE) return `${value}${unit}`;
  }
  return `${MAX_VALUE}H`;
}

/** Decodes to milliseconds; null for what the grammar does not allow. */
export function decodeTimeout(text: string): number | null {
  const match = TIMEOUT.exec(text);
  if (match === null) return null;
  const unit = UNITS.find(([name]) => name === match[2]);
  return unit === undefined ? null : Number(match[1]) * unit[1];
}
