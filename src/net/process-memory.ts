/**
 * Keeps a server's resident memory near what it uses. Starting, and compiling hot functions, takes
 * more than running does; glibc keeps what has been freed, an arena for each thread, and the kernel
 * keeps every page of Node itself that has once been looked at. Linux with glibc only; elsewhere
 * nothing is done.
 */
import { readFileSync } from 'node:fs'
import type { Libc } from './libc.ts'

// malloc.h
const M_TRIM_THRESHOLD = -1
const M_MMAP_THRESHOLD = -3
const M_ARENA_MAX = -8
/**
 * Threads of a server allocate outside V8's heap when they start and when they compile, not for
 * requests: they seldom wait for each other.
 */
const ARENAS = 1
/** Larger pieces have mappings of their own, which are gone when they are freed. */
const MAPPED_FROM_BYTES = 64 * 1024
const TRIM_THRESHOLD_BYTES = 64 * 1024

// include/uapi/asm-generic/mman-common.h
const MADV_DONTNEED = 4

const SMAPS = '/proc/self/smaps'

/** A look takes some 8 µs of the main thread, giving back up to 3 ms. */
const LOOK_MS = 500
/** Resident memory that has come since the last time: some of it may be compilers' and free. */
const GROWTH_BYTES = 4 * 1024 * 1024

/** Of malloc's arenas; before there are threads, which would have taken arenas. */
export function limitHeaps(libc: Libc | undefined): void {
  const mallopt = declare(libc, 'mallopt', ['int', 'int'])
  mallopt?.(M_ARENA_MAX, ARENAS)
  mallopt?.(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES)
  mallopt?.(M_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES)
}

/** Once the process serves: gives back what starting took, and from now on what has been freed. */
export function giveBackUnused(libc: Libc | undefined, smapsPath = SMAPS): void {
  forgetStart(libc, smapsPath)
  const trim = declare(libc, 'malloc_trim', ['size_t'])
  if (!trim) return
  let known = Number.POSITIVE_INFINITY
  const look = (): void => {
    const resident = residentBytes()
    if (resident === undefined) return
    if (resident < known) known = resident
    if (resident < known + GROWTH_BYTES) return
    trim(0)
    known = residentBytes() ?? resident
  }
  trim(0)
  setInterval(look, LOOK_MS).unref()
}

/** Undefined while the process has no descriptor left to read it with: the next look will do. */
function residentBytes(): number | undefined {
  try {
    return process.memoryUsage.rss()
  } catch {
    return undefined
  }
}

/**
 * The executable's pages, most of which only starting needed, are clean copies of the file: what is
 * needed again is mapped again from the kernel's cache at its next use.
 */
function forgetStart(libc: Libc | undefined, smapsPath: string): void {
  const madvise = declare(libc, 'madvise', ['intptr_t', 'size_t', 'int'])
  if (!madvise) return
  for (const { at, sizeBytes } of cleanMappings(readSmaps(smapsPath))) {
    // Refused for a mapping that is locked: then it stays.
    madvise(at, sizeBytes, MADV_DONTNEED)
  }
}

/** Empty where it cannot be read: not every kernel has it, and not every container shows it. */
function readSmaps(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

export type Mapping = { at: number; sizeBytes: number }

/** Mappings of files that can only be read and that nothing has been written to. */
export function cleanMappings(smaps: string): Mapping[] {
  const found: Mapping[] = []
  let mapping: Mapping | undefined
  for (const line of smaps.split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+)/.exec(line)
    if (head) {
      const [, from = '', to = '', rights = '', inode = '0'] = head
      const at = Number.parseInt(from, 16)
      const isFile = inode !== '0' && /^r-[x-]p$/.test(rights)
      mapping = isFile ? { at, sizeBytes: Number.parseInt(to, 16) - at } : undefined
    } else if (mapping && /^Anonymous:\s+0 kB$/.test(line)) {
      found.push(mapping)
    }
  }
  return found
}

/** Undefined where libc has no such call (musl). */
function declare(
  libc: Libc | undefined,
  name: string,
  parameters: readonly string[],
): ((...values: number[]) => number) | undefined {
  try {
    return libc?.declare(name, 'int', parameters) as (...values: number[]) => number
  } catch {
    return undefined
  }
}
