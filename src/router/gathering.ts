/** Requests that go to several nodes, or whose answer has many lines. */

/** Who waits for one node's answer. */
export interface Gatherer {
  /** A line of several: STAT, ITEM or PREFIX. */
  row?(name: string, text: string): void
  /** The last; '' when the node said yes, else the line of its error. */
  answer(failure: string): void
}

/** A request that went to every node: answered once, when the last of them has. */
export class Gathering implements Gatherer {
  #missing: number
  #failure = ''
  readonly #done: (failure: string) => void

  /** @param done gets '' when all nodes said yes, else what the first failure was. */
  constructor(nodes: number, done: (failure: string) => void) {
    this.#missing = nodes
    this.#done = done
  }

  answer(failure: string): void {
    if (this.#failure === '') this.#failure = failure
    this.#missing -= 1
    if (this.#missing === 0) this.#done(this.#failure)
  }
}
