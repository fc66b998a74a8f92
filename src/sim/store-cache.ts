/**
 * The node's store itself, on memory of its own, run as a node runs it: what a node's executor does
 * with a request is done here without a protocol, and expired items are reclaimed once a second of
 * the trace. One thread, seeded: the same trace gives the same result.
 */
import { itemSize } from '../base/item-size.ts'
import { Prng } from '../base/prng.ts'
import type { EvictionSettings } from '../store/eviction-settings.ts'
import { layoutOf } from '../store/layout.ts'
import { Outcome, type Put, PutMode, STORE_COUNTERS, StoreCounter } from '../store/put.ts'
import { Reclaimer } from '../store/reclaimer.ts'
import { canMap, createRegion, type Region } from '../store/region.ts'
import { Store } from '../store/store.ts'
import type { SimCache } from './sim-cache.ts'
import { Op, type TraceRequest } from './trace-request.ts'

export type StoreCacheOptions = {
  memoryBytes: number
  itemSizeMax: number
  seed: number
  settings: Partial<EvictionSettings>
}

/** A digit: a short value can be counted with. */
const FILL = 0x31
const PAGE_BYTES = 4096
const HASH_WORDS = 4
const SLICE_MS = 1
/** Of the reclaimer in a second, as on a node; the first seals what the second takes out of. */
const ROUNDS = 2
/** Values that are longer than all before them make it longer. */
const VALUE_FIRST = 16 * 1024

const PUT_MODES: Readonly<Record<number, PutMode>> = {
  [Op.set]: PutMode.set,
  [Op.add]: PutMode.add,
  [Op.replace]: PutMode.replace,
  [Op.cas]: PutMode.cas,
  [Op.append]: PutMode.append,
  [Op.prepend]: PutMode.prepend,
}

export class StoreCache implements SimCache {
  readonly #store: Store
  readonly #region: Region
  readonly #reclaimer: Reclaimer
  readonly #counters = new Float64Array(STORE_COUNTERS)
  readonly #itemSizeMax: number
  readonly #put: Put

  constructor({ memoryBytes, itemSizeMax, seed, settings }: StoreCacheOptions) {
    const prng = new Prng(seed)
    const layout = layoutOf(memoryBytes)
    const bytes = Math.ceil(layout.totalBytes / PAGE_BYTES) * PAGE_BYTES
    this.#region = createRegion(bytes, canMap() ? 'mapped' : 'shared')
    Store.format(
      this.#region,
      layout,
      Uint32Array.from({ length: HASH_WORDS }, () => prng.uint32()),
    )
    this.#itemSizeMax = itemSizeMax
    this.#store = new Store(this.#region, layout, {
      evict: true,
      itemSizeMax,
      counters: this.#counters,
      random: () => prng.float(),
      eviction: settings,
    })
    // On a clock that stands still a slice is a whole round.
    this.#reclaimer = new Reclaimer(this.#store, () => 0)
    this.#put = {
      mode: PutMode.set,
      key: new Uint8Array(0),
      keyAt: 0,
      keySize: 0,
      value: new Uint8Array(VALUE_FIRST).fill(FILL),
      valueAt: 0,
      valueSize: 0,
      clientFlags: 0,
      exptime: 0,
      casLow: 0,
      casHigh: 0,
      newCasLow: 0,
      newCasHigh: 0,
      marks: 0,
    }
  }

  get items(): number {
    return this.#counters[StoreCounter.currItems]!
  }

  get evictions(): number {
    return this.#counters[StoreCounter.evictions]!
  }

  setTime(seconds: number): void {
    if (seconds === this.#store.now) return
    this.#store.tick(seconds)
    for (let round = 0; round < ROUNDS; round += 1) this.#reclaimer.slice(seconds, SLICE_MS)
  }

  get({ key, keyAt, keySize }: TraceRequest): boolean {
    const item = this.#store.find(key, keyAt, keySize)
    if (item !== 0) this.#store.noteRead(item)
    this.#store.unlock()
    return item !== 0
  }

  put(request: TraceRequest, op: Op): void {
    const { key, keyAt, keySize, valueSize } = request
    if (itemSize(keySize, valueSize, 0) > this.#itemSizeMax) {
      if (op === Op.set) this.#store.remove(key, keyAt, keySize)
      return
    }
    const put = this.#putOf(request)
    put.mode = PUT_MODES[op]!
    if (op === Op.cas) this.#readCas(put)
    const outcome = this.#store.put(put)
    if (outcome === Outcome.noMemory && op === Op.set) this.#store.remove(key, keyAt, keySize)
  }

  remove({ key, keyAt, keySize }: TraceRequest): void {
    this.#store.remove(key, keyAt, keySize)
  }

  touch({ key, keyAt, keySize, lifetime }: TraceRequest): void {
    this.#store.touch(key, keyAt, keySize, this.#exptime(lifetime))
  }

  count(request: TraceRequest, up: boolean): void {
    this.#store.arithmetic(this.#putOf(request), 1n, up)
  }

  close(): void {
    this.#region.giveBack(0, this.#region.bytes.length)
  }

  #exptime(lifetime: number): number {
    return lifetime === 0 ? 0 : this.#store.now + lifetime
  }

  #putOf({ key, keyAt, keySize, valueSize, lifetime }: TraceRequest): Put {
    const put = this.#put
    put.key = key
    put.keyAt = keyAt
    put.keySize = keySize
    put.valueSize = valueSize
    if (valueSize > put.value.length) put.value = new Uint8Array(valueSize * 2).fill(FILL)
    put.exptime = this.#exptime(lifetime)
    return put
  }

  /** The client is one that has just read the item: a trace does not say when it did. */
  #readCas(put: Put): void {
    const { items } = this.#store
    const item = this.#store.find(put.key, put.keyAt, put.keySize)
    if (item !== 0) {
      put.casLow = items.casLow(item)
      put.casHigh = items.casHigh(item)
    }
    this.#store.unlock()
  }
}
