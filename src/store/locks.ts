/**
 * Locks are words of the region: 0 free, else held: 1, or who holds it where locks are checked
 * (checks.ts, which tests all of this while they run).
 *
 * Which lock guards what:
 *   bucket lock    one a main bucket: its slots, its overflow chain, header words and value bytes
 *                  of every item it links, and the pins of large ones while they are linked
 *   segment lock   one: free list, queue, segment states, chain links, the open segment's identity
 *   overflow lock  one: the list of free overflow buckets
 *   grow lock      one: the number of main buckets; only ever tried, never waited for
 * Order: grow lock → bucket lock → segment lock or overflow lock (both are leaves, held for a few
 * words' work).
 * Nobody reserves room, opens a segment or evicts while holding a bucket lock.
 *
 * Atomics.wait does not work on mapped memory, so a waiter looks some 200 times and then gives the
 * processor to whoever holds the lock. A thread that dies holding one ends the process.
 */
const SPINS = 200

export class Locks {
  readonly #words: Uint32Array
  readonly #yieldCpu: () => void
  /** Times a lock was found held; of this thread. */
  contended = 0

  constructor(words: Uint32Array, yieldCpu: () => void) {
    this.#words = words
    this.#yieldCpu = yieldCpu
  }

  lock(word: number): void {
    if (Atomics.compareExchange(this.#words, word, 0, 1) !== 0) this.#lockContended(word)
  }

  /** Whether the lock was free, and is held now. */
  tryLock(word: number): boolean {
    return Atomics.compareExchange(this.#words, word, 0, 1) === 0
  }

  unlock(word: number): void {
    Atomics.store(this.#words, word, 0)
  }

  #lockContended(word: number): void {
    this.contended += 1
    for (;;) {
      for (let i = 0; i < SPINS; i += 1) {
        const free = Atomics.load(this.#words, word) === 0
        if (free && Atomics.compareExchange(this.#words, word, 0, 1) === 0) return
      }
      this.#yieldCpu()
    }
  }
}
