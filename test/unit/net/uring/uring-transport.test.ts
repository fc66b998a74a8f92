// What is io_uring's own: rings and buffers that are too small for what happens, sends that go out
// in part or not at all, completions that come late. What every transport does is tested in
// ../node-transport.test.ts.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Stream, StreamHandler } from '../../../../src/net/transport.ts'
import { type UringSizes, uringSizes } from '../../../../src/net/uring/sizes.ts'
import { Pumped, PumpedUring } from '../pumped.ts'
import { UringTransport } from '../../../../src/net/uring/uring-transport.ts'
import { kernel } from './support.ts'

/** Rings so small that a handful of connections overflows them. */
const tiny: UringSizes = {
  sqEntries: 4,
  cqEntries: 8,
  stagingBytes: 4096,
  bufferCount: 2,
  bufferBytes: 512,
}

/** Sends back what it gets, as a session does: through the thread's output. */
class Echo implements StreamHandler {
  readonly #stream: Stream
  readonly #pumped: Pumped
  isBehind = false
  closes = 0
  received = 0
  /** Answers nothing: a send would find out that the peer has gone. */
  isSilent = false

  constructor(stream: Stream, pumped: Pumped) {
    this.#stream = stream
    this.#pumped = pumped
  }

  onData(bytes: Uint8Array, at: number, length: number): void {
    this.received += length
    if (this.isSilent) return
    const { output } = this.#pumped
    output.copy(bytes, at, length)
    if (!this.#stream.write(output.bytes, output.start, output.length)) {
      this.isBehind = true
      this.#stream.pause()
    }
    output.clear()
  }

  onDrain(): void {
    this.isBehind = false
    this.#stream.resume()
  }

  onEnd(): void {
    this.#stream.end()
  }

  onClose(): void {
    this.closes += 1
  }
}

type Rig = {
  pumped: Pumped
  echoes: Echo[]
  connectPeer: (first?: (peer: Socket) => void) => Promise<Socket>
}

function rig(sizes: UringSizes = uringSizes, isSilent = false): Rig {
  const pumped = new PumpedUring({ sizes })
  const echoes: Echo[] = []
  const listener = kernel.listen('127.0.0.1', 0, 1000)
  const accept = (stream: Stream): Echo => {
    const echo = new Echo(stream, pumped)
    echo.isSilent = isSilent
    echoes.push(echo)
    return echo
  }
  const peers: Socket[] = []
  const connectPeer = async (first = (_peer: Socket): void => {}): Promise<Socket> => {
    const peer = connect({ port: kernel.portOf(listener), host: '127.0.0.1', allowHalfOpen: true })
    peers.push(peer)
    peer.on('error', () => peer.destroy())
    await once(peer, 'connect')
    first(peer)
    pumped.adopt(kernel.accept(listener), { accept, forget: () => {} })
    return peer
  }
  onTestFinished(async () => {
    for (const peer of peers) peer.destroy()
    await pumped.close()
    kernel.close(listener)
  })
  return { pumped, echoes, connectPeer }
}

/** Bytes that show at once when some are lost, doubled or out of order. */
function pattern(seed: number, length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (seed * 31 + i + (i >> 8) * 7) & 0xff))
}

/** What the peer reads, until it is `length` bytes. */
async function readAll(peer: Socket, length: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  while (size < length) {
    const piece = (peer.read() as Buffer | null) ?? undefined
    if (piece === undefined) {
      await once(peer, 'readable', { signal: AbortSignal.timeout(10_000) })
    } else {
      pieces.push(piece)
      size += piece.length
    }
  }
  return Buffer.concat(pieces)
}

describe('rings and buffers smaller than what happens in a turn', () => {
  test('40 connections at once on 4 entries, 8 completions and 2 buffers', async () => {
    const { echoes, connectPeer } = rig(tiny)
    const peers = await Promise.all(Array.from({ length: 40 }, () => connectPeer()))
    for (let round = 0; round < 5; round += 1) {
      for (const [i, peer] of peers.entries()) peer.write(pattern(i + round, 3000))
      const replies = await Promise.all(peers.map(peer => readAll(peer, 3000)))
      for (const [i, reply] of replies.entries()) {
        expect(reply.equals(pattern(i + round, 3000))).toBe(true)
      }
    }
    for (const peer of peers) peer.end()
    await vi.waitFor(() => expect(echoes.every(echo => echo.closes === 1)).toBe(true))
  })

  test('one peer that sends much more than there are buffers for', async () => {
    const { connectPeer } = rig(tiny)
    const peer = await connectPeer()
    const sent = pattern(1, 300_000)
    peer.write(sent)
    expect((await readAll(peer, sent.length)).equals(sent)).toBe(true)
  })

  test('600 connections answered in one turn on rings of the usual size', async () => {
    const { connectPeer } = rig()
    const peers = await Promise.all(Array.from({ length: 600 }, () => connectPeer()))
    for (const [i, peer] of peers.entries()) peer.write(pattern(i, 100))
    const replies = await Promise.all(peers.map(peer => readAll(peer, 100)))
    for (const [i, reply] of replies.entries()) expect(reply.equals(pattern(i, 100))).toBe(true)
  })
})

describe('a peer that does not read', () => {
  test.each([
    ['the usual', uringSizes],
    ['tiny', tiny],
  ])('gets every byte in order in the end, %s sizes', async (_, sizes) => {
    const { echoes, connectPeer } = rig(sizes)
    const peer = await connectPeer()
    peer.pause()
    const sent = pattern(3, 12_000_000)
    peer.write(sent)
    await vi.waitFor(() => expect(echoes[0]!.isBehind).toBe(true), { timeout: 10_000 })
    const receivedThen = echoes[0]!.received
    await sleep(100)
    // Paused: no more is taken than was on its way.
    expect(echoes[0]!.received).toBe(receivedThen)
    expect((await readAll(peer, sent.length)).equals(sent)).toBe(true)
    expect(echoes[0]!.received).toBe(sent.length)
  })

  test('holds up nobody else', async () => {
    const { echoes, connectPeer } = rig(tiny)
    const [stuck, other] = [await connectPeer(), await connectPeer()]
    stuck.pause()
    stuck.write(pattern(4, 12_000_000))
    await vi.waitFor(() => expect(echoes[0]!.isBehind).toBe(true), { timeout: 10_000 })
    for (let i = 0; i < 20; i += 1) {
      other.write(pattern(i, 2000))
      expect((await readAll(other, 2000)).equals(pattern(i, 2000))).toBe(true)
    }
    stuck.destroy()
    await vi.waitFor(() => expect(echoes[0]!.closes).toBe(1))
  })
})

describe('what arrives for those who want no more', () => {
  const HELD_MAX = 6 * 1024 * 1024
  const SENT = 600_000

  /** Takes one piece, then nothing until it is told to. */
  class Full implements StreamHandler {
    readonly stream: Stream
    readonly pieces: Buffer[] = []
    isFull = true
    hasEnded = false

    constructor(stream: Stream) {
      this.stream = stream
    }

    onData(bytes: Uint8Array, at: number, length: number): void {
      this.pieces.push(Buffer.from(bytes.slice(at, at + length)))
      if (this.isFull) this.stream.pause()
    }

    onDrain(): void {}

    onEnd(): void {
      this.hasEnded = true
    }

    onClose(): void {}
  }

  async function fullRig(count: number) {
    const transports: UringTransport[] = []
    const pumped = new Pumped((memory, output) => {
      const transport = new UringTransport(memory, output)
      transports.push(transport)
      return transport
    })
    const listener = kernel.listen('127.0.0.1', 0, 1000)
    const handlers: Full[] = []
    const peers: Socket[] = []
    const accept = (stream: Stream): Full => {
      const handler = new Full(stream)
      handlers.push(handler)
      return handler
    }
    const fds: number[] = []
    for (let at = 0; at < count; at += 1) {
      const peer = connect({ port: kernel.portOf(listener), host: '127.0.0.1' })
      peer.on('error', () => peer.destroy())
      await once(peer, 'connect')
      peer.write(pattern(at, SENT))
      peers.push(peer)
      fds.push(kernel.accept(listener))
    }
    onTestFinished(async () => {
      for (const peer of peers) peer.destroy()
      await pumped.close()
      kernel.close(listener)
    })
    for (const fd of fds) pumped.adopt(fd, { accept, forget: () => {} })
    await vi.waitFor(() => expect(handlers.every(one => one.pieces.length > 0)).toBe(true))
    await sleep(100)
    return { transport: transports[0]!, handlers, peers }
  }

  test('is held, of many together no more than 6 MiB, and handed over in order', async () => {
    const { transport, handlers, peers } = await fullRig(80)
    expect(transport.heldBytes).toBeGreaterThan(0)
    expect(transport.heldBytes).toBeLessThanOrEqual(HELD_MAX)
    expect(handlers.map(({ pieces }) => pieces.length)).toEqual(Array(80).fill(1))
    for (const handler of handlers) {
      handler.isFull = false
      handler.stream.resume()
    }
    for (const peer of peers) peer.end()
    await vi.waitFor(() => expect(handlers.every(one => one.hasEnded)).toBe(true), 10_000)
    for (const [at, { pieces }] of handlers.entries()) {
      expect(Buffer.concat(pieces).equals(pattern(at, SENT)), `peer ${at}`).toBe(true)
    }
    expect(transport.heldBytes).toBe(0)
  })

  test('is no longer held when they are gone', async () => {
    const { transport, handlers } = await fullRig(20)
    expect(transport.heldBytes).toBeGreaterThan(0)
    for (const { stream } of handlers) stream.destroy()
    await vi.waitFor(() => expect(transport.heldBytes).toBe(0))
  })
})

describe('connections that come and go', () => {
  test('a slot that is used again hears nothing of who had it before', async () => {
    const { echoes, connectPeer } = rig(tiny)
    for (let round = 0; round < 30; round += 1) {
      const peer = await connectPeer()
      peer.write(pattern(round, 5000))
      // Some are reset with a receive in the kernel and answers on their way.
      if (round % 3 === 0) peer.resetAndDestroy()
      else expect((await readAll(peer, 5000)).equals(pattern(round, 5000))).toBe(true)
      if (round % 3 === 1) peer.end()
    }
    await vi.waitFor(() => {
      expect(echoes.filter(echo => echo.closes === 1).length).toBe(20)
    })
    expect(echoes.every(echo => echo.closes <= 1)).toBe(true)
  })

  test('destroyed by its handler in the middle of a turn, it gets no more data', async () => {
    const pumped = new PumpedUring()
    const listener = kernel.listen('127.0.0.1', 0, 5)
    const events: string[] = []
    const peer = connect(kernel.portOf(listener), '127.0.0.1')
    peer.on('error', () => peer.destroy())
    await once(peer, 'connect')
    peer.write(Buffer.alloc(200_000))
    await sleep(20)
    const accept = (stream: Stream): StreamHandler => ({
      onData: () => {
        events.push('data')
        stream.destroy()
      },
      onDrain: () => {},
      onEnd: () => events.push('end'),
      onClose: error => events.push(`close ${error}`),
    })
    pumped.adopt(kernel.accept(listener), { accept, forget: () => {} })
    await vi.waitFor(() => expect(events).toContain('close '))
    await sleep(20)
    expect(events).toEqual(['data', 'close '])
    await pumped.close()
    kernel.close(listener)
  })

  test.each(['reset', 'end'] as const)('data and %s before its first turn: closed', async how => {
    const { echoes, connectPeer } = rig(uringSizes, true)
    const leave = (peer: Socket): void => {
      peer.write('hello')
      if (how === 'reset') peer.resetAndDestroy()
      else peer.end()
    }
    await Promise.all(Array.from({ length: 20 }, () => connectPeer(leave)))
    await vi.waitFor(() => expect(echoes.map(echo => echo.closes)).toEqual(Array(20).fill(1)))
    expect(echoes.every(echo => echo.received === 5 || how === 'reset')).toBe(true)
  })
})
