/**
 * The io_uring interface in numbers. Source: include/uapi/linux/io_uring.h (6.1 and later; the
 * layouts are the same on x86-64 and arm64). Offsets of submission and completion entries are in
 * 4-byte words, of everything that is written once in bytes.
 *
 *   io_uring_sqe, 64 bytes                          io_uring_cqe, 16 bytes
 *   0 opcode u8 · flags u8 · ioprio u16             0 user data low   1 user data high
 *   1 fd                                            2 result (i32)    3 flags
 *   2 offset low    3 high
 *   4 address low   5 high                          io_uring_buf, 16 bytes
 *   6 length                                        0 address u64  8 length u32  12 id u16
 *   7 flags of the operation                        14 of entry 0: the ring's tail u16
 *   8 user data low 9 high
 *   10 buffer group u16 · personality u16
 *   11 … 15 file index and others: always 0 here
 */
import { assert } from '../../base/assert.ts'

/** System call numbers, the same on all architectures. */
export const Call = { setup: 425, enter: 426, register: 427 } as const

export const Op = {
  nop: 0,
  pollAdd: 6,
  asyncCancel: 14,
  send: 26,
  receive: 27,
} as const

export const SqeFlag = { bufferSelect: 1 << 5, skipSuccess: 1 << 6 } as const

export const SqeWord = {
  opcode: 0,
  fd: 1,
  addressLow: 4,
  addressHigh: 5,
  length: 6,
  opFlags: 7,
  userLow: 8,
  userHigh: 9,
  bufferGroup: 10,
} as const
export const SQE_WORDS = 16

export const CqeWord = { userLow: 0, userHigh: 1, result: 2, flags: 3 } as const
export const CQE_WORDS = 4

/** A buffer was taken (its id is in the upper half), more completions will come. */
export const CqeFlag = { buffer: 1, more: 2 } as const
export const CQE_BUFFER_SHIFT = 16

export const SetupFlag = {
  cqSize: 1 << 3,
  submitAll: 1 << 7,
  coopTaskrun: 1 << 8,
  singleIssuer: 1 << 12,
  deferTaskrun: 1 << 13,
  /** 6.6 and later: submissions are taken in order, with no array of indices. */
  noSqArray: 1 << 16,
} as const

export const EnterFlag = { getEvents: 1, extArg: 1 << 3 } as const
export const SqFlag = { cqOverflow: 1 << 1 } as const
export const Feature = { singleMmap: 1, noDrop: 1 << 1, extArg: 1 << 8, cqeSkip: 1 << 11 } as const
export const Register = { pbufRing: 22 } as const

/** In `ioprio` of a receive: wait for readiness first; go on receiving. */
export const ReceiveFlag = { pollFirst: 1, multishot: 1 << 1 } as const
/** In `length` of a poll. */
export const POLL_MULTISHOT = 1

/** io_uring_params, 120 bytes. */
export const Params = {
  cqEntries: 4,
  flags: 8,
  features: 20,
  sqHead: 40,
  sqTail: 44,
  sqFlags: 56,
  sqArray: 64,
  cqHead: 80,
  cqTail: 84,
  cqEntriesArray: 100,
} as const
export const PARAMS_BYTES = 120

/** What mmap takes as an offset on the ring: both rings in one (singleMmap), the entries. */
export const MapOffset = { rings: 0, sqes: 0x10000000 } as const

/** io_uring_buf_reg, 40 bytes. */
export const BufferRegistration = { address: 0, entries: 8, group: 12 } as const
export const BUFFER_REGISTRATION_BYTES = 40
export const BUFFER_ENTRY_BYTES = 16
export const BufferEntry = { address: 0, length: 8, id: 12, tail: 14 } as const

/** io_uring_getevents_arg, 24 bytes, and the __kernel_timespec it points to. */
export const WaitArgument = { timespec: 16 } as const
export const WAIT_ARGUMENT_BYTES = 24
export const TIMESPEC_BYTES = 16

// Invariants
assert(SQE_WORDS * 4 === 64 && CQE_WORDS * 4 === 16, 'entries are of the sizes without SQE128')
assert(Params.cqEntriesArray + 20 === PARAMS_BYTES, 'cq_off ends io_uring_params')
