/**
 * Which nodes may be asked: one decision for all threads of a router, in shared words. Any thread
 * may shut a node out, at once and for all; only main lets it in again (node-warden.ts), when all
 * that is left of the time before is gone.
 *
 *              a write was lost or could not be sent · silence · too many failures or errors
 *   admitted ───────────────────────────────────────────────────▶ shut
 *      ▲                                                            │ every thread has closed its
 *      │ old connections are gone at the node,                      ▼ connections
 *      │ the keys of missed writes deleted                        probing ◀─┐ jittered back-off
 *      └─────────────────────── fencing ◀──answers `version`────────┘       │
 *                                  └──────refused, lost, too slow───────────┘
 *   start: shut, and requests wait until it has been tried once (`isDecided`).
 *
 * A node's lives count these changes: even ones are admitted, odd ones shut. Connections belong to
 * the life in which they were opened, and end with it.
 *
 *   node, 320 bytes
 *   0 life (11 bits) and misses that main has yet to hear of (21)    all, atomically
 *   1 marked: a restart would know that it has missed writes         main writes
 *   2 decided: it has been tried since the start                     main writes
 *   3 failures in a row                                              data threads
 *   4 it knows `fence`   5 it can be seen whether old connections are gone    main, while shut
 *   6 generation, u64: of the connections of this life (fences.ts)   main writes, while shut
 *   8 writes that are late (late-writes.ts)   16–79 … of these, those of keys with that hash
 */
import type { DeadNode, HealthSettings } from '../cluster/config.ts'

/** Of keys of late writes; a power of two. */
export const LATE_SLOTS = 64
const LATE_AT = 16
const NODE_WORDS = LATE_AT + LATE_SLOTS
const STATE = 0
const MARKED = 1
const DECIDED = 2
const FAILURES = 3
const KNOWS_FENCE = 4
const FENCEABLE = 5
const GENERATION_WORD = 6
const LATE = 8

const LIFE_SHIFT = 21
const LIVES = 1 << (32 - LIFE_SHIFT)
const MISSES_MASK = (1 << LIFE_SHIFT) - 1

export function isShutLife(life: number): boolean {
  return life % 2 === 1
}

export class NodeHealth {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #longs: BigUint64Array

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
    this.#longs = new BigUint64Array(buffer)
  }

  /** Main only: another node has this place, and no thread knows of the one before it any more. */
  renew(node: number): void {
    const life = this.life(node)
    if (!isShutLife(life)) this.shut(node, life)
    for (const word of [MARKED, DECIDED, FAILURES, FENCEABLE]) {
      Atomics.store(this.#words, node * NODE_WORDS + word, 0)
    }
    this.setGeneration(node, undefined)
  }

  /** All shut, and not yet tried. */
  static create(nodes: number): NodeHealth {
    const health = new NodeHealth(new SharedArrayBuffer(nodes * NODE_WORDS * 4))
    for (let node = 0; node < nodes; node += 1) health.shut(node, 0)
    return health
  }

  /**
   * For every request, so a plain read: a thread that has heard of a failure has been in the kernel
   * since the word was written.
   */
  life(node: number): number {
    return this.#words[node * NODE_WORDS + STATE]! >>> LIFE_SHIFT
  }

  isAdmitted(node: number): boolean {
    return !isShutLife(this.life(node))
  }

  /** Ends a life in which the node was admitted. False: it is over already. */
  shut(node: number, life: number): boolean {
    return this.#goOn(node, life, MISSES_MASK)
  }

  /** Main only. False: there are misses that it has to hear of first, or the life is over. */
  admit(node: number, life: number): boolean {
    return this.#goOn(node, life, 0)
  }

  /** From one life to the next, unless there are more misses than that. */
  #goOn(node: number, life: number, missesMax: number): boolean {
    const at = node * NODE_WORDS + STATE
    for (;;) {
      const state = Atomics.load(this.#words, at)
      const misses = state & MISSES_MASK
      if (state >>> LIFE_SHIFT !== life || misses > missesMax) return false
      const next = (((life + 1) % LIVES) << LIFE_SHIFT) | misses
      if (Atomics.compareExchange(this.#words, at, state, next) === state) return true
    }
  }

  /**
   * Notes that a write is being missed: the node is not admitted before main has heard of it.
   * False: it is admitted, nothing was noted.
   */
  miss(node: number): boolean {
    const before = Atomics.add(this.#words, node * NODE_WORDS + STATE, 1)
    if (isShutLife(before >>> LIFE_SHIFT)) return true
    this.settle(node)
    return false
  }

  /** Main has heard of one miss, or need not. */
  settle(node: number): void {
    Atomics.sub(this.#words, node * NODE_WORDS + STATE, 1)
  }

  isMarked(node: number): boolean {
    return Atomics.load(this.#words, node * NODE_WORDS + MARKED) !== 0
  }

  setMarked(node: number, marked: boolean): void {
    Atomics.store(this.#words, node * NODE_WORDS + MARKED, Number(marked))
  }

  isDecided(node: number): boolean {
    return this.#words[node * NODE_WORDS + DECIDED] !== 0
  }

  decide(node: number): void {
    Atomics.store(this.#words, node * NODE_WORDS + DECIDED, 1)
  }

  /** One more connection that failed or ended; returns how many there were since an answer. */
  fail(node: number): number {
    return Atomics.add(this.#words, node * NODE_WORDS + FAILURES, 1) + 1
  }

  /** The node has answered. For every answer, so it writes only if there is need. */
  answered(node: number): void {
    const at = node * NODE_WORDS + FAILURES
    if (this.#words[at] !== 0) Atomics.store(this.#words, at, 0)
  }

  /** One more write that is late, or one less. */
  countLate(node: number, slot: number, by: 1 | -1): void {
    Atomics.add(this.#words, node * NODE_WORDS + LATE_AT + slot, by)
    Atomics.add(this.#words, node * NODE_WORDS + LATE, by)
  }

  /** For every request, as `life` is. */
  lateCount(node: number): number {
    return this.#words[node * NODE_WORDS + LATE]!
  }

  lateCountAt(node: number, slot: number): number {
    return Atomics.load(this.#words, node * NODE_WORDS + LATE_AT + slot)
  }

  /** Main only: how connections of the next life name themselves; undefined: they do not. */
  setGeneration(node: number, generation: bigint | undefined): void {
    Atomics.store(this.#words, node * NODE_WORDS + KNOWS_FENCE, Number(generation !== undefined))
    Atomics.store(this.#longs, (node * NODE_WORDS + GENERATION_WORD) / 2, generation ?? 0n)
  }

  /** Whether nothing that was sent before can be carried out after the node is admitted again. */
  isFenceable(node: number): boolean {
    return Atomics.load(this.#words, node * NODE_WORDS + FENCEABLE) !== 0
  }

  setFenceable(node: number, isFenceable: boolean): void {
    Atomics.store(this.#words, node * NODE_WORDS + FENCEABLE, Number(isFenceable))
  }

  generation(node: number): bigint | undefined {
    if (Atomics.load(this.#words, node * NODE_WORDS + KNOWS_FENCE) === 0) return undefined
    return Atomics.load(this.#longs, (node * NODE_WORDS + GENERATION_WORD) / 2)
  }
}

/** Main to portable threads: something has changed. Native ones are woken instead. */
export const LOOK = 'look'

/** What data threads tell main about nodes. */
export type HealthMessage =
  /** It was shut out; `life` is the one that has begun. */
  | { type: 'shut'; node: number; life: number; reason: string }
  /** The thread has no connection left from before this life. */
  | { type: 'closed'; node: number; life: number }
  /** A write was missed: of this key (Latin-1), or of any. */
  | { type: 'missed'; node: number; key: string | undefined }

export const healthDefaults: HealthSettings = {
  timeoutMs: 800,
  failures: 3,
  errorPercent: 50,
  journalKeys: 10_000,
}

export const deadNodeDefaults: DeadNode = { reads: 'miss', writes: 'error' }
