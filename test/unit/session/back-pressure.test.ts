import { describe, expect, test } from 'vitest'
import { Counter } from '../../../src/observe/counters.ts'
import { OUTPUT_BYTES } from '../../../src/protocol/output.ts'
import { MIB } from '../store/support.ts'
import { FakeStream, makeNode, type TestNode } from './support.ts'

const BIG = 'b'.repeat(300_000)
const setBig = `set big 0 0 ${BIG.length}\r\n${BIG}\r\n`
const bigReply = `VALUE big 0 ${BIG.length}\r\n${BIG}\r\nEND\r\n`

describe('a peer that does not read', () => {
  test('in the middle of a large value: nothing more is produced, and reading stops', () => {
    const node = makeNode()
    node.connect().send(setBig)
    const stream = new FakeStream(1000)
    const client = node.connect(stream)
    client.deliver(Buffer.from('get big\r\nversion\r\n'))
    expect(stream.size).toBeLessThanOrEqual(OUTPUT_BYTES)
    expect(stream.paused).toBe(true)
    const { size } = stream
    client.deliver(Buffer.from('get big\r\n'))
    expect(stream.size).toBe(size)
    stream.window = Number.POSITIVE_INFINITY
    client.drain()
    expect(stream.text).toBe(`${bigReply}VERSION 1.6.45\r\n${bigReply}`)
    expect(stream.paused).toBe(false)
    node.made.verify()
  })

  test('in the middle of a get of many keys: it goes on at the key where it stopped', () => {
    const node = makeNode()
    const value = 'v'.repeat(10_000)
    node.connect().send(`set k 0 0 10000\r\n${value}\r\n`)
    const stream = new FakeStream(30_000)
    const client = node.connect(stream)
    client.deliver(Buffer.from(`get ${'k '.repeat(50)}\r\n`))
    expect(stream.size).toBeLessThanOrEqual(OUTPUT_BYTES + 30_000)
    expect(node.counters.sum(Counter.cmdGet)).toBeLessThan(10)
    client.drain()
    expect(stream.text).toBe(`${`VALUE k 0 10000\r\n${value}\r\n`.repeat(50)}END\r\n`)
    expect(node.counters.sum(Counter.cmdGet)).toBe(50)
    expect(stream.writesWhileBehind).toBe(0)
  })

  test('in the middle of a pipeline: what it has sent is not carried out ahead', () => {
    const node = makeNode()
    const value = 'v'.repeat(1_000)
    node.connect().send(`set k 0 0 1000\r\n${value}\r\n`)
    const stream = new FakeStream(1)
    const client = node.connect(stream)
    const pipeline = `${'get k\r\n'.repeat(1000)}delete k\r\nquit\r\n`
    client.deliver(Buffer.from(pipeline))
    expect(stream.size).toBeLessThanOrEqual(OUTPUT_BYTES)
    expect(node.connect().ask('get k\r\n')).toBe(`VALUE k 0 1000\r\n${value}\r\nEND\r\n`)
    expect(stream.ended).toBe(false)
    client.drain()
    const expected = `${`VALUE k 0 1000\r\n${value}\r\nEND\r\n`.repeat(1000)}DELETED\r\n`
    expect(stream.text === expected).toBe(true)
    expect(stream.ended).toBe(true)
  })

  test('one slow peer holds nobody else up, and no output of another gets mixed in', () => {
    const node = makeNode()
    node.connect().send(setBig)
    const slow = new FakeStream(100)
    const client = node.connect(slow)
    client.deliver(Buffer.from('get big\r\n'))
    const other = node.connect()
    for (let turn = 0; turn < 20; turn += 1) {
      expect(other.ask('version\r\n')).toBe('VERSION 1.6.45\r\n')
      slow.drained()
      client.session.onDrain()
    }
    client.drain()
    expect(slow.text === bigReply).toBe(true)
  })

  test('gone in the middle of a large value: its memory is given back', () => {
    const node = makeNode()
    node.connect().send(setBig)
    const client = node.connect(new FakeStream(100))
    client.deliver(Buffer.from('get big\r\nget big\r\n'))
    client.disconnect('reset')
    node.connect().send('delete big\r\n')
    node.made.verify()
    expect(node.closed).toEqual(['reset'])
  })
})

describe('the peer ends', () => {
  test('its half: everything whole before that is answered, then the rest is closed', () => {
    const node = makeNode()
    const client = node.connect()
    client.send('set a 0 0 1\r\n1\r\nget a\r\nget')
    client.session.onEnd()
    expect(client.reply).toBe('STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n')
    expect(client.stream.ended).toBe(true)
  })

  test('its half while it is behind: the held requests are answered all the same', () => {
    const node = makeNode()
    node.connect().send(setBig)
    const stream = new FakeStream(100)
    const client = node.connect(stream)
    client.deliver(Buffer.from('get big\r\nget big\r\nversion\r\n'))
    client.session.onEnd()
    expect(stream.ended).toBe(false)
    client.drain()
    expect(stream.text === `${bigReply}${bigReply}VERSION 1.6.45\r\n`).toBe(true)
    expect(stream.ended).toBe(true)
  })

  const halves: readonly [string, string][] = [
    ['a staged value', `set a 0 0 10000\r\n${'x'.repeat(5_000)}`],
    ['a large value', `set a 0 0 200000\r\n${'x'.repeat(150_000)}`],
    ['a value without its line end', 'set a 0 0 1\r\nx'],
    ['a value that is swallowed', `set a 0 0 2000000\r\n${'x'.repeat(1_000)}`],
    ['a large append', `append a 0 0 200000\r\n${'x'.repeat(150_000)}`],
  ]
  test.each(halves)('in the middle of %s: nothing is stored, nothing is kept', (_, bytes) => {
    const node = makeNode()
    for (const how of ['close', 'end then close']) {
      const client = node.connect()
      client.send(bytes, [100, 7])
      if (how !== 'close') client.session.onEnd()
      if (how !== 'close') expect(client.stream.ended).toBe(true)
      client.disconnect()
    }
    expect(node.services.staging.usedBytes).toBe(0)
    expect(node.connect().ask('get a\r\n')).toBe('END\r\n')
    node.made.verify()
  })
})

describe('memory for values on their way', () => {
  test('is refused at its limit, and the connection stays in step', () => {
    const node = makeNode({ stagingBytes: 32_768 })
    const waiting = [1, 2].map(() => node.connect().send('set a 0 0 10000\r\nxx'))
    expect(node.services.staging.usedBytes).toBe(32_768)
    const third = node.connect().send('set b 0 0 5\r\nol')
    third.send('d!!\r\nversion\r\n')
    expect(third.reply).toBe('SERVER_ERROR out of memory storing object\r\nVERSION 1.6.45\r\n')
    expect(node.connect().ask('set b 0 0 5\r\nwhole\r\n')).toBe('STORED\r\n')
    for (const client of waiting) client.disconnect()
    expect(node.services.staging.usedBytes).toBe(0)
    const fourth = node.connect().send('set c 0 0 5\r\nol')
    fourth.send('d!!\r\n')
    expect(fourth.reply).toBe('STORED\r\n')
  })

  test('a set that finds none removes the old value, an add does not', () => {
    const node = makeNode({ stagingBytes: 1 })
    const client = node.connect()
    client.send('set a 0 0 1\r\n1\r\nadd a 0 0 2\r\n2')
    client.send('2\r\nget a\r\nset a 0 0 2\r\n2')
    client.send('2\r\nget a\r\n')
    const refusal = 'SERVER_ERROR out of memory storing object\r\n'
    const kept = 'VALUE a 0 1\r\n1\r\nEND\r\n'
    expect(client.reply).toBe(`STORED\r\n${refusal}${kept}${refusal}END\r\n`)
    expect(node.counters.sum(Counter.storeNoMemory)).toBe(2)
  })

  test('large appends that never end are bounded as well', () => {
    const node = makeNode()
    node.connect().send('set a 0 0 1\r\n1\r\n')
    const before = process.memoryUsage().arrayBuffers
    const clients = Array.from({ length: 200 }, () =>
      node.connect().send('append a 0 0 1000000\r\nxxx'),
    )
    const taken = process.memoryUsage().arrayBuffers - before
    for (const client of clients) client.disconnect()
    expect(taken).toBeLessThan(32 * MIB)
  })
})

describe('reading more large values than may be pinned', () => {
  const size = 900_000
  const value = 'x'.repeat(size)
  const head = `VALUE big 0 ${size}\r\n`

  test('is an error alone: memcached sends no END behind it', () => {
    const node = makeNode()
    node.connect().send(`set big 0 0 ${size}\r\n${value}\r\n`)
    const readers = [1, 2, 3].map(() => {
      const reader = node.connect(new FakeStream(100))
      reader.deliver(Buffer.from('get big\r\n'))
      return reader
    })
    const replies = readers.map(reader => {
      reader.drain()
      return reader.stream.text
    })
    const refused = replies.filter(reply => !reply.startsWith(head))
    expect(refused.length).toBeGreaterThan(0)
    expect(refused[0]).toBe('SERVER_ERROR out of memory writing get response\r\n')
    node.made.verify()
  })

  test('a reader that has been refused is served once the others are done', () => {
    const node = makeNode()
    node.connect().send(`set big 0 0 ${size}\r\n${value}\r\n`)
    const first = node.connect(new FakeStream(100))
    first.deliver(Buffer.from('get big\r\n'))
    first.drain()
    const reply = node.connect().ask('get big\r\n')
    expect(reply === `${head}${value}\r\nEND\r\n`).toBe(true)
    node.made.verify()
  })
})

/** A second before, then at the ten seconds that it gets. */
function checkAfter(node: TestNode, stream: FakeStream): void {
  node.advance(9)
  node.services.stalled.check(node.services.nowMs())
  expect(stream.destroyed).toBe(false)
  node.advance(1)
  node.services.stalled.check(node.services.nowMs())
}

describe('a peer that makes no progress with a large value', () => {
  test('reading it is closed after ten seconds, and its memory given back', () => {
    const node = makeNode()
    node.connect().send(setBig)
    const stream = new FakeStream(100)
    const client = node.connect(stream)
    client.deliver(Buffer.from('get big\r\n'))
    checkAfter(node, stream)
    expect(stream.destroyed).toBe(true)
    client.disconnect()
    node.made.verify()
  })

  test('sending it is closed after ten seconds, and its memory given back', () => {
    const node = makeNode()
    const client = node.connect()
    client.send('set a 0 0 200000\r\nxxx')
    checkAfter(node, client.stream)
    expect(client.stream.destroyed).toBe(true)
    client.disconnect()
    node.made.verify()
  })

  test('reading a little now and then is not closed, nor one that has it all', () => {
    const node = makeNode()
    node.connect().send(setBig)
    const slow = new FakeStream(100)
    const client = node.connect(slow)
    client.deliver(Buffer.from('get big\r\n'))
    const done = node.connect()
    done.send('get big\r\n')
    const sender = node.connect()
    sender.send('set a 0 0 200000\r\nxxx')
    for (let seconds = 0; seconds < 45; seconds += 9) {
      node.advance(9)
      slow.drained()
      client.session.onDrain()
      sender.send('xxx')
      node.services.stalled.check(node.services.nowMs())
    }
    const { stream } = done
    expect([slow.destroyed, stream.destroyed, sender.stream.destroyed]).toEqual([
      false,
      false,
      false,
    ])
  })

  test('having sent it with a bad end is not watched any more', () => {
    const node = makeNode()
    const client = node.connect()
    client.send(`set a 0 0 200000\r\n${'x'.repeat(100_000)}`)
    client.send(`${'x'.repeat(100_000)}XY`)
    node.advance(10)
    node.services.stalled.check(node.services.nowMs())
    expect(client.stream.text).toBe('CLIENT_ERROR bad data chunk\r\n')
    expect(client.stream.destroyed).toBe(false)
  })
})
