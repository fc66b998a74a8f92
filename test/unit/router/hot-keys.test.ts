// The keys that are asked for most: found in fixed memory, certain of what they show, and forgotten.

import { describe, expect, test } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { Command } from '../../../src/protocol/command.ts'
import { Request } from '../../../src/protocol/request.ts'
import { HotKeys, hotKeyRows } from '../../../src/router/hot-keys.ts'
import { makeRouter, turn } from './support.ts'

const request = new Request()

function see(keys: HotKeys, key: string): void {
  request.reset(Command.get)
  request.key = Buffer.from(`>${key}<`, 'latin1')
  request.keyAt = 1
  request.keySize = key.length
  keys.see(request)
}

function makeKeys(threads = 1) {
  const clock = { ms: 0 }
  const buffer = HotKeys.memory(threads)
  const parts = Array.from(
    { length: threads },
    (_, thread) => new HotKeys(buffer, thread, () => clock.ms, thread + 1),
  )
  return { clock, parts, keys: parts[0]! }
}

/** 10,000 requests a second: 20 % of them for `hot`, 5 % for `warm`, the rest for 100,000 keys. */
function load(keys: HotKeys, clock: { ms: number }, seconds: number, seed: number): void {
  const prng = new Prng(seed)
  for (let i = 0; i < seconds * 10_000; i += 1) {
    clock.ms += 0.1
    const percent = prng.below(100)
    if (percent < 20) see(keys, 'hot')
    else if (percent < 25) see(keys, 'warm')
    else see(keys, `cold${prng.below(100_000)}`)
  }
}

describe('HotKeys', () => {
  test('finds the hot among very many, with their shares and rates', () => {
    const { keys, clock } = makeKeys()
    load(keys, clock, 15, 7)
    const [hot, warm, ...others] = keys.top()
    expect([hot!.key, warm!.key]).toEqual(['hot', 'warm'])
    expect(hot!.share).toBeGreaterThan(0.17)
    expect(hot!.share).toBeLessThan(0.22)
    expect(hot!.perSecond).toBeGreaterThan(1700)
    expect(hot!.perSecond).toBeLessThan(2300)
    expect(warm!.share).toBeGreaterThan(0.02)
    expect(warm!.share).toBeLessThan(0.06)
    expect(others).toEqual([])
  })

  test('shows no key where none is hot', () => {
    const { keys, clock } = makeKeys()
    for (let i = 0; i < 100_000; i += 1) {
      clock.ms += 0.1
      see(keys, `key${i}`)
    }
    expect(keys.top()).toEqual([])
  })

  test('forgets what was hot', () => {
    const { keys, clock } = makeKeys()
    load(keys, clock, 15, 7)
    for (let i = 0; i < 20_000; i += 1) {
      clock.ms += 10
      see(keys, 'new')
    }
    const [first, ...others] = keys.top()
    expect(first!.key).toBe('new')
    expect(first!.perSecond).toBeGreaterThan(80)
    expect(first!.perSecond).toBeLessThan(125)
    expect(others.map(({ key }) => key)).not.toContain('hot')
  })

  test('a day without requests leaves nothing of what was before', () => {
    const { keys, clock } = makeKeys()
    load(keys, clock, 2, 7)
    clock.ms += 86_400_000
    for (let i = 0; i < 100; i += 1) see(keys, 'late')
    expect(keys.top().map(({ key }) => key)).toEqual(['late'])
  })

  test('adds up what all threads saw, and any of them tells', () => {
    const { parts, clock } = makeKeys(3)
    for (let i = 0; i < 30_000; i += 1) {
      clock.ms += 0.1
      see(parts[i % 2]!, i % 4 < 2 ? 'both' : `only${i % 2}`)
    }
    for (const part of parts) {
      expect(
        part
          .top()
          .map(({ key }) => key)
          .sort(),
      ).toEqual(['both', 'only0', 'only1'])
      expect(part.top()[0]!.key).toBe('both')
      expect(part.top()[0]!.share).toBeCloseTo(0.5, 1)
    }
  })

  test('keys of 1 to 250 bytes are told apart to the last byte', () => {
    const { keys } = makeKeys()
    const long = 'x'.repeat(249)
    const expected = ['a', 'b', `${long}1`, `${long}2`]
    for (let i = 0; i < 8000; i += 1) see(keys, expected[i % 4]!)
    expect(
      keys
        .top()
        .map(({ key }) => key)
        .sort(),
    ).toEqual(expected)
  })

  test('what could break a line is escaped', () => {
    const hot = { share: 0.125, perSecond: 1234.6 }
    const rows = hotKeyRows([
      { key: 'a b\r\n%\xff', ...hot },
      { key: 'plain:1', ...hot },
    ])
    expect(rows).toEqual([
      ['a%20b%0D%0A%25%FF', '12.5% 1235/s'],
      ['plain:1', '12.5% 1235/s'],
    ])
  })
})

test('stats hotkeys is answered by the router alone', () => {
  const router = makeRouter()
  const client = router.connect()
  for (let i = 0; i < 100; i += 1) {
    client.send('get k\r\n')
    turn()
    router.link(0).answerGets(() => '')
    turn()
  }
  expect(client.reply).toBe('END\r\n'.repeat(100))
  client.send('stats hotkeys\r\n')
  turn()
  expect(client.reply).toMatch(/^STAT k 100\.0% \d+\/s\r\nEND\r\n$/)
  expect(router.link(0).requests).toBe('')
})
