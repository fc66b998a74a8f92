/** How many of the latest answers of a node were errors or too late: of one second at a time. */
const WINDOW_MS = 1000
/** Fewer bad ones prove nothing. */
const BAD_MIN = 20

export class AnswerWindow {
  #answers = 0
  #bad = 0
  #endsAtMs = 0

  count(isBad: boolean): void {
    this.#answers += 1
    if (isBad) this.#bad += 1
  }

  /** Whether there are too many of them, once the second is over. */
  isTooBad(nowMs: number, errorPercent: number): boolean {
    if (nowMs < this.#endsAtMs) return false
    const tooBad = this.#bad >= BAD_MIN && this.#bad * 100 >= this.#answers * errorPercent
    this.#answers = 0
    this.#bad = 0
    this.#endsAtMs = nowMs + WINDOW_MS
    return tooBad
  }
}
