/** Usage: the time that a process spends, as gRPC's workers report it. Above: benchmark-server.ts, benchmark-client.ts. */

/** In seconds, since the making or the last reset. */
export interface UsageTimes {
  readonly timeElapsed: number;
  /** CPU time of all threads, in the program and in the kernel. */
  readonly timeUser: number;
  readonly timeSystem: number;
}

const US_PER_S = 1e6;
const MS_PER_S = 1e3;

/** Starts at its making. */
export class Usage {
  #cpu: NodeJS.CpuUsage = process.cpuUsage();
  #startedMs: number = performance.now();

  /** What was spent so far; begins anew if told to. */
  read(reset: boolean): UsageTimes {
    const cpu = process.cpuUsage();
    const nowMs = performance.now();
    const times = {
      timeElapsed: (nowMs - this.#startedMs) / MS_PER_S,
      timeUser: (cpu.user - this.#cpu.user) / US_PER_S,
      timeSystem: (cpu.system - this.#cpu.system) / US_PER_S,
    };
    if (reset) {
      this.#cpu = cpu;
      this.#startedMs = nowMs;
    }
    return times;
  }
}
