/**
 * Whether io_uring can be had here, with everything the transport wants; if not, why, in words for
 * the log. It opens a small ring with buffers and closes it again.
 */
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { ReceiveBuffers } from './buffers.ts'
import { Ring, RingError } from './ring.ts'
import { loadSystem, type System } from './system.ts'

const EPERM = 1
const ENOMEM = 12
const EINVAL = 22
const ENOSYS = 38
const PROBE_ENTRIES = 8
const PROBE_BUFFER_BYTES = 4096

/** What the reason depends on, beside the kernel's answer. */
export type Surroundings = {
  system: System | undefined
  /** The sysctl kernel.io_uring_disabled: 0 no, 1 without the right to it, 2 yes; '' not there. */
  disabled: string
  kernelRelease: string
}

/** Undefined: io_uring works. Otherwise a reason, such as "refused by seccomp". */
export function uringRefusal(here: Surroundings = surroundings()): string | undefined {
  if (here.system === undefined) return 'koffi does not load here'
  try {
    tryRing(here.system)
    return undefined
  } catch (error) {
    if (!(error instanceof RingError)) throw error
    return reasonOf(error.errno, here)
  }
}

function tryRing(system: System): void {
  const ring = new Ring(system, PROBE_ENTRIES, PROBE_ENTRIES)
  let buffers: ReceiveBuffers | undefined
  try {
    // The kernel is given addresses, not memory: nothing is received into this page.
    const place = { address: PROBE_BUFFER_BYTES, count: 1, sizeBytes: PROBE_BUFFER_BYTES }
    buffers = new ReceiveBuffers(system, ring, 0, place)
    ring.wait(0)
  } finally {
    ring.close()
    buffers?.close()
  }
}

function reasonOf(errno: number, here: Surroundings): string {
  switch (errno) {
    case ENOSYS:
      return 'the kernel has no io_uring, or seccomp hides it'
    case EPERM:
      return here.disabled === '1' || here.disabled === '2'
        ? `the sysctl kernel.io_uring_disabled is ${here.disabled}`
        : "refused by seccomp, as Docker's default profile does"
    case EINVAL:
      return `the kernel is ${here.kernelRelease}, io_uring is used from 6.1 on`
    case ENOMEM:
      return 'no memory for its rings (before kernel 5.12: see ulimit -l)'
    default:
      return `errno ${errno}`
  }
}

function surroundings(): Surroundings {
  return { system: loadSystem(), disabled: readDisabled(), kernelRelease: release() }
}

function readDisabled(): string {
  try {
    return readFileSync('/proc/sys/kernel/io_uring_disabled', 'latin1').trim()
  } catch {
    // Before kernel 6.6 there was no such switch.
    return ''
  }
}
