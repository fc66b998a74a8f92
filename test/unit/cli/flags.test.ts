import { describe, expect, test } from 'vitest'
import { collectList, parseHostPort, sizeInBytes, wholeNumber } from '../../../src/cli/flags.ts'

describe('wholeNumber()', () => {
  const parse = wholeNumber(-1, 65535)
  test.each([
    ['-1', -1],
    ['0', 0],
    ['065', 65],
    ['65535', 65535],
  ])('%j is %i', (text, value) => {
    expect(parse(text)).toBe(value)
  })

  const wrong = ['', ' ', '1 ', ' 1', '-2', '65536', '1e3', '0x10', '1.0', '+1', '--1', 'x', '1x']
  test.each([...wrong, '9'.repeat(16), '1,5'])('refuses %j', text => {
    expect(() => parse(text)).toThrow(`Cannot use "${text}": expected -1 to 65535`)
  })
})

describe('sizeInBytes()', () => {
  const parse = sizeInBytes(1024, 1024 ** 3)
  test.each([
    ['1024', 1024],
    ['1k', 1024],
    ['1K', 1024],
    ['5m', 5 * 1024 ** 2],
    ['1g', 1024 ** 3],
    ['1073741824', 1024 ** 3],
  ])('%j is %i', (text, value) => {
    expect(parse(text)).toBe(value)
  })

  test.each(['1023', '0', '0k', '1073741825', '2g', '1t', '1kb', 'k', '', '-1', '1.5m', '1 m'])(
    'refuses %j',
    text => {
      expect(() => parse(text)).toThrow(`Cannot use "${text}": expected 1024 to`)
    },
  )
})

describe('parseHostPort()', () => {
  const right: readonly [string, string, number | undefined][] = [
    ['127.0.0.1', '127.0.0.1', undefined],
    ['127.0.0.1:11211', '127.0.0.1', 11211],
    ['localhost:1', 'localhost', 1],
    ['host:65535', 'host', 65535],
    ['[::1]', '::1', undefined],
    ['[::1]:11211', '::1', 11211],
    ['::1', '::1', undefined],
    ['fe80::1:2', 'fe80::1:2', undefined],
  ]
  test.each(right)('%j', (text, host, port) => {
    expect(parseHostPort(text)).toEqual({ host, port })
  })

  const wrong = ['', ':', ':11211', 'host:', 'host:0', 'host:65536', 'host:x', 'a b', 'a/b']
  const brackets = [
    '[]',
    '[]:1',
    '[::1',
    '::1]',
    '[::1]:',
    '[::1]x',
    '[host]',
    'host:1:2',
    '[::1]:0',
  ]
  test.each([...wrong, ...brackets])('refuses %j', text => {
    expect(() => parseHostPort(text)).toThrow(/^Cannot use (?:address|port) ".*": expected/)
  })
})

test('collectList() takes commas, semicolons and repetition', () => {
  expect(collectList('a,b;c', [])).toEqual(['a', 'b', 'c'])
  expect(collectList('d', collectList('a,,b;', []))).toEqual(['a', 'b', 'd'])
})
