import { describe, expect, test, vi } from 'vitest'
import { Counter } from '../../../src/observe/counters.ts'
import { MIB } from '../store/support.ts'
import { FakeStream } from '../session/support.ts'
import { BACK_OFF_MAX_MS, CLOSE_MS, later, makeRouter, turn } from './support.ts'

describe('a client that does not read', () => {
  test('has few requests on their way, and is not read from', () => {
    const router = makeRouter({ coalesces: false })
    const stream = new FakeStream(10)
    const client = router.connect(stream)
    client.deliver(Buffer.from('get a\r\n'.repeat(1000)))
    turn()
    expect(stream.paused).toBe(true)
    const block = `VALUE a 0 10000\r\n${'x'.repeat(10_000)}\r\n`
    const asked = router.link(0).answerGets(() => block).length
    expect(asked).toBeLessThanOrEqual(32)
    turn()
    expect(router.link(0).requests).toBe('')
    let total = asked
    while (total < 1000) {
      client.drain()
      turn()
      const more = router.link(0).answerGets(() => block).length
      expect(more).toBeGreaterThan(0)
      expect(more).toBeLessThanOrEqual(32)
      total += more
      turn()
    }
    client.drain()
    expect(stream.text === `${block}END\r\n`.repeat(1000)).toBe(true)
    expect(stream.paused).toBe(false)
  })

  test('is asked few values for before it is known how large they are, then by that', () => {
    const router = makeRouter({ coalesces: false })
    const client = router.connect()
    client.send(`get ${'a '.repeat(100)}\r\n`)
    const asked: number[] = []
    const round = (size: number): void => {
      turn()
      const block = `VALUE a 0 ${size}\r\n${'x'.repeat(size)}\r\n`
      asked.push(router.link(0).answerGets(() => block).length)
    }
    for (const size of [10, 10, MIB - 100, MIB - 100, 10, 10, 10]) round(size)
    expect(asked).toEqual([8, 32, 32, 2, 2, 8, 16])
  })

  test('that is one of many new ones gets one value at a time', () => {
    const router = makeRouter({ replyBytes: 4 * MIB, coalesces: false })
    const clients = Array.from({ length: 50 }, () => router.connect())
    for (const client of clients) client.send(`get ${'a '.repeat(100)}\r\n`)
    turn()
    const asked = router.link(0).answerGets(() => '').length
    // Two with all that a new one may have, the others with one each.
    expect(asked).toBe(2 * 8 + 48)
    for (const client of clients) client.disconnect()
    expect(router.node.services.replies.expectedBytes).toBe(0)
  })

  test.each([0, 1])('has its memory back when it leaves, %i bytes read of it', read => {
    const router = makeRouter({ nodes: 2 })
    const { replies } = router.node.services
    const client = router.connect(new FakeStream(read))
    const [first, second] = [router.keyOn(0), router.keyOn(1)]
    client.send(`get ${first} ${second} ${second}\r\nget ${first}\r\n`)
    turn()
    const value = 'x'.repeat(100_000)
    router.link(1).answerGets(key => `VALUE ${key} 0 100000\r\n${value}\r\n`)
    turn()
    expect(replies.heldBytes).toBeGreaterThan(200_000)
    expect(replies.expectedBytes).toBeGreaterThan(0)
    client.disconnect()
    expect([replies.heldBytes, replies.expectedBytes]).toEqual([0, 0])
    router.link(0).answerGets(key => `VALUE ${key} 0 100000\r\n${value}\r\n`)
    turn()
    expect([replies.heldBytes, replies.expectedBytes]).toEqual([0, 0])
  })

  test('loses to those who read, when there is too little memory', () => {
    const router = makeRouter({ replyBytes: 4 * MIB, coalesces: false })
    const block = `VALUE a 0 1000000\r\n${'x'.repeat(1_000_000)}\r\n`
    const answer = (): void => {
      turn()
      router.link(0).answerGets(() => block)
      turn()
    }
    const slow = Array.from({ length: 5 }, () => {
      const stream = new FakeStream(0)
      router.connect(stream).deliver(Buffer.from('get a\r\nget a\r\n'))
      answer()
      return stream
    })
    const { replies } = router.node.services
    expect(replies.heldBytes).toBeLessThanOrEqual(4 * MIB)
    expect(replies.heldBytes).toBeGreaterThan(3 * MIB)
    expect(slow.some(({ destroyed }) => destroyed)).toBe(false)
    later(1100)
    const reader = router.connect()
    reader.send('get a\r\n')
    answer()
    expect(reader.reply).toBe(`${block}END\r\n`)
    expect(slow.some(({ destroyed }) => destroyed)).toBe(true)
    expect(slow.every(({ destroyed }) => destroyed)).toBe(false)
    expect(replies.heldBytes).toBeLessThanOrEqual(4 * MIB)
    expect(router.counters.sum(Counter.repliesDropped)).toBeGreaterThan(0)
    expect(router.main.told).toEqual([])
  })

  test('holds up nobody else on the same connection', () => {
    const router = makeRouter({ coalesces: false })
    const slow = router.connect(new FakeStream(1))
    slow.deliver(Buffer.from('get a\r\nget a\r\n'))
    const quick = router.connect()
    quick.send('get b\r\n')
    turn()
    expect(router.link(0).requests).toBe('get a a b\r\n')
    router.link(0).reply('VALUE b 0 1\r\n2\r\nEND\r\n')
    turn()
    expect(quick.reply).toBe('VALUE b 0 1\r\n2\r\nEND\r\n')
  })

  test('is answered all it asked for after it has closed its half', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send(`${'get a\r\n'.repeat(100)}version\r\n`)
    client.session.onEnd()
    for (let turns = 0; turns < 100 && !client.stream.ended; turns += 1) {
      turn()
      router.link(0).answerGets(() => '')
    }
    turn()
    expect(client.reply).toBe(`${'END\r\n'.repeat(100)}VERSION 1.6.45\r\n`)
    expect(client.stream.ended).toBe(true)
  })

  test('a quit waits for the answers before it', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send('set a 0 0 1\r\n1\r\nget a\r\nquit\r\nget b\r\n')
    turn()
    expect(client.stream.ended).toBe(false)
    expect(router.link(0).requests).toBe('set a 0 0 1\r\n1\r\nget a\r\n')
    router.link(0).reply('STORED\r\nEND\r\n')
    turn()
    expect(client.reply).toBe('STORED\r\nEND\r\n')
    expect(client.stream.ended).toBe(true)
  })
})

describe('a node that does not read', () => {
  test('gets nothing more until it drains, then everything in order', () => {
    const router = makeRouter()
    const link = router.link(0)
    link.window = 20
    const clients = Array.from({ length: 30 }, (_, i) => {
      const client = router.connect()
      client.send(`set key-${i} 0 0 3000\r\n${String.fromCharCode(65 + i).repeat(3000)}\r\n`)
      turn()
      return client
    })
    for (let drains = 0; drains < 200; drains += 1) {
      link.drain()
      turn()
    }
    expect(link.writesWhileBehind).toBe(0)
    const expected = clients.map((_, i) => {
      return `set key-${i} 0 0 3000\r\n${String.fromCharCode(65 + i).repeat(3000)}\r\n`
    })
    expect(link.text === expected.join('')).toBe(true)
    link.reply('STORED\r\n'.repeat(30))
    turn()
    expect(clients.map(client => client.reply)).toEqual(clients.map(() => 'STORED\r\n'))
  })

  test('keeps a bounded amount waiting; what is above fails at once with its name', () => {
    const router = makeRouter({ stagingBytes: 1024 * MIB })
    const link = router.link(0)
    link.window = 1
    const value = 'x'.repeat(1_000_000)
    let refused = 0
    const clients = Array.from({ length: 60 }, () => router.connect())
    for (const client of clients) {
      client.send(`set a 0 0 ${value.length}\r\n${value}\r\n`)
      turn()
      if (client.reply === 'SERVER_ERROR n0 is overloaded\r\n') refused += 1
    }
    const kept = clients.length - refused
    expect(refused).toBeGreaterThan(0)
    expect(kept * value.length).toBeLessThan(40 * MIB)
    link.close()
    later(1)
    expect(clients.filter(({ reply }) => reply === 'SERVER_ERROR n0 is down\r\n').length).toBe(kept)
  })

  test('keeps at most 65,536 requests waiting', () => {
    const router = makeRouter()
    const clients = Array.from({ length: 2_200 }, () => router.connect())
    for (const client of clients) client.send('delete a noreply\r\n'.repeat(32))
    turn()
    const sent = router.link(0).requests.length / 'delete a\r\n'.length
    expect(sent).toBe(65_536)
    const late = router.connect()
    late.send('delete b\r\nget b\r\n')
    turn()
    expect(late.reply).toBe('SERVER_ERROR n0 is overloaded\r\nEND\r\n')
  })
})

describe('values', () => {
  const big = 'b'.repeat(200_000)

  test('large ones are forwarded whole, and hold nobody up while they arrive', () => {
    const router = makeRouter()
    const slow = router.connect()
    slow.send(`set big 0 0 ${big.length}\r\n${big.slice(0, 100_000)}`, [7_000])
    const other = router.connect()
    other.send('get b\r\n')
    turn()
    expect(router.link(0).requests).toBe('get b\r\n')
    slow.send(`${big.slice(100_000)}\r\n`, [7_000])
    turn()
    expect(router.link(0).requests === `set big 0 0 ${big.length}\r\n${big}\r\n`).toBe(true)
    router.link(0).reply('END\r\nSTORED\r\n')
    turn()
    expect([slow.reply, other.reply]).toEqual(['STORED\r\n', 'END\r\n'])
    expect(router.node.services.staging.usedBytes).toBe(0)
  })

  test('large ones come back whole, in any pieces', () => {
    for (const size of [1_000, 65_536, 65_537, Number.POSITIVE_INFINITY]) {
      const router = makeRouter()
      const client = router.connect()
      client.send('get big\r\nget c\r\n')
      turn()
      const answer = `VALUE big 3 ${big.length}\r\n${big}\r\nEND\r\n`
      router.link(0).reply(`${answer}END\r\n`, size)
      turn()
      expect(client.reply === `${answer}END\r\n`).toBe(true)
    }
  })

  test('abandoned on their way leave nothing behind', () => {
    const router = makeRouter()
    for (const size of [10_000, 200_000]) {
      const client = router.connect()
      client.send(`set a 0 0 ${size}\r\nxxx`)
      expect(router.node.services.staging.usedBytes).toBeGreaterThanOrEqual(size)
      client.disconnect()
      expect(router.node.services.staging.usedBytes).toBe(0)
    }
    turn()
    expect(router.link(0).requests).toBe('')
  })

  test('too large for every node: the old value goes before the client hears of it', () => {
    const router = makeRouter()
    const client = router.connect()
    client.send(`set a 0 0 1048577\r\n${'x'.repeat(1048577)}\r\nget a\r\n`)
    turn()
    expect(router.link(0).requests).toBe('md a\r\nget a\r\n')
    expect(client.reply).toBe('')
    router.link(0).reply('NF\r\nEND\r\n')
    turn()
    expect(client.reply).toBe('SERVER_ERROR object too large for cache\r\nEND\r\n')
  })

  test('too large, and the node is down: refused all the same', () => {
    const router = makeRouter()
    router.shut(0)
    const client = router.connect()
    client.send(`set a 0 0 1048577\r\n${'x'.repeat(1048577)}\r\nversion\r\n`)
    later(1)
    expect(client.reply).toBe('SERVER_ERROR object too large for cache\r\nVERSION 1.6.45\r\n')
  })
})

test('one client stays on one connection to a node, clients share several', () => {
  const router = makeRouter({ connectionsPerNode: 3 })
  expect(router.links.length).toBe(3)
  for (let i = 0; i < 6; i += 1) {
    const client = router.connect()
    client.send(`get a${i}\r\n`)
    turn()
    client.send(`get b${i}\r\nget c${i}\r\n`)
    turn()
    const mine = router.links.filter(({ text }) => text.includes(`a${i}\r\n`))
    expect(mine.length).toBe(1)
    expect(mine[0]!.text).toContain(`get b${i} c${i}\r\n`)
  }
  expect(router.links.map(({ text }) => text.split('get a').length - 1)).toEqual([2, 2, 2])
})

describe('closing', () => {
  test('waits for answers on their way, takes up nothing new, and connects no more', async () => {
    const router = makeRouter()
    const client = router.connect()
    client.send('get a\r\n')
    turn()
    const closed = new Promise<void>(resolve => router.executor.close(resolve))
    await vi.advanceTimersByTimeAsync(100)
    client.send('get b\r\n')
    turn()
    expect(router.link(0).destroyed).toBe(false)
    router.link(0).reply('VALUE a 0 1\r\n1\r\nEND\r\n')
    await vi.advanceTimersByTimeAsync(20)
    await closed
    expect(client.reply).toBe('VALUE a 0 1\r\n1\r\nEND\r\n')
    later(BACK_OFF_MAX_MS * 3)
    expect(router.links.length).toBe(1)
    expect(router.link(0).isClosed).toBe(true)
    expect(router.link(0).text).toBe('get a\r\n')
  })

  test('does not wait for a silent node beyond its time', async () => {
    const router = makeRouter()
    const client = router.connect()
    client.send('get a\r\n')
    turn()
    const closed = new Promise<void>(resolve => router.executor.close(resolve))
    await vi.advanceTimersByTimeAsync(CLOSE_MS)
    await closed
    later(1)
    expect(router.link(0).isClosed).toBe(true)
    expect(client.reply).toBe('END\r\n')
  })
})

test('a get as long as one may be costs no more than its keys', () => {
  const router = makeRouter({ coalesces: false })
  const client = router.connect()
  const keys = 120_000
  client.send(`get ${'a '.repeat(keys)}\r\n`)
  const before = process.cpuUsage().user
  let answered = 0
  while (answered < keys) {
    turn()
    answered += router.link(0).answerGets(() => '').length
    if ((process.cpuUsage().user - before) / 1000 > 20_000) break
  }
  turn()
  const perKey = (process.cpuUsage().user - before) / keys
  expect(answered).toBe(keys)
  expect(client.reply).toBe('END\r\n')
  expect(perKey).toBeLessThan(60)
})
