import { describe, expect, test } from 'vitest'
import { SlowDown, sourceOf } from '../../../src/auth/slow-down.ts'

/** Fails so often, at once. */
function failing(slowDown: SlowDown, address: string, times: number, nowMs = 0): void {
  for (let i = 0; i < times; i += 1) slowDown.failed(address, nowMs)
}

/** The wait that the next attempt gets, which then is over. */
function nextWait(slowDown: SlowDown, address: string, nowMs: number): number {
  const waitMs = slowDown.begin(address, nowMs)
  slowDown.waited(address)
  return waitMs
}

describe('SlowDown', () => {
  test('four failures are free, then every wait is twice the one before, up to a limit', () => {
    const slowDown = new SlowDown(3200)
    const waits: number[] = []
    let now = 0
    for (let i = 0; i < 12; i += 1) {
      const wait = nextWait(slowDown, 'a', now)
      waits.push(wait)
      now += wait
      slowDown.failed('a', now)
    }
    expect(waits).toEqual([0, 0, 0, 0, 0, 100, 200, 400, 800, 1600, 3200, 3200])
  })

  test('attempts of one address line up; nine at once are too many; others do not notice', () => {
    const slowDown = new SlowDown(3200)
    failing(slowDown, 'a', 5)
    const waits = Array.from({ length: 10 }, () => slowDown.begin('a', 0))
    expect(waits).toEqual([100, 200, 300, 400, 500, 600, 700, 800, -1, -1])
    expect(slowDown.begin('b', 0)).toBe(0)
    slowDown.waited('a')
    expect(slowDown.begin('a', 100)).toBe(800)
    expect(slowDown.begin('a', 100)).toBe(-1)
  })

  test('a failure is forgotten every 20 seconds', () => {
    const slowDown = new SlowDown(3200)
    failing(slowDown, 'a', 7)
    expect(nextWait(slowDown, 'a', 19_999)).toBe(400)
    expect(nextWait(slowDown, 'a', 40_000)).toBe(100)
    expect(nextWait(slowDown, 'a', 60_000)).toBe(0)
  })

  test('a limit of 0 slows nobody down', () => {
    const slowDown = new SlowDown(0)
    failing(slowDown, 'a', 1000)
    expect(slowDown.begin('a', 0)).toBe(0)
    expect(slowDown.size).toBe(0)
  })

  test('keeps 4096 addresses, those that failed last', () => {
    const slowDown = new SlowDown(3200)
    failing(slowDown, 'first', 10)
    for (let i = 0; i < 4095; i += 1) failing(slowDown, `${i}`, 5)
    expect(nextWait(slowDown, 'first', 0)).toBe(3200)
    expect(slowDown.size).toBe(4096)
    for (let i = 0; i < 100_000; i += 1) failing(slowDown, `other ${i}`, 1)
    expect(slowDown.size).toBe(4096)
    expect(slowDown.begin('first', 0)).toBe(0)
  })
})

test.each([
  ['127.0.0.1:5000', '127.0.0.1'],
  ['::ffff:10.0.0.1:5000', '10.0.0.1'],
  ['::1:5000', '0:0:0:0::/64'],
  ['2001:DB8:1:2:3:4:5:6:5000', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9:5000', '2001:db8:1:2::/64'],
  ['[2001:db8::9]:5000', '2001:db8:0:0::/64'],
  ['unix', 'unix'],
  ['gone', 'gone'],
  ['', ''],
])('sourceOf(%j) is %j', (peer, source) => {
  expect(sourceOf(peer)).toBe(source)
})
