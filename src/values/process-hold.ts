/**
 * ProcessHold: keeps the process alive while somebody waits for what only background timers will bring. Above: channels with
 * calls in line. Below: node's timers. Holds: one handle at most, and only between hold and release.
 */

const A_LONG_TIME_MS = 2 ** 30;

/** Keeps the process alive. Starts released. */
export class ProcessHold {
  #handle: ReturnType<typeof setInterval> | null = null;

  /** A second call does nothing. */
  hold(): void {
    this.#handle ??= setInterval(nothing, A_LONG_TIME_MS);
  }

  /** A second call does nothing. */
  release(): void {
    if (this.#handle === null) return;
    clearInterval(this.#handle);
    this.#handle = null;
  }
}

function nothing(): void {}
