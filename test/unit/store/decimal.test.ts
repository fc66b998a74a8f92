import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addDelta, readDecimal } from '../../../src/store/decimal.ts'

const U64_MAX = 2n ** 64n - 1n

function readText(text: string): bigint {
  const bytes = Buffer.from(`99${text}99`, 'latin1')
  return readDecimal(bytes, 2, text.length)
}

describe('readDecimal()', () => {
  const right: readonly [string, bigint][] = [
    ['0', 0n],
    ['7', 7n],
    [' 5', 5n],
    ['\t\n\v\f\r 5', 5n],
    ['5 x', 5n],
    ['5\t', 5n],
    ['5\0junk', 5n],
    ['007', 7n],
    ['+5', 5n],
    ['-0', 0n],
    ['999999999999999', 999999999999999n],
    ['9999999999999999', 9999999999999999n],
    ['18446744073709551615', U64_MAX],
    [`${'0'.repeat(40)}18446744073709551615`, U64_MAX],
  ]
  test.each(right)('%j is %s', (text, value) => {
    expect(readText(text)).toBe(value)
  })

  const wrong = ['', ' ', '-1', '1.0', 'x', '5x', '+', '-', '+-5', '0x10', '\0', '\x005', '--5']
  test.each([...wrong, '18446744073709551616', '99999999999999999999999'])('%j is none', text => {
    expect(readText(text)).toBe(-1n)
  })

  test('never looks behind the value', () => {
    expect(readDecimal(Buffer.from('123'), 0, 0)).toBe(-1n)
    expect(readDecimal(Buffer.from('123'), 0, 2)).toBe(12n)
    expect(readDecimal(Buffer.from('1'), 0, 1)).toBe(1n)
    expect(readDecimal(Buffer.from('-5'), 0, 1)).toBe(-1n)
  })

  test('reads what was written, whatever its length', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: U64_MAX }), fc.nat(19), (value, zeros) => {
        expect(readText(value.toString())).toBe(value)
        expect(readText(`${'0'.repeat(zeros)}${value} `)).toBe(value)
      }),
    )
  })
})

describe('addDelta()', () => {
  test('incr wraps at 2^64', () => {
    expect(addDelta(U64_MAX, 1n, true)).toBe(0n)
    expect(addDelta(U64_MAX, U64_MAX, true)).toBe(U64_MAX - 1n)
    expect(addDelta(5n, 0n, true)).toBe(5n)
  })

  test('decr stops at 0', () => {
    expect(addDelta(5n, 5n, false)).toBe(0n)
    expect(addDelta(5n, 6n, false)).toBe(0n)
    expect(addDelta(0n, U64_MAX, false)).toBe(0n)
    expect(addDelta(U64_MAX, 1n, false)).toBe(U64_MAX - 1n)
  })
})
