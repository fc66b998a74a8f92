/** What the epoll transport does beyond what node-transport.test.ts asks of both transports. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { loadKernel } from '../../../src/net/kernel.ts'
import { BACKLOG_MAX } from '../../../src/net/epoll-stream.ts'
import type { Stream, StreamHandler } from '../../../src/net/transport.ts'
import { PumpedEpoll } from './pumped.ts'

const HOST = '127.0.0.1'
const kernel = loadKernel()!

type Seen = { stream: Stream; text: string; events: string[]; onText?: () => void }

function handler(seen: Seen): StreamHandler {
  return {
    onData: (bytes, at, length) => {
      seen.text += Buffer.from(bytes.slice(at, at + length)).toString('latin1')
      seen.onText?.()
    },
    onDrain: () => seen.events.push('drain'),
    onEnd: () => seen.events.push('end'),
    onClose: error => seen.events.push(`close ${error}`),
  }
}

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !done(); i += 1) await sleep(5)
  expect(done()).toBe(true)
}

/** A peer connected to each stream of a transport. */
async function connected(transport: PumpedEpoll, count: number): Promise<[Socket, Seen][]> {
  const listener = kernel.listen(HOST, 0, 50)
  const port = kernel.portOf(listener)
  const pairs: [Socket, Seen][] = []
  for (let i = 0; i < count; i += 1) {
    const peer = connect({ port, host: HOST, allowHalfOpen: true })
    peer.on('error', () => peer.destroy())
    await once(peer, 'connect')
    let seen: Seen | undefined
    const accept = (stream: Stream) => {
      seen = { stream, text: '', events: [] }
      return handler(seen)
    }
    transport.adopt(kernel.accept(listener), { accept, forget: () => {} })
    await until(() => seen !== undefined)
    pairs.push([peer, seen!])
  }
  kernel.close(listener)
  onTestFinished(async () => {
    for (const [peer] of pairs) peer.destroy()
    await transport.close()
  })
  return pairs
}

test('bytes of its own memory are sent from where they are, others through a copy', async () => {
  const transport = new PumpedEpoll()
  const [[peer, { stream }]] = (await connected(transport, 1)) as [[Socket, Seen]]
  let text = ''
  peer.on('data', (data: Buffer) => {
    text += data.toString('latin1')
  })
  const { bytes, at } = transport.memory
  bytes.set(Buffer.from('from the region'), at + 7)
  expect(stream.write(bytes, at + 7, 15)).toBe(true)
  bytes.fill(0, at, at + 100)
  const large = Buffer.alloc(150_000, 'y')
  stream.write(large, 0, large.length)
  large.fill(0)
  await until(() => text.length === 150_015)
  expect(text).toBe(`from the region${'y'.repeat(150_000)}`)
})

test('one that is destroyed by another in the same turn hears nothing more', async () => {
  const transport = new PumpedEpoll()
  const pairs = await connected(transport, 6)
  const destroyed: Seen[] = []
  let first: Seen | undefined
  for (const [, seen] of pairs) {
    seen.onText = () => {
      if (first !== undefined) return
      first = seen
      destroyed.push(...pairs.map(([, other]) => other).filter(other => other !== seen))
      for (const { stream } of destroyed) stream.destroy()
    }
  }
  // Written before the next turn, so all of them are readable in it; who is first ends the others.
  for (const [peer] of pairs) peer.write('hello')
  await until(() => first !== undefined)
  await until(() => destroyed.every(({ events }) => events.length === 1))
  await sleep(20)
  expect(destroyed.map(({ text }) => text)).toEqual(['', '', '', '', ''])
  expect(destroyed.map(({ events }) => events)).toEqual(destroyed.map(() => ['close ']))
  expect(first!.events).toEqual([])
})

test('a descriptor that is used again belongs to the new connection alone', async () => {
  const transport = new PumpedEpoll()
  const [[peer, old]] = (await connected(transport, 1)) as [[Socket, Seen]]
  old.stream.destroy()
  peer.write('for nobody')
  await until(() => old.events.length > 0)
  const [[newPeer, fresh]] = (await connected(transport, 1)) as [[Socket, Seen]]
  newPeer.write('hello')
  await until(() => fresh.text === 'hello')
  expect([old.text, old.events]).toEqual(['', ['close ']])
})

test('reset while nobody reads it: closed, and no turns are spent on it', async () => {
  const transport = new PumpedEpoll()
  const [[peer, seen]] = (await connected(transport, 1)) as [[Socket, Seen]]
  seen.stream.pause()
  peer.write('unread')
  await sleep(20)
  peer.resetAndDestroy()
  await until(() => seen.events.length > 0)
  expect([seen.text, seen.events]).toEqual(['', ['close ']])
})

test('a peer that never reads is cut off beyond its backlog', async () => {
  const transport = new PumpedEpoll()
  const [[peer, seen]] = (await connected(transport, 1)) as [[Socket, Seen]]
  peer.pause()
  const piece = new Uint8Array(16 * 1024 * 1024)
  let written = 0
  while (written + piece.length <= BACKLOG_MAX) {
    seen.stream.write(piece, 0, piece.length)
    written += piece.length
  }
  await sleep(20)
  expect(seen.events).toEqual([])
  for (let i = 0; i < 2; i += 1) seen.stream.write(piece, 0, piece.length)
  await until(() => seen.events.length > 0)
  expect(seen.events).toEqual(['close Peer does not read'])
})

function refuse(): never {
  throw new Error('Cannot accept: it stops')
}

test('what is dealt while it stops is closed and counted out', async () => {
  const transport = new PumpedEpoll()
  const listener = kernel.listen(HOST, 0, 5)
  const peer = connect(kernel.portOf(listener), HOST)
  await once(peer, 'connect')
  transport.isStopping = true
  transport.adopt(kernel.accept(listener), { accept: refuse, forget: () => {} })
  await once(peer.resume(), 'close')
  await transport.done
  expect(transport.forgotten).toBe(1)
  kernel.close(listener)
})

test('connects to a unix socket; a path that nobody listens on is said', async () => {
  const transport = new PumpedEpoll()
  const directory = mkdtempSync(join(tmpdir(), 'memring-epoll-'))
  const path = join(directory, 'socket')
  const server = createServer(socket => socket.end('hi'))
  server.listen(path)
  await once(server, 'listening')
  const seen = { text: '', events: [] } as unknown as Seen
  const outbound = { ...handler(seen), onOpen: () => seen.events.push('open') }
  transport.connect(path, 0, 1000, outbound)
  await until(() => seen.events.includes('close '))
  expect([seen.text, seen.events]).toEqual(['hi', ['open', 'end', 'close ']])
  server.close()
  await once(server, 'close')
  transport.connect(path, 0, 1000, outbound)
  await until(() => seen.events.length === 4)
  expect(seen.events[3]).toBe(`close connect ENOENT ${path}`)
  rmSync(directory, { recursive: true })
  await transport.close()
})
