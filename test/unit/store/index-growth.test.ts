/** The index grows a little with every put, and no more than that. */
import { describe, expect, test } from 'vitest'
import { growIndex, wantsGrowth } from '../../../src/store/index-growth.ts'
import { NO_SEGMENT } from '../../../src/store/segments.ts'
import { SuperWord } from '../../../src/store/layout.ts'
import type { Eviction } from '../../../src/store/eviction.ts'
import { makeStore, MIB, peek, setOf, type TestStore, valueOf } from './support.ts'

/** What growIndex asks eviction for; `segments`: how many there are left. */
function supply(made: TestStore, segments: number): { eviction: Eviction; taken: () => number } {
  let left = segments
  const indexSegment = (): number => {
    if (left === 0) return NO_SEGMENT
    left -= 1
    return made.store.segments.takeForIndex()
  }
  return { eviction: { indexSegment } as Eviction, taken: () => segments - left }
}

/** As if so many items were linked. */
function pretend({ region }: TestStore, items: number): void {
  region.words[SuperWord.linkedItems] = items
}

describe('growIndex()', () => {
  test('splits two buckets at a time until the items fit', () => {
    const made = makeStore()
    const { index } = made.store
    const before = index.bucketCount
    const { eviction } = supply(made, 10)
    expect(wantsGrowth(index)).toBe(false)
    pretend(made, Math.floor((before + 5) * 6.5))
    const counts: number[] = []
    for (let i = 0; i < 5; i += 1) {
      growIndex(index, eviction, made.store.newHash())
      counts.push(index.bucketCount - before)
    }
    expect(counts).toEqual([2, 4, 5, 5, 5])
    expect(wantsGrowth(index)).toBe(false)
    pretend(made, 0)
    made.verify()
  })

  test('takes a segment when its buckets fill one, and does without when there is none', () => {
    const made = makeStore()
    const { index } = made.store
    const { bucketsPerSegment } = made.layout
    pretend(made, 1e6)
    const none = supply(made, 0)
    const hash = made.store.newHash()
    for (let i = 0; i < 2 * bucketsPerSegment; i += 1) growIndex(index, none.eviction, hash)
    expect(index.bucketCount).toBe(bucketsPerSegment)
    const one = supply(made, 1)
    growIndex(index, one.eviction, hash)
    expect(one.taken()).toBe(1)
    expect(index.bucketCount).toBe(bucketsPerSegment + 2)
    pretend(made, 0)
    made.verify()
  })
})

test.each([10, 20_000])('puts of %i bytes keep the index as large as their items want', size => {
  const made = makeStore({ memoryBytes: size > 1000 ? 256 * MIB : 16 * MIB })
  const { index } = made.store
  const count = size > 1000 ? 11_000 : 60_000
  const value = valueOf(1, size)
  for (let i = 0; i < count; i += 1) setOf(made.store, `key-${i}`, value)
  const load = count / index.bucketCount
  expect(load).toBeLessThan(6.6)
  for (let i = 0; i < count; i += 1000) expect(peek(made.store, `key-${i}`)).toBeDefined()
  made.verify()
})
