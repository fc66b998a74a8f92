/** `verifyStore` itself: each kind of damage that it should find is done, and must be found. */
import { describe, expect, test } from 'vitest'
import { SuperWord } from '../../../src/store/layout.ts'
import { MetaWord, SegmentState } from '../../../src/store/segment-lists.ts'
import { verifyStore } from '../../../src/store/verify.ts'
import { makeStore, putOf, setOf, type TestStore, valueOf } from './support.ts'

function filled(): TestStore {
  const made = makeStore()
  for (let i = 0; i < 200; i += 1) setOf(made.store, `key-${i}`, valueOf(i, 900))
  setOf(made.store, 'large', valueOf(1, 100_000))
  made.verify()
  return made
}

/** The slot that links a key. */
function slotOf(made: TestStore, key: string): number {
  const { store } = made
  const item = store.find(Buffer.from(key), 0, key.length)
  store.unlock()
  const found: number[] = []
  for (let i = 0; i < store.index.bucketCount; i += 1) {
    store.index.forEach(store.index.bucketAt(i), (one, slot) => {
      if (one === item) found.push(slot)
    })
  }
  expect(found.length).toBe(1)
  return found[0]!
}

type Damage = readonly [what: string, found: RegExp, damage: (made: TestStore) => void]

function meta(made: TestStore, segment: number, word: number): number {
  return made.layout.metaWord + segment * 16 + word
}

const damages: readonly Damage[] = [
  [
    'a bucket left locked',
    /is locked/,
    made => made.store.index.lock(made.store.index.bucketAt(3)),
  ],
  [
    'a key linked twice',
    /linked twice|live items/,
    made => {
      const { words } = made.region
      const slot = slotOf(made, 'key-7')
      const other = slot + 2
      words[other] = words[slot]!
      words[other + 1] = words[slot + 1]!
    },
  ],
  [
    'a key in a bucket that is not its own',
    /is linked from bucket/,
    made => {
      const { words } = made.region
      const slot = slotOf(made, 'key-7')
      const target = made.store.index.bucketAt(5)
      words[target] = words[slot]!
      words[target + 1] = words[slot + 1]!
      made.store.index.clear(slot)
    },
  ],
  [
    'an item that nobody links any more',
    /live items/,
    made => made.store.index.clear(slotOf(made, 'key-7')),
  ],
  [
    'a writer that never left',
    /has writers/,
    made => {
      expect(made.store.segments.reserve(10)).toBeGreaterThan(0)
    },
  ],
  [
    'a segment in no list',
    /are in a list|free counted/,
    made => {
      const { words } = made.region
      words[SuperWord.freeHead] = words[meta(made, words[SuperWord.freeHead]! - 1, MetaWord.next)]!
      words[SuperWord.freeCount] = words[SuperWord.freeCount]! - 1
      const lost = words[SuperWord.freeHead]!
      words[meta(made, lost, MetaWord.state)] = SegmentState.body
    },
  ],
  [
    'an item in a free segment',
    /lies in segment|live items/,
    made => {
      const item = made.store.find(Buffer.from('key-7'), 0, 5)
      made.store.unlock()
      const segment = made.store.segments.segmentOf(item)
      made.region.words[meta(made, segment, MetaWord.state)] = SegmentState.free
    },
  ],
  [
    'a private chain left',
    /private chains|state 5/,
    made => {
      const put = putOf('private', '')
      put.valueSize = 50_000
      made.store.openLarge(put)
    },
  ],
  [
    'a pin left',
    /pins are left/,
    made => {
      const item = made.store.find(Buffer.from('large'), 0, 5)
      made.store.segments.pin(made.store.large.headOf(item))
      made.store.unlock()
    },
  ],
]

describe('verifyStore() finds', () => {
  test.each(damages)('%s', (_, found, damage) => {
    const made = filled()
    damage(made)
    const { faults } = verifyStore(made.store, made.region.words)
    expect(
      faults.some(fault => found.test(fault)),
      faults.join(', '),
    ).toBe(true)
  })
})

test('verifyStore() counts what is there', () => {
  const made = filled()
  const report = verifyStore(made.store, made.region.words)
  expect(report).toMatchObject({ items: 201, segments: made.layout.segmentCount, faults: [] })
  // Header, key and value, rounded up to words; the large one has a word more and is not rounded.
  let bytes = 20 + 4 + 5 + 100_000
  for (let i = 0; i < 200; i += 1) bytes += 20 + 4 * Math.ceil((`key-${i}`.length + 900) / 4)
  expect(report.bytes).toBe(bytes)
})
