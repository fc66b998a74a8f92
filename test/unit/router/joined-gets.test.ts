// Gets that go out as one: `get a`, `get b` as `get a b`, whose values and one END are dealt out again.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Counter } from '../../../src/observe/counters.ts'
import { later, makeRouter, turn } from './support.ts'

function block(key: string): string {
  return `VALUE ${key} 0 1\r\n${key.slice(-1)}\r\n`
}

test('clients of one turn share a get, each has its own answer', () => {
  const router = makeRouter({ coalesces: false })
  const clients = ['a', 'b', 'a'].map(key => {
    const client = router.connect()
    client.send(`get ${key}\r\n`)
    return client
  })
  turn()
  expect(router.link(0).requests).toBe('get a b a\r\n')
  router.link(0).reply(`${block('a')}${block('a')}END\r\n`)
  turn()
  expect(clients.map(client => client.reply)).toEqual([
    `${block('a')}END\r\n`,
    'END\r\n',
    `${block('a')}END\r\n`,
  ])
})

test('writes keep their place between gets', () => {
  const router = makeRouter({ coalesces: false })
  const client = router.connect()
  client.send('get a\r\nget b\r\nset a 0 0 1\r\n1\r\nget a\r\ngets a\r\ngets b\r\nget c\r\n')
  turn()
  expect(router.link(0).requests).toBe(
    'get a b\r\nset a 0 0 1\r\n1\r\nget a\r\ngets a b\r\nget c\r\n',
  )
})

test('a line has at most 64 keys, and about as many bytes as every server takes', () => {
  const router = makeRouter()
  const longKeys = Array.from({ length: 32 }, (_, i) => `${'x'.repeat(240)}${i}`)
  for (const keys of [longKeys, Array.from({ length: 200 }, (_, i) => `k${i}`)]) {
    for (const key of keys) router.connect().send(`get ${key}\r\n`)
    turn()
    const lines = router.link(0).requests.split('\r\n').slice(0, -1)
    for (const line of lines) {
      expect(line.length).toBeLessThan(2048)
      expect(line.split(' ').length - 1).toBeLessThanOrEqual(64)
    }
    expect(lines.flatMap(line => line.split(' ').slice(1))).toEqual(keys)
    router.link(0).reply('END\r\n'.repeat(lines.length))
    turn()
  }
})

describe('an error in place of values', () => {
  test.each(['SERVER_ERROR out of memory writing get response', 'ERROR'])(
    '%s: all are misses',
    line => {
      const router = makeRouter()
      const client = router.connect()
      client.send('get a\r\nget b\r\nget c\r\n')
      turn()
      router.link(0).reply(`${block('a')}${line}\r\n`)
      turn()
      expect(client.reply).toBe(`${block('a')}END\r\nEND\r\nEND\r\n`)
      expect(router.counters.sum(Counter.getHits)).toBe(1)
      expect(router.counters.sum(Counter.getMisses)).toBe(2)
    },
  )
})

test('a value that was not asked for ends the connection; what was not answered is a miss', () => {
  const router = makeRouter()
  const client = router.connect()
  client.send('get a\r\nget b\r\nget c\r\n')
  turn()
  router.link(0).reply(`${block('b')}${block('a')}`)
  expect(router.link(0).destroyed).toBe(true)
  later(1)
  expect(client.reply).toBe(`END\r\n${block('b')}END\r\nEND\r\n`)
})

test.each([true, false])('any keys, by any clients, split anywhere, coalesced: %s', coalesces => {
  const asked = fc.array(fc.record({ client: fc.nat(3), key: fc.constantFrom('a', 'b', 'c', 'd') }))
  const hits = fc.subarray(['a', 'b', 'c', 'd'])
  const property = fc.property(asked, hits, fc.integer({ min: 1, max: 50 }), (gets, held, size) => {
    const router = makeRouter({ coalesces })
    const clients = Array.from({ length: 4 }, () => router.connect())
    const expected = ['', '', '', '']
    for (const { client, key } of gets.slice(0, 30)) {
      clients[client]!.send(`get ${key}\r\n`)
      expected[client] += `${held.includes(key) ? block(key) : ''}END\r\n`
    }
    turn()
    for (let turns = 0; turns < 30; turns += 1) {
      router.link(0).answerGets(key => (held.includes(key) ? block(key) : ''), size)
      turn()
    }
    expect(clients.map(client => client.reply)).toEqual(expected)
  })
  fc.assert(property, { numRuns: 150 })
})
