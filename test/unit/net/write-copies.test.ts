import { describe, expect, test } from 'vitest'
import { WriteCopies } from '../../../src/net/write-copies.ts'

const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251)

describe('WriteCopies', () => {
  test.each([0, 1, 63, 64, 65, 128, 129, 32_769, 65_536, 65_537, 200_000])(
    'copies %d bytes, and again what it was before they were kept',
    length => {
      const copies = new WriteCopies()
      const at = bytes.length - length
      const first = copies.of(bytes, at, length)
      expect(Buffer.compare(first, bytes.subarray(at))).toBe(0)
      copies.keep(length)
      const second = copies.of(bytes, 0, length)
      expect(second.buffer).not.toBe(first.buffer)
      expect(Buffer.compare(first, bytes.subarray(at))).toBe(0)
      expect(Buffer.compare(second, bytes.subarray(0, length))).toBe(0)
    },
  )

  test('what was taken at once serves the next write of that size', () => {
    const copies = new WriteCopies()
    const first = copies.of(bytes, 0, 40_000)
    expect(copies.of(bytes, 7, 50_000).buffer).toBe(first.buffer)
    expect(copies.of(bytes, 7, 20_000).buffer).not.toBe(first.buffer)
  })

  test('what is kept takes at most twice its length', () => {
    const copies = new WriteCopies()
    expect(copies.of(bytes, 0, 0).buffer.byteLength).toBe(64)
    for (let length = 33; length <= 131_072; length = Math.ceil(length * 1.1)) {
      const room = copies.of(bytes, 0, length).buffer.byteLength
      expect(room).toBeLessThanOrEqual(Math.max(64, 2 * length))
    }
  })
})
