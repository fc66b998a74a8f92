import { describe, expect, test } from 'vitest'
import { LINE_BYTES_MAX, TraceParser } from '../../../src/sim/trace-parser.ts'
import { OP_NAMES, SimError } from '../../../src/sim/trace-request.ts'

type Seen = [time: number, key: string, size: number, op: string, lifetime: number]

function parserOf(skipBad: boolean, format: 'auto' | 'plain' | 'twitter' = 'auto') {
  const seen: Seen[] = []
  const parser = new TraceParser({ name: 't.csv', format, skipBad }, request => {
    const { time, key, keyAt, keySize, valueSize, op, lifetime } = request
    const name = Buffer.from(key.slice(keyAt, keyAt + keySize)).toString('latin1')
    seen.push([time, name, valueSize, OP_NAMES[op]!, lifetime])
  })
  return { parser, seen }
}

function parse(text: string, skipBad = false, format: 'auto' | 'plain' | 'twitter' = 'auto') {
  const { parser, seen } = parserOf(skipBad, format)
  parser.push(Buffer.from(text, 'latin1'))
  parser.end()
  return { seen, badLines: parser.badLines, lines: parser.line }
}

const PLAIN = `time,key,size,op,ttl
# a comment

0,a,10,get,0
1.75,b,0,set,60\r
4294967295,a,b,c,1073741824,delete,2000000000
${OP_NAMES.map(op => `7,${op},1,${op},0`).join('\n')}`

const PLAIN_SEEN: readonly Seen[] = [
  [0, 'a', 10, 'get', 0],
  [1, 'b', 0, 'set', 60],
  [4294967295, 'a,b,c', 1073741824, 'delete', 2000000000],
  ...OP_NAMES.map((op): Seen => [7, op, 1, op, 0]),
]

describe('TraceParser', () => {
  test('plain lines: names, comments, fractions, CR, commas in keys, every op', () => {
    expect(parse(PLAIN).seen).toEqual(PLAIN_SEEN)
  })

  test('the same in pieces of any size', () => {
    const bytes = Buffer.from(PLAIN, 'latin1')
    for (let size = 1; size < 60; size += 1) {
      const { parser, seen } = parserOf(false)
      for (let at = 0; at < bytes.length; at += size) {
        // Pieces of its own, overwritten afterwards: nothing may be kept of them.
        const piece = Buffer.from(bytes.subarray(at, at + size))
        parser.push(piece)
        piece.fill(0)
      }
      parser.end()
      expect(seen).toEqual(PLAIN_SEEN)
    }
  })

  test('Twitter lines: the key counts for its key size, and is never cut', () => {
    const text = '0,abc,5,100,7,get,0\n1,abcdef,3,0,12,set,86400\n2,a,b,3,9,1,gets,0\n'
    expect(parse(text).seen).toEqual([
      [0, 'abc..', 100, 'get', 0],
      [1, 'abcdef', 0, 'set', 86400],
      [2, 'a,b', 9, 'gets', 0],
    ])
  })

  test('one key stays one key when it is made longer', () => {
    const { seen } = parse('0,abcdefgh,20,1,1,get,0\n0,xy,20,1,1,get,0\n0,xy,4,1,1,get,0\n')
    expect(seen.map(([, key]) => key)).toEqual([
      'abcdefgh............',
      'xy..................',
      'xy..',
    ])
  })

  test('a format that is asked for is not guessed', () => {
    expect(parse('0,a,1,2,3,get,0\n', false, 'plain').seen).toEqual([[0, 'a,1,2', 3, 'get', 0]])
    expect(() => parse('0,a,3,get,0\n', false, 'twitter')).toThrow(SimError)
  })

  test.each([
    ['0,a,1,get', 't.csv:1:1: Cannot read the request: expected 5 columns'],
    ['garbage', 't.csv:1:1: Cannot read the request: expected 5 columns'],
    ['0,a,1,get,0\n0,a,1,get,-1', 't.csv:2:11: Cannot read the request: expected a ttl in seconds'],
    ['0,a,1,get,', 't.csv:1:11: Cannot read the request: expected a ttl in seconds'],
    ['0,a,1,get,2000000001', 't.csv:1:11: '],
    ['0,a,1,fetch,0', 't.csv:1:7: Cannot read the request: expected one of get, gets, set'],
    ['0,a,1,GET,0', 't.csv:1:7: '],
    ['0,a,1,getx,0', 't.csv:1:7: '],
    ['0,a,1,,0', 't.csv:1:7: '],
    ['0,a,x,get,0', 't.csv:1:5: Cannot read the request: expected a size of 0 to 1073741824'],
    ['0,a,1073741825,get,0', 't.csv:1:5: '],
    ['0,a,00000000001,get,0', 't.csv:1:5: '],
    ['0,,1,get,0', 't.csv:1:3: Cannot read the request: expected a key of 1 to 250 bytes'],
    [`0,${'k'.repeat(251)},1,get,0`, 't.csv:1:3: '],
    ['1e3,a,1,get,0\n'.repeat(1), 't.csv:1:1: Cannot read the request: expected a time'],
    ['12345678901,a,1,get,0', 't.csv:1:1: '],
    ['1.2.3,a,1,get,0', 't.csv:1:1: '],
    ['0,a,251,1,1,get,0', 't.csv:1:5: Cannot read the request: expected a key size of 0 to 250'],
  ])('%j is refused with line and column', (text, message) => {
    expect(() => parse(text)).toThrow(message)
    const { seen, badLines } = parse(`${text}\n9,good,1,get,0\n9,good,1,1,1,get,0`, true)
    expect(badLines).toBeGreaterThanOrEqual(1)
    expect(seen.filter(([, key]) => key.startsWith('good'))).not.toEqual([])
  })

  test('keys, sizes and times at their limits are taken', () => {
    const key = 'k'.repeat(250)
    const text = `9999999999,${key},1073741824,get,2000000000`
    expect(parse(text).seen).toEqual([[9999999999, key, 1073741824, 'get', 2000000000]])
  })

  test.each([
    [LINE_BYTES_MAX, 'a key of 1 to 250 bytes'],
    [LINE_BYTES_MAX + 1, `a line of at most ${LINE_BYTES_MAX} bytes`],
    [LINE_BYTES_MAX * 1000, `a line of at most ${LINE_BYTES_MAX} bytes`],
  ])('a line of %i bytes costs no more memory than others', (length, expected) => {
    const line = `0,${'k'.repeat(length - 10)},1,get,0`
    expect(line).toHaveLength(length)
    expect(() => parse(`5,a,1,get,0\n${line}\n`)).toThrow(expected)
    for (const size of [1 << 20, 1000, 7]) {
      const { parser, seen } = parserOf(true)
      const bytes = Buffer.from(`5,a,1,get,0\n${line}\n6,b,1,get,0\n`)
      for (let at = 0; at < bytes.length; at += size) parser.push(bytes.subarray(at, at + size))
      parser.end()
      expect(seen.map(([, key]) => key)).toEqual(['a', 'b'])
      expect(parser.badLines).toBe(1)
      expect(parser.line).toBe(3)
    }
  })

  test('an overlong line without an end is one bad line', () => {
    const { badLines, lines } = parse('x'.repeat(5000), true)
    expect([badLines, lines]).toEqual([1, 1])
  })
})
