import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeBase64, encodeBase64 } from '../../../src/base/base64.ts'
import { slabClass } from '../../../src/base/slab-class.ts'

const MARGIN = 0xee

function decoded(text: string): string | undefined {
  const source = Buffer.from(`##${text}##`, 'latin1')
  const target = new Uint8Array(400).fill(MARGIN)
  const size = decodeBase64(target, 3, source, 2, text.length)
  expect(target[2]).toBe(MARGIN)
  return size === 0 ? undefined : Buffer.from(target.subarray(3, 3 + size)).toString('latin1')
}

describe('encodeBase64() and decodeBase64()', () => {
  test('agree with Node, at any offset', () => {
    const property = fc.property(fc.uint8Array({ minLength: 1, maxLength: 250 }), bytes => {
      const source = Uint8Array.from([1, 2, ...bytes, 3])
      const target = new Uint8Array(400).fill(MARGIN)
      const end = encodeBase64(target, 5, source, 2, bytes.length)
      const text = Buffer.from(target.subarray(5, end)).toString('latin1')
      expect(text).toBe(Buffer.from(bytes).toString('base64'))
      expect([target[4], target[end]]).toEqual([MARGIN, MARGIN])
      expect(decoded(text)).toBe(Buffer.from(bytes).toString('latin1'))
    })
    fc.assert(property, { numRuns: 300 })
  })

  test.each([
    ['Zg==', 'f'],
    ['Zh==', 'f'],
    ['Zm8=', 'fo'],
    ['Zm9-v', 'foo'],
    ['-Zm9v', 'foo'],
    ['Zm9v-', 'foo'],
    ['Zg==Zm9v', 'f'],
    ['Zg==!Zm9v', 'f'],
  ])('%s is %s', (text, expected) => {
    expect(decoded(text)).toBe(expected)
  })

  test.each(['', 'Z', 'Zm', 'Zm9', 'Zm9vZ', 'Zm9v=', '====', 'Z===', '...', 'Zm9vZ==='])(
    '"%s" is none',
    text => {
      expect(decoded(text)).toBeUndefined()
    },
  )
})

describe('slabClass()', () => {
  test.each([
    [57, 1],
    [96, 1],
    [97, 2],
    [120, 2],
    [121, 3],
    [600, 9],
    [601, 10],
    [82792, 31],
    [394840, 38],
    [394841, 39],
    [524288, 39],
    [1048576, 39],
  ])('%i bytes are in class %i', (size, expected) => {
    expect(slabClass(size)).toBe(expected)
  })
})
