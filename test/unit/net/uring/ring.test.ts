import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import {
  CqeFlag,
  CQE_BUFFER_SHIFT,
  Op,
  ReceiveFlag,
  SqeFlag,
  SqeWord,
} from '../../../../src/net/uring/abi.ts'
import { ReceiveBuffers } from '../../../../src/net/uring/buffers.ts'
import { Ring, RingError } from '../../../../src/net/uring/ring.ts'
import { mapMemory, openRing, queueNop, queueSend, reaped, socketPair, system } from './support.ts'

const EAGAIN = 11
const ENOBUFS = 105

describe('Ring', () => {
  test('brings back what was asked, with its user data, each once and in order', () => {
    const ring = openRing(4, 8)
    queueNop(ring, 0xffffffff, 0x80000001)
    queueNop(ring, 7)
    expect([ring.queued, ring.ready]).toEqual([2, 0])
    ring.submit()
    expect([ring.queued, ring.ready]).toEqual([0, 2])
    expect(reaped(ring)).toEqual([
      { low: 0xffffffff, high: 0x80000001, result: 0, flags: 0 },
      { low: 7, high: 0, result: 0, flags: 0 },
    ])
    expect(reaped(ring)).toEqual([])
  })

  test('goes round and round: entries are zero again', () => {
    const ring = openRing(4, 8)
    for (let i = 0; i < 100; i += 1) {
      const word = ring.sqe()
      expect(ring.words.subarray(word, word + 16).every(value => value === 0)).toBe(true)
      ring.words.fill(0xffff, word + SqeWord.bufferGroup + 1, word + 16)
      ring.words[word + SqeWord.userLow] = i
      ring.wait(-1)
      expect(reaped(ring).map(({ low }) => low)).toEqual([i])
    }
  })

  test('holds as many entries as it has; one more is a mistake of the caller', () => {
    const ring = openRing(4, 8)
    for (let i = 0; i < 4; i += 1) {
      expect(ring.isFull).toBe(false)
      queueNop(ring, i)
    }
    expect(ring.isFull).toBe(true)
    expect(() => ring.sqe()).toThrow('room')
    ring.submit()
    expect(ring.isFull).toBe(false)
    expect(reaped(ring).length).toBe(4)
  })

  test('a success that nobody wants to hear of posts nothing', () => {
    const ring = openRing(4, 8)
    queueNop(ring, 1, 0, SqeFlag.skipSuccess)
    queueNop(ring, 2)
    ring.submit()
    expect(reaped(ring).map(({ low }) => low)).toEqual([2])
  })

  test('waits no longer than told, and not at all for what is there', () => {
    const ring = openRing(4, 8)
    const before = performance.now()
    ring.wait(30)
    expect(performance.now() - before).toBeGreaterThan(28)
    expect(performance.now() - before).toBeLessThan(1000)
    queueNop(ring, 1)
    ring.wait(60_000)
    expect(reaped(ring).length).toBe(1)
    ring.wait(0)
    expect(reaped(ring)).toEqual([])
  })

  test('more completions than places: kept by the kernel, fetched by the next wait', () => {
    const ring = openRing(4, 8)
    for (let i = 0; i < 40; i += 1) {
      queueNop(ring, i)
      ring.submit()
    }
    expect([ring.ready, ring.isOverflown]).toEqual([8, true])
    const seen: number[] = []
    while (seen.length < 40) {
      seen.push(...reaped(ring).map(({ low }) => low))
      ring.wait(0)
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => i))
    expect([ring.ready, ring.isOverflown]).toEqual([0, false])
  })

  test.each([
    ['EINTR', 4],
    ['EAGAIN', 11],
    ['EBUSY', 16],
  ])('%s is no error: what is queued stays so', (_name, errno) => {
    let failing = true
    const ring = openRing(4, 8, {
      ...system,
      enter: (...parameters) => (failing ? -errno : system.enter(...parameters)),
    })
    queueNop(ring, 1)
    ring.wait(-1)
    if (errno !== 4) ring.submit()
    expect([ring.queued, reaped(ring).length]).toEqual([1, 0])
    failing = false
    ring.submit()
    expect(reaped(ring).length).toBe(1)
  })

  test('anything else is one', () => {
    const ring = openRing(4, 8, { ...system, enter: () => -9 })
    expect(() => ring.wait(-1)).toThrow('io_uring_enter failed: errno 9')
    expect(() => new Ring({ ...system, map: () => -12 }, 4, 8)).toThrow('mmap failed: errno 12')
    expect(() => new Ring({ ...system, setup: () => -1 }, 4, 8)).toThrow(RingError)
    expect(() => new Ring(system, 65536, 65536)).toThrow('io_uring_setup failed: errno 22')
  })

  test('works where entries are taken through an array (before 6.6)', () => {
    const ring = openRing(4, 8, {
      ...system,
      setup: (entries, params) => {
        const flags = new DataView(system.view(params, 120)).getUint32(8, true)
        return flags >= 1 << 16 ? -22 : system.setup(entries, params)
      },
    })
    for (let i = 0; i < 9; i += 1) {
      queueNop(ring, i)
      ring.submit()
      expect(reaped(ring).map(({ low }) => low)).toEqual([i])
    }
  })
})

describe('a send that says only what went wrong', () => {
  test('is silent while the peer takes it; then says how much went, then that nothing did', async () => {
    const ring = openRing(8, 16)
    const memory = mapMemory(65536)
    const { peer, fd } = await socketPair()
    peer.pause()
    let whole = 0
    for (; ring.ready === 0; whole += 1) {
      expect(whole).toBeLessThan(1000)
      queueSend(ring, fd, memory, whole, 65536)
      ring.submit()
    }
    const [partial] = reaped(ring)
    expect(partial).toMatchObject({ low: whole - 1 })
    queueSend(ring, fd, memory, 1000, 1)
    ring.submit()
    const [refused] = reaped(ring)
    expect(refused).toMatchObject({ low: 1000, result: -EAGAIN })
    const sent = (whole - 1) * 65536 + Math.max(0, partial!.result)
    let read = 0
    peer.on('data', (data: Buffer) => {
      read += data.length
    })
    peer.resume()
    await vi.waitFor(() => expect(read).toBe(sent))
  })

  test('to who has gone: an error each', async () => {
    const ring = openRing(8, 16)
    const memory = mapMemory(4096)
    const { peer, fd } = await socketPair()
    peer.resetAndDestroy()
    await once(peer, 'close')
    queueSend(ring, fd, memory, 1, 10)
    queueSend(ring, fd, memory, 2, 10)
    queueNop(ring, 3)
    ring.submit()
    const results = reaped(ring)
    expect(new Set(results.map(({ low }) => low))).toEqual(new Set([1, 2, 3]))
    expect(results.filter(({ result }) => result < 0).length).toBe(2)
  })
})

describe('ReceiveBuffers', () => {
  const SIZE = 4096

  function receiveInto(count: number) {
    const ring = openRing(8, 64)
    const memory = mapMemory(count * SIZE)
    const place = { address: memory.address, count, sizeBytes: SIZE }
    const buffers = new ReceiveBuffers(system, ring, 3, place)
    const arm = (fd: number): void => {
      const word = ring.sqe()
      ring.words[word] = Op.receive | (SqeFlag.bufferSelect << 8) | (ReceiveFlag.multishot << 16)
      ring.words[word + SqeWord.fd] = fd
      ring.words[word + SqeWord.bufferGroup] = 3
      ring.submit()
    }
    return { ring, memory, buffers, arm }
  }

  test('one request receives again and again, as long as buffers come back', async () => {
    const { ring, memory, buffers, arm } = receiveInto(2)
    const { peer, fd } = await socketPair()
    arm(fd)
    for (let i = 0; i < 50; i += 1) {
      peer.write(`message ${i}`)
      let [got] = reaped(ring)
      for (let tries = 0; got === undefined && tries < 100; tries += 1) {
        await sleep(1)
        ring.wait(0)
        ;[got] = reaped(ring)
      }
      expect(got!.flags & (CqeFlag.buffer | CqeFlag.more)).toBe(CqeFlag.buffer | CqeFlag.more)
      const id = got!.flags >>> CQE_BUFFER_SHIFT
      expect(id).toBeLessThan(2)
      const text = Buffer.from(memory.bytes.subarray(id * SIZE, id * SIZE + got!.result))
      expect(text.toString()).toBe(`message ${i}`)
      buffers.give(id)
    }
    buffers.close()
  })

  test('none left: the request ends with ENOBUFS, and goes on when it is made again', async () => {
    const { ring, memory, buffers, arm } = receiveInto(4)
    const { peer, fd } = await socketPair()
    const text = Array.from({ length: 10 * SIZE }, (_, i) => i % 10).join('')
    peer.write(text)
    await sleep(50)
    let received = ''
    let exhausted = 0
    arm(fd)
    for (let i = 0; i < 100 && received.length < text.length; i += 1) {
      ring.wait(100)
      const completions = reaped(ring)
      for (const { result, flags } of completions) {
        if (result === -ENOBUFS) {
          expect(flags & CqeFlag.more).toBe(0)
          exhausted += 1
          continue
        }
        const id = flags >>> CQE_BUFFER_SHIFT
        received += Buffer.from(memory.bytes.subarray(id * SIZE, id * SIZE + result)).toString()
        buffers.give(id)
      }
      if (completions.some(({ flags }) => (flags & CqeFlag.more) === 0)) arm(fd)
    }
    expect(received).toBe(text)
    expect(exhausted).toBeGreaterThan(0)
    buffers.close()
  })

  test('as many as the kernel has numbers for: a power of two, at most 32768', () => {
    const ring = openRing(8, 64)
    const make = (group: number, count: number) => {
      const place = { address: 4096, count, sizeBytes: SIZE }
      return new ReceiveBuffers(system, ring, group, place)
    }
    for (const [group, count] of [1, 2, 256, 32768].entries()) make(group, count).close()
    for (const count of [0, 3, 65536]) expect(() => make(9, count)).toThrow('a power of two')
    expect(() => make(0, 1)).toThrow('io_uring_register failed')
  })
})
