import { describe, expect, test } from 'vitest'
import type { EvictionSettings } from '../../../src/store/eviction-settings.ts'
import { RESERVE_SEGMENTS } from '../../../src/store/layout.ts'
import { makeStore, read, setOf, type TestStore, valueOf } from './support.ts'

/** A store filled past its memory with values of 1,000 bytes, of which every third is read. */
function filled(eviction: Partial<EvictionSettings>): TestStore {
  const made = makeStore({ eviction })
  for (let i = 0; i < 30_000; i += 1) {
    setOf(made.store, `key-${i}`, valueOf(i, 1000))
    if (i % 3 === 0) read(made.store, `key-${i}`)
  }
  made.verify()
  return made
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}

function probationShareOf({ store, layout }: TestStore): number {
  const { lists } = store.segments
  const counts = Array.from({ length: layout.chainCount }, (_, chain) => lists.count(chain))
  return sum(counts.slice(0, layout.ttlBucketCount)) / sum(counts)
}

describe('eviction settings', () => {
  test.each([0.1, 0.3, 0.6])('probation is held to a share of %f', share => {
    const actual = probationShareOf(filled({ probationShare: share }))
    expect(actual).toBeGreaterThan(share - 0.03)
    expect(actual).toBeLessThan(share + 0.03)
  })

  test.each([1, 8, 20])('%i segments are freed ahead of need', aheadSegments => {
    const { freeCount } = filled({ aheadSegments }).store.segments
    expect(freeCount).toBeGreaterThanOrEqual(RESERVE_SEGMENTS + aheadSegments - 2)
    expect(freeCount).toBeLessThanOrEqual(RESERVE_SEGMENTS + aheadSegments + 1)
  })

  test('settings left out are the defaults', () => {
    const asIs = filled({})
    const same = filled({ probationShare: 0.1, keptShare: 0.85 })
    expect(same.counters).toEqual(asIs.counters)
  })
})
