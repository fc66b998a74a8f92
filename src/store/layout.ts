/**
 * The memory map of a store, and where each part begins. What is in use of it lies inside the
 * memory limit; what is reserved for a higher one (memory-limit.ts) is address space only.
 *
 *   0             superblock     4 KiB: counters and words that all threads share (drawn below)
 *   directoryAt   index segments, in order of their buckets, 4 bytes each (hash-index.ts)
 *   overflowAt    segments of overflow buckets, 4 bytes each
 *   metaAt        segment metadata, 64 bytes a segment (segment-lists.ts draws them)
 *   segmentsAt    segments of one size, a power of two: of items, and of the index as it grows
 *
 * Superblock, 4-byte words (64-byte lines for what different threads write):
 *   0  cas counter low   1  quarters (cas-counter.ts) any thread, atomically
 *   2–5  hash seed                                   written once, before any other thread starts
 *   16 segment lock                                  see locks.ts
 *   17 free list head   20 free count               under the segment lock
 *   18 segments known   19 in hand   25 given back  under the segment lock (segment-supply.ts)
 *   26 segments wanted  27 memory limit in KiB      written under the segment lock, read by all
 *   21 segments promised to private values           under the segment lock
 *   22 sequence of the segment taken last  23 (f64)   under the segment lock
 *   24 segments pinned by readers                    atomically
 *   48 flushed up to this sequence  49 (f64)         written under the segment lock, read by all
 *   50 pending flush: unix seconds, 0 = none         any thread, compare-and-swap
 *   64 main buckets                                  under the grow lock (80), read by all
 *   65 linked items, nearly                          any thread, atomically, some at a time
 *   81 overflow lock; under it: 82 overflow buckets ever used, 83 free list head, 84 free count,
 *   85 overflow segments
 *   256 chains of segments (segment-lists.ts draws them)
 *   768 their open runs                              under the segment lock (runs.ts)
 */
import { assert } from '../base/assert.ts'
import { INLINE_VALUE_MAX } from '../base/item-size.ts'

export const SuperWord = {
  casLow: 0,
  casQuarters: 1,
  seed: 2,
  segmentLock: 16,
  freeHead: 17,
  knownCount: 18,
  inHandCount: 19,
  freeCount: 20,
  privateCount: 21,
  sequence: 22,
  pinnedCount: 24,
  awayHead: 25,
  wantedCount: 26,
  limitKib: 27,
  flushedUpTo: 48,
  flushAt: 50,
  bucketCount: 64,
  linkedItems: 65,
  growLock: 80,
  overflowLock: 81,
  overflowUsed: 82,
  overflowFree: 83,
  overflowFreeCount: 84,
  overflowSegments: 85,
  chains: 256,
  openRuns: 768,
} as const

/** Lifetimes told apart: fewer where memory is small, because each may keep a segment open. */
const TTL_BUCKETS_MIN = 8
const TTL_BUCKETS_MAX = 64
const SEGMENTS_PER_TTL_BUCKET = 8
export const CHAIN_COUNT_MAX = 2 * TTL_BUCKETS_MAX
/** Free segments that only eviction may use: what it keeps has to be copied somewhere first. */
export const RESERVE_SEGMENTS = 4
const SUPERBLOCK_BYTES = 4096
const META_BYTES = 64
const DIRECTORY_ENTRY_BYTES = 4
/** A run of large values is emptied as a whole: neither much of memory nor long work. */
const RUN_SHARE = 1 / 64
const RUN_SEGMENTS_MIN = 4
const RUN_SEGMENTS_MAX = 16
const RUN_MAX_BYTES = 4 * 1024 * 1024
const SEGMENT_MIN_BYTES = 32 * 1024
const SEGMENT_MAX_BYTES = 256 * 1024
export const BUCKET_BYTES = 64

export const MEMORY_MIN_BYTES = 8 * 1024 * 1024

export type Layout = {
  /** The memory limit that the store starts with. */
  readonly memoryBytes: number
  readonly totalBytes: number
  readonly directoryWord: number
  readonly overflowWord: number
  readonly metaWord: number
  readonly segmentsWord: number
  readonly segmentBytes: number
  readonly segmentWords: number
  /** Segments within the memory limit that the store starts with. */
  readonly segmentCount: number
  /** Segments that there is address space for. */
  readonly segmentCountMax: number
  /** False (`-C`): items have no cas. */
  readonly hasCas: boolean
  /** Hash buckets that one segment holds, a power of two. */
  readonly bucketsPerSegment: number
  readonly ttlBucketCount: number
  /** Segments of a run of large values (runs.ts). */
  readonly runSegments: number
  /** Chains of segments: every TTL bucket in probation and in the main part. */
  readonly chainCount: number
}

/**
 * @param memoryBytes what `-m` allows, at least 8 MiB; everything the store holds lies in it.
 * @param reserveBytes what it may be raised to later: `-m` itself, if nothing is said.
 */
export function layoutOf(
  memoryBytes: number,
  { reserveBytes = memoryBytes, hasCas = true }: { reserveBytes?: number; hasCas?: boolean } = {},
): Layout {
  assert(memoryBytes >= MEMORY_MIN_BYTES, 'a store has at least 8 MiB')
  assert(reserveBytes >= memoryBytes, 'the reserve holds what the store starts with')
  const wanted = 2 ** Math.round(Math.log2(memoryBytes / 1024))
  const segmentBytes = Math.min(SEGMENT_MAX_BYTES, Math.max(SEGMENT_MIN_BYTES, wanted))
  const segmentCount = segmentsWithin(memoryBytes, segmentBytes)
  const segmentCountMax = segmentsWithin(reserveBytes, segmentBytes)
  const wantedBuckets = Math.floor(segmentCount / SEGMENTS_PER_TTL_BUCKET)
  const ttlBucketCount = Math.min(TTL_BUCKETS_MAX, Math.max(TTL_BUCKETS_MIN, wantedBuckets))
  const runMax = Math.min(RUN_SEGMENTS_MAX, RUN_MAX_BYTES / segmentBytes)
  const wantedRun = Math.floor(segmentCount * RUN_SHARE)
  const directoryBytes = roundUp(segmentCountMax * DIRECTORY_ENTRY_BYTES, META_BYTES)
  const overflowAt = SUPERBLOCK_BYTES + directoryBytes
  const metaAt = overflowAt + directoryBytes
  // Segments begin at a multiple of their size, so an item's segment is a division away.
  const segmentsAt = roundUp(metaAt + segmentCountMax * META_BYTES, segmentBytes)
  const totalBytes = segmentsAt + segmentCountMax * segmentBytes
  assert(totalBytes <= reserveBytes, 'the layout must lie inside what is reserved')
  return {
    memoryBytes,
    totalBytes,
    directoryWord: SUPERBLOCK_BYTES / 4,
    overflowWord: overflowAt / 4,
    metaWord: metaAt / 4,
    segmentsWord: segmentsAt / 4,
    segmentBytes,
    segmentWords: segmentBytes / 4,
    segmentCount,
    segmentCountMax,
    hasCas,
    bucketsPerSegment: segmentBytes / BUCKET_BYTES,
    ttlBucketCount,
    runSegments: Math.min(runMax, Math.max(RUN_SEGMENTS_MIN, wantedRun)),
    chainCount: 2 * ttlBucketCount,
  }
}

/** Segments that a memory limit allows, each with its metadata and its place in the index. */
export function segmentsWithin(memoryBytes: number, segmentBytes: number): number {
  const each = segmentBytes + META_BYTES + 2 * DIRECTORY_ENTRY_BYTES
  return Math.floor((memoryBytes - SUPERBLOCK_BYTES - segmentBytes) / each)
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit
}

// Invariants
assert(SEGMENT_MIN_BYTES >= 2 * INLINE_VALUE_MAX, 'the largest inline item fits a segment')
assert(META_BYTES % 64 === 0, 'metadata of two segments never share a cache line')
const { sequence, flushedUpTo } = SuperWord
assert((sequence | flushedUpTo) % 2 === 0, '64-bit words are aligned')
