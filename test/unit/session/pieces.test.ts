import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HeldInput } from '../../../src/session/held-input.ts'
import { PendingReplies, type Reply } from '../../../src/session/pending-replies.ts'
import { ReplyMemory } from '../../../src/session/reply-memory.ts'
import { PAGE_BYTES, PAGED_BYTES_MAX, ReplyPages } from '../../../src/session/reply-pages.ts'
import { Staging } from '../../../src/session/staging.ts'

/** Of different lengths, and telling which reply they are. */
function bytesOf(id: number): Uint8Array {
  const padding = Array.from({ length: id % 5 }, () => 7)
  return Uint8Array.of(id & 255, id >> 8, ...padding)
}

/** Has `take` copy bytes that lie between others, and overwrites all of them. */
function lend(
  bytes: Uint8Array,
  take: (bytes: Uint8Array, at: number, length: number) => void,
): void {
  const shared = new Uint8Array(bytes.length + 3).fill(0x58)
  shared.set(bytes, 2)
  take(shared, 2, bytes.length)
  shared.fill(0x21)
}

function push(pending: PendingReplies, bytes: Uint8Array): void {
  lend(bytes, (...lent) => pending.push(...lent))
}

function complete(pending: PendingReplies, reply: Reply, bytes: Uint8Array): void {
  lend(bytes, (...lent) => pending.complete(reply, ...lent))
}

function shifted(pending: PendingReplies): Uint8Array | undefined {
  const kept = pending.shift()
  const bytes = kept?.bytes.slice(kept.at, kept.at + kept.length)
  kept?.release()
  return bytes
}

describe('PendingReplies', () => {
  const action = fc.oneof(
    fc.constant('open' as const),
    fc.constant('push' as const),
    fc.constant('shift' as const),
    fc.nat(50).map(which => ({ complete: which })),
  )

  test('replies leave in the order of their requests, as soon as they may, each once', () => {
    const property = fc.property(fc.array(action, { maxLength: 400 }), actions => {
      const pending = new PendingReplies(new ReplyMemory())
      /** Number of a reply → whether it is known; what has left is gone from the front. */
      const model: { id: number; done: boolean }[] = []
      const open: { id: number; reply: Reply }[] = []
      let next = 0
      for (const one of actions) {
        if (one === 'open') {
          open.push({ id: next, reply: pending.open(true) })
          model.push({ id: next, done: false })
          next += 1
        } else if (one === 'push') {
          push(pending, bytesOf(next))
          model.push({ id: next, done: true })
          next += 1
        } else if (one === 'shift') {
          const expected = model[0]?.done ? bytesOf(model.shift()!.id) : undefined
          expect(shifted(pending)).toEqual(expected)
        } else if (open.length > 0) {
          const [chosen] = open.splice(one.complete % open.length, 1)
          complete(pending, chosen!.reply, bytesOf(chosen!.id))
          model.find(({ id }) => id === chosen!.id)!.done = true
        }
        expect(pending.isEmpty).toBe(model.length === 0)
        expect(pending.length).toBe(model.length)
        const waiting = model.filter(({ done }) => done)
        expect(pending.bufferedBytes).toBe(
          waiting.reduce((sum, { id }) => sum + bytesOf(id).length, 0),
        )
      }
    })
    fc.assert(property, { numRuns: 200 })
  })

  test('an empty reply takes its place and leaves as nothing', () => {
    const pending = new PendingReplies(new ReplyMemory())
    const reply = pending.open(true)
    push(pending, Uint8Array.of(1))
    expect(shifted(pending)).toBeUndefined()
    complete(pending, reply, new Uint8Array(0))
    expect(shifted(pending)).toEqual(new Uint8Array(0))
    expect(shifted(pending)).toEqual(Uint8Array.of(1))
    expect(pending.isEmpty).toBe(true)
  })

  test('a long queue that is never empty does not grow for ever', () => {
    const pending = new PendingReplies(new ReplyMemory())
    const waiting: Reply[] = [pending.open(true)]
    for (let i = 0; i < 20_000; i += 1) {
      waiting.push(pending.open(true))
      complete(pending, waiting.shift()!, Uint8Array.of(i & 255))
      expect(shifted(pending)).toEqual(Uint8Array.of(i & 255))
    }
    expect(pending.length).toBe(1)
    expect(pending.bufferedBytes).toBe(0)
  })
})

describe('ReplyPages', () => {
  const sizes = [0, 1, 130, PAGED_BYTES_MAX, PAGED_BYTES_MAX + 1, PAGE_BYTES, 1_000_000]

  test('what is kept stays as it was, in whatever order it is released', () => {
    const one = fc.oneof(
      fc.record({ keep: fc.constantFrom(...sizes.slice(0, 6)) }),
      fc.nat(1000).map(which => ({ release: which })),
    )
    const property = fc.property(fc.array(one, { maxLength: 300 }), steps => {
      const pages = new ReplyPages()
      const held: { id: number; kept: ReturnType<ReplyPages['keep']> }[] = []
      let next = 0
      for (const step of steps) {
        if ('keep' in step) {
          next += 1
          const bytes = new Uint8Array(step.keep).fill(next & 255)
          held.push({ id: next, kept: pages.keep(bytes, 0, bytes.length) })
          bytes.fill(0)
        } else if (held.length > 0) {
          const [{ id, kept }] = held.splice(step.release % held.length, 1) as [(typeof held)[0]]
          const { bytes, at, length } = kept
          expect(bytes.subarray(at, at + length).every(byte => byte === (id & 255))).toBe(true)
          kept.release()
          kept.release()
        }
      }
    })
    fc.assert(property, { numRuns: 100 })
  })

  test('pages are written again once nothing in them is waited for', () => {
    const pages = new ReplyPages()
    const bytes = new Uint8Array(1000)
    const seen = new Set<Uint8Array>()
    for (let round = 0; round < 100; round += 1) {
      const kept = Array.from({ length: 200 }, () => pages.keep(bytes, 0, bytes.length))
      for (const one of kept) seen.add(one.bytes)
      for (const one of kept) one.release()
    }
    expect(seen.size).toBeLessThan(8)
  })

  test.each(sizes)('%i bytes', size => {
    const kept = new ReplyPages().keep(new Uint8Array(size + 7).fill(9), 3, size)
    expect(kept.length).toBe(size)
    expect(kept.bytes.slice(kept.at, kept.at + size)).toEqual(new Uint8Array(size).fill(9))
  })
})

describe('HeldInput', () => {
  test('keeps exactly what was not used, through any sequence of arrivals', () => {
    const step = fc.record({ arrives: fc.nat(3_000), used: fc.nat(100), expected: fc.nat(5_000) })
    const property = fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const held = new HeldInput(new Staging(2 ** 30))
      let model = Buffer.alloc(0)
      let next = 0
      for (const { arrives, used, expected } of steps) {
        if (arrives === 0) continue
        const piece = Uint8Array.from({ length: arrives + 3 }, () => (next += 1) & 255)
        model = Buffer.concat([model, piece.subarray(2, 2 + arrives)])
        let { bytes, at, end } = { bytes: piece, at: 2, end: 2 + arrives }
        if (!held.isEmpty) {
          held.append(piece, 2, arrives, expected)
          bytes = held.bytes as Uint8Array<ArrayBuffer>
          at = held.at
          end = held.end
        }
        expect(Buffer.from(bytes.subarray(at, end)).equals(model)).toBe(true)
        const size = Math.floor((model.length * used) / 100)
        held.keep(bytes, at + size, end)
        piece.fill(0)
        model = model.subarray(size)
        expect(held.isEmpty).toBe(model.length === 0)
      }
      held.clear()
      expect(held.isEmpty).toBe(true)
    })
    fc.assert(property, { numRuns: 150 })
  })

  test('a byte at a time does not copy all of it each time', () => {
    const held = new HeldInput(new Staging(2 ** 30))
    held.keep(Uint8Array.of(0), 0, 1)
    const buffers = new Set<Uint8Array>()
    for (let i = 1; i < 100_000; i += 1) {
      held.append(Uint8Array.of(i & 255), 0, 1)
      buffers.add(held.bytes!)
    }
    expect(buffers.size).toBeLessThan(20)
    expect(held.end - held.at).toBe(100_000)
  })
})

describe('Staging', () => {
  test('gives up to its limit, not a byte more, and again what came back', () => {
    const staging = new Staging(100_000)
    const first = staging.take(60_000)!
    expect(first.length).toBe(60_000)
    expect(staging.take(40_001)).toBeUndefined()
    expect(staging.take(2 ** 31)).toBeUndefined()
    expect(staging.take(40_000)!.length).toBe(40_000)
    expect(staging.take(1)).toBeUndefined()
    expect(staging.usedBytes).toBe(100_000)
    staging.give(first)
    expect(staging.usedBytes).toBe(40_000)
    expect(staging.take(60_000)).toBeDefined()
  })

  test('rounds small values up to a power of two, and gives the same buffer again', () => {
    const staging = new Staging(2 ** 20)
    const sizes = [1, 256, 257, 512, 8192, 8193, 16_384]
    const buffers = sizes.map(size => staging.take(size)!)
    expect(buffers.map(buffer => buffer.length)).toEqual([256, 256, 512, 512, 8192, 16384, 16384])
    expect(staging.usedBytes).toBe(42_496)
    for (const buffer of buffers) staging.give(buffer)
    expect(staging.usedBytes).toBe(0)
    expect(buffers).toContain(staging.take(10_000))
    expect(buffers).toContain(staging.take(300))
  })

  test('keeps a bounded number of buffers', () => {
    const staging = new Staging(2 ** 20)
    const buffers = Array.from({ length: 40 }, () => staging.take(1000)!)
    for (const buffer of buffers) staging.give(buffer)
    const again = Array.from({ length: 40 }, () => staging.take(1000)!)
    expect(again.filter(buffer => buffers.includes(buffer)).length).toBe(16)
  })
})
