/**
 * Two threads, made deterministic: at a chosen step of one Store object ("the writer") another object
 * on the same memory runs as long as it likes, exactly as if the writer had lost the processor there.
 */
import { describe, expect, test } from 'vitest'
import { SuperWord } from '../../../src/store/layout.ts'
import { Outcome } from '../../../src/store/put.ts'
import { NO_SEGMENT, SegmentState } from '../../../src/store/segments.ts'
import type { Store } from '../../../src/store/store.ts'
import { around, FLOOD, flood, makeChecked } from './interleaving.ts'
import { NOW, peek, putOf, read, readText, setOf } from './support.ts'
import { type TestStore, valueOf } from './support.ts'

type Hook = (store: Store, run: () => void) => void

const steps: Record<string, Hook> = {
  'before it reserves': (store, run) => around(store.segments, 'reserve', 'before', run),
  'after it has reserved': (store, run) => around(store.segments, 'reserve', 'after', run),
  'after the header': (store, run) => around(store.items, 'write', 'after', run),
  'after the value, before the link': (store, run) => around(store.index, 'lock', 'before', run),
  'after the link': (store, run) => around(store.index, 'unlock', 'after', run),
  'before it leaves': (store, run) => around(store.segments, 'leave', 'before', run),
  'after it has left': (store, run) => around(store.segments, 'leave', 'after', run),
}

describe.each(Object.keys(steps))('a writer loses the processor %s', step => {
  test('a flood by another thread neither frees its segment nor mixes values', () => {
    const made = makeChecked()
    const other = made.another()
    const { store } = made
    setOf(store, 'mine', 'old')
    let segment = NO_SEGMENT
    const noteSegment = (): void => {
      segment = made.region.words[store.segments.lists.openWord(0)]! - 1
    }
    steps[step]!(store, () => {
      noteSegment()
      const writers = store.segments.writers(segment)
      flood(other)
      if (writers === 0) return
      expect(store.segments.writers(segment)).toBe(1)
      expect(store.segments.state(segment)).toBe(SegmentState.queued)
    })
    const value = valueOf(99, 5_000)
    setOf(store, 'mine', value)
    expect(segment).not.toBe(NO_SEGMENT)
    const found = peek(store, 'mine')
    const afterwards = step === 'after it has left'
    if (!afterwards) expect(found?.value.equals(value)).toBe(true)
    else expect(found === undefined || found.value.equals(value)).toBe(true)
    made.verify()
    flood(other)
    expect(peek(store, 'mine')).toBeUndefined()
    for (let i = FLOOD - 10; i < FLOOD; i += 1) {
      expect(read(store, `flood-${i}`)!.value.equals(valueOf(i, 9_000))).toBe(true)
    }
    made.verify()
  })

  test('a flood of large values leaves it alone too', () => {
    const made = makeChecked()
    const other = made.another()
    steps[step]!(made.store, () => {
      for (let i = 0; i < 200; i += 1) setOf(other, `large-${i}`, valueOf(i, 150_000))
    })
    const value = valueOf(42, 16_000)
    setOf(made.store, 'mine', value)
    const found = read(made.store, 'mine')
    expect(found === undefined || found.value.equals(value)).toBe(true)
    made.verify()
  })

  test('another thread storing the same key: one of both values, whole', () => {
    const made = makeChecked()
    const other = made.another()
    steps[step]!(made.store, () => setOf(other, 'mine', valueOf(2, 3_000)))
    setOf(made.store, 'mine', valueOf(1, 5_000))
    const late = step === 'after the link' || step.includes('leave') || step.includes('left')
    const expected = late ? valueOf(2, 3_000) : valueOf(1, 5_000)
    expect(read(other, 'mine')!.value.equals(expected)).toBe(true)
    made.verify()
  })
})

test('a segment whose number a writer still holds may be freed and used again', () => {
  const made = makeChecked()
  const other = made.another()
  setOf(made.store, 'mine', 'old')
  let tricked = false
  // The writer reads which segment is open, and then sleeps through the whole life of that segment.
  around(made.store.segments.lists, 'open', 'after', () => {
    tricked = true
    flood(other)
  })
  const value = valueOf(5, 4_000)
  setOf(made.store, 'mine', value)
  expect(tricked).toBe(true)
  expect(read(other, 'mine')!.value.equals(value)).toBe(true)
  made.verify()
})

function makeLarge(): { made: TestStore; other: Store; value: Buffer } {
  const made = makeChecked()
  const value = valueOf(1, 200_000)
  setOf(made.store, 'large', value)
  return { made, other: made.another(), value }
}

/** Of the chain in which everything begins that never expires. */
function openWordOf(made: TestStore): number {
  return made.store.segments.lists.openWord(0)
}

test('a segment that was sealed with room left takes nothing more', () => {
  const made = makeChecked()
  const other = made.another()
  const { words } = made.region
  const openWord = openWordOf(made)
  setOf(made.store, 'mine', 'old')
  const held = words[openWord]!
  let tricked = false
  around(made.store.segments.lists, 'open', 'after', () => {
    tricked = true
    other.flush(0)
  })
  setOf(made.store, 'mine', 'new')
  expect(tricked).toBe(true)
  expect(words[openWord]).not.toBe(held)
  expect(readText(other, 'mine')).toBe('new')
  made.verify()
})

test('a writer keeps its sealed segment although all that lives in it goes', () => {
  const made = makeChecked()
  const other = made.another()
  setOf(made.store, 'neighbour', 'x')
  const segment = made.region.words[openWordOf(made)]! - 1
  around(made.store.segments, 'reserve', 'after', () => {
    for (let i = 0; i < 4; i += 1) setOf(other, `next-${i}`, valueOf(i, 16_000))
    expect(made.region.words[openWordOf(made)]).not.toBe(segment + 1)
    for (const key of ['neighbour', 'next-0']) other.remove(Buffer.from(key), 0, key.length)
    expect(other.segments.liveItems(segment)).toBe(0)
    expect(other.segments.state(segment)).toBe(SegmentState.queued)
  })
  setOf(made.store, 'mine', valueOf(8, 1_000))
  expect(read(other, 'mine')!.value.equals(valueOf(8, 1_000))).toBe(true)
  made.verify()
})

describe('a large value', () => {
  test('evicted while another thread unlinks it is freed once', () => {
    const { made, other } = makeLarge()
    let ran = false
    around(made.store.segments, 'isLarge', 'before', () => {
      ran = other.remove(Buffer.from('large'), 0, 5)
    })
    flood(made.store)
    expect(ran).toBe(true)
    made.verify()
  })

  test('evicted while another thread pins it stays whole until the unpin', () => {
    const { made, other, value } = makeLarge()
    let head = NO_SEGMENT
    around(made.store.segments, 'isLarge', 'before', () => {
      head = other.find(Buffer.from('large'), 0, 5)
      expect(other.largeSegments.pin(head)).toBe(true)
      other.unlock()
    })
    flood(made.store)
    expect(head).not.toBe(NO_SEGMENT)
    expect(read(made.store, 'large')).toBeUndefined()
    const copy = Buffer.alloc(value.length)
    other.large.read(head, 0, copy, 0, copy.length)
    expect(copy.equals(value)).toBe(true)
    other.largeSegments.unpin(head)
    made.verify()
  })

  test('unpinned for the last time while it is being evicted is freed once', () => {
    const { made, other } = makeLarge()
    let head = NO_SEGMENT
    around(made.store.segments, 'isLarge', 'after', () => {
      head = other.find(Buffer.from('large'), 0, 5)
      expect(other.largeSegments.pin(head)).toBe(true)
      other.unlock()
    })
    around(made.store.largeSegments, 'finishEvicting', 'before', () =>
      other.largeSegments.unpin(head),
    )
    flood(made.store)
    made.verify()
  })

  test('filled while others flood memory is private and stays whole', () => {
    const made = makeChecked()
    const other = made.another()
    const value = valueOf(9, 300_000)
    const put = putOf('private', value)
    const upload = made.store.uploads.open(put)!
    for (let at = 0; at < value.length; at += 50_000) {
      flood(other, 16_000)
      const size = Math.min(50_000, value.length - at)
      expect(made.store.uploads.fill(upload, value, at, size)).toBe(true)
    }
    expect(made.store.uploads.link(put, upload)).toBe(Outcome.stored)
    expect(read(other, 'private')!.value.equals(value)).toBe(true)
    made.verify()
  })
})

describe('a flush', () => {
  test.each(Object.keys(steps))('of another thread, when a writer stands %s', step => {
    const made = makeChecked()
    const other = made.another()
    setOf(made.store, 'before', 'x')
    setOf(made.store, 'mine', 'old')
    steps[step]!(made.store, () => other.flush(0))
    const value = valueOf(3, 5_000)
    setOf(made.store, 'mine', value)
    expect(read(made.store, 'before')).toBeUndefined()
    const found = read(made.store, 'mine')
    expect(found === undefined || found.value.equals(value)).toBe(true)
    if (step === 'before it reserves') expect(found).toBeDefined()
    if (step === 'after it has left') expect(found).toBeUndefined()
    setOf(made.store, 'mine', 'new')
    expect(readText(other, 'mine')).toBe('new')
    made.verify()
  })

  test('comes between the look and the move of a touch: the item is gone', () => {
    const made = makeChecked()
    const other = made.another()
    setOf(made.store, 'a', 'old')
    around(made.store.segments, 'reserve', 'before', () => other.flush(0))
    expect(made.store.touch(Buffer.from('a'), 0, 1, NOW + 1000)).toBe(true)
    expect(read(other, 'a')).toBeUndefined()
    made.verify()
  })

  test('leaves what comes after it alone, however many segments have been used before', () => {
    const made = makeChecked()
    new Float64Array(made.region.words.buffer)[SuperWord.sequence / 2] = 2 ** 32 - 20
    setOf(made.store, 'a', 'old')
    made.store.flush(0)
    expect(read(made.store, 'a')).toBeUndefined()
    for (let i = 0; i < 100; i += 1) {
      setOf(made.store, `large-${i}`, valueOf(i, 30_000))
      expect(read(made.store, `large-${i}`)?.value.equals(valueOf(i, 30_000))).toBe(true)
    }
    made.store.flush(0)
    expect(read(made.store, 'large-99')).toBeUndefined()
    setOf(made.store, 'a', 'new')
    expect(readText(made.store, 'a')).toBe('new')
    made.verify()
  })

  test('repeated for ever takes no memory from anybody', () => {
    const made = makeChecked()
    for (let i = 0; i < 2_000; i += 1) {
      setOf(made.store, 'a', valueOf(i, 100))
      made.store.flush(0)
      made.another().flush(0)
    }
    const filled = 200
    for (let i = 0; i < filled; i += 1) setOf(made.store, `key-${i}`, valueOf(i, 16_000))
    let alive = 0
    for (let i = 0; i < filled; i += 1) if (read(made.store, `key-${i}`)) alive += 1
    expect(alive).toBe(filled)
    made.verify()
  })

  test('frees memory under -M, where nothing else does', () => {
    const made = makeChecked({ evict: false })
    const full = (): number => {
      let count = 0
      while (made.store.put(putOf(`key-${count}`, valueOf(count, 900))) === Outcome.stored) {
        count += 1
      }
      return count
    }
    const before = full()
    made.store.flush(0)
    expect(full()).toBeGreaterThanOrEqual(before * 0.98)
    made.verify()
  })
})
