/**
 * The one piece of memory that all data threads share: index, segments and everything beside them.
 *
 * Two kinds. `mapped`: an anonymous private mapping (mmap through koffi) that each thread views as
 * an ordinary ArrayBuffer, so V8 copies in it with memmove (threads of a process share private
 * mappings anyway). `shared`: a SharedArrayBuffer, for machines without koffi; V8 copies its bytes
 * one relaxed atomic at a time, so it is slower, and otherwise the same.
 * Each view of a large mapping costs a full garbage collection: one per thread, made once.
 *
 * Huge pages are asked for (MADV_HUGEPAGE: sets take 13 % less time in 128 MiB, 20 % in 2 GiB), and
 * insisted on with `largePages` (MAP_HUGETLB), which takes them all at once from what the system
 * has set aside.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/** What one thread hands another so that it can open the same memory. */
type MappedHandle = { kind: 'mapped'; address: number; sizeBytes: number }
export type RegionHandle = MappedHandle | { kind: 'shared'; buffer: SharedArrayBuffer }

export type Region = {
  readonly kind: 'mapped' | 'shared'
  readonly handle: RegionHandle
  readonly bytes: Uint8Array
  /**
   * The same memory in 4-byte words; `word` is always a byte offset divided by 4, never shifted.
   */
  readonly words: Uint32Array
  /** The same memory in 8-byte words. */
  readonly longs: BigUint64Array
  /** Gives the processor away while a lock is held by a thread that is not running. */
  readonly yieldCpu: () => void
  /**
   * Gives whole pages back to the kernel: they are zero when they are next touched. Shared memory
   * and pages set aside (`largePages`, in the creator's hands) stay what they are.
   */
  readonly giveBack: (at: number, sizeBytes: number) => void
}

type Libc = {
  mmap(
    at: number,
    size: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ): number
  madvise(at: number, size: number, advice: number): number
  sched_yield(): number
}
type Koffi = typeof import('koffi')

// include/uapi/asm-generic/mman-common.h and mman.h
const PROT_READ_WRITE = 0x1 | 0x2
const MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x02 | 0x20 | 0x4000
const MAP_PRIVATE_ANONYMOUS_HUGETLB = 0x02 | 0x20 | 0x40000
const MAP_FAILED = -1
const MADV_DONTNEED = 4
const MADV_HUGEPAGE = 14
const MADV_NOHUGEPAGE = 15
const KIB = 1024

/** The system does not give the memory that was asked for; the message says what would help. */
export class RegionError extends Error {
  override name = 'RegionError'
}

let loaded: { koffi: Koffi; libc: Libc } | undefined

function loadLibc(): { koffi: Koffi; libc: Libc } {
  if (loaded) return loaded
  // koffi is an optional dependency: require() inside, so that its absence is an ordinary error.
  const koffi = createRequire(import.meta.url)('koffi') as Koffi
  const library = koffi.load(null)
  const libc = {
    mmap: library.func('mmap', 'intptr_t', ['intptr_t', 'size_t', 'int', 'int', 'int', 'int64_t']),
    madvise: library.func('madvise', 'int', ['intptr_t', 'size_t', 'int']),
    sched_yield: library.func('sched_yield', 'int', []),
  } as unknown as Libc
  loaded = { koffi, libc }
  return loaded
}

/** Whether this machine can map memory itself (Linux with koffi). */
export function canMap(): boolean {
  if (process.platform !== 'linux') return false
  try {
    loadLibc()
    return true
  } catch {
    // Not installed, or no binary for this platform: the portable kind serves.
    return false
  }
}

export type RegionOptions = {
  /** `-L`. */
  largePages?: boolean
  /** From this byte on huge pages are not asked for: of what lies there only parts are touched. */
  smallPagesAt?: number
}

/** @throws RegionError when the memory cannot be had. */
export function createRegion(
  sizeBytes: number,
  kind: 'mapped' | 'shared',
  { largePages = false, smallPagesAt = sizeBytes }: RegionOptions = {},
): Region {
  if (kind === 'shared') {
    if (largePages) throw new RegionError('Cannot use large pages: koffi does not load here')
    return openRegion({ kind, buffer: new SharedArrayBuffer(sizeBytes) })
  }
  if (largePages) {
    const region = openRegion({ kind, address: mapLargePages(sizeBytes), sizeBytes })
    return { ...region, giveBack: () => {} }
  }
  const { libc } = loadLibc()
  const flags = MAP_PRIVATE_ANONYMOUS_NORESERVE
  const address = libc.mmap(0, sizeBytes, PROT_READ_WRITE, flags, -1, 0)
  if (address === MAP_FAILED) throw new RegionError(`Cannot map ${sizeBytes} bytes of memory`)
  // A wish only: a kernel without them, or told never to, goes on with small pages.
  libc.madvise(address, smallPagesAt, MADV_HUGEPAGE)
  return openRegion({ kind, address, sizeBytes })
}

function mapLargePages(sizeBytes: number): number {
  const { pageBytes, free } = largePagesOf(readFileSync('/proc/meminfo', 'latin1'))
  const pages = Math.ceil(sizeBytes / pageBytes)
  const flags = MAP_PRIVATE_ANONYMOUS_HUGETLB
  const address = loadLibc().libc.mmap(0, pages * pageBytes, PROT_READ_WRITE, flags, -1, 0)
  if (address !== MAP_FAILED) return address
  throw new RegionError(
    `Cannot map ${pages} large pages: the system has ${free} free of ${pageBytes / KIB} KiB ` +
      'each; set vm.nr_hugepages',
  )
}

/** What /proc/meminfo says of pages set aside; a kernel without them says nothing. */
function largePagesOf(meminfo: string): { pageBytes: number; free: number } {
  const field = (name: string) => new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(meminfo)?.[1]
  const pageKib = Number(field('Hugepagesize') ?? 2048)
  return { pageBytes: pageKib * KIB, free: Number(field('HugePages_Free') ?? 0) }
}

export function openRegion(handle: RegionHandle): Region {
  const buffer = handle.kind === 'shared' ? handle.buffer : viewOf(handle.address, handle.sizeBytes)
  return {
    kind: handle.kind,
    handle,
    bytes: new Uint8Array(buffer),
    words: new Uint32Array(buffer),
    longs: new BigUint64Array(buffer),
    yieldCpu: handle.kind === 'shared' ? portableYield() : nativeYield(),
    giveBack: handle.kind === 'shared' ? () => {} : giveBackFrom(handle),
  }
}

function viewOf(address: number, sizeBytes: number): ArrayBuffer {
  return loadLibc().koffi.view(address as never, sizeBytes)
}

function giveBackFrom({ address, sizeBytes: all }: MappedHandle): Region['giveBack'] {
  const { libc } = loadLibc()
  let isFirst = true
  return (at, sizeBytes) => {
    // A huge page would bring back what was given back around the one that is touched again.
    if (isFirst) libc.madvise(address, all, MADV_NOHUGEPAGE)
    isFirst = false
    if (libc.madvise(address + at, sizeBytes, MADV_DONTNEED) === 0) return
    throw new Error(`Cannot give ${sizeBytes} bytes at ${at} back to the kernel`)
  }
}

function nativeYield(): () => void {
  const { libc } = loadLibc()
  return () => {
    libc.sched_yield()
  }
}

/** Sleeps a moment on a word that nobody notifies. */
function portableYield(): () => void {
  const word = new Int32Array(new SharedArrayBuffer(4))
  return () => {
    Atomics.wait(word, 0, 0, 0.05)
  }
}
