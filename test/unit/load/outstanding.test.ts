import { describe, expect, test } from 'vitest'
import { Outstanding } from '../../../src/load/outstanding.ts'

describe('Outstanding', () => {
  test('hands requests back in the order sent, also round the end of its ring', () => {
    const outstanding = new Outstanding(3)
    let sent = 0
    let seen = 0
    for (const burst of [3, 1, 2, 3, 3, 2]) {
      while (outstanding.count + burst > 3) {
        const { key, isSet, sentAtMs } = outstanding
        expect([key, isSet, sentAtMs]).toEqual([seen, seen % 3 === 0, seen / 2])
        outstanding.shift()
        seen += 1
      }
      for (let i = 0; i < burst; i += 1, sent += 1) {
        outstanding.push(sent % 3 === 0, sent, sent / 2)
      }
    }
    expect(outstanding.isFull).toBe(outstanding.count === 3)
    expect(sent - seen).toBe(outstanding.count)
  })

  test('is full at its depth and refuses one more; an empty one has none to give', () => {
    const outstanding = new Outstanding(2)
    outstanding.push(false, 1, 0)
    expect(outstanding.isFull).toBe(false)
    outstanding.push(false, 2, 0)
    expect(outstanding.isFull).toBe(true)
    expect(() => outstanding.push(false, 3, 0)).toThrow('where the pipeline has a place')
    outstanding.clear()
    expect(outstanding.count).toBe(0)
    expect(() => outstanding.shift()).toThrow('only a request that was sent can be answered')
  })
})
