/**
 * The part of verifyStore that walks runs of large values: items lie one behind the other up to
 * what is used, the live words of those that are linked add up, and bodies name their head.
 */
import { NO_SEGMENT, SegmentState } from './segments.ts'
import type { Store } from './store.ts'

/** @param linked items of large values that the index has. */
export function checkRuns(store: Store, linked: ReadonlySet<number>, faults: string[]): void {
  const { runs, segments } = store
  const met = new Set<number>()
  for (let id = 0; id < segments.count; id += 1) {
    if (segments.lists.runOf(id) !== id) continue
    checkRun(store, id, linked, faults)
    for (let body = id; body !== NO_SEGMENT; body = store.largeSegments.next(body)) met.add(body)
  }
  for (let id = 0; id < segments.count; id += 1) {
    const isLeft = segments.state(id) === SegmentState.abandoned
    if (runs.isRun(id) && !met.has(id) && !isLeft) faults.push(`segment ${id} has lost its run`)
  }
}

function checkRun(store: Store, head: number, linked: ReadonlySet<number>, faults: string[]): void {
  const { items, largeSegments, layout, runs, segments } = store
  for (let id = head; id !== NO_SEGMENT; id = largeSegments.next(id)) {
    const run = segments.lists.runOf(id)
    if (run !== head) faults.push(`segment ${id} of run ${head} says it is of ${run}`)
  }
  if (runs.segmentCount(head) > layout.runSegments) faults.push(`run ${head} is too long`)
  let live = 0
  runs.each(head, item => {
    if (!items.isLarge(item)) faults.push(`item ${item} in run ${head} is not large`)
    if (runs.headOf(item) !== head) faults.push(`item ${item} is not of run ${head}`)
    if (linked.has(item)) live += items.allWords(item)
  })
  if (live !== runs.liveWords(head)) {
    faults.push(`run ${head} counts ${runs.liveWords(head)} live words, has ${live}`)
  }
}
