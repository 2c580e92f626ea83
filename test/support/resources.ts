/**
 * What keeps this process alive, by type, before and after a suite: a server, socket or timer that a test left open is a
 * leak. Only handles that hold the event loop count, because `process.getActiveResourcesInfo` knows no others.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';

export type Resources = ReadonlyMap<string, number>;

const POLL_MS = 20;

/** The active resources of the process, without what the waiting itself costs. */
export async function activeResources(): Promise<Resources> {
  await setImmediate();
  const counts = new Map<string, number>();
  for (const type of process.getActiveResourcesInfo()) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}

function surplus(before: Resources, now: Resources): string[] {
  const grown: string[] = [];
  for (const [type, count] of now) {
    const more = count - (before.get(type) ?? 0);
    if (more > 0) grown.push(`${more} × ${type}`);
  }
  return grown;
}

/** Waits until no more is active than in `before`; after `graceMs` gives up and names what is left. */
export async function leakedSince(before: Resources, graceMs: number): Promise<string[]> {
  const giveUpAt = performance.now() + graceMs;
  for (;;) {
    const leaked = surplus(before, await activeResources());
    if (leaked.length === 0 || performance.now() >= giveUpAt) return leaked;
    await setTimeout(POLL_MS);
  }
}
