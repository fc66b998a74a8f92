import { expect, test } from 'vitest'
import {
  collides,
  formatAddress,
  isLoopback,
  isWildcard,
  parseAddress,
} from '../../../src/cluster/address.ts'
import { quote, suggest } from '../../../src/cluster/problems.ts'

test.each(['127.0.0.1:11211', '[::1]:11211', 'cache_1.example:1', 'a:65535', 'a:0', '[fd00::1]:5'])(
  'parseAddress(%j) and back',
  text => {
    expect(formatAddress(parseAddress(text))).toBe(text)
  },
)

const REFUSED = [
  '|a|:1|a:|a:b|a:-1|a:65536|a:99999|a:123456|a:1:2|a b:1|::1:11211|[::1]|[a]:1|[]:1',
  '[127.0.0.1]:1|127.1:1|256.0.0.1:1|-a:1|a/b:1|user@a:1|1.2.3.4.5:1|a:0x1| a:1|a:1 ',
  `${'h'.repeat(254)}:1`,
]

test.each(REFUSED.join('|').split('|'))('parseAddress(%j) is refused', text => {
  expect(() => parseAddress(text)).toThrow(
    `Cannot parse address ${JSON.stringify(text)}: expected host:port`,
  )
})

test.each([
  ['127.0.0.1', true],
  ['127.8.9.1', true],
  ['localhost', true],
  ['::1', true],
  ['0:0:0:0:0:0:0:1', true],
  ['::ffff:127.0.0.1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['127.example', false],
  ['localhost.example', false],
  ['::ffff:10.0.0.1', false],
  ['fe80::1%eth0', false],
])('isLoopback(%j) is %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected)
})

test('isWildcard() knows every spelling of all interfaces', () => {
  expect(['0.0.0.0', '::', '0:0::0', '::ffff:0.0.0.0'].every(isWildcard)).toBe(true)
  expect(['127.0.0.1', '::1', 'localhost'].some(isWildcard)).toBe(false)
})

test.each([
  ['localhost:1', '127.0.0.1:1', true],
  ['0.0.0.0:1', '127.0.0.1:1', true],
  ['[::]:1', 'localhost:1', true],
  ['0.0.0.0:1', '[::]:1', true],
  ['0.0.0.0:1', '127.0.0.1:2', false],
  ['0.0.0.0:1', 'node1:1', false],
  ['127.0.0.1:1', '127.0.0.2:1', false],
  ['127.0.0.1:1', '[::1]:1', false],
  ['127.0.0.1:0', '127.0.0.1:0', false],
])('%s and %s collide: %s', (one, other, expected) => {
  expect(collides(parseAddress(one), parseAddress(other))).toBe(expected)
  expect(collides(parseAddress(other), parseAddress(one))).toBe(expected)
})

test('suggest() names what is close, and lists the fields for what is not', () => {
  const fields = ['name', 'address', 'weight', 'max_item_size']
  expect(suggest('adress', fields)).toBe('did you mean "address"?')
  expect(suggest('wieght', fields)).toBe('did you mean "weight"?')
  expect(suggest('max-item-size', fields)).toBe('did you mean "max_item_size"?')
  expect(suggest('zone', fields)).toBe('expected one of name, address, weight, max_item_size')
  expect(suggest('x'.repeat(100_000), fields)).toMatch(/^expected one of/)
})

test('quote() keeps a message on one short line', () => {
  expect(quote('a\nb')).toBe('"a\\nb"')
  expect(quote('x'.repeat(58))).toBe(`"${'x'.repeat(58)}"`)
  expect(quote('x'.repeat(59))).toBe(`"${'x'.repeat(59)}…`)
  expect(quote('x'.repeat(100_000))).toHaveLength(61)
  expect([undefined, null, [], {}].map(quote)).toEqual([
    'nothing',
    'an empty value',
    'a list',
    'a mapping',
  ])
})
