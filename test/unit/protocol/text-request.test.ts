import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NumberReader, Tokens } from '../../../src/protocol/text-request.ts'
import { TOKENS_MAX } from '../../../src/protocol/limits.ts'

const reader = new NumberReader()

function bytes(text: string): Uint8Array {
  return Buffer.from(`9${text}9`, 'latin1')
}

describe('NumberReader.uint64()', () => {
  const right: readonly [string, bigint][] = [
    ['0', 0n],
    ['1', 1n],
    ['007', 7n],
    ['4294967295', 4294967295n],
    ['4294967296', 4294967296n],
    ['999999999999999', 999999999999999n],
    ['1000000000000000', 1000000000000000n],
    ['18446744073709551615', 2n ** 64n - 1n],
    [`${'0'.repeat(21)}1`, 1n],
  ]
  test.each(right)('%s', (text, value) => {
    expect(reader.uint64(bytes(text), 1, text.length)).toBe(true)
    expect(reader.value).toBe(value)
    expect(BigInt(reader.high) * 2n ** 32n + BigInt(reader.low)).toBe(value)
  })

  const wrong = ['', '-1', '+1', '-0', ' 1', '1 ', '1x', 'x', '1.0', '0x1', '\u00b2', '1\0']
  const over = [
    `${'0'.repeat(22)}1`,
    '18446744073709551616',
    '99999999999999999999',
    '9'.repeat(100),
    '1'.repeat(5000),
  ]
  test.each([...wrong, ...over])('refuses %j', text => {
    expect(reader.uint64(bytes(text), 1, text.length)).toBe(false)
  })

  test('reads what BigInt reads', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 70n }), value => {
        const text = value.toString()
        expect(reader.uint64(bytes(text), 1, text.length)).toBe(value < 2n ** 64n)
        if (value < 2n ** 64n) expect(reader.value).toBe(value)
      }),
    )
  })
})

describe('NumberReader.clientFlags() truncates to 32 bits as strtoul does', () => {
  const right: readonly [string, number][] = [
    ['0', 0],
    ['+5', 5],
    ['4294967295', 4294967295],
    ['4294967296', 0],
    ['4294967297', 1],
    [`+${'0'.repeat(62)}1`, 1],
    ['18446744073709551615', 4294967295],
  ]
  test.each(right)('%s is %i', (text, value) => {
    expect(reader.clientFlags(bytes(text), 1, text.length)).toBe(true)
    expect(reader.number).toBe(value)
  })

  test.each(['', '+', '-', '-1', '++1', '+-1', 'x', '18446744073709551616', '0'.repeat(65)])(
    'refuses %j',
    text => {
      expect(reader.clientFlags(bytes(text), 1, text.length)).toBe(false)
    },
  )
})

describe('NumberReader.uint() is digits up to a limit, eleven at most', () => {
  test.each([
    ['0', 0],
    ['99', 99],
    ['00000000100', 100],
  ])('%s is %i', (text, value) => {
    expect(reader.uint(bytes(text), 1, text.length, 100)).toBe(true)
    expect(reader.number).toBe(value)
  })

  test.each(['', '101', '4294967296', '+5', '-5', '000000000100'])('refuses %j', text => {
    expect(reader.uint(bytes(text), 1, text.length, 100)).toBe(false)
  })
})

describe('exptimes', () => {
  const rows: readonly [text: string, truncated: number | undefined, strict: number | undefined][] =
    [
      ['0', 0, 0],
      ['-1', -1, -1],
      ['+1', 1, undefined],
      ['-0', 0, 0],
      ['00000000001', 1, 1],
      ['000000000001', 1, undefined],
      ['-0000000001', -1, -1],
      ['-00000000001', -1, undefined],
      [`${'0'.repeat(63)}1`, 1, undefined],
      [`${'0'.repeat(64)}1`, undefined, undefined],
      ['2147483647', 2147483647, 2147483647],
      ['2147483648', -2147483648, undefined],
      ['-2147483648', -2147483648, -2147483648],
      ['-2147483649', 2147483647, undefined],
      ['4294967295', -1, undefined],
      ['4294967296', 0, undefined],
      ['9223372036854775807', -1, undefined],
      ['9223372036854775808', undefined, undefined],
      ['-9223372036854775808', 0, undefined],
      ['-9223372036854775809', undefined, undefined],
      ['', undefined, undefined],
      ['-', undefined, undefined],
      ['--1', undefined, undefined],
      ['1x', undefined, undefined],
    ]
  test.each(rows)('%j: truncated %s, strict %s', (text, truncated, strict) => {
    const isTruncated = reader.truncatedInt32(bytes(text), 1, text.length)
    expect(isTruncated ? reader.number : undefined).toBe(truncated)
    const isStrict = reader.int32(bytes(text), 1, text.length)
    expect(isStrict ? reader.number : undefined).toBe(strict)
  })
})

describe('Tokens', () => {
  test('are separated by spaces alone, any number of them', () => {
    const property = fc.property(
      fc.array(fc.string({ unit: fc.constantFrom('a', '\t', '\r', '\0', '\xff') }), {
        maxLength: 40,
      }),
      fc.array(fc.nat(3), { minLength: 1 }),
      (words, gaps) => {
        const parts = words.filter(word => word !== '')
        const text = parts
          .map((word, i) => word + ' '.repeat(1 + gaps[i % gaps.length]!))
          .join('')
          .padStart(gaps[0]!, ' ')
        const line = Buffer.from(`xx${text}yy`, 'latin1')
        const tokens = new Tokens()
        tokens.split(line, 2, line.length - 2)
        expect(tokens.count).toBe(Math.min(parts.length, TOKENS_MAX))
        for (let i = 0; i < tokens.count; i += 1) {
          const at = tokens.at[i]!
          const found = line.toString('latin1', at, at + tokens.size[i]!)
          expect(found).toBe(parts[i])
        }
      },
    )
    fc.assert(property)
  })

  test('are forgotten between lines', () => {
    const tokens = new Tokens()
    const line = Buffer.from('a b c')
    tokens.split(line, 0, 5)
    expect(tokens.count).toBe(3)
    tokens.split(line, 2, 3)
    expect(tokens.count).toBe(1)
    tokens.split(line, 1, 2)
    expect(tokens.count).toBe(0)
  })
})
