/**
 * Key derivations one after another: each keeps a processor busy, and beside data threads there may
 * be no other. After a wrong password there is a pause three times as long as the derivation took,
 * so that guessing, from however many addresses, gets a quarter of one processor.
 */
import { setTimeout as sleep } from 'node:timers/promises'

const PAUSE_FACTOR = 3

export class Derivations {
  #last: Promise<unknown> = Promise.resolve()

  run(task: () => Promise<boolean>): Promise<boolean> {
    const started = this.#last.then(async () => {
      const before = performance.now()
      const isRight = await task()
      return { isRight, tookMs: performance.now() - before }
    })
    this.#last = started.then(
      ({ isRight, tookMs }) =>
        isRight ? undefined : sleep(tookMs * PAUSE_FACTOR, undefined, { ref: false }),
      // Whoever asked gets the error; the next derivation runs all the same.
      () => undefined,
    )
    return started.then(({ isRight }) => isRight)
  }
}
