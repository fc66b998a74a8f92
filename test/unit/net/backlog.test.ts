import { describe, expect, test } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { Backlog } from '../../../src/net/backlog.ts'

describe('Backlog', () => {
  test('keeps copies in order, whatever is taken at a time', () => {
    const prng = new Prng(5)
    const backlog = new Backlog()
    const kept: number[] = []
    const target = new Uint8Array(4096)
    let next = 0
    for (let i = 0; i < 2000; i += 1) {
      const piece = Uint8Array.from({ length: prng.uint32() % 900 }, () => (next += 7))
      kept.push(...piece.subarray(1))
      backlog.add(piece, 1, Math.max(0, piece.length - 1))
      piece.fill(0)
      const copied = backlog.peek(target, 3, prng.uint32() % 2000)
      expect([...target.subarray(3, 3 + copied)]).toEqual(kept.slice(0, copied))
      const dropped = copied === 0 ? 0 : prng.uint32() % (copied + 1)
      backlog.drop(dropped)
      kept.splice(0, dropped)
      expect(backlog.size).toBe(kept.length)
    }
    backlog.drop(backlog.size)
    expect([backlog.size, backlog.peek(target, 0, 100)]).toEqual([0, 0])
  })
})
