/** The walk of the index meets everything once, whatever the index does meanwhile. */
import { describe, expect, test } from 'vitest'
import { toLatin1 } from '../../../src/base/bytes.ts'
import { IndexWalk } from '../../../src/store/index-walk.ts'
import { makeStore, MIB, type TestStore } from './support.ts'
import { PutMode } from '../../../src/store/put.ts'

function put({ store }: TestStore, key: string): void {
  const bytes = Buffer.from(key)
  const value = Buffer.from('v')
  const outcome = store.put({
    mode: PutMode.set,
    key: bytes,
    keyAt: 0,
    keySize: bytes.length,
    value,
    valueAt: 0,
    valueSize: 1,
    clientFlags: 0,
    exptime: 0,
    casLow: 0,
    casHigh: 0,
    newCasLow: 0,
    newCasHigh: 0,
    marks: 0,
  })
  expect(outcome).toBe(0)
}

/** Every key met, with how often. */
function walk(made: TestStore, between: (step: number) => void = () => {}): Map<string, number> {
  const { store } = made
  const met = new Map<string, number>()
  const round = new IndexWalk(store.index, store.newHash())
  for (let step = 0; !round.isOver; step += 1) {
    const before = round.progress
    round.step(item => {
      const { bytes, items } = store
      const key = toLatin1(bytes, items.keyAt(item), items.keySize(item))
      met.set(key, (met.get(key) ?? 0) + 1)
    })
    expect(round.progress).toBeGreaterThan(before)
    between(step)
  }
  return met
}

describe('IndexWalk', () => {
  test('meets nothing in an empty store, and ends', () => {
    expect(walk(makeStore()).size).toBe(0)
  })

  test.each([1, 7, 3500, 3600, 20_000])('meets each of %i items once', count => {
    const made = makeStore({ memoryBytes: 16 * MIB })
    for (let i = 0; i < count; i += 1) put(made, `key-${i}`)
    const met = walk(made)
    expect(met.size).toBe(count)
    expect([...met.values()].every(times => times === 1)).toBe(true)
  })

  test('meets what was there exactly once while the index grows six times as large', () => {
    const made = makeStore({ memoryBytes: 32 * MIB })
    const { index } = made.store
    for (let i = 0; i < 10_000; i += 1) put(made, `old-${i}`)
    const bucketsBefore = index.bucketCount
    let added = 0
    const met = walk(made, () => {
      for (let i = 0; i < 40 && added < 60_000; i += 1) {
        put(made, `new-${added}`)
        added += 1
      }
    })
    expect(index.bucketCount).toBeGreaterThan(bucketsBefore * 4)
    expect([...met.values()].every(times => times === 1)).toBe(true)
    const old = [...met.keys()].filter(key => key.startsWith('old-'))
    expect(old.length).toBe(10_000)
  })

  test('meets what is stored again under its key once', () => {
    const made = makeStore({ memoryBytes: 32 * MIB })
    for (let i = 0; i < 5_000; i += 1) put(made, `key-${i}`)
    const met = walk(made, step => {
      for (let i = 0; i < 20; i += 1) put(made, `key-${(step * 20 + i) % 5_000}`)
    })
    expect(met.size).toBe(5_000)
    expect([...met.values()].every(times => times === 1)).toBe(true)
  })
})
