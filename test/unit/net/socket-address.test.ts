import { describe, expect, test } from 'vitest'
import { socketAddress, textOfAddress, UNIX_PATH_MAX } from '../../../src/net/socket-address.ts'

describe('socketAddress()', () => {
  test.each([
    ['127.0.0.1', 11211, '02002bcb7f0000010000000000000000'],
    ['::1', 65535, `0a00ffff00000000${'00'.repeat(15)}0100000000`],
    ['2001:db8::a:0:b', 1, '0a0000010000000020010db8000000000000000a0000000b00000000'],
    ['/a', 0, '01002f6100'],
  ])('%s:%i', (host, port, bytes) => {
    expect(Buffer.from(socketAddress(host, port)).toString('hex')).toBe(bytes)
  })

  test('a path as long as may be, and one byte more', () => {
    const longest = `/${'x'.repeat(UNIX_PATH_MAX - 1)}`
    expect(socketAddress(longest, 0).length).toBe(110)
    expect(() => socketAddress(`${longest}x`, 0)).toThrow('expected at most 107 bytes, got 108')
  })

  test.each(['127.0.0.1', '255.1.2.3', '::1', '::', '2001:db8::a:0:b', 'fe80::1:2:3:4'])(
    '%s is read back',
    host => expect(textOfAddress(socketAddress(host, 11211))).toBe(`${host}:11211`),
  )
})
