/** Counts by prefix: one table for all threads, of a bounded size. */
import { describe, expect, test } from 'vitest'
import { PrefixStats, Use } from '../../../src/server/prefix-stats.ts'

function count(table: PrefixStats, use: Use, key: string): void {
  const bytes = Buffer.from(`xx${key}yy`, 'latin1')
  table.count(use, bytes, 2, key.length)
}

function rows(table: PrefixStats): Map<string, string> {
  const found = new Map<string, string>()
  for (const row of table.rows()) if (row !== undefined) found.set(row[0], String(row[1]))
  return found
}

describe('PrefixStats', () => {
  test('counts what stands before the first delimiter', () => {
    const table = new PrefixStats(':')
    count(table, Use.get, 'a:b:c')
    count(table, Use.hit, 'a:')
    count(table, Use.set, ':')
    count(table, Use.del, 'plain')
    const longest = 'p'.repeat(249)
    count(table, Use.set, `${longest}:`)
    expect(Object.fromEntries(rows(table))).toEqual({
      a: 'get 1 hit 1 set 0 del 0',
      '': 'get 0 hit 0 set 1 del 0',
      [longest]: 'get 0 hit 0 set 1 del 0',
    })
  })

  test('is one table for whoever opens its memory, and is reset for all', () => {
    const table = new PrefixStats('|')
    const another = new PrefixStats('|', table.buffer)
    count(table, Use.get, 'a|1')
    count(another, Use.get, 'a|2')
    count(another, Use.get, 'a:2')
    expect(rows(table)).toEqual(new Map([['a', 'get 2 hit 0 set 0 del 0']]))
    another.reset()
    expect(rows(table).get('a')).toBe('get 0 hit 0 set 0 del 0')
  })

  test('takes no more than its places, and goes on counting those it has', () => {
    const table = new PrefixStats(':')
    for (let i = 0; i < 200_000; i += 1) count(table, Use.set, `${i}:k`)
    const full = rows(table)
    expect(full.size).toBeGreaterThan(60_000)
    expect(full.size).toBeLessThanOrEqual(65_536)
    const [first] = full.keys()
    count(table, Use.set, `${first}:k`)
    expect(rows(table).get(first!)).toBe('get 0 hit 0 set 2 del 0')
    expect(rows(table).size).toBe(full.size)
  })
})
