/**
 * Buffers that the kernel takes from when something has been received, and gets back when it has
 * been used: a ring of entries in memory of its own; the buffers lie wherever the owner wants them,
 * in a row.
 *
 *   head (kernel) ──▶ [ free · free · free ] ◀── tail (give)
 */
import { assert } from '../../base/assert.ts'
import {
  BUFFER_ENTRY_BYTES,
  BUFFER_REGISTRATION_BYTES,
  BufferEntry,
  BufferRegistration,
  Register,
} from './abi.ts'
import { type Ring, RingError, SCRATCH_BYTES } from './ring.ts'
import type { System } from './system.ts'

const TWO_32 = 2 ** 32
const ENTRY_WORDS = BUFFER_ENTRY_BYTES / 4
const ENTRIES_MAX = 32768

export type BufferPlace = {
  /** Where the first buffer begins. */
  address: number
  /** A power of two, at most 32768. */
  count: number
  sizeBytes: number
}

export class ReceiveBuffers {
  readonly sizeBytes: number
  readonly #system: System
  readonly #map: number
  readonly #mapBytes: number
  readonly #words: Uint32Array
  readonly #halves: Uint16Array
  readonly #mask: number
  readonly #addressLow: number
  readonly #addressHigh: number
  #tail = 0

  /** @throws RingError */
  constructor(system: System, ring: Ring, group: number, place: BufferPlace) {
    const { address, count, sizeBytes } = place
    assert(count > 0 && count <= ENTRIES_MAX && (count & (count - 1)) === 0, 'a power of two')
    this.sizeBytes = sizeBytes
    this.#system = system
    this.#mapBytes = count * BUFFER_ENTRY_BYTES
    this.#map = system.map(this.#mapBytes, -1, 0)
    if (this.#map < 0) throw new RingError('mmap', -this.#map)
    const memory = system.view(this.#map, this.#mapBytes)
    this.#words = new Uint32Array(memory)
    this.#halves = new Uint16Array(memory)
    this.#mask = count - 1
    this.#addressHigh = Math.floor(address / TWO_32)
    this.#addressLow = address - this.#addressHigh * TWO_32
    for (let id = 0; id < count; id += 1) this.give(id)
    const { view, at, address: argument } = ring.scratch
    for (let i = 0; i < BUFFER_REGISTRATION_BYTES; i += 4) view.setUint32(at + i, 0, true)
    view.setBigUint64(at + BufferRegistration.address, BigInt(this.#map), true)
    view.setUint32(at + BufferRegistration.entries, count, true)
    view.setUint16(at + BufferRegistration.group, group, true)
    ring.register(Register.pbufRing, argument, 1)
  }

  /** The kernel may take buffer `id` again. */
  give(id: number): void {
    const words = this.#words
    const entry = (this.#tail & this.#mask) * ENTRY_WORDS
    const low = this.#addressLow + id * this.sizeBytes
    words[entry + BufferEntry.address / 4] = low
    words[entry + BufferEntry.address / 4 + 1] = this.#addressHigh + Math.floor(low / TWO_32)
    words[entry + BufferEntry.length / 4] = this.sizeBytes
    this.#halves[entry * 2 + BufferEntry.id / 2] = id
    this.#tail = (this.#tail + 1) & 0xffff
    // In the first entry, and read by the kernel only inside this thread's calls.
    this.#halves[BufferEntry.tail / 2] = this.#tail
  }

  /** After the ring has been closed. */
  close(): void {
    this.#system.unmap(this.#map, this.#mapBytes)
  }
}

// Invariants
assert(BUFFER_REGISTRATION_BYTES <= SCRATCH_BYTES, 'the argument fits the page of the ring')
