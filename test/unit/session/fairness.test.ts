// -R: who sends a long pipeline is interrupted, so that others are answered meanwhile.

import { describe, expect, test } from 'vitest'
import { Counter } from '../../../src/observe/counters.ts'
import { FakeStream, makeNode } from './support.ts'

const GET = 'get some-key-of-some-length\r\n'

function answers(text: string): number {
  return text.split('END\r\n').length - 1
}

describe('a pipeline of more requests than a connection may have in a turn', () => {
  test('another connection is answered before the rest is taken up', () => {
    const node = makeNode({ requestsPerEvent: 20 })
    const long = node.connect()
    const other = node.connect()
    long.deliver(Buffer.from(GET.repeat(2000)))
    // Nothing more until the next turn: what came of it is still kept back, and it is not read.
    expect(node.counters.sum(Counter.cmdGet)).toBe(20)
    expect(long.stream.paused).toBe(true)
    other.deliver(Buffer.from('version\r\n'))
    expect(other.reply).toBe('VERSION 1.6.45\r\n')
    expect(node.counters.sum(Counter.cmdGet)).toBe(20)
    long.drain()
    expect(answers(long.reply)).toBe(2000)
    expect(long.stream.paused).toBe(false)
    expect(node.counters.sum(Counter.connYields)).toBe(100)
  })

  test('a short rest is done with at once: it is counted, nobody waits for it long', () => {
    const node = makeNode({ requestsPerEvent: 20 })
    const client = node.connect()
    client.deliver(Buffer.from(GET.repeat(64)))
    expect(answers(client.reply)).toBe(64)
    expect(node.counters.sum(Counter.connYields)).toBe(3)
  })

  test('replies of several turns leave in one write, those of many in a few', () => {
    const node = makeNode({ requestsPerEvent: 20 })
    const stream = new FakeStream()
    const client = node.connect(stream)
    let writes = 0
    const write = stream.write.bind(stream)
    stream.write = (bytes, at, length) => {
      writes += 1
      return write(bytes, at, length)
    }
    client.deliver(Buffer.from(GET.repeat(400)))
    client.drain()
    expect(answers(client.reply)).toBe(400)
    expect(writes).toBe(1)
  })

  test('without memory to keep replies in they leave at once, in order', () => {
    const node = makeNode({ requestsPerEvent: 20, stagingBytes: 57_500 })
    const client = node.connect()
    client.deliver(Buffer.from(GET.repeat(2000)))
    expect(answers(client.reply)).toBe(20)
    client.drain()
    expect(answers(client.reply)).toBe(1980)
  })

  test('what arrives meanwhile is for later, behind the rest', () => {
    const node = makeNode({ requestsPerEvent: 5 })
    const client = node.connect()
    client.deliver(Buffer.from(GET.repeat(100)))
    client.deliver(Buffer.from('version\r\n'))
    expect(node.counters.sum(Counter.cmdGet)).toBe(5)
    client.drain()
    expect(client.reply).toBe(`${'END\r\n'.repeat(100)}VERSION 1.6.45\r\n`)
  })

  test('a peer that ends its side is answered whole', () => {
    const node = makeNode({ requestsPerEvent: 5 })
    const client = node.connect()
    client.deliver(Buffer.from(GET.repeat(100)))
    client.session.onEnd()
    expect(client.stream.ended).toBe(false)
    client.drain()
    expect(answers(client.reply)).toBe(100)
    expect(client.stream.ended).toBe(true)
  })

  test('a connection that goes away in between leaves nothing behind', () => {
    const node = makeNode({ requestsPerEvent: 5 })
    const client = node.connect()
    client.deliver(Buffer.from(GET.repeat(100)))
    expect(node.services.staging.usedBytes).toBeGreaterThan(0)
    client.disconnect()
    expect(node.services.staging.usedBytes).toBe(0)
    client.drain()
    expect(node.counters.sum(Counter.cmdGet)).toBe(5)
  })

  test('quit as the last of a turn closes; nothing behind it is taken up', () => {
    const node = makeNode({ requestsPerEvent: 3 })
    const client = node.connect()
    client.deliver(Buffer.from(`${GET.repeat(2)}quit\r\n${GET.repeat(500)}`))
    expect(answers(client.reply)).toBe(2)
    expect(client.stream.ended).toBe(true)
    expect(node.counters.sum(Counter.cmdGet)).toBe(2)
  })
})
