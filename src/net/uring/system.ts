/**
 * The system calls that io_uring takes, through koffi. Results are what the kernel returns: a
 * number of at least 0, or minus errno. Tests put calls of their own in their place.
 */
import { createRequire } from 'node:module'
import { Call } from './abi.ts'

export type System = {
  setup(entries: number, params: number): number
  enter(
    fd: number,
    toSubmit: number,
    minComplete: number,
    flags: number,
    argument: number,
    argumentBytes: number,
  ): number
  register(fd: number, operation: number, argument: number, count: number): number
  /** Memory of the ring `fd`, or (with -1) anonymous. */
  map(sizeBytes: number, fd: number, offset: number): number
  unmap(address: number, sizeBytes: number): void
  view(address: number, sizeBytes: number): ArrayBuffer
  close(fd: number): void
}

type Six = [number, number, number, number, number, number]
type Syscall = (number: number, ...parameters: Six) => number
type Libc = {
  syscall: Syscall
  mmap(...parameters: Six): number
  munmap(address: number, sizeBytes: number): number
  close(fd: number): number
}

// include/uapi/asm-generic/mman-common.h and mman.h
const PROT_READ_WRITE = 0x1 | 0x2
const MAP_PRIVATE_ANONYMOUS = 0x02 | 0x20
const MAP_SHARED_POPULATE = 0x01 | 0x8000

let loaded: System | undefined | null = null

/** Undefined where such calls cannot be made (not Linux, koffi not installed). */
export function loadSystem(): System | undefined {
  if (loaded === null) loaded = process.platform === 'linux' ? tryLoad() : undefined
  return loaded
}

function tryLoad(): System | undefined {
  let koffi: typeof import('koffi')
  try {
    koffi = createRequire(import.meta.url)('koffi')
  } catch {
    // An optional dependency: without it there are other transports.
    return undefined
  }
  const library = koffi.load(null)
  const word = 'intptr_t'
  // Of fixed arity, which the calling conventions of x86-64 and arm64 allow for integers: a
  // variadic call would cost a type tag for each argument.
  const libc = {
    syscall: library.func('syscall', word, ['long', word, word, word, word, word, word]),
    mmap: library.func('mmap', word, [word, 'size_t', 'int', 'int', 'int', 'int64_t']),
    munmap: library.func('munmap', 'int', [word, 'size_t']),
    close: library.func('close', 'int', ['int']),
  } as unknown as Libc
  const { syscall } = libc
  const checked = (result: number): number => (result >= 0 ? result : -koffi.errno())
  return {
    setup: (entries, params) => checked(syscall(Call.setup, entries, params, 0, 0, 0, 0)),
    enter: (fd, toSubmit, minComplete, flags, argument, argumentBytes) =>
      checked(syscall(Call.enter, fd, toSubmit, minComplete, flags, argument, argumentBytes)),
    register: (fd, operation, argument, count) =>
      checked(syscall(Call.register, fd, operation, argument, count, 0, 0)),
    map: (sizeBytes, fd, offset) => {
      const flags = fd < 0 ? MAP_PRIVATE_ANONYMOUS : MAP_SHARED_POPULATE
      return checked(libc.mmap(0, sizeBytes, PROT_READ_WRITE, flags, fd, offset))
    },
    unmap: (address, sizeBytes) => libc.munmap(address, sizeBytes),
    view: (address, sizeBytes) => koffi.view(address as never, sizeBytes),
    close: fd => libc.close(fd),
  }
}
