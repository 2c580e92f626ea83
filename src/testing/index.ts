/**
 * halfclose/testing: services tested without ports, with time and faults at hand. What is not here is internal.
 */

export { finishOf } from '../reactor/server-reactors.ts';
export type { Finish } from '../reactor/server-rpc.ts';
export { type DropLimits, Faults, type FaultsOptions, type FaultyHttp2Options } from './faults.ts';
export { type InProcessInit, type InProcessRig, startInProcess } from './in-process.ts';
export { ManualClock } from './manual-clock.ts';
export { type TestServerContext, type TestServerContextInit, testServerContext } from './server-context.ts';
