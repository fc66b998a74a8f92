import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, test, vi } from 'vitest'
import { Locks } from '../../../src/store/locks.ts'
import { createRegion } from '../../../src/store/region.ts'
import type { LockTask } from './fixtures/lock-worker.ts'

const LOCK = 16
const SUM = 64
const THREADS = 4
const ROUNDS = 30_000

function run(task: LockTask): Promise<number> {
  const worker = new Worker(new URL('./fixtures/lock-worker.ts', import.meta.url), {
    workerData: task,
  })
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error as Error))
  return Promise.race([once(worker, 'message').then(([contended]) => contended as number), failed])
}

describe.each(['shared', 'mapped'] as const)('Locks on %s memory', kind => {
  test('let one thread in at a time', async () => {
    const region = createRegion(4096, kind)
    const task = { handle: region.handle, lockWord: LOCK, sumWord: SUM, rounds: ROUNDS }
    const contended = await Promise.all(Array.from({ length: THREADS }, () => run(task)))
    expect(region.words[SUM]).toBe(THREADS * ROUNDS)
    expect(region.words[LOCK]).toBe(0)
    expect(contended.reduce((sum, one) => sum + one)).toBeGreaterThan(0)
  })

  test('a lock that was free a moment ago is not taken from who was quicker', () => {
    const region = createRegion(4096, kind)
    let yields = 0
    const locks = new Locks(region.words, () => {
      yields += 1
      locks.unlock(LOCK)
    })
    locks.lock(LOCK)
    const spy = vi.spyOn(Atomics, 'load').mockReturnValueOnce(0 as never)
    locks.lock(LOCK)
    spy.mockRestore()
    expect(yields).toBe(1)
  })

  test('a waiter gives the processor away, and goes on when the lock is free', () => {
    const region = createRegion(4096, kind)
    let yields = 0
    const locks = new Locks(region.words, () => {
      yields += 1
      if (yields === 3) locks.unlock(LOCK)
    })
    locks.lock(LOCK)
    expect(locks.contended).toBe(0)
    locks.lock(LOCK)
    expect(yields).toBe(3)
    expect(locks.contended).toBe(1)
    expect(region.words[LOCK]).toBe(1)
    region.yieldCpu()
    locks.unlock(LOCK)
    expect(region.words[LOCK]).toBe(0)
  })
})
