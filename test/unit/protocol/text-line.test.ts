import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { latin1 } from '../../../src/base/bytes.ts'
import { KEY_MAX } from '../../../src/protocol/limits.ts'
import { keySizeOfGet } from '../../../src/protocol/text-line.ts'
import { makeNode } from '../session/support.ts'

const BEFORE = 'VALUE '
/** What a careless reader would take for the rest of a line. */
const BEHIND = 'y\r\nget z\r\n'

function sizeIn(line: string): number {
  const bytes = latin1(BEFORE + line + BEHIND)
  return keySizeOfGet(bytes, BEFORE.length, BEFORE.length + line.length)
}

test('keySizeOfGet() knows a whole line of one key, with either end', () => {
  expect(sizeIn('get k\r\n')).toBe(1)
  expect(sizeIn('get k\n')).toBe(1)
  expect(sizeIn('get key:1\r\nget other\r\n')).toBe(5)
  expect(sizeIn('get \xff\x7f\r\n')).toBe(2)
  expect(sizeIn(`get ${'k'.repeat(KEY_MAX)}\r\n`)).toBe(KEY_MAX)
})

test.each([
  '',
  'get',
  'get ',
  'get k',
  'get k\r',
  'get \r\n',
  'get \n',
  'get k \r\n',
  'get  k\r\n',
  'get k l\r\n',
  'get k\r\r\n',
  'get k\x01l\r\n',
  'get k\tl\r\n',
  'get k\rl\r\n',
  'gets k\r\n',
  'gat k\r\n',
  'GET k\r\n',
  ' get k\r\n',
  `get ${'k'.repeat(KEY_MAX + 1)}\r\n`,
  `get ${'k'.repeat(10 * KEY_MAX)}\r\n`,
])('keySizeOfGet() leaves %j to others', line => {
  expect(sizeIn(line)).toBe(0)
})

test('what stands behind the bytes received makes no line', () => {
  for (const whole of ['get key\r\n', 'get key\n']) {
    const bytes = latin1(whole)
    for (let end = 0; end < whole.length; end += 1) expect(keySizeOfGet(bytes, 0, end)).toBe(0)
    expect(keySizeOfGet(bytes, 0, whole.length)).toBe(3)
  }
})

test('a get is answered the same, whichever way its line is read', () => {
  const node = makeNode()
  const client = node.connect()
  const byte = fc.constantFrom('k', 'l', ' ', '\r', '\x00', '\x01', '\t', '\x7f', '\xff')
  const key = fc.array(byte, { minLength: 1, maxLength: 6 }).map(bytes => bytes.join(''))
  client.ask('set k 0 0 1\r\na\r\nset kl 7 0 2\r\nbc\r\nset k\x01 0 0 0\r\n\r\n')
  let short = 0
  fc.assert(
    fc.property(key, fc.constantFrom('\r\n', '\n'), (text, end) => {
      short += Number(sizeIn(`get ${text}${end}`) > 0)
      const whole = client.ask(`get ${text}${end}`)
      // Its first byte alone: from then on the line is one that has been looked at before.
      client.send(`get ${text}${end}`, [1])
      expect(client.reply).toBe(whole)
    }),
    { numRuns: 500 },
  )
  expect(short).toBeGreaterThan(20)
  expect(short).toBeLessThan(480)
})
