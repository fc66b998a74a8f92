/**
 * What is due goes from memory by itself: a node is filled with items that expire second by second,
 * nobody asks for any, and its counts follow. MEMRING_TEST_ALL=1: a million items, lifetimes of up
 * to 30 s; else fewer and shorter.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import { startNode } from '../support/processes.ts'
import { readStats } from '../support/stats.ts'

const isLong = process.env['MEMRING_TEST_ALL'] === '1'
const ITEMS = isLong ? 1_000_000 : 150_000
const LIFETIME_MAX = isLong ? 30 : 3
/** Seconds after an item fell due in which it goes; one more where other tests run beside. */
const GRACE = isLong ? 2 : 3
const BATCH = 1000
const SAMPLE_MS = 200

test('expired items are gone within seconds, none before its time', {
  timeout: 180_000,
}, async () => {
  const node = await startNode(['-t', '1', '-m', isLong ? '512' : '64'])
  const connection = await TestConnection.open(node)
  const stat = async (): Promise<{ items: number; time: number; bytes: number }> => {
    const stats = await readStats(connection)
    expect(stats.get('evictions')).toBe('0')
    const [items, time, bytes] = ['curr_items', 'time', 'bytes'].map(name =>
      Number(stats.get(name)),
    )
    return { items: items!, time: time!, bytes: bytes! }
  }
  // Nothing may fall due while there is still more to come.
  const fillSeconds = isLong ? 30 : 6
  const from = (await stat()).time + fillSeconds
  const dueAt: number[] = []
  for (let at = 0; at < ITEMS; at += BATCH) {
    const sets: string[] = []
    for (let i = at; i < at + BATCH; i += 1) {
      // Neighbours in memory fall due at different times.
      const exptime = from + ((i * 7919) % LIFETIME_MAX)
      dueAt.push(exptime)
      sets.push(`set item-${i} 0 ${exptime} 20 noreply\r\n${'v'.repeat(20)}\r\n`)
    }
    await connection.send(sets.join(''))
    expect(await connection.ask('version')).toMatch(/^VERSION/)
  }
  const filled = await stat()
  expect(filled.time).toBeLessThan(from)
  expect(filled.items).toBe(ITEMS)
  const livingAt = (time: number): number => dueAt.filter(due => due > time).length
  const living = new Map<number, number>()
  for (let time = from - GRACE; time <= from + LIFETIME_MAX + GRACE; time += 1) {
    living.set(time, livingAt(time))
  }
  await sleep((from - filled.time - 1) * 1000)
  let now = filled
  while (now.time < from + LIFETIME_MAX + GRACE) {
    now = await stat()
    // Main may be a moment ahead of the thread that answers: never past the next answer's time.
    const { time: after } = await stat()
    if (now.time >= from - 1) {
      const [least, most] = [living.get(after) ?? 0, living.get(now.time - GRACE) ?? ITEMS]
      expect(now.items, `at ${now.time - from}`).toBeGreaterThanOrEqual(least)
      expect(now.items, `at ${now.time - from}`).toBeLessThanOrEqual(most)
    }
    await sleep(SAMPLE_MS)
  }
  expect(now).toMatchObject({ items: 0, bytes: 0 })
  connection.close()
  await node.stop()
})
