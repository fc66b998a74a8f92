/** The keys of writes that a node missed, each once; beyond a limit only that there are more. */
export class Journal {
  readonly #keysMax: number
  readonly #keys = new Set<string>()
  #isOverflown = false

  constructor(keysMax: number) {
    this.#keysMax = keysMax
  }

  get isEmpty(): boolean {
    return this.#keys.size === 0 && !this.#isOverflown
  }

  get size(): number {
    return this.#keys.size
  }

  /** Whether everything has to go, because not all keys are known. */
  get isOverflown(): boolean {
    return this.#isOverflown
  }

  /** @param key undefined: any key may be meant. */
  add(key: string | undefined): void {
    if (this.#isOverflown) return
    if (key !== undefined && (this.#keys.has(key) || this.#keys.size < this.#keysMax)) {
      this.#keys.add(key)
      return
    }
    this.#isOverflown = true
    this.#keys.clear()
  }

  keys(): string[] {
    return [...this.#keys]
  }

  /** These have been seen to; others may have come meanwhile. */
  remove(keys: readonly string[]): void {
    for (const key of keys) this.#keys.delete(key)
  }

  clear(): void {
    this.#keys.clear()
    this.#isOverflown = false
  }
}
