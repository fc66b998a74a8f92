import { expect, test } from 'vitest'
import { Counter, Counters, sessionCounters, STORE_BLOCK } from '../../../src/observe/counters.ts'

test('blocks of threads are added up, and none touches another', () => {
  const counters = Counters.create(3)
  for (let thread = 0; thread < 3; thread += 1) {
    const block = counters.ofThread(thread)
    block[Counter.cmdGet] = 10 ** thread
    block[Counter.bytesWritten] = 1
    counters.storeOfThread(thread)[2] = thread - 1
  }
  expect(counters.sum(Counter.cmdGet)).toBe(111)
  expect(counters.sum(Counter.bytesWritten)).toBe(3)
  expect(counters.sum(STORE_BLOCK + 2)).toBe(0)
  for (const counter of Object.values(Counter)) {
    if (counter === Counter.cmdGet || counter === Counter.bytesWritten) continue
    expect(counters.sum(counter)).toBe(0)
  }
})

test('every counter has a place of its own, in one cache-line-sized block a thread', () => {
  expect(new Set(Object.values(Counter)).size).toBe(Object.keys(Counter).length)
  const counters = Counters.create(4)
  const first = counters.ofThread(0)
  const second = counters.ofThread(1)
  expect((second.byteOffset - first.byteOffset) % 64).toBe(0)
  expect(first.byteOffset + first.byteLength).toBe(second.byteOffset)
})

test('a reset is seen by all, loses nothing that goes on, and leaves totals alone', () => {
  const counters = Counters.create(2)
  const block = counters.ofThread(0)
  block[Counter.cmdGet] = 41
  counters.storeOfThread(1)[0] = 7
  const other = new Counters(counters.handle)
  counters.reset()
  expect(other.sum(Counter.cmdGet)).toBe(0)
  expect(other.total(Counter.cmdGet)).toBe(41)
  expect(other.total(STORE_BLOCK)).toBe(7)
  block[Counter.cmdGet] = 43
  expect(counters.sum(Counter.cmdGet)).toBe(2)
  other.reset()
  expect(counters.sum(Counter.cmdGet)).toBe(0)
})

test('a session counts bytes and logins; a refused one is told', () => {
  const counters = Counters.create(1)
  let refused = 0
  const session = sessionCounters(counters.ofThread(0), () => {
    refused += 1
  })
  session.bytesRead(5)
  session.bytesRead(6)
  session.bytesWritten(2 ** 40)
  session.authAttempt(true, 'here')
  session.authAttempt(false, 'there')
  expect(counters.sum(Counter.bytesRead)).toBe(11)
  expect(counters.sum(Counter.bytesWritten)).toBe(2 ** 40)
  expect(counters.sum(Counter.authCmds)).toBe(2)
  expect(counters.sum(Counter.authErrors)).toBe(1)
  expect(refused).toBe(1)
})
