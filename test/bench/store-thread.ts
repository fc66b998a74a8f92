// One thread of the store benchmark: does one operation again and again on a region that is filled,
// from the moment on that all threads are ready. Says how long that took, and how often a lock was
// found held.

import { createRequire } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import { copyBytes } from '../../src/base/bytes.ts'
import { Prng } from '../../src/base/prng.ts'
import { Zipf } from '../../src/base/zipf.ts'
import type { Layout } from '../../src/store/layout.ts'
import { Outcome, type Put, PutMode, STORE_COUNTERS } from '../../src/store/put.ts'
import { openRegion, type Region, type RegionHandle } from '../../src/store/region.ts'
import { Store } from '../../src/store/store.ts'
import type { Upload } from '../../src/store/uploads.ts'

export type StoreOperation = 'hit' | 'miss' | 'set' | 'delete' | 'incr' | 'aside' | 'upload'
export type KeyChoice = 'disjoint' | 'zipf'

export interface StoreTask {
  readonly handle: RegionHandle
  readonly layout: Layout
  readonly operation: StoreOperation
  readonly keys: KeyChoice
  readonly thread: number
  readonly threads: number
  readonly keyCount: number
  readonly operations: number
  /** Of a value, in bytes. */
  readonly valueSize: number
  /** Two words: threads that are ready, and 1 once they may go. */
  readonly gate: SharedArrayBuffer
}

export interface StoreTiming {
  readonly milliseconds: number
  /** Times a lock was found held, and how long it took to get it then. */
  readonly contended: number
  readonly waitedMs: number
  /** Of what was to be found, changed or stored. */
  readonly failures: number
  /** Milliseconds of puts over PAUSE_MS, by the wall clock and by this thread's own CPU time. */
  readonly pauses: readonly number[]
  readonly cpuPauses: readonly number[]
}

export const KEY_SIZE = 16
export const VALUE_SIZE = 100
export const PAUSE_MS = 1
const NOW = 1_700_000_000
const ORDER_LENGTH = 1 << 18
const WARMUP = 50_000
/** What a transport reads at once. */
const PIECE_BYTES = 16 * 1024
const ZIPF_EXPONENT = 0.99
// include/uapi/linux/time.h
const CLOCK_THREAD_CPUTIME_ID = 3

/** Key `id` is `k` and 15 digits; `prefix` makes another set of keys. */
export function writeKey(key: Uint8Array, prefix: string, id: number): void {
  const digits = String(id).padStart(KEY_SIZE - 1, '0')
  for (let i = 1; i < KEY_SIZE; i += 1) key[i] = digits.charCodeAt(i - 1)
  key[0] = prefix.charCodeAt(0)
}

export function newPut(valueSize = VALUE_SIZE): Put {
  return {
    mode: PutMode.set,
    key: new Uint8Array(KEY_SIZE),
    keyAt: 0,
    keySize: KEY_SIZE,
    value: new Uint8Array(valueSize).fill(0x31),
    valueAt: 0,
    valueSize,
    clientFlags: 0,
    exptime: 0,
    casLow: 0,
    casHigh: 0,
    newCasLow: 0,
    newCasHigh: 0,
    marks: 0,
  }
}

export function newStore(region: Region, layout: Layout): Store {
  const counters = new Float64Array(STORE_COUNTERS)
  const store = new Store(region, layout, { evict: true, itemSizeMax: 1 << 20, counters })
  store.now = NOW
  return store
}

/**
 * CPU time of this thread in milliseconds, to the microsecond. Without koffi only to the tick of
 * the scheduler (4 ms): a put that a tick falls into seems to have taken all of it.
 */
function cpuClock(): () => number {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi')
    const clockGettime = koffi.load(null).func('clock_gettime', 'int', ['int', 'void *'])
    const time = new BigInt64Array(2)
    return () => {
      clockGettime(CLOCK_THREAD_CPUTIME_ID, time)
      return Number(time[0]) * 1000 + Number(time[1]) / 1e6
    }
  } catch {
    return () => {
      const { user, system } = process.threadCpuUsage()
      return (user + system) / 1000
    }
  }
}

/** The ids in the order in which they are asked for; deletes ask for each of a thread's own once. */
function orderOf(task: StoreTask): Uint32Array {
  const { thread, threads, keyCount } = task
  const own = Math.floor(keyCount / threads)
  if (task.operation === 'delete') {
    return Uint32Array.from({ length: own }, (_, at) => at * threads + thread)
  }
  const prng = new Prng(thread + 1)
  const zipf = new Zipf(keyCount, ZIPF_EXPONENT)
  const next = (): number =>
    task.keys === 'zipf' ? zipf.next(prng) : prng.below(own) * threads + thread
  return Uint32Array.from({ length: ORDER_LENGTH }, next)
}

class StoreThread {
  readonly #store: Store
  readonly #task: StoreTask
  readonly #order: Uint32Array
  /** All keys in a row, in their order. */
  readonly #keys: Uint8Array
  readonly #put: Put
  readonly #cpuMs = cpuClock()
  readonly #target = new Uint8Array(VALUE_SIZE)
  readonly pauses: number[] = []
  readonly cpuPauses: number[] = []
  failures = 0
  #fresh = 0

  constructor(store: Store, task: StoreTask) {
    this.#store = store
    this.#task = task
    this.#order = orderOf(task)
    this.#put = newPut(task.valueSize)
    this.#keys = new Uint8Array(this.#order.length * KEY_SIZE)
    const prefix = {
      hit: 'k',
      miss: 'm',
      set: 'k',
      delete: 'k',
      incr: 'n',
      aside: 'a',
      upload: 'u',
    }
    for (const [at, id] of this.#order.entries()) {
      writeKey(this.#keys.subarray(at * KEY_SIZE), prefix[task.operation], id)
    }
  }

  run(operations: number): void {
    const length = this.#order.length
    for (let i = 0; i < operations; i += 1) {
      if (!this.#one((i % length) * KEY_SIZE, i)) this.failures += 1
    }
  }

  #one(keyAt: number, i: number): boolean {
    switch (this.#task.operation) {
      case 'hit':
        return this.#get(keyAt)
      case 'miss':
        return !this.#get(keyAt)
      case 'set':
        return this.#set(keyAt)
      case 'delete':
        return this.#store.remove(this.#keys, keyAt, KEY_SIZE)
      case 'incr':
        return this.#incr(keyAt)
      case 'aside':
        // Every fifth key is a new one, so that there is always something to evict.
        if (i % 5 === 0) this.#renew(keyAt)
        return this.#get(keyAt) || this.#timed(() => this.#set(keyAt))
      case 'upload':
        return this.#upload(keyAt)
    }
  }

  #get(keyAt: number): boolean {
    const { items } = this.#store
    const item = this.#store.find(this.#keys, keyAt, KEY_SIZE)
    if (item !== 0) {
      this.#store.noteRead(item)
      const size = items.valueSize(item)
      copyBytes(this.#target, 0, this.#store.bytes, items.valueAt(item), size)
    }
    this.#store.unlock()
    return item !== 0
  }

  #set(keyAt: number): boolean {
    this.#put.key = this.#keys
    this.#put.keyAt = keyAt
    return this.#store.put(this.#put) === Outcome.stored
  }

  /** A value too large to be kept until it is whole, piece by piece as from a socket. */
  #upload(keyAt: number): boolean {
    const { uploads } = this.#store
    const put = this.#put
    put.key = this.#keys
    put.keyAt = keyAt
    let upload: Upload | undefined
    this.#timed(() => {
      upload = uploads.open(put)
      return upload !== undefined
    })
    if (upload === undefined) return false
    const begun = upload
    for (let at = 0; at < put.valueSize; at += PIECE_BYTES) {
      const size = Math.min(PIECE_BYTES, put.valueSize - at)
      if (!this.#timed(() => uploads.fill(begun, put.value, at, size))) return false
    }
    return this.#timed(() => uploads.link(put, begun) === Outcome.stored)
  }

  #timed(step: () => boolean): boolean {
    const cpuBefore = this.#cpuMs()
    const before = performance.now()
    const isStored = step()
    const milliseconds = performance.now() - before
    if (milliseconds <= PAUSE_MS) return isStored
    this.pauses.push(milliseconds)
    this.cpuPauses.push(this.#cpuMs() - cpuBefore)
    return isStored
  }

  #incr(keyAt: number): boolean {
    this.#put.key = this.#keys
    this.#put.keyAt = keyAt
    return this.#store.arithmetic(this.#put, 1n, true) === Outcome.stored
  }

  #renew(keyAt: number): void {
    this.#fresh += 1
    writeKey(this.#keys.subarray(keyAt), 'b', this.#fresh * this.#task.threads + this.#task.thread)
  }
}

/** From now on says how long the store's locks are waited for. */
function timeWaits({ locks }: Store): { count: number; milliseconds: number } {
  const waits = { count: 0, milliseconds: 0 }
  const lock = locks.lock.bind(locks)
  locks.lock = word => {
    if (locks.tryLock(word)) return
    const before = performance.now()
    lock(word)
    waits.count += 1
    waits.milliseconds += performance.now() - before
  }
  return waits
}

function main(task: StoreTask): void {
  const region = openRegion(task.handle)
  const store = newStore(region, task.layout)
  const waits = timeWaits(store)
  const thread = new StoreThread(store, task)
  // Deleting twice would measure something else; its code is warm from the first tenth on.
  if (task.operation === 'upload') thread.run(1)
  else if (task.operation !== 'delete') thread.run(WARMUP)
  const gate = new Int32Array(task.gate)
  Atomics.add(gate, 0, 1)
  Atomics.notify(gate, 0)
  Atomics.wait(gate, 1, 0)
  thread.failures = 0
  waits.count = 0
  waits.milliseconds = 0
  const start = performance.now()
  thread.run(task.operations)
  const milliseconds = performance.now() - start
  const { failures, pauses, cpuPauses } = thread
  const contended = waits.count
  const waitedMs = waits.milliseconds
  const timing = { milliseconds, contended, waitedMs, failures, pauses, cpuPauses }
  parentPort?.postMessage(timing satisfies StoreTiming)
}

if (parentPort !== null) main(workerData as StoreTask)
