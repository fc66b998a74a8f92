/**
 * The memory map of a store, and where each part begins. Everything lies inside `-m`.
 *
 *   0            superblock   4 KiB: counters and words that all threads share (drawn below)
 *   metaAt       segment metadata, 64 bytes a segment (segment-lists.ts draws them)
 *   indexAt      hash buckets, 64 bytes each: main, then overflow buckets (hash-index.ts)
 *   segmentsAt   segments of one size, a power of two
 *
 * Superblock, 4-byte words (64-byte lines for what different threads write):
 *   0  cas counter low   1  high                     any thread, atomically
 *   2–5  hash seed                                   written once, before any other thread starts
 *   16 segment lock                                  see locks.ts
 *   17 free list head   18 queue head   19 queue tail   20 free count     under the segment lock
 *   21 segments of private chains                    under the segment lock
 *   24 segments pinned by readers                    atomically
 *   32 open segment (id + 1)                         written under the segment lock, read by all
 *   22 sequence of the segment taken last  23 (f64)   under the segment lock
 *   48 flushed up to this sequence  49 (f64)         written under the segment lock, read by all
 *   50 pending flush: unix seconds, 0 = none         any thread, compare-and-swap
 *   64 overflow bucket next, 65 overflow free head   under the overflow lock (66)
 */
import { assert } from '../base/assert.ts'
import { INLINE_VALUE_MAX } from '../base/item-size.ts'

export const SuperWord = {
  cas: 0,
  seed: 2,
  segmentLock: 16,
  freeHead: 17,
  queueHead: 18,
  queueTail: 19,
  freeCount: 20,
  privateCount: 21,
  sequence: 22,
  pinnedCount: 24,
  openSegment: 32,
  flushedUpTo: 48,
  flushAt: 50,
  overflowNext: 64,
  overflowFree: 65,
  overflowLock: 66,
} as const

const SUPERBLOCK_BYTES = 4096
const BUCKET_BYTES = 64
const META_BYTES = 64
const SEGMENT_MIN_BYTES = 32 * 1024
const SEGMENT_MAX_BYTES = 256 * 1024
/** The part of memory that main buckets may take; 1/8 suits items of about 60 bytes and more. */
const INDEX_SHARE = 8
const OVERFLOW_SHARE = 8

export const MEMORY_MIN_BYTES = 8 * 1024 * 1024

export type Layout = {
  readonly totalBytes: number
  readonly metaWord: number
  readonly bucketWord: number
  readonly bucketCount: number
  readonly overflowCount: number
  readonly segmentsWord: number
  readonly segmentBytes: number
  readonly segmentWords: number
  readonly segmentCount: number
}

function floorPowerOfTwo(value: number): number {
  return 2 ** Math.floor(Math.log2(value))
}

/** @param memoryBytes what `-m` allows, at least 8 MiB; everything the store holds lies in it. */
export function layoutOf(memoryBytes: number): Layout {
  assert(memoryBytes >= MEMORY_MIN_BYTES, 'a store has at least 8 MiB')
  const wanted = 2 ** Math.round(Math.log2(memoryBytes / 1024))
  const segmentBytes = Math.min(SEGMENT_MAX_BYTES, Math.max(SEGMENT_MIN_BYTES, wanted))
  const bucketCount = floorPowerOfTwo(memoryBytes / INDEX_SHARE / BUCKET_BYTES)
  const overflowCount = bucketCount / OVERFLOW_SHARE
  const indexBytes = (bucketCount + overflowCount) * BUCKET_BYTES
  const rest = memoryBytes - SUPERBLOCK_BYTES - indexBytes
  const segmentCount = Math.floor((rest - segmentBytes) / (segmentBytes + META_BYTES))
  const indexAt = SUPERBLOCK_BYTES + segmentCount * META_BYTES
  // Segments begin at a multiple of their size, so an item's segment is a division away.
  const segmentsAt = Math.ceil((indexAt + indexBytes) / segmentBytes) * segmentBytes
  const totalBytes = segmentsAt + segmentCount * segmentBytes
  assert(totalBytes <= memoryBytes, 'the layout must lie inside the memory limit')
  return {
    totalBytes,
    metaWord: SUPERBLOCK_BYTES / 4,
    bucketWord: indexAt / 4,
    bucketCount,
    overflowCount,
    segmentsWord: segmentsAt / 4,
    segmentBytes,
    segmentWords: segmentBytes / 4,
    segmentCount,
  }
}

// Invariants
assert(SEGMENT_MIN_BYTES >= 2 * INLINE_VALUE_MAX, 'the largest inline item fits a segment')
assert(META_BYTES % 64 === 0, 'metadata of two segments never share a cache line')
const { cas, sequence, flushedUpTo } = SuperWord
assert((cas | sequence | flushedUpTo) % 2 === 0, '64-bit words are aligned')
