import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { printable } from '../../support/transcript.ts'
import { moreBinaryConversations } from './binary-more-transcripts.ts'
import { binaryConversations } from './binary-transcripts.ts'
import { metaConversations } from './meta-transcripts.ts'
import { FakeStream, makeNode } from './support.ts'
import { type Conversation, textConversations } from './transcripts.ts'

const ONCE = [Number.POSITIVE_INFINITY]
/** Conversations up to this size are cut at every byte; longer ones at the bytes of both ends. */
const CUT_MAX = 700

/** All plays are on its memory: the allocator keeps, and clears, gigabytes of a store for each. */
const first = makeNode()

function play(conversation: Conversation, sizes: readonly number[], window?: number): void {
  const { send, expected, closes = false } = conversation
  const stream = new FakeStream(window)
  const node = makeNode({ memoryOf: first })
  const client = node.connect(stream)
  client.send(send, sizes)
  const label = `pieces of ${sizes.join()} bytes, window ${window}`
  // Compared first as they are: printing long answers for nothing would cost seconds.
  if (stream.text !== expected) expect(printable(stream.text), label).toBe(printable(expected))
  expect(stream.ended, label).toBe(closes)
  expect(stream.writesWhileBehind, label).toBe(0)
  if (!closes) {
    client.disconnect()
    expect(stream.paused, label).toBe(false)
  }
  expect(node.services.staging.usedBytes, label).toBe(0)
  node.made.verify()
}

const all = [
  ...textConversations,
  ...metaConversations,
  ...binaryConversations,
  ...moreBinaryConversations,
]

describe.each(all)('$name', conversation => {
  const size = conversation.send.length

  test('whole', () => play(conversation, ONCE))

  test('cut in two', () => {
    const cuts = new Set<number>()
    for (let at = 1; at < size; at += 1) {
      const isEdge = at < CUT_MAX / 4 || at > size - CUT_MAX / 4
      if (size <= CUT_MAX || isEdge) cuts.add(at)
    }
    for (const at of cuts) play(conversation, [at, Number.POSITIVE_INFINITY])
  })

  test('byte by byte', () => {
    if (size < 5_000) play(conversation, [1])
    else play(conversation, [...Array.from({ length: 500 }, () => 1), 1000, 4096])
  })

  test('to a peer that reads slowly', () => {
    for (const window of [1, 7, 1000, 46_000, 65_536]) play(conversation, ONCE, window)
    play(conversation, [size < 5_000 ? 3 : 5_000], 20)
  })
})

test('generated pieces and windows change nothing', () => {
  const conversations = all.filter(({ send }) => send.length < 3_000)
  const chosen = fc.nat(conversations.length - 1)
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 })
  const windows = fc.constantFrom(undefined, 1, 5, 64, 300)
  const property = fc.property(chosen, sizes, windows, (index, pieces, window) => {
    play(conversations[index]!, pieces, window)
  })
  fc.assert(property, { numRuns: 200 })
})
