/** A request that went to every node: answered once, when the last of them has. */
export class Gathering {
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
