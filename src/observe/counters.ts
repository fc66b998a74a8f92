/**
 * Counters of all threads of a process, in shared memory: every thread writes its own block of
 * float64s with plain additions, whoever asks adds the blocks up. A reset does not touch them (a
 * thread may be in the middle of adding): it remembers what they stood at.
 */
import { assert } from '../base/assert.ts'

export const Counter = {
  cmdGet: 0,
  cmdSet: 1,
  cmdFlush: 2,
  cmdTouch: 3,
  getHits: 4,
  getMisses: 5,
  getExpired: 6,
  getFlushed: 7,
  deleteHits: 8,
  deleteMisses: 9,
  incrHits: 10,
  incrMisses: 11,
  decrHits: 12,
  decrMisses: 13,
  casHits: 14,
  casMisses: 15,
  casBadval: 16,
  touchHits: 17,
  touchMisses: 18,
  storeTooLarge: 19,
  storeNoMemory: 20,
  authCmds: 21,
  authErrors: 22,
  bytesRead: 23,
  bytesWritten: 24,
  cmdMeta: 25,
  sslNewSessions: 26,
  sslHandshakeErrors: 27,
  sslProtoErrors: 28,
  logWorkerWritten: 29,
  logWorkerDropped: 30,
  logWatcherSent: 31,
  logWatcherSkipped: 32,
  connYields: 33,
  idleKicks: 34,
  writesMissed: 35,
  writesDiscarded: 36,
  readBufCount: 37,
  readBufBytes: 38,
  readBufBytesFree: 39,
  readBufOom: 40,
  getsShared: 41,
  repliesDropped: 42,
} as const
export type Counter = (typeof Counter)[keyof typeof Counter]

/** The store's own counters of a thread begin here in its block. */
export const STORE_BLOCK = 48
export const STORE_BLOCK_SIZE = 8
/** Float64s a thread: a multiple of a cache line, so that no two threads write the same one. */
const BLOCK = 64

export type CountersHandle = { buffer: SharedArrayBuffer; threads: number }

export class Counters {
  readonly handle: CountersHandle
  readonly #all: Float64Array
  /**
   * What counters stood at when they were last reset; shared, so that every thread answers alike.
   */
  readonly #baseline: Float64Array

  constructor(handle: CountersHandle) {
    this.handle = handle
    const size = handle.threads * BLOCK
    this.#all = new Float64Array(handle.buffer, 0, size)
    this.#baseline = new Float64Array(handle.buffer, size * 8, BLOCK)
  }

  static create(threads: number): Counters {
    return new Counters({ buffer: new SharedArrayBuffer((threads + 1) * BLOCK * 8), threads })
  }

  /** The block that thread `index` counts in. */
  ofThread(index: number): Float64Array {
    return this.#all.subarray(index * BLOCK, (index + 1) * BLOCK)
  }

  storeOfThread(index: number): Float64Array {
    const at = index * BLOCK + STORE_BLOCK
    return this.#all.subarray(at, at + STORE_BLOCK_SIZE)
  }

  /** Since the last reset. */
  sum(counter: number): number {
    return this.total(counter) - this.#baseline[counter]!
  }

  /** Since the start, whatever was reset: for what is held now (items, bytes). */
  total(counter: number): number {
    let sum = 0
    for (let at = counter; at < this.#all.length; at += BLOCK) sum += this.#all[at]!
    return sum
  }

  reset(): void {
    for (let counter = 0; counter < BLOCK; counter += 1) {
      this.#baseline[counter] = this.total(counter)
    }
  }
}

// Invariants
assert(STORE_BLOCK + STORE_BLOCK_SIZE <= BLOCK, 'both kinds of counters fit a block')
assert(Math.max(...Object.values(Counter)) < STORE_BLOCK, 'the kinds do not overlap')

/** What a thread's secure listeners count (net/tls-door.ts). */
export function tlsCounters(counts: Float64Array) {
  const count = (counter: Counter) => (): void => {
    counts[counter] = counts[counter]! + 1
  }
  return {
    handshakeFailed: count(Counter.sslHandshakeErrors),
    sessionStarted: count(Counter.sslNewSessions),
    protocolFailed: count(Counter.sslProtoErrors),
  }
}

/**
 * How it stands with what a thread reads into (session/staging.ts StagingWatch), beside what its
 * transport has for everybody.
 */
export function readBufferCounters(counts: Float64Array, input: { count: number; bytes: number }) {
  const moved = (staged: { count: number; bytes: number; keptBytes: number }): void => {
    counts[Counter.readBufCount] = input.count + staged.count
    counts[Counter.readBufBytes] = input.bytes + staged.bytes
    counts[Counter.readBufBytesFree] = staged.keptBytes
  }
  moved({ count: 0, bytes: 0, keptBytes: 0 })
  return {
    moved,
    refused: (): void => {
      counts[Counter.readBufOom] = counts[Counter.readBufOom]! + 1
    },
  }
}

/** What a session counts, into a thread's block (session/services.ts SessionCounters). */
export function sessionCounters(counts: Float64Array, onLoginRefused: (peer: string) => void) {
  const add = (counter: Counter, n: number): void => {
    counts[counter] = counts[counter]! + n
  }
  return {
    bytesRead: (length: number): void => add(Counter.bytesRead, length),
    bytesWritten: (length: number): void => add(Counter.bytesWritten, length),
    yielded: (): void => add(Counter.connYields, 1),
    authAttempt: (succeeded: boolean, peer: string): void => {
      add(Counter.authCmds, 1)
      if (succeeded) return
      add(Counter.authErrors, 1)
      onLoginRefused(peer)
    },
  }
}
