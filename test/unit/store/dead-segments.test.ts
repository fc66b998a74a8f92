/**
 * Segments and runs in which nothing lives any more are free, in whatever order the last item went,
 * the last writer left and no more room was found in them.
 */
import { describe, expect, test } from 'vitest'
import { Outcome, PutMode, StoreCounter } from '../../../src/store/put.ts'
import { NO_SEGMENT, SegmentState } from '../../../src/store/segments.ts'
import type { Store } from '../../../src/store/store.ts'
import { around, locate, makeChecked } from './interleaving.ts'
import { peek, putOf, setOf, valueOf } from './support.ts'

function remove(store: Store, key: string): void {
  expect(store.remove(Buffer.from(key), 0, key.length)).toBe(true)
}

describe.each([1_000, 9_000, 20_000, 60_000])('values of %i bytes', size => {
  test('that come and go for ever drive nothing out', () => {
    const made = makeChecked()
    const { store, layout } = made
    setOf(store, 'kept', 'not read')
    const free = store.segments.freeCount
    const value = valueOf(1, size)
    for (let i = 0; i * size < 2 * layout.memoryBytes; i += 1) {
      setOf(store, `key-${i}`, value)
      remove(store, `key-${i}`)
    }
    expect(made.counters[StoreCounter.evictions]).toBe(0)
    expect(peek(store, 'kept')!.value.toString()).toBe('not read')
    // What is open.
    expect(free - store.segments.freeCount).toBeLessThanOrEqual(layout.runSegments)
    made.verify()
  })
})

// Inside a segment, and in a run.
test.each([1_000, 20_000])('under a writer that stores nothing: values of %i bytes', size => {
  const made = makeChecked()
  const { store } = made
  const other = made.another()
  setOf(store, 'first', valueOf(1, size))
  const item = locate(store, 'first')
  const run = store.runs.headOf(item)
  const segment = run === NO_SEGMENT ? store.segments.segmentOf(item) : run
  // Room for a value that comes too late: another thread has stored one under its key.
  const room = run === NO_SEGMENT ? store.segments : store.runs
  around(room as { reserve: unknown }, 'reserve', 'after', () => {
    other.segments.sealOpen(0)
    setOf(other, 'late', 'earlier')
    remove(other, 'first')
    expect(store.segments.liveItems(segment)).toBe(0)
    expect(store.segments.state(segment)).toBe(SegmentState.queued)
  })
  const put = putOf('late', valueOf(2, size), { mode: PutMode.add })
  expect(store.put(put)).toBe(Outcome.notStored)
  expect(store.segments.state(segment)).toBe(SegmentState.free)
  made.verify()
})
