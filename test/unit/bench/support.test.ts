import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import {
  allowedCpus,
  choosePins,
  cpuSeconds,
  formatSpread,
  inTurn,
  median,
  pairRatios,
  parseCpuList,
  parseCpuSeconds,
  spread,
} from '../../bench/support.ts'

describe('CPU lists', () => {
  test.each([
    ['0', [0]],
    ['0-1', [0, 1]],
    ['0-2,5,7-8', [0, 1, 2, 5, 7, 8]],
    ['4095', [4095]],
  ])('`parseCpuList()` reads %s', (text, cpus) => {
    expect(parseCpuList(text)).toEqual(cpus)
  })

  test.each(['', ',', 'a', '1-', '-1', '3-1', '0-4096', '4096', '99999999', '1 2'])(
    '`parseCpuList()` refuses "%s"',
    text => {
      expect(() => parseCpuList(text)).toThrow(`Cannot parse CPU list "${text}": expected`)
    },
  )

  test('`allowedCpus()` is what taskset says of this process', () => {
    const pid = String(process.pid)
    const { stdout } = spawnSync('taskset', ['-cp', pid], { encoding: 'utf8' })
    const list = /: (\S+)$/.exec(stdout.trim())?.[1] ?? ''
    expect(allowedCpus()).toEqual(parseCpuList(list))
  })

  test('`choosePins()` takes two different CPUs or says that there are none', () => {
    expect(choosePins([0, 1])).toEqual({ server: 0, load: 1 })
    expect(choosePins([2, 3, 6])).toEqual({ server: 2, load: 6 })
    expect(() => choosePins([4])).toThrow('2 CPUs expected, found 4')
    expect(() => choosePins([])).toThrow('2 CPUs expected, found none')
  })
})

describe('CPU time', () => {
  const stat = '77 (a) b (c)) S 1 77 77 0 -1 4194560 500 600 0 0 1234 66 9 8 20 0 4 0 100'

  test('`parseCpuSeconds()` adds user and system time, whatever the name of the program', () => {
    expect(parseCpuSeconds(stat)).toBe(13)
    expect(() => parseCpuSeconds('77 (a) S 1')).toThrow('Cannot parse /proc stat "77 (a) S 1"')
  })

  test('`cpuSeconds()` counts what this process burns', () => {
    const before = cpuSeconds(process.pid)
    const used = process.cpuUsage()
    let burnt = 0
    while (burnt < 0.15) {
      const { user, system } = process.cpuUsage(used)
      burnt = (user + system) / 1e6
    }
    const counted = cpuSeconds(process.pid) - before
    // The kernel counts in ticks of 10 ms: one may be lost at either end, and one be won.
    expect(counted).toBeGreaterThan(0.12)
    expect(counted).toBeLessThan(burnt + 0.2)
  })
})

describe('arithmetic', () => {
  test.each([
    [[5], 5],
    [[3, 1, 2], 2],
    [[4, 1, 3, 2], 2.5],
    [[10, 9, 100, 1, 2], 9],
  ])('`median()` of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected)
  })

  test('`spread()` has median, least, greatest and count, and leaves its input alone', () => {
    const values = [3, 1, 2, 10]
    expect(spread(values)).toEqual({ median: 2.5, least: 1, greatest: 10, count: 4 })
    expect(values).toEqual([3, 1, 2, 10])
    expect(() => spread([])).toThrow('Cannot take the median of nothing')
  })

  test('`pairRatios()` divides pair by pair: a drift that hits both cancels out', () => {
    const drift = [1, 2, 0.5, 10]
    const subject = drift.map(factor => 6 * factor)
    const peer = drift.map(factor => 4 * factor)
    expect(pairRatios(subject, peer)).toEqual([1.5, 1.5, 1.5, 1.5])
    expect(pairRatios([1, 8], [2, 2])).toEqual([0.5, 4])
    expect(() => pairRatios([1], [1, 2])).toThrow('Cannot pair 1 and 2 measurements')
  })

  test('`formatSpread()`', () => {
    const value = { median: 1.066, least: 0.9, greatest: 1.25, count: 3 }
    expect(formatSpread(value)).toBe('1.07 (0.90 to 1.25)')
    expect(formatSpread(value, 1)).toBe('1.1 (0.9 to 1.3)')
  })
})

describe('inTurn', () => {
  test('measures A B A B … and never two at a time', async () => {
    const order: string[] = []
    let active = 0
    const measured = await inTurn(['A', 'B'], 3, async (subject, round) => {
      active += 1
      expect(active).toBe(1)
      order.push(`${subject}${round}`)
      await Promise.resolve()
      active -= 1
      return `${subject}${round}`
    })
    expect(order).toEqual(['A0', 'B0', 'A1', 'B1', 'A2', 'B2'])
    expect(measured).toEqual([
      ['A0', 'A1', 'A2'],
      ['B0', 'B1', 'B2'],
    ])
  })
})
