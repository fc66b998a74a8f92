import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, test, vi } from 'vitest'
import { logEvents } from '../../../src/observe/event-log.ts'
import { EventKind, Events } from '../../../src/observe/events.ts'
import type { LogFields } from '../../../src/observe/log.ts'

const SLOTS = 512
const HEAD = 0
const TAIL = 1

describe('Events', () => {
  test('come out as they went in, across objects on the same memory', () => {
    const events = new Events()
    const reader = new Events(events.buffer)
    events.emit(EventKind.connectionOpened, 3, '127.0.0.1:1')
    events.emit(EventKind.nodeDown, 0, '')
    events.emit(EventKind.nodeUp, 7, 'zoë')
    expect(reader.take()).toEqual({
      kind: EventKind.connectionOpened,
      thread: 3,
      text: '127.0.0.1:1',
    })
    expect(reader.take()).toEqual({ kind: EventKind.nodeDown, thread: 0, text: '' })
    expect(reader.take()).toEqual({ kind: EventKind.nodeUp, thread: 7, text: 'zoë' })
    expect(reader.take()).toBeUndefined()
  })

  test('are dropped and counted when the ring is full; the oldest are kept', () => {
    const events = new Events()
    for (let i = 0; i < SLOTS + 100; i += 1) events.emit(EventKind.nodeUp, i, `${i}`)
    expect(events.dropped).toBe(100)
    for (let i = 0; i < SLOTS; i += 1) expect(events.take()!.text).toBe(`${i}`)
    expect(events.take()).toBeUndefined()
    events.emit(EventKind.nodeUp, 1, 'again')
    expect(events.take()!.text).toBe('again')
    expect(events.dropped).toBe(100)
  })

  test('keep at most 112 bytes of text', () => {
    const events = new Events()
    for (const size of [111, 112, 113, 10_000]) events.emit(EventKind.nodeUp, 0, 'x'.repeat(size))
    for (const size of [111, 112, 112, 112]) {
      expect(events.take()!.text).toBe('x'.repeat(size))
    }
    events.emit(EventKind.nodeUp, 0, 'short')
    expect(events.take()!.text).toBe('short')
  })

  test('go round the ring many times', () => {
    const events = new Events()
    for (let i = 0; i < 20 * SLOTS; i += 1) {
      events.emit(EventKind.nodeUp, 0, `${i}`)
      if (i % 3 === 0) continue
      for (let event = events.take(); event !== undefined; event = events.take()) {
        expect(Number(event.text)).toBeLessThanOrEqual(i)
      }
    }
    expect(events.dropped).toBe(0)
  })

  test('go on after 2^31 of them', () => {
    const events = new Events()
    const words = new Int32Array(events.buffer)
    words[HEAD] = 2 ** 31 - 3
    words[TAIL] = 2 ** 31 - 3
    for (let i = 0; i < 2000; i += 1) {
      events.emit(EventKind.nodeUp, i, `${i}`)
      expect(events.take()).toEqual({ kind: EventKind.nodeUp, thread: i, text: `${i}` })
    }
    expect(events.dropped).toBe(0)
  })

  test('of several threads at once are all there, each thread’s in its order', async () => {
    const events = new Events()
    const each = 20_000
    const file = new URL('./fixtures/event-worker.ts', import.meta.url)
    const workers = [1, 2, 3].map(
      thread => new Worker(file, { workerData: { buffer: events.buffer, thread, each } }),
    )
    const last = new Map<number, number>()
    let taken = 0
    const drain = (): void => {
      for (let event = events.take(); event !== undefined; event = events.take()) {
        const number = Number(event.text)
        expect(number).toBeGreaterThan(last.get(event.thread) ?? -1)
        last.set(event.thread, number)
        taken += 1
      }
    }
    const timer = setInterval(drain, 1)
    await Promise.all(workers.map(worker => once(worker, 'exit')))
    clearInterval(timer)
    drain()
    expect(taken + events.dropped).toBe(3 * each)
    expect(taken).toBeGreaterThan(SLOTS)
  })
})

describe('logEvents()', () => {
  type Line = [level: string, fields: LogFields, message: string]

  function logged(
    act: (
      events: Events,
      rejections: { rejectedConnections: number; deniedConnections: number },
    ) => void,
  ) {
    vi.useFakeTimers()
    const lines: Line[] = []
    const say = (level: string) => (fields: LogFields, message: string) => {
      lines.push([level, fields, message])
    }
    const log = {
      debug: say('debug'),
      info: say('info'),
      warn: say('warn'),
      error: say('error'),
      lastLine: String,
      flush: () => {},
    }
    const events = new Events()
    const rejections = { rejectedConnections: 0, deniedConnections: 0 }
    const stop = logEvents(events, rejections, log)
    act(events, rejections)
    stop()
    vi.useRealTimers()
    return lines
  }

  test('says every kind of event, in words of its own', () => {
    const lines = logged(events => {
      for (const kind of Object.values(EventKind)) events.emit(kind, 2, 'who')
      vi.advanceTimersByTime(100)
    })
    expect(lines.map(([level, , message]) => `${level} ${message}`)).toEqual([
      'info Connection opened',
      'info Connection closed',
      'warn Connection failed',
      'warn Login refused',
      'info Node is up',
      'warn Node is down',
      'warn peer speaks Redis; memtier needs -P memcache_text',
    ])
    expect(lines[4]![1]).toEqual({ node: 'who' })
    expect(lines[3]![1]).toEqual({ peer: 'who', thread: 2 })
  })

  test('says once for each look how many connections were refused and events dropped', () => {
    const lines = logged((events, rejections) => {
      rejections.rejectedConnections = 5
      vi.advanceTimersByTime(100)
      vi.advanceTimersByTime(1000)
      rejections.rejectedConnections = 7
      rejections.deniedConnections = 3
      for (let i = 0; i < SLOTS + 9; i += 1) events.emit(EventKind.connectionOpened, 0, '')
    })
    const warnings = lines.filter(([level]) => level === 'warn')
    expect(warnings.map(([, fields]) => fields)).toEqual([
      { count: 5 },
      { count: 2 },
      { count: 3 },
      { count: 9 },
    ])
  })

  test('has a last look when it is stopped, and none after', () => {
    const lines = logged(events => events.emit(EventKind.nodeUp, 0, 'late'))
    expect(lines.length).toBe(1)
  })
})
