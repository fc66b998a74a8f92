/** `verifyStore` itself: each kind of damage that it should find is done, and must be found. */
import { describe, expect, test } from 'vitest'
import { SuperWord } from '../../../src/store/layout.ts'
import { Live, MetaWord, SegmentState } from '../../../src/store/segment-lists.ts'
import { verifyStore } from '../../../src/store/verify.ts'
import { makeStore, NOW, putOf, setOf, type TestStore, valueOf } from './support.ts'

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

function itemOf({ store }: TestStore, key: string): number {
  const item = store.find(Buffer.from(key), 0, key.length)
  store.unlock()
  return item
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
    'live words that do not add up',
    /live words/,
    made => {
      const segment = made.store.segments.segmentOf(itemOf(made, 'key-7'))
      const word = meta(made, segment, MetaWord.live)
      made.region.words[word] = made.region.words[word]! + Live.word
    },
  ],
  [
    'live words of a run that do not add up',
    /run \d+ counts/,
    made => {
      setOf(made.store, 'in-run', valueOf(1, 20_000))
      const head = made.store.runs.headOf(itemOf(made, 'in-run'))
      const word = meta(made, head, MetaWord.runLive)
      made.region.words[word] = made.region.words[word]! - 1
    },
  ],
  [
    'a segment that has lost its run',
    /lost its run|says it is of/,
    made => {
      for (let i = 0; i < 5; i += 1) setOf(made.store, `in-run-${i}`, valueOf(i, 20_000))
      const head = made.store.runs.headOf(itemOf(made, 'in-run-0'))
      const body = made.store.largeSegments.next(head)
      made.region.words[meta(made, body, MetaWord.run)] = body + 1
    },
  ],
  [
    'a writer that never left',
    /has writers/,
    made => {
      expect(made.store.segments.reserve(10, 0)).toBeGreaterThan(0)
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
    'a chain that counts a segment too many',
    /chain 0 counts/,
    made => {
      const { words } = made.region
      const count = made.store.segments.lists.openWord(0) + 3
      words[count] = words[count]! + 1
    },
  ],
  [
    'a segment whose way back is another',
    /before it/,
    made => {
      const { lists } = made.store.segments
      const second = lists.next(lists.head(0))
      made.region.words[meta(made, second, MetaWord.previous)] = 0
    },
  ],
  [
    'a segment that says it is of another chain',
    /says it is of 3/,
    made => {
      const head = made.store.segments.lists.head(0)
      made.region.words[meta(made, head, MetaWord.chain)] = 4
    },
  ],
  [
    'a chain whose young end is lost',
    /chain 0 ends with/,
    made => {
      made.region.words[made.store.segments.lists.openWord(0) + 2] = 0
    },
  ],
  [
    'a chain that bites its tail',
    /is met twice/,
    made => {
      const { lists } = made.store.segments
      const head = lists.head(0)
      made.region.words[meta(made, lists.tail(0), MetaWord.next)] = head + 1
    },
  ],
  [
    'an item due before the least exptime of its segment',
    /is due before/,
    made => {
      const item = made.store.find(Buffer.from('key-7'), 0, 5)
      made.store.items.setExptime(item, NOW + 5)
      made.store.unlock()
    },
  ],
  [
    'an overflow bucket that nobody chains and nobody has given back',
    /1 free of 2 overflow/,
    made => {
      made.store.index.overflow.take()
      made.store.index.overflow.give(made.store.index.overflow.take())
    },
  ],
  [
    'a free overflow bucket with something in it',
    /free and not empty/,
    made => {
      const { overflow } = made.store.index
      const taken = overflow.take()
      overflow.give(taken)
      made.region.words[overflow.wordOf(taken) + 3] = 9
    },
  ],
  [
    'a free overflow bucket that is chained',
    /chained and free|chained twice/,
    made => {
      const { index } = made.store
      const taken = index.overflow.take()
      index.overflow.give(taken)
      made.region.words[index.bucketAt(0) + 15] = taken + 1
    },
  ],
  [
    'a segment of the index that nobody names',
    /index segments taken/,
    made => {
      made.store.segments.takeForIndex()
    },
  ],
  [
    'a free list that ends too early',
    /free counted, 1 in the list/,
    made => {
      const head = made.region.words[SuperWord.freeHead]! - 1
      made.region.words[meta(made, head, MetaWord.next)] = 0
    },
  ],
  [
    'a private chain left',
    /private chains|state 5/,
    made => {
      const put = putOf('private', '')
      put.valueSize = 50_000
      made.store.uploads.open(put)
    },
  ],
  [
    'a pin left',
    /pins are left/,
    made => {
      const item = made.store.find(Buffer.from('large'), 0, 5)
      made.store.largeSegments.pin(item)
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
