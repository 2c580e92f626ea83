/**
 * What balancers want to know of an endpoint: what tells it from others when a name is resolved anew, and its weight. Above:
 * balancers. Below: formatAddress. Holds: an endpoint is its addresses, in whatever order, and its authority.
 * Source: gRFC A61.
 */
import type { Http2Address } from '../../transport/http2/client-socket.ts';
import { formatAddress } from '../../values/attributes.ts';
import type { Endpoint } from '../resolver/resolver.ts';

/** Equal for connections of which one can take the other's place. */
export function addressKey(endpoint: Endpoint, address: Http2Address): string {
  return endpoint.authority === undefined ? formatAddress(address) : `${formatAddress(address)} ${endpoint.authority}`;
}

/** Equal for what is the same endpoint in two resolutions. */
export function endpointKey(endpoint: Endpoint): string {
  return endpoint.addresses
    .map((address) => addressKey(endpoint, address))
    .sort()
    .join(',');
}

/** How many calls it gets next to others; what is no weight counts as 1. */
export function weightOf({ weight = 1 }: Endpoint): number {
  return weight > 0 && weight < Number.POSITIVE_INFINITY ? weight : 1;
}
