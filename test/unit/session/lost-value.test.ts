/** A large value for which memory runs out while it arrives: answered once, and all in step. */
import { describe, expect, test } from 'vitest'
import { BinaryStatus, Opcode } from '../../../src/protocol/binary-layout.ts'
import { RESERVE_SEGMENTS, SuperWord } from '../../../src/store/layout.ts'
import { peek } from '../store/support.ts'
import { parseReplies, request, set } from './binary-support.ts'
import { makeNode, type TestNode } from './support.ts'

const SIZE = 1_000_000
const VALUE = 'v'.repeat(SIZE)
const FREE = 10
const REFUSED = 'SERVER_ERROR out of memory storing object\r\n'
const sizes = [[16_384], [65_536], [1_000], [100_000, 7]]

/** Few segments are free, and nothing may be evicted for more. */
function makeFull(): TestNode {
  const node = makeNode({ evict: false, itemSizeMax: 2 * 1024 * 1024 })
  const client = node.connect()
  client.send('set old 0 0 3\r\nold\r\n')
  const { segments } = node.store
  for (let i = 0; segments.freeCount > RESERVE_SEGMENTS + FREE; i += 1) {
    client.send(`set k${i} 0 0 9000 noreply\r\n${'x'.repeat(9_000)}\r\n`)
  }
  return node
}

/** Nothing of what was lost is kept. */
function checkAfter(node: TestNode): void {
  expect(node.made.region.words[SuperWord.privateCount]).toBe(0)
  expect(node.store.segments.freeCount).toBe(RESERVE_SEGMENTS + FREE)
  node.made.verify()
}

describe('out of memory in the middle of a value', () => {
  const lines: readonly [string, string, string | undefined][] = [
    ['set', `set old 0 0 ${SIZE}\r\n`, undefined],
    ['ms', `ms old ${SIZE}\r\n`, undefined],
    ['add', `add new 0 0 ${SIZE}\r\n`, 'old'],
    ['cas', `cas old 0 0 ${SIZE} 1\r\n`, 'old'],
  ]
  test.each(lines.flatMap(line => sizes.map(pieces => [...line, pieces] as const)))(
    '%s: %s leaves %s, in pieces of %o',
    (_, line, left, pieces) => {
      const node = makeFull()
      const client = node.connect()
      client.send(`${line}${VALUE}\r\nversion\r\n`, pieces)
      expect(client.reply).toBe(`${REFUSED}VERSION 1.6.45\r\n`)
      expect(peek(node.store, 'old')?.value.toString()).toBe(left)
      checkAfter(node)
    },
  )

  test.each(sizes)('is said at once, before the rest has come', (...pieces) => {
    const node = makeFull()
    const client = node.connect()
    client.send(`set old 0 0 ${SIZE}\r\n${VALUE.slice(0, SIZE / 2)}`, pieces)
    expect(client.reply).toBe(REFUSED)
    client.disconnect()
    checkAfter(node)
  })

  test.each(sizes)('binary: the next request is answered, in pieces of %i', (...pieces) => {
    const node = makeFull()
    const client = node.connect()
    client.send(set('old', VALUE) + request(Opcode.noop), pieces)
    const replies = parseReplies(client.reply)
    expect(replies.map(reply => [reply.opcode, reply.status])).toEqual([
      [Opcode.set, BinaryStatus.outOfMemory],
      [Opcode.noop, BinaryStatus.ok],
    ])
    expect(peek(node.store, 'old')).toBeUndefined()
    checkAfter(node)
  })
})
