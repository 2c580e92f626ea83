/**
 * What holds of gRPC through any proxy, with both ends ours. Above: one test file for each proxy, which says in what its
 * proxy differs. Below: calls.ts, endings.ts, flow.ts, outages.ts.
 */
import type { Suite } from '../../../support/suite.ts';
import { callTests } from './calls.ts';
import { endingTests } from './endings.ts';
import { flowTests } from './flow.ts';
import { outageTests } from './outages.ts';
import type { ProxyKind } from './proxy-process.ts';

/** In what proxies differ, where the difference is theirs to make. */
export interface ProxyHabits {
  /** Headers that begin with `x-` and are the proxy's own: it adds them to requests, and takes them out of responses. */
  readonly added: readonly string[];
  /** Whether it answers paths by itself that begin with `/refused.`; if not, why. */
  readonly refusesPaths: true | string;
  /** How a call ends whose upstream never answers for longer than the proxy waits. */
  readonly silent: string;
  /** How a call ends whose upstream cannot be reached. */
  readonly unreachable: string;
  /** How a call ends whose upstream is lost before it has answered; or 'begun anew' at the next one. */
  readonly lost: string;
  /** How a call ends whose upstream has begun its response, and is lost or falls silent. */
  readonly cutShort: string;
}

/** Registers the whole contract for a proxy; if it is not installed, one skip that says how to. */
export function proxyContract(test: Suite, kind: ProxyKind, habits: ProxyHabits): void {
  if ('missing' in kind.tool) {
    test.skip('the proxy contract', kind.tool.missing);
    return;
  }
  callTests(test, kind, habits);
  endingTests(test, kind, habits);
  flowTests(test, kind);
  outageTests(test, kind, habits);
}
