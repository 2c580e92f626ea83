/**
 * What channels publish on node:diagnostics_channel, so that nobody needs to patch them: `halfclose.channel.state`,
 * `halfclose.subchannel.state`, `halfclose.resolution`. Above: ManagedChannel, NamedConnections. Below: node:diagnostics_channel.
 * Holds: without subscribers a publication costs a comparison, and makes nothing.
 */
import { channel } from 'node:diagnostics_channel';
import type { ConnectivityState } from './connectivity.ts';

/** On `halfclose.channel.state`, at each change. */
export interface ChannelStateMessage {
  readonly target: string;
  readonly state: ConnectivityState;
}

/** On `halfclose.subchannel.state`, at each change of one address. */
export interface SubchannelStateMessage {
  readonly target: string;
  /** `host:port` or `unix:path`. */
  readonly address: string;
  readonly state: ConnectivityState;
  /** In TRANSIENT_FAILURE why; else null. */
  readonly failure: string | null;
}

/** On `halfclose.resolution`, at each answer. */
export interface ResolutionMessage {
  readonly target: string;
  /** How many addresses there are; null when it failed. */
  readonly addresses: number | null;
  readonly failure: string | null;
}

const channelStates = channel('halfclose.channel.state');
const subchannelStates = channel('halfclose.subchannel.state');
const resolutions = channel('halfclose.resolution');

/** A channel has come into another state. */
export function publishChannelState(target: string, state: ConnectivityState): void {
  if (channelStates.hasSubscribers) channelStates.publish({ target, state } satisfies ChannelStateMessage);
}

/** `failure` is asked only where somebody listens. */
export function publishSubchannelState(
  target: string,
  address: string,
  state: ConnectivityState,
  failure: () => string,
): void {
  if (!subchannelStates.hasSubscribers) return;
  const why = state === 'TRANSIENT_FAILURE' ? failure() : null;
  subchannelStates.publish({ target, address, state, failure: why } satisfies SubchannelStateMessage);
}

/** A name was resolved, or could not be: one of `addresses` and `failure` is null. */
export function publishResolution(target: string, addresses: number | null, failure: string | null): void {
  if (resolutions.hasSubscribers) resolutions.publish({ target, addresses, failure } satisfies ResolutionMessage);
}
