/**
 * How long to wait before a process that died is started again: not at all the first time, then
 * 100 ms, doubling to 10 s, and from the start again once it has stayed up for 30 s.
 */
const FIRST_MS = 100
const MAX_MS = 10_000
const STEADY_MS = 30_000

export class BackOff {
  #nextMs = 0

  /** @param upMs how long it served before it died; 0 if it never got that far. */
  delayMs(upMs: number): number {
    if (upMs >= STEADY_MS) this.#nextMs = 0
    const delay = this.#nextMs
    this.#nextMs = Math.min(MAX_MS, Math.max(FIRST_MS, delay * 2))
    return delay
  }
}
