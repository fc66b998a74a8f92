import { expect, test } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { KeyTable, NONE } from '../../../src/sim/key-table.ts'
import { SimError } from '../../../src/sim/trace-request.ts'

/** Few different lower halves, so that probes run into each other and around the end. */
function hashOf(id: number): [low: number, high: number] {
  return [[0, 1, 2, 0xffffffff, 0xfffffffe][id % 5]! + (id % 3), id]
}

test('a KeyTable finds what a Map finds, through adding, removing and growing', () => {
  const prng = new Prng(11)
  const table = new KeyTable()
  const entries = new Map<number, number>()
  for (let i = 0; i < 60_000; i += 1) {
    const id = prng.below(3000)
    const [low, high] = hashOf(id)
    const known = entries.get(id)
    expect(table.find(low >>> 0, high)).toBe(known ?? NONE)
    if (known === undefined) {
      const entry = table.add(low >>> 0, high)
      table.set(entry, id, i)
      entries.set(id, entry)
    } else if (prng.below(3) > 0) {
      expect(table.bytesOf(known)).toBe(id)
      table.remove(known)
      entries.delete(id)
    }
    expect(table.count).toBe(entries.size)
  }
  expect(new Set(entries.values()).size).toBe(entries.size)
})

test('entries are used again: the table is as large as it has ever had to be', () => {
  const table = new KeyTable()
  const before = table.capacity
  for (let i = 0; i < 100_000; i += 1) table.remove(table.add(i, i))
  expect(table.capacity).toBe(before)
})

test('more keys than the limit are an error, not a larger table', () => {
  const table = new KeyTable(3)
  for (const id of [1, 2, 3]) table.add(id, id)
  expect(() => table.add(4, 4)).toThrow(SimError)
  table.remove(table.find(2, 2))
  expect(table.add(4, 4)).toBeGreaterThanOrEqual(0)
})
