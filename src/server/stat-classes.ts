/**
 * `stats items` and `stats slabs`: items by the slab class that memcached would keep them in, for
 * tools that read these. There are no slabs and no LRU lists here: everything counts as cold, and
 * a class's pages are as many megabytes as its items would fill.
 */
import { chunkSizes, SLAB_CLASS_MAX } from '../base/slab-class.ts'
import type { StatRow } from '../session/executor.ts'
import { ClassCounter } from '../store/class-tally.ts'
import type { ClassCounters } from './class-counters.ts'

const PAGE_BYTES = 1024 * 1024

export function* itemRows(classes: ClassCounters, lruSegmented: boolean): Generator<StatRow> {
  for (let slab = 1; slab <= SLAB_CLASS_MAX; slab += 1) {
    if (classes.of(slab, ClassCounter.items) === 0) continue
    for (const [name, value] of itemFields(classes, slab, lruSegmented)) {
      yield [`items:${slab}:${name}`, value]
    }
  }
}

type Field = readonly [name: string, value: number]

function itemFields(classes: ClassCounters, slab: number, lruSegmented: boolean): Field[] {
  const of = (counter: ClassCounter): number => classes.of(slab, counter)
  const segmented = (fields: Field[]): Field[] => (lruSegmented ? fields : [])
  return [
    ['number', of(ClassCounter.items)],
    ...segmented([
      ['number_hot', 0],
      ['number_warm', 0],
      ['number_cold', of(ClassCounter.items)],
      ['age_hot', 0],
      ['age_warm', 0],
    ]),
    ['age', 0],
    ['mem_requested', of(ClassCounter.bytes)],
    ['evicted', of(ClassCounter.evicted)],
    ['evicted_nonzero', of(ClassCounter.evictedNonzero)],
    ['evicted_time', of(ClassCounter.evictedTime)],
    ['outofmemory', of(ClassCounter.outOfMemory)],
    ['tailrepairs', 0],
    ['reclaimed', of(ClassCounter.reclaimed)],
    ['expired_unfetched', of(ClassCounter.expiredUnfetched)],
    ['evicted_unfetched', of(ClassCounter.evictedUnfetched)],
    ...segmented([['evicted_active', 0]]),
    ['crawler_reclaimed', 0],
    ['crawler_items_checked', 0],
    ['lrutail_reflocked', 0],
    ...segmented([
      ['moves_to_cold', 0],
      ['moves_to_warm', 0],
      ['moves_within_lru', 0],
      ['direct_reclaims', 0],
      ['hits_to_hot', 0],
      ['hits_to_warm', 0],
      ['hits_to_cold', of(ClassCounter.getHits)],
      ['hits_to_temp', 0],
    ]),
  ]
}

export function* slabRows(classes: ClassCounters): Generator<StatRow> {
  let active = 0
  let pages = 0
  for (let slab = 1; slab <= SLAB_CLASS_MAX; slab += 1) {
    const items = classes.of(slab, ClassCounter.items)
    const stored = classes.of(slab, ClassCounter.cmdSet)
    if (items === 0 && stored === 0) continue
    const fields = slabFields(classes, slab)
    active += 1
    pages += fields.pages
    for (const [name, value] of fields.rows) yield [`${slab}:${name}`, value]
  }
  yield ['active_slabs', active]
  yield ['total_malloced', pages * PAGE_BYTES]
}

function slabFields(classes: ClassCounters, slab: number): { rows: Field[]; pages: number } {
  const of = (counter: ClassCounter): number => classes.of(slab, counter)
  const chunkSize = chunkSizes[slab - 1]!
  const perPage = Math.floor(PAGE_BYTES / chunkSize)
  // What is larger than the largest chunk takes several of them.
  const isLast = slab === SLAB_CLASS_MAX
  const filled = isLast ? Math.ceil(of(ClassCounter.bytes) / chunkSize) : of(ClassCounter.items)
  const pages = Math.max(1, Math.ceil(filled / perPage))
  const rows: Field[] = [
    ['chunk_size', chunkSize],
    ['chunks_per_page', perPage],
    ['total_pages', pages],
    ['total_chunks', pages * perPage],
    ['used_chunks', filled],
    ['free_chunks', pages * perPage - filled],
    ['free_chunks_end', 0],
    ['get_hits', of(ClassCounter.getHits)],
    ['cmd_set', of(ClassCounter.cmdSet)],
    ['delete_hits', of(ClassCounter.deleteHits)],
    ['incr_hits', of(ClassCounter.incrHits)],
    ['decr_hits', of(ClassCounter.decrHits)],
    ['cas_hits', of(ClassCounter.casHits)],
    ['cas_badval', of(ClassCounter.casBadval)],
    ['touch_hits', of(ClassCounter.touchHits)],
  ]
  return { rows, pages }
}
