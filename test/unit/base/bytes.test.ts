import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assert, AssertionError } from '../../../src/base/assert.ts'
import {
  Copier,
  copyBytes,
  equalBytes,
  latin1,
  put,
  putUint,
  putUint64,
  toLatin1,
} from '../../../src/base/bytes.ts'
import { itemSize } from '../../../src/base/item-size.ts'

const sizes = [0, 1, 3, 31, 32, 33, 64, 1000]

describe('copyBytes()', () => {
  test('copies exactly what it is told, between buffers and within one', () => {
    for (const size of sizes) {
      const source = Uint8Array.from({ length: size + 20 }, (_, i) => i * 7)
      const target = new Uint8Array(size + 20).fill(0xee)
      copyBytes(target, 5, source, 9, size)
      expect([...target.subarray(5, 5 + size)]).toEqual([...source.subarray(9, 9 + size)])
      expect([target[4], target[5 + size]]).toEqual([0xee, 0xee])
    }
  })

  test('ranges of one buffer may overlap, either way', () => {
    for (const [from, to] of [
      [10, 12],
      [12, 10],
    ] as const) {
      const bytes = Uint8Array.from({ length: 200 }, (_, i) => i)
      const expected = [...bytes.subarray(from, from + 100)]
      copyBytes(bytes, to, bytes, from, 100)
      expect([...bytes.subarray(to, to + 100)]).toEqual(expected)
    }
  })
})

test('Copier copies exactly what it is told, from its own array and from others', () => {
  const made = Uint8Array.from({ length: 600 }, (_, i) => i * 7 + (i >> 8))
  for (let size = 0; size < 270; size += 1) {
    for (const isOwn of [true, false]) {
      for (const [to, from] of [
        [5, 300],
        [309, 3],
        [0, size],
        [600 - size, 1],
      ] as const) {
        // A view of a part: its offsets are not those of the buffer.
        const around = new Uint8Array(640).fill(0xee)
        const bytes = around.subarray(20, 620)
        bytes.set(made)
        const expected = around.slice()
        expected.set(made.subarray(from, from + size), 20 + to)
        new Copier(bytes).copy(to, isOwn ? bytes : made, from, size)
        expect(Buffer.compare(around, expected)).toBe(0)
      }
    }
  }
})

test('equalBytes() compares nothing but its range', () => {
  const left = latin1('xabcdefx')
  const right = latin1('yyabcdefy')
  expect(equalBytes(left, 1, right, 2, 6)).toBe(true)
  expect(equalBytes(left, 1, right, 2, 7)).toBe(false)
  expect(equalBytes(left, 0, right, 0, 0)).toBe(true)
  for (let i = 0; i < 6; i += 1) {
    const other = right.slice()
    other[2 + i] = 0
    expect(equalBytes(left, 1, other, 2, 6)).toBe(false)
  }
})

function written(write: (target: Uint8Array, at: number) => number): string {
  const target = new Uint8Array(40).fill(0x78)
  const end = write(target, 3)
  expect(toLatin1(target, 0, 3)).toBe('xxx')
  expect(toLatin1(target, end, 40 - end)).toBe('x'.repeat(40 - end))
  return toLatin1(target, 3, end - 3)
}

describe('numbers', () => {
  test('putUint() writes what String() says, up to 2^53 - 1', () => {
    const borders = [0, 1, 9, 10, 99, 100, 999_999, 4294967295, 4294967296, 2 ** 53 - 1]
    for (const value of borders) {
      expect(written((target, at) => putUint(target, at, value))).toBe(String(value))
    }
    fc.assert(
      fc.property(fc.maxSafeNat(), value => {
        expect(written((target, at) => putUint(target, at, value))).toBe(String(value))
      }),
    )
  })

  test('putUint64() writes 64 bits from two halves', () => {
    const property = fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), value => {
      const low = Number(value & 0xffffffffn)
      const high = Number(value >> 32n)
      expect(written((target, at) => putUint64(target, at, low, high))).toBe(String(value))
    })
    const examples = [0n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n]
    fc.assert(property, { examples: examples.map(value => [value]) })
  })
})

test('put() and latin1() keep bytes as they are', () => {
  const bytes = latin1('\0a\xff')
  expect([...bytes]).toEqual([0, 0x61, 0xff])
  const target = new Uint8Array(5)
  expect(put(target, 1, bytes)).toBe(4)
  expect([...target]).toEqual([0, 0, 0x61, 0xff, 0])
})

test('itemSize() is what memcached counts', () => {
  expect(itemSize(1, 0, 0)).toBe(60)
  expect(itemSize(250, 1_048_576, 0)).toBe(48 + 8 + 250 + 1 + 1_048_576 + 2)
  expect(itemSize(1, 0, 1) - itemSize(1, 0, 0)).toBe(4)
  expect(itemSize(1, 1_048_516, 0)).toBe(1_048_576)
})

test('assert() throws an error of its own', () => {
  expect(() => assert(false, 'the reason')).toThrow(AssertionError)
  expect(() => assert(false, 'the reason')).toThrow('the reason')
  expect(() => assert(true, 'no')).not.toThrow()
})
