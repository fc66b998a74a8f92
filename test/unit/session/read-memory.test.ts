// What is received and cannot be used yet has a limit for a whole thread: who finds no room is told
// and closed, all others are answered, and what was held is given back.

import { describe, expect, test } from 'vitest'
import { BinaryStatus, Opcode } from '../../../src/protocol/binary-layout.ts'
import { Counter } from '../../../src/observe/counters.ts'
import { HeldInput } from '../../../src/session/held-input.ts'
import { Staging } from '../../../src/session/staging.ts'
import { parseReplies, request, set } from './binary-support.ts'
import { FakeStream, makeNode, type TestNode } from './support.ts'

const REFUSED = 'SERVER_ERROR out of memory reading request\r\n'
/** The least that a part of a request takes. */
const PART = 256
const PLACES = 10

/** As `stats` says it. */
function figures({ counters }: TestNode) {
  return {
    count: counters.total(Counter.readBufCount),
    bytes: counters.total(Counter.readBufBytes),
    free: counters.total(Counter.readBufBytesFree),
    refused: counters.sum(Counter.readBufOom),
  }
}

function expectNothingHeld(node: TestNode): void {
  expect(node.services.staging.usedBytes).toBe(0)
  const { bytes, free } = figures(node)
  expect(bytes).toBe(free)
}

describe('parts of requests', () => {
  test.each([
    ['below the limit', PLACES - 1, 0],
    ['at the limit', PLACES, 0],
    ['one over it', PLACES + 1, 1],
    ['far over it', 20 * PLACES, 19 * PLACES],
  ])('%s: %i connections, %i of them refused', (_, connections, refused) => {
    const node = makeNode({ stagingBytes: PLACES * PART })
    const clients = Array.from({ length: connections }, () => node.connect().send('vers'))
    const kept = clients.slice(0, connections - refused)
    for (const { stream, reply } of clients.slice(kept.length)) {
      expect(reply).toBe(REFUSED)
      expect(stream.ended).toBe(true)
    }
    expect(node.services.staging.usedBytes).toBe(kept.length * PART)
    expect(figures(node)).toEqual({
      count: kept.length,
      bytes: kept.length * PART,
      free: 0,
      refused,
    })
    for (const client of kept) {
      expect(client.stream.ended).toBe(false)
      expect(client.ask('ion\r\n')).toBe('VERSION 1.6.45\r\n')
    }
    expectNothingHeld(node)
    for (const client of clients) client.disconnect()
    expectNothingHeld(node)
    expect(node.connect().send('vers').ask('ion\r\n')).toBe('VERSION 1.6.45\r\n')
  })

  test('whole requests need none', () => {
    const node = makeNode({ stagingBytes: 0, requestsPerEvent: 20 })
    const client = node.connect()
    const pipeline = 'set k 0 0 1\r\nv\r\nget k\r\n'
    expect(client.ask(pipeline.repeat(1000))).toBe(
      'STORED\r\nVALUE k 0 1\r\nv\r\nEND\r\n'.repeat(1000),
    )
    expect(figures(node).refused).toBe(0)
  })

  test('what was asked before is answered before it', () => {
    const node = makeNode({ stagingBytes: 0 })
    const client = node.connect()
    expect(client.ask('version\r\nget a')).toBe(`VERSION 1.6.45\r\n${REFUSED}`)
    expect(client.stream.ended).toBe(true)
  })

  test('those who leave make room for others', () => {
    const node = makeNode({ stagingBytes: PART })
    for (let i = 0; i < 50; i += 1) {
      const client = node.connect().send('get abc')
      expect(client.stream.ended).toBe(false)
      expect(node.connect().ask('get abc')).toBe(REFUSED)
      client.disconnect()
      expectNothingHeld(node)
    }
  })

  test('in binary: a status, no opaque that was another request’s', () => {
    const node = makeNode({ stagingBytes: PART })
    node.connect().send('get abc')
    const client = node.connect()
    client.send(request(Opcode.noop, { opaque: 77 }))
    expect(client.reply.length).toBe(24)
    client.send(request(Opcode.get, { key: 'k' }).slice(0, 10))
    const { reply } = client
    expect(parseReplies(reply).map(one => one.status)).toEqual([BinaryStatus.outOfMemory])
    expect(Buffer.from(reply, 'latin1').readUInt32BE(12)).toBe(0)
    expect(client.stream.ended).toBe(true)
  })

  test('in binary, a value in pieces: refused, and the rest swallowed', () => {
    const node = makeNode({ stagingBytes: PART })
    node.connect().send('get abc')
    const client = node.connect()
    client.send(set('k', 'v'.repeat(1000)) + request(Opcode.noop), [500])
    const statuses = parseReplies(client.reply).map(one => one.status)
    expect(statuses).toEqual([BinaryStatus.outOfMemory, BinaryStatus.ok])
  })
})

describe('a get of many keys', () => {
  const line = `get ${'a-key-of-twenty-byte '.repeat(10_000)}`

  test('is answered where there is room for its line, as it grows', () => {
    const node = makeNode({ stagingBytes: 3 * line.length })
    const client = node.connect()
    client.send(`${line}\r\n`, [16_384])
    expect(client.reply).toBe('END\r\n')
    expect(node.counters.sum(Counter.cmdGet)).toBe(10_000)
    expectNothingHeld(node)
  })

  test('is refused where there is none; nothing of it is carried out', () => {
    const node = makeNode({ stagingBytes: line.length / 2 })
    const client = node.connect()
    client.send(`${line}\r\n`, [16_384])
    expect(client.reply).toBe(REFUSED)
    expect(client.stream.ended).toBe(true)
    expect(node.counters.sum(Counter.cmdGet)).toBe(0)
    expectNothingHeld(node)
  })

  test('many at once: as many as there is room for, never more memory than that', () => {
    const limit = 4 * 2 ** 20
    const node = makeNode({ stagingBytes: limit })
    const clients = Array.from({ length: 100 }, () => node.connect())
    for (let at = 0; at < line.length; at += 16_384) {
      for (const client of clients) {
        if (!client.stream.ended) client.deliver(Buffer.from(line.slice(at, at + 16_384)))
      }
      const { bytes } = figures(node)
      expect(bytes).toBeLessThanOrEqual(limit)
    }
    const kept = clients.filter(({ stream }) => !stream.ended)
    expect(kept.length).toBeGreaterThan(5)
    expect(kept.length).toBeLessThan(30)
    for (const client of kept) expect(client.ask('\r\n')).toBe('END\r\n')
    expectNothingHeld(node)
  })
})

describe('a request that comes while another is answered', () => {
  const BIG = 'b'.repeat(300_000)

  test('does not put its refusal into the middle of a value', () => {
    const node = makeNode({ stagingBytes: 2 * PART })
    node.connect().send(`set big 0 0 ${BIG.length}\r\n${BIG}\r\n`)
    const stream = new FakeStream(1000)
    const client = node.connect(stream)
    client.deliver(Buffer.from('get big\r\nversion\r\n'))
    client.deliver(Buffer.from('get more'.repeat(1000)))
    expect(figures(node).refused).toBe(1)
    client.drain()
    // What was under way goes out; the line that asked for it had not been done with.
    expect(stream.text === `VALUE big 0 ${BIG.length}\r\n${BIG}\r\n`).toBe(true)
    expect(stream.ended).toBe(true)
    client.disconnect()
    expectNothingHeld(node)
  })

  test('nor ahead of replies that wait for the next turn', () => {
    const node = makeNode({ stagingBytes: 57_500, requestsPerEvent: 20 })
    const client = node.connect()
    client.deliver(Buffer.from('get some-key-of-some-length\r\n'.repeat(1500)))
    client.deliver(Buffer.from('x'.repeat(57_000)))
    expect(client.stream.ended).toBe(false)
    client.drain()
    expect(client.reply).toBe('END\r\n'.repeat(20))
    expect(client.stream.ended).toBe(true)
    client.disconnect()
    expectNothingHeld(node)
  })
})

describe('memory for it', () => {
  test('HeldInput: what finds no room is forgotten, all of it, and given back', () => {
    const staging = new Staging(4096)
    const held = new HeldInput(staging)
    expect(held.keep(new Uint8Array(4097), 0, 4097)).toBe(false)
    expect(held.isEmpty).toBe(true)
    expect(held.keep(new Uint8Array(1000), 0, 1000)).toBe(true)
    expect(held.append(new Uint8Array(3000), 0, 3000)).toBe(false)
    expect(held.isEmpty).toBe(true)
    expect(staging.usedBytes).toBe(0)
    held.clear()
    expect(staging.usedBytes).toBe(0)
  })

  test('Staging: buffers kept for later make room for other sizes', () => {
    const seen: { count: number; bytes: number; keptBytes: number }[] = []
    let refused = 0
    const staging = new Staging(4096, {
      moved: now => seen.push({ ...now }),
      refused: () => (refused += 1),
    })
    const small = Array.from({ length: 16 }, () => staging.take(PART)!)
    expect(staging.hasRoom(1)).toBe(false)
    expect(staging.take(1)).toBeUndefined()
    expect(refused).toBe(1)
    for (const buffer of small) staging.give(buffer)
    expect(seen.at(-1)).toEqual({ count: 16, bytes: 4096, keptBytes: 4096 })
    expect(staging.hasRoom(4096)).toBe(true)
    expect(staging.hasRoom(4097)).toBe(false)
    const large = staging.take(4096)!
    expect(seen.at(-1)).toEqual({ count: 1, bytes: 4096, keptBytes: 0 })
    staging.give(large)
    expect(seen.at(-1)).toEqual({ count: 1, bytes: 4096, keptBytes: 4096 })
    expect(staging.usedBytes).toBe(0)
  })
})
