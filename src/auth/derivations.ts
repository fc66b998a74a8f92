/**
 * Key derivations one after another: each keeps a processor busy, and beside data threads there may
 * be no other. After a wrong password there is a pause three times as long as the derivation took,
 * so that guessing, from however many addresses, gets a quarter of one processor.
 *
 * What waits is bounded, in all and for each address: who guesses over a hundred connections holds
 * up others by a few derivations and no more.
 */
import { setTimeout as sleep } from 'node:timers/promises'

const PAUSE_FACTOR = 3
const WAITING_MAX = 64
const WAITING_OF_SOURCE_MAX = 4

export class Derivations {
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0
  readonly #waitingOf = new Map<string, number>()

  /** Undefined: too many are waiting. */
  run(source: string, task: () => Promise<boolean>): Promise<boolean> | undefined {
    const ofSource = this.#waitingOf.get(source) ?? 0
    if (this.#waiting >= WAITING_MAX || ofSource >= WAITING_OF_SOURCE_MAX) return undefined
    this.#waiting += 1
    this.#waitingOf.set(source, ofSource + 1)
    const started = this.#last.then(async () => {
      const before = performance.now()
      try {
        const isRight = await task()
        return { isRight, tookMs: performance.now() - before }
      } finally {
        this.#done(source)
      }
    })
    this.#last = started.then(
      ({ isRight, tookMs }) =>
        isRight ? undefined : sleep(tookMs * PAUSE_FACTOR, undefined, { ref: false }),
      // Whoever asked gets the error; the next derivation runs all the same.
      () => undefined,
    )
    return started.then(({ isRight }) => isRight)
  }

  #done(source: string): void {
    this.#waiting -= 1
    const left = this.#waitingOf.get(source)! - 1
    if (left > 0) this.#waitingOf.set(source, left)
    else this.#waitingOf.delete(source)
  }
}
