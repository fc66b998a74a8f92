import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Kernel, loadKernel } from '../../../src/net/kernel.ts'
import { NodeTransport } from '../../../src/net/node-transport.ts'
import type { OutboundHandler, PortableTransport, Stream } from '../../../src/net/transport.ts'
import { PumpedEpoll, PumpedUring } from './pumped.ts'

const HOST = '127.0.0.1'

/** Notes what happens, in order; data as text. */
class Recorder implements OutboundHandler {
  events: string[] = []
  received = ''
  stream: Stream | undefined
  readonly closed: Promise<string>
  #onClosed: (error: string) => void = () => {}

  constructor() {
    this.closed = new Promise(resolve => {
      this.#onClosed = resolve
    })
  }

  onOpen(): void {
    this.events.push('open')
  }

  onData(bytes: Uint8Array, at: number, length: number): void {
    this.received += Buffer.from(bytes.slice(at, at + length)).toString('latin1')
  }

  onDrain(): void {
    this.events.push('drain')
  }

  onEnd(): void {
    this.events.push('end')
  }

  onClose(error: string): void {
    this.events.push('close')
    this.#onClosed(error)
  }
}

type Pair = { transport: PortableTransport; recorder: Recorder; stream: Stream; peer: Socket }
type Way = 'adopt' | 'listen' | 'epoll' | 'uring'

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !done(); i += 1) await sleep(5)
  expect(done()).toBe(true)
}

async function acceptOn(kernel: Kernel, listener: number): Promise<number> {
  for (let i = 0; i < 1000; i += 1) {
    const fd = kernel.accept(listener)
    if (fd >= 0) return fd
    await sleep(2)
  }
  throw new Error('Cannot accept: nobody connects')
}

function open(way: Way, idleSeconds: number): PortableTransport {
  if (way === 'uring') return new PumpedUring({ idleSeconds })
  return way === 'epoll' ? new PumpedEpoll(idleSeconds) : new NodeTransport({ idleSeconds })
}

/** A connection from a plain socket to a stream of the transport, made in one of its two ways. */
async function pair(way: Way, idleSeconds = 0): Promise<Pair> {
  const transport = open(way, idleSeconds)
  const recorder = new Recorder()
  const accept = (stream: Stream): Recorder => {
    recorder.stream = stream
    return recorder
  }
  const door = { accept, forget: (): void => {} }
  let port = 0
  const kernel = loadKernel()!
  let listener = -1
  if (way === 'listen') {
    port = await transport.listen({ host: HOST, port: 0, backlog: 5 }, door)
  } else {
    listener = kernel.listen(HOST, 0, 5)
    port = kernel.portOf(listener)
  }
  const peer = connect({ host: HOST, port, allowHalfOpen: true })
  peer.on('error', () => peer.destroy())
  await once(peer, 'connect')
  if (listener >= 0) {
    transport.adopt(await acceptOn(kernel, listener), door)
    kernel.close(listener)
  }
  await until(() => recorder.stream !== undefined)
  onTestFinished(async () => {
    peer.destroy()
    await transport.close()
  })
  return { transport, recorder, stream: recorder.stream!, peer }
}

function write(stream: Stream, text: string): boolean {
  const bytes = Buffer.from(`__${text}__`, 'latin1')
  const result = stream.write(bytes, 2, text.length)
  bytes.fill(0)
  return result
}

describe.each(['adopt', 'listen', 'epoll', 'uring'] as const)('a connection by %s', way => {
  test('carries bytes both ways, and says who the peer is', async () => {
    const { recorder, stream, peer } = await pair(way)
    peer.write('hello')
    await until(() => recorder.received === 'hello')
    expect(stream.peer).toBe(`${HOST}:${(peer.address() as AddressInfo).port}`)
    expect(write(stream, 'world')).toBe(true)
    const [data] = (await once(peer, 'data')) as [Buffer]
    expect(data.toString()).toBe('world')
  })

  test('a peer that does not read is behind, then drained once, and gets every byte', async () => {
    const { recorder, stream, peer } = await pair(way)
    peer.pause()
    const piece = 'x'.repeat(100_000)
    let written = 0
    while (write(stream, piece)) written += 1
    written += 1
    expect(recorder.events).toEqual([])
    let read = 0
    peer.on('data', (data: Buffer) => {
      read += data.length
    })
    peer.resume()
    await until(() => read === written * piece.length)
    await until(() => recorder.events.length > 0)
    expect(recorder.events).toEqual(['drain'])
  })

  test('paused it hands nothing over, resumed everything', async () => {
    const { recorder, stream, peer } = await pair(way)
    stream.pause()
    peer.write('x'.repeat(500_000))
    await sleep(50)
    expect(recorder.received.length).toBeLessThanOrEqual(65_536)
    stream.resume()
    await until(() => recorder.received.length === 500_000)
  })

  test('a half that is closed is told, and the other half still works', async () => {
    const { recorder, stream, peer } = await pair(way)
    peer.end('last')
    await until(() => recorder.events.includes('end'))
    expect(recorder.received).toBe('last')
    write(stream, 'answer')
    const [data] = (await once(peer, 'data')) as [Buffer]
    expect(data.toString()).toBe('answer')
    stream.end()
    expect(await recorder.closed).toBe('')
  })

  test('ended it sends all that was written, and takes up nothing more', async () => {
    const { recorder, stream, peer } = await pair(way)
    peer.pause()
    let written = 0
    for (let i = 0; i < 100; i += 1) {
      write(stream, 'x'.repeat(50_000))
      written += 50_000
    }
    stream.end()
    write(stream, 'not this')
    peer.write('nor this')
    await sleep(30)
    expect(recorder.received).toBe('')
    let read = 0
    peer.on('data', (data: Buffer) => {
      read += data.length
    })
    peer.resume()
    await once(peer, 'end')
    expect(read).toBe(written)
    expect(await recorder.closed).toBe('')
  })

  test('a client that says nothing for too long is closed, one that speaks is not', async () => {
    const [quiet, busy] = [await pair(way, 1), await pair(way, 1)]
    const said = setInterval(() => busy.peer.write('x'), 100)
    await once(quiet.peer.resume(), 'end')
    expect(await quiet.recorder.closed).toBe('')
    await sleep(1500)
    clearInterval(said)
    expect(busy.recorder.events).toEqual([])
    expect(busy.recorder.received.length).toBeGreaterThan(10)
  })

  test('a reset by the peer is a normal close', async () => {
    const { recorder, stream, peer } = await pair(way)
    write(stream, 'x'.repeat(1000))
    peer.resetAndDestroy()
    expect(await recorder.closed).toBe('')
    expect(recorder.events.filter(event => event === 'close')).toEqual(['close'])
    expect(stream.peer).toBe('gone')
  })

  test('destroyed it is gone at once, whatever was to be sent', async () => {
    const { recorder, stream, peer } = await pair(way)
    peer.pause()
    while (write(stream, 'x'.repeat(100_000)));
    stream.destroy()
    expect(await recorder.closed).toBe('')
  })

  test('closing the transport sends what is due, and does not wait for who never reads', async () => {
    const { transport, recorder, stream, peer } = await pair(way)
    write(stream, 'due')
    const started = performance.now()
    const [data] = (await Promise.all([once(peer, 'data'), transport.close()]))[0] as [Buffer]
    expect(data.toString()).toBe('due')
    expect(await recorder.closed).toBe('')
    expect(performance.now() - started).toBeLessThan(1000)
    const stuck = await pair(way)
    stuck.peer.pause()
    while (write(stuck.stream, 'x'.repeat(100_000)));
    const before = performance.now()
    await stuck.transport.close()
    expect(performance.now() - before).toBeLessThan(1000)
  })
})

async function listening(handler: (socket: Socket) => void): Promise<Server> {
  const server = createServer(handler)
  server.listen(0, HOST)
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
  })
  return server
}

const makers = [
  ['node', () => new NodeTransport()],
  ['epoll', () => new PumpedEpoll()],
  ['uring', () => new PumpedUring()],
] as const

describe.each(makers)('connect() of %s', (_, make) => {
  test('opens before any data, then carries it', async () => {
    const server = await listening(socket => socket.end('welcome'))
    const transport = make()
    const recorder = new Recorder()
    transport.connect(HOST, (server.address() as AddressInfo).port, 1000, recorder)
    expect(await recorder.closed).toBe('')
    expect(recorder.received).toBe('welcome')
    expect(recorder.events).toEqual(['open', 'end', 'close'])
    await transport.close()
  })

  test('refused: closed with a reason, never opened', async () => {
    const server = await listening(() => {})
    const { port } = server.address() as AddressInfo
    server.close()
    await once(server, 'close')
    const recorder = new Recorder()
    make().connect(HOST, port, 1000, recorder)
    expect(await recorder.closed).toContain('ECONNREFUSED')
    expect(recorder.events).toEqual(['close'])
  })

  test('not accepted in time: closed with a reason that says how long', async () => {
    const kernel = loadKernel()!
    // A backlog of one that nobody accepts from: the third connection gets no answer.
    const listener = kernel.listen(HOST, 0, 0)
    const port = kernel.portOf(listener)
    const full = [connect(port, HOST), connect(port, HOST)]
    for (const socket of full) socket.on('error', () => socket.destroy())
    await sleep(50)
    const recorder = new Recorder()
    make().connect(HOST, port, 150, recorder)
    expect(await recorder.closed).toBe('connect timed out after 150 ms')
    expect(recorder.events).toEqual(['close'])
    for (const socket of full) socket.destroy()
    kernel.close(listener)
  })
})
