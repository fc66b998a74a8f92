import { describe, expect, test } from 'vitest'
import { Timers, TurnEnd } from '../../../src/net/timers.ts'

type Made = { timers: Timers; at: (ms: number) => string[]; note: (name: string) => () => void }

function make(): Made {
  let nowMs = 1000
  const timers = new Timers(() => nowMs)
  let calls: string[] = []
  const at = (ms: number): string[] => {
    nowMs = 1000 + ms
    calls = []
    timers.runDue()
    return calls
  }
  return { timers, at, note: name => () => calls.push(name) }
}

describe('Timers', () => {
  test('calls what is due, soonest first, once', () => {
    const { timers, at, note } = make()
    expect(timers.waitMs).toBe(-1)
    timers.after(20, note('b'))
    timers.after(10.5, note('a'))
    timers.after(20, note('c'))
    expect(timers.waitMs).toBe(11)
    expect(at(10)).toEqual([])
    expect(timers.waitMs).toBe(1)
    expect(at(20)).toEqual(['a', 'b', 'c'])
    expect(at(1000)).toEqual([])
    expect(timers.waitMs).toBe(-1)
  })

  test('repeats until it is taken back, from the time it was called', () => {
    const { timers, at, note } = make()
    const cancel = timers.every(10, note('x'))
    expect([at(10), at(15), at(27), at(36), at(37)].flat()).toEqual(['x', 'x', 'x'])
    cancel()
    expect(at(1000)).toEqual([])
  })

  test('what is taken back is not called, not even by one that is due with it', () => {
    const { timers, at, note } = make()
    timers.after(5, note('a'))()
    timers.after(10, () => cancel())
    const cancel = timers.after(10, note('b'))
    expect(at(10)).toEqual([])
    cancel()
    expect(timers.waitMs).toBe(-1)
  })

  test('a repeating one can take itself back; one that is added due waits for the next turn', () => {
    const { timers, at, note } = make()
    const cancel = timers.every(10, () => {
      note('once')()
      cancel()
      timers.after(0, note('next'))
    })
    expect(at(10)).toEqual(['once'])
    expect(timers.waitMs).toBe(0)
    expect(at(10)).toEqual(['next'])
    expect(timers.waitMs).toBe(-1)
  })
})

describe('TurnEnd', () => {
  test('calls once and in order; what is added meanwhile is for the next turn', () => {
    const turnEnd = new TurnEnd()
    const calls: string[] = []
    expect(turnEnd.isEmpty).toBe(true)
    turnEnd.add(() => {
      calls.push('a')
      turnEnd.add(() => calls.push('c'))
    })
    turnEnd.add(() => calls.push('b'))
    turnEnd.run()
    expect(calls).toEqual(['a', 'b'])
    expect(turnEnd.isEmpty).toBe(false)
    turnEnd.run()
    turnEnd.run()
    expect(calls).toEqual(['a', 'b', 'c'])
  })
})
