/**
 * The store against a model: a Map with a clock. Every operation is done to both, and everything
 * that can be seen must be equal: outcome, value, client flags, exptime, cas, why a key is a miss,
 * and all counters. After each run the store must prove that its parts agree (verify.ts).
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { layoutOf } from '../../src/store/layout.ts'
import { createRegion } from '../../src/store/region.ts'
import { PutMode, StoreCounter } from '../../src/store/put.ts'
import { farLayout, MIB, NOW, read, storeOn, type TestStore, wipe } from '../unit/store/support.ts'
import { putOf, valueOf } from '../unit/store/support.ts'
import { type Operation, operations, StoreModel } from './store-model.ts'

const near = layoutOf(8 * MIB)
const GIB = 1024 * MIB

/** Memory kinds, and segments on both sides of where 32 bits of bytes and of words end. */
const places = [
  { name: 'shared memory', kind: 'shared', layout: near, runs: 500 },
  { name: 'mapped memory', kind: 'mapped', layout: near, runs: 500 },
  { name: 'segments over 5 GiB', kind: 'mapped', layout: farLayout(near, 5 * GIB), runs: 300 },
  {
    name: 'segments on both sides of 16 GiB',
    kind: 'mapped',
    layout: farLayout(near, 16 * GIB - 20 * near.segmentBytes),
    runs: 300,
  },
] as const

describe.each(places)('the store agrees with its model, $name', ({ kind, layout, runs }) => {
  const region = createRegion(layout.totalBytes, kind)
  test('all operations', () => {
    fc.assert(
      fc.property(fc.array(operations, { minLength: 1, maxLength: 120 }), list => {
        wipe(region, layout)
        const made = storeOn(region, layout)
        const model = new StoreModel(NOW)
        for (const operation of list) run(made, model, operation)
        checkAll(made, model)
        made.verify()
      }),
      { numRuns: runs },
    )
  })
})

function run(made: TestStore, model: StoreModel, operation: Operation): void {
  const { store } = made
  switch (operation.kind) {
    case 'put': {
      const { key, size, seed, mode, clientFlags } = operation
      const value = operation.text === undefined ? valueOf(seed, size) : Buffer.from(operation.text)
      const exptime = operation.lifetime === 0 ? 0 : store.now + operation.lifetime
      const cas = mode === PutMode.cas && operation.rightCas ? model.casOf(key) : BigInt(seed)
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

function describeOperation(operation: Operation): string {
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
