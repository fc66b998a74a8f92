import { describe, expect, test } from 'vitest'
import { chooseIo, IoError } from '../../../src/net/io.ts'

const works = () => undefined
const refused = () => 'the kernel is 5.10.0'

describe('chooseIo()', () => {
  test('auto: io_uring where it works, else epoll and why', () => {
    expect(chooseIo('auto', works)).toEqual({ io: 'uring', ioReason: '' })
    expect(chooseIo('auto', refused)).toEqual({ io: 'epoll', ioReason: 'the kernel is 5.10.0' })
  })

  test('by name: that one, or an error that says why not', () => {
    expect(chooseIo('uring', works)).toEqual({ io: 'uring', ioReason: '' })
    expect(chooseIo('epoll', refused)).toEqual({ io: 'epoll', ioReason: '' })
    expect(chooseIo('net', refused)).toEqual({ io: 'net', ioReason: '' })
    expect(() => chooseIo('uring', refused)).toThrow(
      new IoError('Cannot use --io uring: the kernel is 5.10.0'),
    )
  })
})
