/**
 * A node's memory: `-m`, and address space beyond it for `cache_memlimit` to raise it into.
 *
 * Address space costs nothing until it is touched, but what describes segments is laid out for all
 * of it, and a raised cache keeps its size of segments and its lifetimes: four times `-m`, or a
 * gibibyte if that is more, keeps both sensible. No reserve: the portable kind, and large pages,
 * which are taken all at once. There the limit can be lowered and raised again to what it was at
 * the start, and no memory is given back.
 *
 * Behind the store lies what the data threads' sockets read into and write from (net/io-memory.ts).
 */
import { IO_BYTES, type IoMemory, mapIoMemory, portableMemory } from '../net/io-memory.ts'
import { type Layout, layoutOf } from '../store/layout.ts'
import { createRegion, type Region, RegionError } from '../store/region.ts'
import type { NodeOptions } from './options.ts'

const GIB = 1024 ** 3
const RESERVE_FACTOR = 4
const RESERVE_MIN_BYTES = GIB
/** What locations can tell apart, less what stands before the segments. */
const RESERVE_MAX_BYTES = 4095 * GIB

type Memory = { region: Region; layout: Layout }

/** @throws RegionError when not even `-m` can be had. */
export function createMemory(options: NodeOptions, dataThreads: number): Memory {
  const { memoryBytes, region: kind, largePages, cas: hasCas } = options
  const wanted = Math.max(memoryBytes * RESERVE_FACTOR, RESERVE_MIN_BYTES)
  const hasReserve = kind === 'mapped' && !largePages
  const reserve = hasReserve ? Math.min(wanted, RESERVE_MAX_BYTES) : memoryBytes
  try {
    return create(layoutOf(memoryBytes, { reserveBytes: reserve, hasCas }), options, dataThreads)
  } catch (error) {
    // Address space is limited here (ulimit -v, strict overcommit): then `-m` is all there is.
    if (reserve === memoryBytes || !(error instanceof RegionError)) throw error
    return create(layoutOf(memoryBytes, { hasCas }), options, dataThreads)
  }
}

function create(layout: Layout, options: NodeOptions, dataThreads: number): Memory {
  const { region: kind, largePages } = options
  const ioBytes = kind === 'mapped' ? dataThreads * IO_BYTES : 0
  const smallPagesAt = layout.totalBytes
  const region = createRegion(layout.totalBytes + ioBytes, kind, { largePages, smallPagesAt })
  return { layout, region }
}

/** A data thread's part of the region; a memory of its own where the region has no address. */
export function ioMemoryOf(
  region: Region,
  layout: Layout,
  index: number,
  native: boolean,
): IoMemory {
  const { bytes, handle } = region
  if (handle.kind !== 'mapped') return native ? mapIoMemory() : portableMemory()
  const at = layout.totalBytes + index * IO_BYTES
  return { bytes, base: handle.address, at, size: IO_BYTES }
}
