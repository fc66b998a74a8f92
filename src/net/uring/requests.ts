/**
 * The requests that the transport makes, as entries of the ring. All of them name the stream they
 * belong to (completions.ts); those that are not a send take their place in the order of the queue
 * and leave with the next submission.
 */
import { Op, POLL_MULTISHOT, ReceiveFlag, SQE_WORDS, SqeFlag, SqeWord } from './abi.ts'
import { Kind, tagOf } from './completions.ts'
import type { Ring } from './ring.ts'

const {
  fd: FD,
  addressLow: ADDRESS_LOW,
  addressHigh: ADDRESS_HIGH,
  length: LENGTH,
  opFlags: OP_FLAGS,
  userLow: USER_LOW,
  userHigh: USER_HIGH,
  bufferGroup: BUFFER_GROUP,
} = SqeWord

// include/linux/socket.h: MSG_DONTWAIT, MSG_NOSIGNAL, MSG_WAITALL
const SEND_FLAGS = 0x40 | 0x4000 | 0x100
// include/uapi/asm-generic/poll.h
const POLLIN = 0x1
const POLLOUT = 0x4
const POLLRDHUP = 0x2000
const TWO_32 = 2 ** 32

const SEND = Op.send | (SqeFlag.skipSuccess << 8)
const RECEIVE_ONCE = Op.receive | (SqeFlag.bufferSelect << 8) | (ReceiveFlag.pollFirst << 16)
const RECEIVE = RECEIVE_ONCE | (ReceiveFlag.multishot << 16)
const CANCEL = Op.asyncCancel | (SqeFlag.skipSuccess << 8)

/** Who asks: a stream, or what stands for one. */
export type Asker = { readonly fd: number; readonly slot: number; readonly generation: number }

/**
 * Sends what fits at once and is silent if that was all of it. A send that could not take
 * everything says how much it took (MSG_WAITALL), or -EAGAIN (MSG_DONTWAIT), and is over.
 * Returns the entry's word, for as long as it is queued.
 */
export function queueSend(ring: Ring, asker: Asker, address: number, length: number): number {
  const { words } = ring
  const word = ring.sqe()
  words[word] = SEND
  words[word + FD] = asker.fd
  const high = Math.floor(address / TWO_32)
  words[word + ADDRESS_LOW] = address - high * TWO_32
  words[word + ADDRESS_HIGH] = high
  words[word + LENGTH] = length
  words[word + OP_FLAGS] = SEND_FLAGS
  identify(words, word, asker, Kind.send)
  return word
}

export function lengthenSend(ring: Ring, word: number, by: number): void {
  ring.words[word + LENGTH] = ring.words[word + LENGTH]! + by
}

/** A queued send is not to be made after all: nothing happens in its place. */
export function withdrawSend(ring: Ring, word: number, asker: Asker): void {
  ring.words.fill(0, word, word + SQE_WORDS)
  ring.words[word] = Op.nop | (SqeFlag.skipSuccess << 8)
  identify(ring.words, word, asker, Kind.cancel)
}

/**
 * Receives again and again, into buffers of `group`, until it is cancelled or something is wrong.
 * Waits for readiness first: so a submission itself posts nothing but what became of sends.
 * @param once it is over with the first completion.
 */
export function queueReceive(ring: Ring, asker: Asker, group: number, once: boolean): void {
  const word = ring.sqe()
  ring.words[word] = once ? RECEIVE_ONCE : RECEIVE
  ring.words[word + FD] = asker.fd
  ring.words[word + BUFFER_GROUP] = group
  identify(ring.words, word, asker, Kind.receive)
}

export function queueWritable(ring: Ring, asker: Asker): void {
  const word = ring.sqe()
  ring.words[word] = Op.pollAdd
  ring.words[word + FD] = asker.fd
  ring.words[word + OP_FLAGS] = POLLOUT
  identify(ring.words, word, asker, Kind.writable)
}

/** Says once that the peer sends no more or is gone, whatever else the stream is waiting for. */
export function queueHangUp(ring: Ring, asker: Asker): void {
  const word = ring.sqe()
  ring.words[word] = Op.pollAdd
  ring.words[word + FD] = asker.fd
  ring.words[word + OP_FLAGS] = POLLRDHUP
  identify(ring.words, word, asker, Kind.hangUp)
}

/** Says every time that the descriptor has become readable. */
export function queueWake(ring: Ring, asker: Asker): void {
  const word = ring.sqe()
  ring.words[word] = Op.pollAdd
  ring.words[word + FD] = asker.fd
  ring.words[word + LENGTH] = POLL_MULTISHOT
  ring.words[word + OP_FLAGS] = POLLIN
  identify(ring.words, word, asker, Kind.wake)
}

/** Ends one request of the stream, which then completes with -ECANCELED; silent if it is over. */
export function queueCancel(ring: Ring, asker: Asker, kind: Kind): void {
  const word = ring.sqe()
  ring.words[word] = CANCEL
  ring.words[word + FD] = -1
  ring.words[word + ADDRESS_LOW] = asker.slot
  ring.words[word + ADDRESS_HIGH] = tagOf(asker.generation, kind)
  identify(ring.words, word, asker, Kind.cancel)
}

function identify(words: Uint32Array, word: number, asker: Asker, kind: Kind): void {
  words[word + USER_LOW] = asker.slot
  words[word + USER_HIGH] = tagOf(asker.generation, kind)
}
