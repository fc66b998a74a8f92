import { describe, expect, test } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { soakBlock, soakFault } from '../../bench/soak-value.ts'

const prng = new Prng(1)

describe('soakFault()', () => {
  test('finds nothing in blocks of the key, however many', () => {
    for (const size of [0, 1, 100, 16_384, 1_000_000]) {
      const block = soakBlock('key', size, prng)
      expect(soakFault('key', block)).toBe('')
      const more = [soakBlock('key', 10, prng), block, soakBlock('key', 0, prng)]
      expect(soakFault('key', Buffer.concat(more))).toBe('')
    }
  })

  test('finds the value of another key, also behind one of its own', () => {
    const foreign = soakBlock('key2', 10, prng)
    expect(soakFault('key', foreign)).toBe('key holds a block of key2')
    const mixed = Buffer.concat([soakBlock('key', 10, prng), foreign])
    expect(soakFault('key', mixed)).toBe('key holds a block of key2')
  })

  test('finds every byte that is another, and every byte that is missing', () => {
    const block = soakBlock('key', 50, prng)
    for (let at = 0; at < block.length; at += 1) {
      const torn = Buffer.from(block)
      torn[at] = torn[at]! ^ 1
      expect(soakFault('key', torn), `byte ${at}`).not.toBe('')
      expect(soakFault('key', block.subarray(0, at)), `${at} bytes`).not.toBe('')
    }
    expect(soakFault('key', Buffer.concat([block, Buffer.from('x')]))).not.toBe('')
  })
})
