/**
 * The system calls that io_uring takes, through koffi. Results are what the kernel returns: a
 * number of at least 0, or minus errno. Tests put calls of their own in their place.
 */
import { loadLibc } from '../libc.ts'
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
type Calls = {
  syscall: Syscall
  mmap: (...parameters: Six) => number
  munmap: (address: number, sizeBytes: number) => number
  close: (fd: number) => number
}

// include/uapi/asm-generic/mman-common.h and mman.h
const PROT_READ_WRITE = 0x1 | 0x2
const MAP_PRIVATE_ANONYMOUS = 0x02 | 0x20
const MAP_SHARED_POPULATE = 0x01 | 0x8000

/** Undefined where such calls cannot be made (not Linux, koffi not installed). */
export function loadSystem(): System | undefined {
  const libc = loadLibc()
  if (libc === undefined) return undefined
  const word = 'intptr_t'
  // Of fixed arity, which the calling conventions of x86-64 and arm64 allow for integers: a
  // variadic call would cost a type tag for each argument.
  const { syscall, mmap, munmap, close } = {
    syscall: libc.declare('syscall', word, ['long', word, word, word, word, word, word]),
    mmap: libc.declare('mmap', word, [word, 'size_t', 'int', 'int', 'int', 'int64_t']),
    munmap: libc.declare('munmap', 'int', [word, 'size_t']),
    close: libc.declare('close', 'int', ['int']),
  } as Calls
  const checked = (result: number): number => (result >= 0 ? result : -libc.errno())
  return {
    setup: (entries, params) => checked(syscall(Call.setup, entries, params, 0, 0, 0, 0)),
    enter: (fd, toSubmit, minComplete, flags, argument, argumentBytes) =>
      checked(syscall(Call.enter, fd, toSubmit, minComplete, flags, argument, argumentBytes)),
    register: (fd, operation, argument, count) =>
      checked(syscall(Call.register, fd, operation, argument, count, 0, 0)),
    map: (sizeBytes, fd, offset) => {
      const flags = fd < 0 ? MAP_PRIVATE_ANONYMOUS : MAP_SHARED_POPULATE
      return checked(mmap(0, sizeBytes, PROT_READ_WRITE, flags, fd, offset))
    },
    unmap: (address, sizeBytes) => munmap(address, sizeBytes),
    view: (address, sizeBytes) => libc.view(address, sizeBytes),
    close: fd => close(fd),
  }
}
