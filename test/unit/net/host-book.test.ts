import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { HostBook } from '../../../src/net/host-book.ts'

describe('HostBook', () => {
  test('addresses and paths are themselves, names unknown until they are looked up', () => {
    const hosts = ['127.0.0.1', '::1', '/run/node.sock', 'node-1', 'node-2', 'node-1']
    const book = HostBook.create(hosts)
    expect(book.handle.names).toEqual(['node-1', 'node-2'])
    const ofThread = new HostBook(book.handle)
    const unknown = [undefined, undefined, undefined]
    expect(hosts.map(host => ofThread.addressOf(host))).toEqual([...hosts.slice(0, 3), ...unknown])
    const longest = 'ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255'
    book.set('node-2', longest)
    expect(ofThread.addressOf('node-2')).toBe(longest)
    book.set('node-2', '10.0.0.2')
    expect([ofThread.addressOf('node-2'), ofThread.addressOf('node-1')]).toEqual([
      '10.0.0.2',
      undefined,
    ])
  })

  test('what is longer than an address can be is not kept', () => {
    const book = HostBook.create(['a', 'b'])
    book.set('b', '1.1.1.1')
    for (const size of [46, 47, 64, 5000]) book.set('a', 'f'.repeat(size))
    expect(book.addressOf('a')).toBe('f'.repeat(46))
    expect(book.addressOf('b')).toBe('1.1.1.1')
  })

  test('main looks all names up, then what is wanted; a failure keeps what was known', async () => {
    const answers = new Map([['a', '10.0.0.1']])
    const asked: string[] = []
    const book = HostBook.create(['a', 'b'])
    const stop = await book.keep(async host => {
      asked.push(host)
      const address = answers.get(host)
      if (address === undefined) throw new Error('ENOTFOUND')
      return address
    })
    expect([book.addressOf('a'), book.addressOf('b')]).toEqual(['10.0.0.1', undefined])
    answers.set('b', '10.0.0.2')
    answers.delete('a')
    for (const host of ['a', 'b', '127.0.0.1']) book.want(host)
    for (let i = 0; i < 200 && book.addressOf('b') === undefined; i += 1) await sleep(10)
    stop()
    expect([book.addressOf('a'), book.addressOf('b')]).toEqual(['10.0.0.1', '10.0.0.2'])
    expect(asked).toEqual(['a', 'b', 'a', 'b'])
  })

  test('localhost is found as the system has it', async () => {
    const book = HostBook.create(['localhost'])
    const stop = await book.keep()
    stop()
    expect(['127.0.0.1', '::1']).toContain(book.addressOf('localhost'))
  })
})
