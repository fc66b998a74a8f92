import { describe, expect, test } from 'vitest'
import { SuperWord } from '../../../src/store/layout.ts'
import { NO_SEGMENT, SegmentState } from '../../../src/store/segments.ts'
import { makeStore, NOW, setOf, type TestStore } from './support.ts'

const KEY = Buffer.from('key')

function makeChecked(): TestStore {
  const made = makeStore({ checked: true })
  setOf(made.store, 'key', 'value')
  return made
}

/** Where the key's item is; nothing is locked. */
function itemOf({ store }: TestStore): number {
  const item = store.find(KEY, 0, KEY.length)
  store.unlock()
  return item
}

describe('a lock', () => {
  test('says who holds it, and is free again', () => {
    const made = makeChecked()
    const other = made.another()
    const { words } = made.region
    made.store.locks.lock(SuperWord.segmentLock)
    const mine = words[SuperWord.segmentLock]!
    made.store.locks.unlock(SuperWord.segmentLock)
    expect(words[SuperWord.segmentLock]).toBe(0)
    other.locks.lock(SuperWord.segmentLock)
    expect(mine).toBeGreaterThan(1)
    expect(words[SuperWord.segmentLock]).not.toBe(mine)
    other.locks.unlock(SuperWord.segmentLock)
  })

  test('is given back only by who took it', () => {
    const made = makeChecked()
    const other = made.another()
    made.store.locks.lock(SuperWord.segmentLock)
    const unlock = () => other.locks.unlock(SuperWord.segmentLock)
    expect(unlock).toThrow('lock 16 is given back by who does not hold it')
    made.store.locks.unlock(SuperWord.segmentLock)
    expect(unlock).toThrow('lock 16 is given back by who does not hold it')
  })

  test('is taken in the order of ranks, and once', () => {
    const { locks, index } = makeChecked().store
    const bucket = index.bucketAt(3)
    locks.lock(SuperWord.segmentLock)
    expect(() => locks.lock(SuperWord.segmentLock)).toThrow('lock 16 is taken while lock 16')
    expect(() => locks.lock(SuperWord.overflowLock)).toThrow('lock 81 is taken while lock 16')
    expect(() => index.lock(bucket)).toThrow('is taken while lock 16 is held')
    expect(() => locks.tryLock(SuperWord.growLock)).toThrow('lock 80 is taken while lock 16')
    locks.unlock(SuperWord.segmentLock)
    index.lock(bucket)
    expect(() => index.lock(index.bucketAt(4))).toThrow('is taken while lock')
    locks.lock(SuperWord.overflowLock)
    locks.unlock(SuperWord.overflowLock)
    index.unlock(bucket)
  })
})

describe('without the lock', () => {
  test('of its bucket no item is changed', () => {
    const made = makeChecked()
    const { items, index, segments } = made.store
    const item = itemOf(made)
    const message = `item ${item} is changed by who does not hold its bucket`
    expect(() => items.setExptime(item, NOW)).toThrow(message)
    expect(() => items.markRead(item, NOW)).toThrow(message)
    expect(() => items.setCas(item, 1, 1)).toThrow(message)
    expect(() => segments.removeLive(item, 7)).toThrow(message)
    // Another bucket's is not enough.
    const hash = made.store.newHash()
    hash.of(KEY, 0, KEY.length)
    const own = index.bucketOf(hash)
    const another = own === index.bucketAt(0) ? index.bucketAt(1) : index.bucketAt(0)
    index.lock(another)
    expect(() => items.setExptime(item, NOW)).toThrow(message)
    index.unlock(another)
    index.lock(own)
    items.setExptime(item, NOW + 9)
    index.unlock(own)
    expect(items.exptime(item)).toBe(NOW + 9)
  })

  test('no bucket is looked at, no slot changed, no list of segments', () => {
    const { index, segments } = makeChecked().store
    const bucket = index.bucketAt(0)
    expect(() => index.findItem(bucket, 1)).toThrow(`bucket ${bucket} is looked at`)
    expect(() => index.emptySlot(bucket)).toThrow(`bucket ${bucket} is looked at`)
    expect(() => index.clear(bucket)).toThrow(`slot ${bucket} is changed`)
    expect(() => segments.lists.popFree(SegmentState.open)).toThrow('the segment lock')
    expect(() => segments.lists.setState(9, SegmentState.open)).toThrow('segment 9 is changed')
    expect(() => segments.supply.growLocked(9)).toThrow('the segment lock')
  })

  test('but with a bucket’s, no room is reserved or made', () => {
    const made = makeChecked()
    const { store } = made
    store.find(KEY, 0, KEY.length)
    expect(() => store.segments.reserve(7, 0)).toThrow('by who holds a bucket')
    expect(() => store.segments.openNext(7, 0, 0)).toThrow('by who holds a bucket')
    expect(() => store.segments.takeOldest(0, 1)).toThrow('by who holds a bucket')
    expect(() => store.largeSegments.take(NO_SEGMENT)).toThrow('by who holds a bucket')
    store.unlock()
  })
})

describe('a segment', () => {
  test('goes only along the arrows', () => {
    const made = makeChecked()
    const { locks, segments } = made.store
    const segment = segments.segmentOf(itemOf(made))
    locks.lock(SuperWord.segmentLock)
    const states = Object.values(SegmentState).filter(state => state !== SegmentState.queued)
    for (const state of states) {
      const go = () => segments.lists.setState(segment, state)
      expect(go, `open to ${state}`).toThrow(`segment ${segment} goes from state 1 to ${state}`)
    }
    locks.unlock(SuperWord.segmentLock)
  })

  test('is not freed twice, nor with what lives in it, nor under a writer', () => {
    const made = makeChecked()
    const { locks, segments } = made.store
    const segment = segments.segmentOf(itemOf(made))
    const item = segments.reserve(7, 0)
    const freed = (id: number) => (): void => {
      locks.lock(SuperWord.segmentLock)
      try {
        segments.lists.pushFree(id)
      } finally {
        locks.unlock(SuperWord.segmentLock)
      }
    }
    expect(freed(segment)).toThrow(`segment ${segment} is freed under a writer`)
    made.store.items.writeDead(item, 7)
    segments.leave(item)
    expect(freed(segment)).toThrow(`segment ${segment} is freed with live items`)
    made.store.remove(KEY, 0, KEY.length)
    segments.sealOpen(0)
    expect(segments.state(segment)).toBe(SegmentState.free)
    expect(freed(segment)).toThrow(`segment ${segment} is freed twice`)
    made.verify()
  })
})

test('a store that is not checked has no method of its own', () => {
  const made = makeStore()
  expect(Object.keys(made.store.locks)).toEqual(['contended'])
  expect(Object.keys(made.store.items)).toEqual([])
  expect(Object.hasOwn(made.store.index, 'find')).toBe(false)
  expect(Object.hasOwn(makeChecked().store.index, 'find')).toBe(true)
})
