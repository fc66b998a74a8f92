/**
 * Accepted descriptors on their way from the acceptor to one data thread: one writer, one reader,
 * bounded. The writer makes the reader's eventfd readable after it has put something in.
 *
 *   word 0  taken   written by the reader: how many it has ever taken
 *   word 1  put     written by the writer, after the slot: how many it has ever put
 *   word 2 … slots, number n in slot n mod capacity
 */
const TAKEN = 0
const PUT = 1
const SLOTS = 2
const CAPACITY = 1024

export class DescriptorQueue {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer((SLOTS + CAPACITY) * 4)) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
  }

  get isFull(): boolean {
    const words = this.#words
    return ((words[PUT]! - Atomics.load(words, TAKEN)) | 0) >= CAPACITY
  }

  /** The queue must not be full. */
  put(fd: number): void {
    const words = this.#words
    const put = words[PUT]!
    words[SLOTS + (put & (CAPACITY - 1))] = fd
    // After the slot: whoever sees the count sees the descriptor.
    Atomics.store(words, PUT, (put + 1) | 0)
  }

  /** The next descriptor, or -1. */
  take(): number {
    const words = this.#words
    const taken = words[TAKEN]!
    if (taken === Atomics.load(words, PUT)) return -1
    const fd = words[SLOTS + (taken & (CAPACITY - 1))]!
    Atomics.store(words, TAKEN, (taken + 1) | 0)
    return fd
  }
}
