/**
 * The one piece of memory that all data threads share: index, segments and everything beside them.
 *
 * Two kinds. `mapped`: an anonymous private mapping (mmap through koffi) that each thread views as
 * an ordinary ArrayBuffer, so V8 copies in it with memmove (threads of a process share private
 * mappings anyway). `shared`: a SharedArrayBuffer, for machines without koffi; V8 copies its bytes
 * one relaxed atomic at a time, so it is slower, and otherwise the same.
 * Each view of a large mapping costs a full garbage collection: one per thread, made once.
 */
import { createRequire } from 'node:module'

/** What one thread hands another so that it can open the same memory. */
export type RegionHandle =
  | { kind: 'mapped'; address: number; sizeBytes: number }
  | { kind: 'shared'; buffer: SharedArrayBuffer }

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
  sched_yield(): number
}
type Koffi = typeof import('koffi')

// include/uapi/asm-generic/mman-common.h and mman.h
const PROT_READ_WRITE = 0x1 | 0x2
const MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x02 | 0x20 | 0x4000
const MAP_FAILED = -1

let loaded: { koffi: Koffi; libc: Libc } | undefined

function loadLibc(): { koffi: Koffi; libc: Libc } {
  if (loaded) return loaded
  // koffi is an optional dependency: require() inside, so that its absence is an ordinary error.
  const koffi = createRequire(import.meta.url)('koffi') as Koffi
  const library = koffi.load(null)
  const libc = {
    mmap: library.func('mmap', 'intptr_t', ['intptr_t', 'size_t', 'int', 'int', 'int', 'int64_t']),
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

/** @throws Error when the memory cannot be had. */
export function createRegion(sizeBytes: number, kind: 'mapped' | 'shared'): Region {
  if (kind === 'shared') {
    return openRegion({ kind, buffer: new SharedArrayBuffer(sizeBytes) })
  }
  const { libc } = loadLibc()
  const flags = MAP_PRIVATE_ANONYMOUS_NORESERVE
  const address = libc.mmap(0, sizeBytes, PROT_READ_WRITE, flags, -1, 0)
  if (address === MAP_FAILED) throw new Error(`Cannot map ${sizeBytes} bytes of memory`)
  return openRegion({ kind, address, sizeBytes })
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
  }
}

function viewOf(address: number, sizeBytes: number): ArrayBuffer {
  return loadLibc().koffi.view(address as never, sizeBytes)
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
