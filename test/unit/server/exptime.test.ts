import { describe, expect, test } from 'vitest'
import { absoluteExptime, EXPIRED } from '../../../src/server/exptime.ts'

const NOW = 1_700_000_000
const STARTED = NOW - 5_000

describe('absoluteExptime()', () => {
  const rows: readonly [sent: number, absolute: number, why: string][] = [
    [0, 0, 'never'],
    [-1, EXPIRED, 'at once'],
    [-2147483648, EXPIRED, 'at once'],
    [1, NOW + 1, 'from now'],
    [2591999, NOW + 2591999, 'from now'],
    [2592000, NOW + 2592000, 'from now, thirty days'],
    [2592001, EXPIRED, 'a time long past'],
    [STARTED - 1, EXPIRED, 'before the start'],
    [STARTED, EXPIRED, 'the start'],
    [STARTED + 1, STARTED + 1, 'past, but after the start'],
    [NOW, NOW, 'this second'],
    [NOW + 1, NOW + 1, 'to come'],
    [2147483647, 2147483647, 'the last second of 31 bits'],
    [4294967295, 4294967295, 'the last second of 32 bits'],
  ]
  test.each(rows)('%i is %i: %s', (sent, absolute) => {
    expect(absoluteExptime(sent, NOW, STARTED)).toBe(absolute)
  })

  test('what is at once is never taken for what is never', () => {
    expect(EXPIRED).toBeGreaterThan(0)
    expect(EXPIRED).toBeLessThan(NOW)
  })
})
