/**
 * Memory for one data thread's socket input and output that the kernel can be told the place of:
 * byte `i` of `bytes` lies at the address `base + i`. On a node it is a part of the store's region
 * (`bytes` is the store's own array, so items are copied to and from it with memmove and no views);
 * elsewhere a mapping of its own. Pages that are never touched cost nothing.
 *
 *   at: output (the worker's, IO_OUTPUT_BYTES) │ what the transport needs … at + size
 */
import { type Libc, loadLibc } from './libc.ts'

export type IoMemory = {
  readonly bytes: Uint8Array
  readonly base: number
  readonly at: number
  readonly size: number
}

/** Where the worker's output lies, at the beginning of a thread's memory. */
export const IO_OUTPUT_BYTES = 64 * 1024
/** Of one data thread, on the transport that needs most; a multiple of the page size. */
export const IO_BYTES = 1152 * 1024

// include/uapi/asm-generic/mman-common.h and mman.h
const PROT_READ_WRITE = 0x1 | 0x2
const MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x02 | 0x20 | 0x4000

type Mmap = (
  at: number,
  size: number,
  protection: number,
  flags: number,
  fd: number,
  offset: number,
) => number

/** A mapping of the thread's own; it lives as long as the process. */
export function mapIoMemory(size: number = IO_BYTES): IoMemory {
  const libc = loadLibc() as Libc
  const mmap = libc.declare('mmap', 'intptr_t', [
    'intptr_t',
    'size_t',
    'int',
    'int',
    'int',
    'int64_t',
  ]) as Mmap
  const base = mmap(0, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0)
  if (base < 0) throw new Error(`Cannot map ${size} bytes: ${libc.errorName(libc.errno())}`)
  return { bytes: new Uint8Array(libc.view(base, size)), base, at: 0, size }
}

/** For a transport that makes no kernel calls of its own: nobody asks for its address. */
export function portableMemory(): IoMemory {
  return { bytes: new Uint8Array(IO_OUTPUT_BYTES), base: 0, at: 0, size: IO_OUTPUT_BYTES }
}
