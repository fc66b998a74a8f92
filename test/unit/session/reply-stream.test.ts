// How a reply of unknown length shares its thread: short slices, and pauses once others are there.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { latin1 } from '../../../src/base/bytes.ts'
import type { ReplyProducer } from '../../../src/session/executor.ts'
import { type Client, FakeStream, makeNode, type TestNode } from './support.ts'

const PIECE_MS = 0.06
const PIECES_OF_SLICE = 4

let nowMs = 0
let node: TestNode
/** What sessions want called when others had their turn; and when a moment is over. */
let turns: (() => void)[]
let pauses: (() => void)[]

beforeEach(() => {
  nowMs = 1000
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
  node = makeNode()
  turns = []
  pauses = []
  node.services.nextTurn = call => void turns.push(call)
  node.services.later = call => void pauses.push(call)
})
afterEach(() => vi.restoreAllMocks())

/** Each piece says `x`, and takes its time. */
function pieces(count: number): ReplyProducer & { left: number } {
  return {
    left: count,
    produce(output) {
      nowMs += PIECE_MS
      output.put(latin1('x'))
      this.left -= 1
      return this.left > 0
    },
  }
}

function begin(client: Client, count = 1000): ReturnType<typeof pieces> {
  const made = pieces(count)
  client.session.sendReply(made)
  return made
}

function run(calls: (() => void)[]): void {
  for (const call of calls.splice(0)) call()
}

test('a slice is 0.2 ms long; without others the next one comes with the next turn', () => {
  const made = begin(node.connect())
  for (let slices = 1; slices < 50; slices += 1) {
    expect(made.left).toBe(1000 - slices * PIECES_OF_SLICE)
    expect([turns.length, pauses.length]).toEqual([1, 0])
    run(turns)
  }
})

test('a piece that takes longer than a slice is one', () => {
  const client = node.connect()
  let made = 0
  const produce = (): boolean => {
    nowMs += 30
    made += 1
    return true
  }
  client.session.sendReply({ produce })
  expect(made).toBe(1)
  run(turns)
  expect(made).toBe(2)
})

test('once others have been heard of, slices are a moment apart, until 50 ms after', () => {
  const made = begin(node.connect())
  node.connect().ask('version\r\n')
  expect([turns.length, pauses.length]).toEqual([1, 0])
  run(turns)
  expect([turns.length, pauses.length]).toEqual([0, 1])
  nowMs += 49
  run(pauses)
  expect([turns.length, pauses.length]).toEqual([0, 1])
  nowMs += 50
  run(pauses)
  expect([turns.length, pauses.length]).toEqual([1, 0])
  expect(made.left).toBe(1000 - 4 * PIECES_OF_SLICE)
})

test('a peer that takes what it gets does not cut a pause short', () => {
  const stream = new FakeStream(1)
  const client = node.connect(stream)
  const made = begin(client)
  stream.drained()
  client.session.onDrain()
  expect(made.left).toBe(1000 - PIECES_OF_SLICE)
  run(turns)
  expect(made.left).toBe(1000 - 2 * PIECES_OF_SLICE)
  // Now the pause is over first: nothing is made until there is room again.
  run(turns)
  expect(made.left).toBe(1000 - 2 * PIECES_OF_SLICE)
  expect([turns.length, pauses.length]).toEqual([0, 0])
  stream.drained()
  client.session.onDrain()
  expect(made.left).toBe(1000 - 3 * PIECES_OF_SLICE)
  expect(stream.writesWhileBehind).toBe(0)
})

test('all of it arrives, and what was asked behind it', () => {
  const client = node.connect()
  begin(client, 10)
  client.deliver(Buffer.from('version\r\n'))
  while (turns.length > 0 || pauses.length > 0) {
    run(turns)
    run(pauses)
  }
  expect(client.reply).toBe(`${'x'.repeat(10)}VERSION 1.6.45\r\n`)
})

test('of a connection that is gone no more is made', () => {
  const client = node.connect()
  const made = begin(client)
  client.disconnect()
  run(turns)
  expect(made.left).toBe(1000 - PIECES_OF_SLICE)
})
