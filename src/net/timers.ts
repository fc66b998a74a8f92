/**
 * The timers of a native transport: a short list, soonest first. A thread has a handful of them
 * (checks once a second, back-offs, connect timeouts), so a sorted list is enough.
 */
import type { Cancel } from './transport.ts'

type Timer = { dueMs: number; everyMs: number; call: () => void }

export class Timers {
  readonly #nowMs: () => number
  readonly #timers: Timer[] = []

  /** @param nowMs monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  after(ms: number, call: () => void): Cancel {
    return this.#start({ dueMs: this.#nowMs() + ms, everyMs: 0, call })
  }

  every(ms: number, call: () => void): Cancel {
    return this.#start({ dueMs: this.#nowMs() + ms, everyMs: ms, call })
  }

  /** Whole milliseconds until the next one is due; -1: there is none. */
  get waitMs(): number {
    const first = this.#timers[0]
    return first === undefined ? -1 : Math.max(0, Math.ceil(first.dueMs - this.#nowMs()))
  }

  /** Calls what is due now; what that adds waits for the next time. */
  runDue(): void {
    const nowMs = this.#nowMs()
    let count = 0
    while (count < this.#timers.length && this.#timers[count]!.dueMs <= nowMs) count += 1
    const due = this.#timers.slice(0, count)
    for (const timer of due) {
      // One of the others may have taken it back.
      if (!this.#remove(timer)) continue
      if (timer.everyMs > 0) {
        timer.dueMs = nowMs + timer.everyMs
        this.#insert(timer)
      }
      timer.call()
    }
  }

  #start(timer: Timer): Cancel {
    this.#insert(timer)
    return () => {
      this.#remove(timer)
    }
  }

  #insert(timer: Timer): void {
    let at = this.#timers.length
    while (at > 0 && this.#timers[at - 1]!.dueMs > timer.dueMs) at -= 1
    this.#timers.splice(at, 0, timer)
  }

  #remove(timer: Timer): boolean {
    const at = this.#timers.indexOf(timer)
    if (at >= 0) this.#timers.splice(at, 1)
    return at >= 0
  }
}

/** What is to be called when a turn ends; a call that is added meanwhile waits for the next one. */
export class TurnEnd {
  #calls: (() => void)[] = []
  #running: (() => void)[] = []

  get isEmpty(): boolean {
    return this.#calls.length === 0
  }

  add(call: () => void): void {
    this.#calls.push(call)
  }

  run(): void {
    if (this.#calls.length === 0) return
    const calls = this.#calls
    this.#calls = this.#running
    this.#running = calls
    for (const call of calls) call()
    calls.length = 0
  }
}

/** Of two times to wait, of which -1 means no end. */
export function shorter(one: number, other: number): number {
  if (one < 0) return other
  return other < 0 ? one : Math.min(one, other)
}
