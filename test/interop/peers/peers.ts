/**
 * All peers of the interop matrix. Above: matrix-main.ts. Below: one file each. Holds: a foreign toolchain is asked for only when
 * its peer is wanted.
 */
import type { FaceName } from '../face.ts';
import { grpcGoPeer } from './grpc-go.ts';
import { grpcJavaPeer } from './grpc-java.ts';
import { grpcJsPeer } from './grpc-js.ts';
import { grpcioPeer } from './grpcio.ts';
import { halfclosePeer } from './halfclose.ts';
import type { MissingPeer, Peer } from './peer.ts';

/** The implementations that are not halfclose, in the order of the tables. */
export const FOREIGN: Readonly<Record<string, () => Peer | MissingPeer>> = {
  'grpc-js': grpcJsPeer,
  'grpc-go': grpcGoPeer,
  'grpc-java': grpcJavaPeer,
  grpcio: grpcioPeer,
};

/** halfclose with some of its faces and some of the others. Fetches and builds what is not there yet. */
export function findPeers(faces: readonly FaceName[], foreign: readonly string[]): (Peer | MissingPeer)[] {
  const others = Object.entries(FOREIGN).filter(([name]) => foreign.includes(name));
  return [...faces.map(halfclosePeer), ...others.map(([, find]) => find())];
}
