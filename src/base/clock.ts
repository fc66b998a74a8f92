/** Time is an argument: tests of expiry never sleep. */
export type Clock = {
  /** Whole seconds since 1970, from a clock that never steps back. */
  seconds(): number
  /** Milliseconds of the same clock, with fractions. */
  milliseconds(): number
}

/**
 * Wall time read once, then carried on by the monotonic clock that all threads of a process share,
 * so that a stepped system clock neither expires nor revives anything.
 * @param epochMs unix time in milliseconds at which the monotonic clock stood at zero; every
 *   thread of a process must be given the same number (`monotonicEpochMs()` of one of them).
 */
export function systemClock(epochMs: number): Clock {
  // performance.now() counts from the thread's start: find this thread's distance to zero once.
  const offsetMs = Number(process.hrtime.bigint() / 1000n) / 1000 - performance.now()
  const base = epochMs + offsetMs
  return {
    seconds: () => Math.floor((base + performance.now()) / 1000),
    milliseconds: () => base + performance.now(),
  }
}

export function monotonicEpochMs(): number {
  return Date.now() - Number(process.hrtime.bigint() / 1000n) / 1000
}

/** How far a clock has been moved, and where it stands, if it stands. */
export type ClockShift = {
  /** Milliseconds ahead of the clock it follows. */
  aheadMs(): number
  /** The time of the clock it follows at which it was stopped; 0: it goes. */
  stoppedAtMs(): number
}

/** Follows another clock, but for what `shift` says. */
export function shiftedClock(clock: Clock, shift: ClockShift): Clock {
  const milliseconds = (): number => {
    const stoppedAt = shift.stoppedAtMs()
    return (stoppedAt === 0 ? clock.milliseconds() : stoppedAt) + shift.aheadMs()
  }
  return { milliseconds, seconds: () => Math.floor(milliseconds() / 1000) }
}

/** A clock that stands still until it is moved. */
export class ManualClock implements Clock {
  #ms: number
  constructor(startSeconds: number) {
    this.#ms = startSeconds * 1000
  }
  seconds(): number {
    return Math.floor(this.#ms / 1000)
  }
  milliseconds(): number {
    return this.#ms
  }
  advance(seconds: number): void {
    this.#ms += seconds * 1000
  }
}
