/** Large values on their way in: what they take, how much at once, and how they end. */
import { describe, expect, test } from 'vitest'
import { RESERVE_SEGMENTS, SuperWord } from '../../../src/store/layout.ts'
import { Outcome, StoreCounter } from '../../../src/store/put.ts'
import type { Upload } from '../../../src/store/uploads.ts'
import { makeStore, MIB, putOf, read, setOf, type TestStore, valueOf } from './support.ts'

const PIECE = 16 * 1024

/** Memory that is full of small items, all of which have been read. */
function fillWithRead(made: TestStore, valueSize = 400): void {
  for (let i = 0; made.counters[StoreCounter.evictions] === 0; i += 1) {
    setOf(made.store, `k${i}`, valueOf(i, valueSize))
    read(made.store, `k${i}`)
  }
}

/** Bytes from `from` on, a piece at a time; where it stopped. */
function send(made: TestStore, upload: Upload, value: Buffer, from = 0, to = value.length): number {
  for (let at = from; at < to; at += PIECE) {
    const size = Math.min(PIECE, to - at)
    if (!made.store.uploads.fill(upload, value, at, size)) return at
  }
  return to
}

function privateCount({ region }: TestStore): number {
  return region.words[SuperWord.privateCount]!
}

describe('an upload', () => {
  test('takes its segments as its bytes come', () => {
    const made = makeStore()
    const { store, layout } = made
    const value = valueOf(1, 1_000_000)
    const free = store.segments.freeCount
    const upload = store.uploads.open(putOf('k', value))!
    expect(free - store.segments.freeCount).toBe(1)
    send(made, upload, value, 0, 500_000)
    expect(free - store.segments.freeCount).toBe(Math.ceil(500_000 / layout.segmentBytes))
    expect(privateCount(made)).toBe(Math.ceil(1_000_000 / layout.segmentBytes))
    send(made, upload, value, 500_000)
    expect(store.uploads.link(putOf('k', value), upload)).toBe(Outcome.stored)
    expect(privateCount(made)).toBe(0)
    expect(read(store, 'k')!.value.equals(value)).toBe(true)
    made.verify()
  })

  test.each([8, 32, 200])('of -m %i empties few segments with each of its pieces', megabytes => {
    const made = makeStore({ memoryBytes: megabytes * MIB, itemSizeMax: 8 * MIB })
    const { store } = made
    // Small ones are the most work; large memory would take long to fill with them.
    fillWithRead(made, megabytes > 32 ? 8_000 : 400)
    let emptied = 0
    const takeOldest = store.segments.takeOldest.bind(store.segments)
    store.segments.takeOldest = (...where) => {
      emptied += 1
      return takeOldest(...where)
    }
    const value = valueOf(2, 2 * MIB)
    const put = putOf('large', value)
    let worst = 0
    const count = (step: () => void): void => {
      emptied = 0
      step()
      worst = Math.max(worst, emptied)
    }
    let upload: Upload | undefined
    count(() => {
      upload = store.uploads.open(put)
    })
    for (let at = 0; at < value.length; at += PIECE) {
      count(() => expect(store.uploads.fill(upload!, value, at, PIECE)).toBe(true))
    }
    count(() => expect(store.uploads.link(put, upload!)).toBe(Outcome.stored))
    // One ahead of need; when the next one is needed, three in vain and two to gain it.
    expect(worst).toBeGreaterThan(0)
    expect(worst).toBeLessThanOrEqual(6)
    expect(read(store, 'large')!.value.equals(value)).toBe(true)
    made.verify()
  })

  test.each([0, 1, 2])('that finds no memory gives all back, %i segments before its end', less => {
    const made = makeStore({ evict: false, itemSizeMax: 8 * MIB })
    const { store, layout } = made
    const needed = 20
    const value = valueOf(3, (needed - 1) * layout.segmentBytes)
    let count = 0
    while (store.segments.freeCount > RESERVE_SEGMENTS + needed - less) {
      setOf(store, `k${count}`, valueOf(count, 9_000))
      count += 1
    }
    const free = store.segments.freeCount
    const upload = store.uploads.open(putOf('large', value))!
    const sent = send(made, upload, value)
    expect(sent === value.length).toBe(less === 0)
    if (less === 0) {
      store.uploads.abandon(upload)
    } else {
      const taken = Math.floor(sent / layout.segmentBytes)
      expect(taken).toBe(needed - less - 1)
    }
    expect(store.segments.freeCount).toBe(free)
    expect(privateCount(made)).toBe(0)
    for (let i = 0; i < count; i += 1) expect(read(store, `k${i}`)).toBeDefined()
    made.verify()
  })

  test('of which nothing could be taken leaves no promise behind', () => {
    const made = makeStore({ evict: false })
    let count = 0
    while (made.store.put(putOf(`k${count}`, valueOf(1, 9_000))) === Outcome.stored) count += 1
    expect(made.store.uploads.open(putOf('large', valueOf(1, 100_000)))).toBeUndefined()
    expect(privateCount(made)).toBe(0)
    made.verify()
  })
})

describe('two uploads', () => {
  test('are never both promised what only one can have', () => {
    const made = makeStore({ itemSizeMax: 8 * MIB })
    const { store, layout } = made
    const half = Math.floor(layout.segmentCount / 2) * layout.segmentBytes
    const put = putOf('a', valueOf(1, half - 1_000))
    const first = store.uploads.open(put)!
    expect(store.uploads.open(putOf('b', valueOf(2, 100_000)))).toBeUndefined()
    expect(send(made, first, Buffer.from(put.value))).toBe(put.valueSize)
    expect(store.uploads.link(put, first)).toBe(Outcome.stored)
    expect(store.put(putOf('b', valueOf(2, 100_000)))).toBe(Outcome.stored)
    made.verify()
  })

  test('of half of memory together, in turns and over full memory, both get through', () => {
    const made = makeStore({ itemSizeMax: 8 * MIB })
    const { store } = made
    fillWithRead(made)
    const values = [valueOf(1, 1_800_000), valueOf(2, 1_800_000)]
    const puts = values.map((value, i) => putOf(`large-${i}`, value))
    const uploads = puts.map(put => store.uploads.open(put)!)
    for (let at = 0; at < 1_800_000; at += PIECE) {
      const to = Math.min(at + PIECE, 1_800_000)
      for (const [i, upload] of uploads.entries()) {
        expect(send(made, upload, values[i]!, at, to)).toBe(to)
      }
    }
    for (const [i, upload] of uploads.entries()) {
      expect(store.uploads.link(puts[i]!, upload)).toBe(Outcome.stored)
    }
    for (const [i, value] of values.entries()) {
      expect(read(store, `large-${i}`)!.value.equals(value)).toBe(true)
    }
    made.verify()
  })
})
