/**
 * A store for tests: on either kind of memory, or with its segments far away from its index, so that
 * offsets beyond 4 GiB (and locations beyond 32 bits) are used by everything that runs on it.
 */
import { expect } from 'vitest'
import type { EvictionSettings } from '../../../src/store/eviction-settings.ts'
import { CLASS_COUNTERS } from '../../../src/store/class-tally.ts'
import { layoutOf, type Layout } from '../../../src/store/layout.ts'
import { createRegion, type Region } from '../../../src/store/region.ts'
import { Outcome, type Put, PutMode, STORE_COUNTERS } from '../../../src/store/put.ts'
import { Store } from '../../../src/store/store.ts'
import { verifyStore } from '../../../src/store/verify.ts'

export const MIB = 1024 * 1024
export const SEED = Uint32Array.of(1, 2, 3, 4)
export const NOW = 1_700_000_000

export type TestStore = {
  store: Store
  region: Region
  layout: Layout
  counters: Float64Array
  /** Another thread's object on the same memory. */
  another(): Store
  /** Fails with everything that `verifyStore` finds. */
  verify(): void
}

export type TestStoreOptions = {
  memoryBytes?: number
  /** What the memory limit may be raised to. */
  reserveBytes?: number
  kind?: 'mapped' | 'shared'
  evict?: boolean
  /** False: as with -C. */
  hasCas?: boolean
  itemSizeMax?: number
  /** Locks and segment states are checked in what runs on it (slower). */
  checked?: boolean
  /** Byte offset at which segments begin, instead of right behind the index. */
  segmentsAt?: number
  /** Where it counts; its own place, if nothing is said. */
  counters?: Float64Array
  /** … and by slab class. */
  classes?: Float64Array
  eviction?: Partial<EvictionSettings>
}

/** `layout`, its segments moved to a byte offset that may be far beyond the rest. */
export function farLayout(layout: Layout, segmentsAt: number): Layout {
  const totalBytes = segmentsAt + layout.segmentCountMax * layout.segmentBytes
  return { ...layout, segmentsWord: segmentsAt / 4, totalBytes }
}

export function makeStore(options: TestStoreOptions = {}): TestStore {
  const { memoryBytes = 8 * MIB, reserveBytes = memoryBytes, hasCas = true } = options
  const near = layoutOf(memoryBytes, { reserveBytes, hasCas })
  const layout = options.segmentsAt === undefined ? near : farLayout(near, options.segmentsAt)
  const region = createRegion(layout.totalBytes, options.kind ?? 'shared')
  return storeOn(region, layout, options)
}

/** Makes used memory new again, but leaves what stood in the segments: nobody may read that. */
export function wipe(region: Region, layout: Layout): void {
  region.bytes.fill(0, 0, (layout.metaWord + layout.segmentCountMax * 16) * 4)
}

export function storeOn(
  region: Region,
  layout: Layout,
  {
    evict = true,
    itemSizeMax = MIB,
    checked = false,
    counters = new Float64Array(STORE_COUNTERS),
    classes = new Float64Array(CLASS_COUNTERS),
    eviction = {},
  }: TestStoreOptions = {},
): TestStore {
  Store.format(region, layout, SEED)
  const another = (): Store => {
    const given = { evict, itemSizeMax, counters, classes, eviction, checked }
    const store = new Store(region, layout, given)
    store.tick(NOW)
    return store
  }
  const store = another()
  const verify = (): void => {
    expect(verifyStore(store, region.words).faults).toEqual([])
  }
  return { store, region, layout, counters, another, verify }
}

export type PutFields = {
  mode?: PutMode
  clientFlags?: number
  exptime?: number
  cas?: bigint
}

export function putOf(key: string, value: string | Uint8Array, fields: PutFields = {}): Put {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value
  const keyBytes = Buffer.from(key, 'latin1')
  const cas = fields.cas ?? 0n
  return {
    mode: fields.mode ?? PutMode.set,
    key: keyBytes,
    keyAt: 0,
    keySize: keyBytes.length,
    value: bytes,
    valueAt: 0,
    valueSize: bytes.length,
    clientFlags: fields.clientFlags ?? 0,
    exptime: fields.exptime ?? 0,
    casLow: Number(cas & 0xffffffffn),
    newCasLow: 0,
    newCasHigh: 0,
    marks: 0,
    casHigh: Number(cas >> 32n),
  }
}

/** Stores, and fails if that is refused. */
export function setOf(store: Store, key: string, value: string | Uint8Array): void {
  expect(store.put(putOf(key, value))).toBe(Outcome.stored)
}

export type Found = { value: Buffer; clientFlags: number; exptime: number; cas: bigint }

/** What a key holds, as a reader sees it; undefined for a miss. */
export function read(store: Store, key: string): Found | undefined {
  return look(store, key, true)
}

/** As `read`, but the item has not proved itself by it: eviction knows nothing of this look. */
export function peek(store: Store, key: string): Found | undefined {
  return look(store, key, false)
}

function look(store: Store, key: string, counts: boolean): Found | undefined {
  const { items, large } = store
  const bytes = Buffer.from(key, 'latin1')
  const item = store.find(bytes, 0, bytes.length)
  if (item === 0) {
    store.unlock()
    return undefined
  }
  const found = {
    value: Buffer.alloc(items.valueSize(item)),
    clientFlags: items.clientFlags(item),
    exptime: items.exptime(item),
    cas: BigInt(items.casHigh(item)) * 2n ** 32n + BigInt(items.casLow(item)),
  }
  if (counts) store.noteRead(item)
  if (!items.isLarge(item)) {
    const at = items.valueAt(item)
    found.value.set(store.bytes.subarray(at, at + found.value.length))
    store.unlock()
    return found
  }
  const head = item
  expect(store.largeSegments.pin(head)).toBe(true)
  store.unlock()
  large.read(head, 0, found.value, 0, found.value.length)
  store.largeSegments.unpin(head)
  return found
}

export function readText(store: Store, key: string): string | undefined {
  return read(store, key)?.value.toString('latin1')
}

/** Bytes that tell whose they are and in what order: a mixed or torn value cannot pass for it. */
export function valueOf(seed: number, size: number): Buffer {
  const value = Buffer.alloc(size)
  let state = (seed * 2654435761 + 12345) >>> 0
  for (let i = 0; i < size; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    value[i] = state >>> 24
  }
  return value
}
