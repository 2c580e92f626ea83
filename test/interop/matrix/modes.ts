/**
 * The ways in which every pair is run. Above: everything in this folder, the peers. Holds: what a mode is called here is its
 * name on the command line, in the JSON and in the tables.
 */

/** In `gzip`, which is in cleartext, every side that can compresses all it sends, unless a case says otherwise. */
export type Mode = 'cleartext' | 'tls' | 'gzip';

export const MODES: readonly Mode[] = ['cleartext', 'tls', 'gzip'];
