import { describe, expect, test } from 'vitest'
import { AllowList } from '../../../src/net/allow-list.ts'

describe('AllowList', () => {
  const list = new AllowList(['10.1.0.0/16', '192.168.7.9', 'fd00:1::/32', '::1', '172.16.0.0/31'])

  test.each([
    '10.1.0.0:1',
    '10.1.255.255:65535',
    '192.168.7.9:5',
    '::ffff:10.1.2.3:5',
    '::ffff:a01:203:5',
    '::1:5',
    'fd00:1:ffff::9:5',
    '172.16.0.1:5',
    'unix',
  ])('%s may come in', peer => {
    expect(list.allows(peer)).toBe(true)
  })

  test.each([
    '10.2.0.0:1',
    '10.0.255.255:1',
    '192.168.7.8:5',
    '::ffff:10.2.2.3:5',
    '::2:5',
    'fd00:2::1:5',
    '172.16.0.2:5',
    'gone',
    '',
    '10.1.0.0',
  ])('%j may not', peer => {
    expect(list.allows(peer)).toBe(false)
  })

  test('an empty list lets nobody in, 0.0.0.0/0 and ::/0 everybody', () => {
    expect(new AllowList([]).allows('127.0.0.1:1')).toBe(false)
    const all = new AllowList(['0.0.0.0/0', '::/0'])
    expect([all.allows('1.2.3.4:5'), all.allows('2001:db8::1:5')]).toEqual([true, true])
    expect(new AllowList(['0.0.0.0/0']).allows('2001:db8::1:5')).toBe(false)
  })

  test.each([
    '',
    'x',
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0/8',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    'fe80::1%eth0',
    'localhost',
  ])('%j is refused', text => {
    expect(() => new AllowList([text])).toThrow(`Cannot allow ${JSON.stringify(text)}`)
  })

  test('takes 1024 networks and no more', () => {
    const networks = Array.from({ length: 1025 }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`)
    expect(new AllowList(networks.slice(1)).allows('10.4.0.1:1')).toBe(true)
    expect(() => new AllowList(networks)).toThrow('expected 1024 at most')
  })
})
