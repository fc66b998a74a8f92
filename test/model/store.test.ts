/**
 * The store against a model: a Map with a clock. Every operation is done to both, and everything
 * that can be seen must be equal: outcome, value, client flags, exptime, cas, why a key is a miss,
 * and all counters. After each run the store must prove that its parts agree (verify.ts).
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Eviction } from '../../src/store/eviction.ts'
import { type Layout, layoutOf } from '../../src/store/layout.ts'
import { LimitOutcome, MemoryLimit } from '../../src/store/memory-limit.ts'
import { Reclaimer } from '../../src/store/reclaimer.ts'
import { createRegion, type Region } from '../../src/store/region.ts'
import type { Store } from '../../src/store/store.ts'
import { PutMode, StoreCounter } from '../../src/store/put.ts'
import { farLayout, MIB, NOW, read, storeOn, type TestStore, wipe } from '../unit/store/support.ts'
import { putOf, valueOf } from '../unit/store/support.ts'
import { type Operation, operations, StoreModel } from './store-model.ts'

const reserveBytes = 16 * MIB
const near = layoutOf(8 * MIB, { reserveBytes })
const withoutCas = layoutOf(8 * MIB, { reserveBytes, hasCas: false })
const GIB = 1024 * MIB

type Place = {
  name: string
  kind: Region['kind']
  layout: Layout
  runs: number
  evict?: boolean
}

/** Memory kinds, and segments on both sides of where 32 bits of bytes and of words end. */
const places: readonly Place[] = [
  { name: 'shared memory', kind: 'shared', layout: near, runs: 500 },
  { name: 'mapped memory', kind: 'mapped', layout: near, runs: 500 },
  { name: 'without cas', kind: 'mapped', layout: withoutCas, runs: 300 },
  { name: 'without evictions', kind: 'mapped', layout: near, runs: 300, evict: false },
  { name: 'segments over 5 GiB', kind: 'mapped', layout: farLayout(near, 5 * GIB), runs: 300 },
  {
    name: 'segments on both sides of 16 GiB',
    kind: 'mapped',
    layout: farLayout(near, 16 * GIB - 20 * near.segmentBytes),
    runs: 300,
  },
]

describe.each(places)('the store agrees with its model, $name', place => {
  const { kind, layout, runs, evict = true } = place
  const region = createRegion(layout.totalBytes, kind)
  test('all operations', () => {
    fc.assert(
      fc.property(fc.array(operations, { minLength: 1, maxLength: 120 }), list => {
        wipe(region, layout)
        const made = storeOn(region, layout, { evict, checked: true })
        const model = new StoreModel(NOW, layout.hasCas)
        const background = new Background(made, evict)
        for (const operation of list) {
          if (operation.kind === 'reclaim') background.reclaim(model)
          else if (operation.kind === 'limit') background.limit(operation.megabytes)
          else run(made, model, operation)
        }
        checkAll(made, model)
        made.verify()
      }),
      { numRuns: runs },
    )
  })
})

type Foreground = Exclude<Operation, { kind: 'reclaim' | 'limit' }>

/** What a node's main thread does, as a thread of its own, but at once. */
class Background {
  readonly #store: Store
  readonly #reclaimer: Reclaimer
  readonly #eviction: Eviction
  readonly #limit: MemoryLimit

  readonly #made: TestStore

  constructor(made: TestStore, evict: boolean) {
    this.#made = made
    this.#store = made.another()
    this.#reclaimer = new Reclaimer(this.#store, () => 0)
    this.#eviction = new Eviction(this.#store, this.#store.newHash(), { evict })
    this.#limit = new MemoryLimit(this.#store, made.region)
  }

  reclaim(model: StoreModel): void {
    // An open segment is sealed in the first round, and let into in the second.
    for (let round = 0; round < 2; round += 1) {
      expect(this.#reclaimer.slice(this.#made.store.now, 1)).toBe(true)
    }
    model.reclaim()
  }

  limit(megabytes: number): void {
    const possible = megabytes >= 8 && megabytes <= 16
    const outcome = this.#limit.set(megabytes)
    expect(outcome === LimitOutcome.done).toBe(possible)
    this.#store.tick(this.#made.store.now)
    expect(this.#limit.slice(this.#eviction, () => 0, 1)).toBe(true)
  }
}

function run(made: TestStore, model: StoreModel, operation: Foreground): void {
  const { store } = made
  switch (operation.kind) {
    case 'put': {
      const { key, size, seed, mode, clientFlags } = operation
      const value = operation.text === undefined ? valueOf(seed, size) : Buffer.from(operation.text)
      const exptime = operation.lifetime === 0 ? 0 : store.now + operation.lifetime
      const isCas = mode === PutMode.cas || mode === PutMode.casOrOlder
      const someCas = operation.rightCas ? model.casOf(key) : BigInt(seed)
      const cas = isCas ? someCas : 0n
      const put = putOf(key, value, { mode, clientFlags, exptime, cas })
      expect(store.put(put), describeOperation(operation)).toBe(model.put(put))
      return
    }
    case 'get':
      compare(made, model, operation.key)
      return
    case 'remove': {
      const key = Buffer.from(operation.key, 'latin1')
      expect(store.remove(key, 0, key.length)).toBe(model.remove(operation.key))
      return
    }
    case 'arithmetic': {
      const { key, delta, up } = operation
      const expected = model.arithmetic(key, delta, up)
      expect(store.arithmetic(putOf(key, ''), delta, up)).toBe(expected.outcome)
      if (expected.number !== undefined) expect(store.number).toBe(expected.number)
      return
    }
    case 'touch': {
      const key = Buffer.from(operation.key, 'latin1')
      const exptime = operation.lifetime === 0 ? 0 : store.now + operation.lifetime
      expect(store.touch(key, 0, key.length, exptime)).toBe(model.touch(operation.key, exptime))
      return
    }
    case 'flush': {
      const at = operation.delay === 0 ? 0 : store.now + operation.delay
      store.flush(at)
      model.flush(at)
      return
    }
    case 'tick':
      store.tick(store.now + operation.seconds)
      model.tick(operation.seconds)
      return
  }
}

function describeOperation(operation: Foreground): string {
  return JSON.stringify(operation, (_, value) => (typeof value === 'bigint' ? `${value}` : value))
}

function compare({ store }: TestStore, model: StoreModel, key: string): void {
  const expected = model.read(key)
  const found = read(store, key)
  if (expected === undefined) {
    expect(found).toBeUndefined()
    expect(store.miss).toBe(model.miss)
    return
  }
  expect(found).toBeDefined()
  // Compared first as they are: printing long values for nothing would cost seconds.
  if (!found!.value.equals(expected.value)) expect(found!.value).toEqual(expected.value)
  expect({ ...found, value: 0 }).toEqual({ ...expected, value: 0, fetched: undefined })
}

function checkAll(made: TestStore, model: StoreModel): void {
  for (const key of model.keys()) compare(made, model, key)
  const { counters } = made
  expect({
    currItems: counters[StoreCounter.currItems],
    totalItems: counters[StoreCounter.totalItems],
    bytes: counters[StoreCounter.bytes],
    evictions: counters[StoreCounter.evictions],
    expiredUnfetched: counters[StoreCounter.expiredUnfetched],
    reclaimed: counters[StoreCounter.reclaimed],
  }).toEqual({ ...model.counters(), evictions: 0 })
}
