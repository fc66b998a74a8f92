import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { DescriptorQueue } from '../../../src/net/descriptor-queue.ts'

const CAPACITY = 1024

describe('DescriptorQueue', () => {
  test('gives back in order what was put in, at any time up to its capacity', () => {
    const writer = new DescriptorQueue()
    const reader = new DescriptorQueue(writer.buffer)
    expect(reader.take()).toBe(-1)
    let put = 0
    let taken = 0
    for (const count of [1, 2, CAPACITY - 1, CAPACITY, 7, CAPACITY]) {
      for (let i = 0; i < count; i += 1) {
        expect(writer.isFull).toBe(false)
        writer.put((put += 1))
      }
      expect(writer.isFull).toBe(count === CAPACITY)
      for (let i = 0; i < count; i += 1) expect(reader.take()).toBe((taken += 1))
      expect(reader.take()).toBe(-1)
    }
  })

  test('goes on where its counts pass 2^31', () => {
    const queue = new DescriptorQueue()
    new Int32Array(queue.buffer).fill(2 ** 31 - 3, 0, 2)
    for (let fd = 10; fd < 10 + CAPACITY; fd += 1) queue.put(fd)
    expect(queue.isFull).toBe(true)
    for (let fd = 10; fd < 10 + CAPACITY; fd += 1) expect(queue.take()).toBe(fd)
    expect(queue.take()).toBe(-1)
  })

  test('carries descriptors between threads, none lost and none twice', async () => {
    const queue = new DescriptorQueue()
    const file = new URL('../../../src/net/descriptor-queue.ts', import.meta.url)
    const source = `
      const { workerData } = require('node:worker_threads')
      import(workerData.file).then(({ DescriptorQueue }) => {
        const queue = new DescriptorQueue(workerData.buffer)
        for (let fd = 1; fd <= 200000; fd += 1) {
          while (queue.isFull);
          queue.put(fd)
        }
      })`
    const workerData = { file: file.href, buffer: queue.buffer }
    const worker = new Worker(source, { eval: true, workerData })
    const ended = new Promise(resolve => worker.once('exit', resolve))
    let wrong = 0
    for (let expected = 1; expected <= 200_000; ) {
      const fd = queue.take()
      if (fd === -1) {
        await new Promise(resolve => setImmediate(resolve))
        continue
      }
      if (fd !== expected) wrong += 1
      expected += 1
    }
    expect([wrong, queue.take(), await ended]).toEqual([0, -1, 0])
  })
})
