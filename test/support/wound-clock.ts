/** WoundClock: ManualClock under the name that our own tests use. Below: src/testing. */
import { ManualClock } from '../../src/testing/manual-clock.ts';

export class WoundClock extends ManualClock {
  /** How many timers are armed. */
  get armed(): number {
    return this.pending;
  }
}
