import { expect, test, vi } from 'vitest'
import { ManualClock, monotonicEpochMs, systemClock } from '../../../src/base/clock.ts'

test('systemClock() tells the time of day', () => {
  const clock = systemClock(monotonicEpochMs())
  expect(Math.abs(clock.milliseconds() - Date.now())).toBeLessThan(500)
  expect(Math.abs(clock.seconds() - Date.now() / 1000)).toBeLessThan(1.1)
  expect(Number.isInteger(clock.seconds())).toBe(true)
})

test('systemClock() does not care when the system’s clock is stepped', () => {
  const clock = systemClock(monotonicEpochMs())
  const before = clock.milliseconds()
  const spy = vi.spyOn(Date, 'now').mockReturnValue(5)
  expect(clock.milliseconds()).toBeGreaterThanOrEqual(before)
  expect(clock.milliseconds() - before).toBeLessThan(1000)
  spy.mockRestore()
})

test('systemClock() of two threads given one epoch tell the same time', () => {
  const epoch = monotonicEpochMs()
  const first = systemClock(epoch)
  const second = systemClock(epoch)
  expect(Math.abs(first.milliseconds() - second.milliseconds())).toBeLessThan(5)
  expect(Math.abs(systemClock(epoch + 60_000).milliseconds() - first.milliseconds())).toBeCloseTo(
    60_000,
    -2,
  )
})

test('ManualClock stands until it is moved', () => {
  const clock = new ManualClock(100)
  expect([clock.seconds(), clock.milliseconds()]).toEqual([100, 100_000])
  clock.advance(0.5)
  expect([clock.seconds(), clock.milliseconds()]).toEqual([100, 100_500])
  clock.advance(0.5)
  expect(clock.seconds()).toBe(101)
})
