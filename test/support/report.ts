/**
 * What a test process tells the runner: one JSON line per event on the file descriptor that the runner names in the
 * environment. Writes are synchronous, so the last event before a crash or a kill is never lost.
 */
import { writeSync } from 'node:fs';

export type TestEvent =
  | { readonly event: 'start'; readonly name: string }
  | { readonly event: 'pass'; readonly name: string }
  | { readonly event: 'fail'; readonly name: string }
  | { readonly event: 'skip'; readonly name: string; readonly reason: string }
  | { readonly event: 'end' };

export const REPORT_FD_VARIABLE = 'HALFCLOSE_REPORT_FD';

const fd = Number(process.env[REPORT_FD_VARIABLE] ?? 0);
// A child of a test must not write to a descriptor that was meant for its parent.
delete process.env[REPORT_FD_VARIABLE];

/** Sends one event; does nothing when the file was started by hand. */
export function report(event: TestEvent): void {
  if (fd > 0) writeSync(fd, `${JSON.stringify(event)}\n`);
}
