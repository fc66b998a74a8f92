import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { CacheRequest, CacheStream } from '../../../src/sim/workloads.ts'
import { runCacheAside } from '../../bench/cache-aside.ts'

const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** Answers gets out of a map that takes sets, for as long as `capacity` allows. */
function answer(socket: Socket, capacity: number): void {
  const values = new Map<string, string>()
  let text = ''
  socket.on('data', piece => {
    text += piece.toString('latin1')
    const replies: string[] = []
    for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
      const [verb, key = '', , , size = '0'] = text.slice(0, end).split(' ')
      const next = end + 2 + (verb === 'set' ? Number(size) + 2 : 0)
      if (text.length < next) break
      const value = values.get(key)
      if (verb === 'set' && values.size < capacity) values.set(key, text.slice(end + 2, next - 2))
      if (verb === 'get' && value !== undefined) {
        replies.push(`VALUE ${key} 0 ${value.length}\r\n${value}\r\n`)
      }
      if (verb === 'get') replies.push('END\r\n')
      text = text.slice(next)
    }
    socket.write(replies.join(''), 'latin1')
  })
}

function serve(onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer(socket => {
    // The benchmark hangs up as soon as it knows enough.
    socket.on('error', () => socket.destroy())
    onSocket(socket)
  })
  servers.push(server)
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
}

/** Keys 0 … count - 1 in a circle. */
function circle(count: number): CacheStream {
  let at = 0
  return {
    next(request: CacheRequest): void {
      request.key = at % count
      request.valueSize = 1 + (at % count)
      request.lifetime = 0
      at += 1
    },
  }
}

const options = { requests: 3072, warmup: 1536, rate: 0 }

test('`runCacheAside()` counts the misses of each server after the warm-up', async () => {
  const all = await serve(socket => answer(socket, Infinity))
  const half = await serve(socket => answer(socket, 256))
  const none = await serve(socket => answer(socket, 0))
  const { missRatios } = await runCacheAside([all, half, none], circle(512), options)
  expect(missRatios).toEqual([0, 0.5, 1])
})

test('`runCacheAside()` keeps to its rate', async () => {
  const port = await serve(socket => answer(socket, Infinity))
  const { requestsPerSecond } = await runCacheAside([port], circle(10), {
    ...options,
    rate: 10_000,
  })
  expect(requestsPerSecond).toBeGreaterThan(5_000)
  // The last batch is sent a batch's time before the end.
  expect(requestsPerSecond).toBeLessThanOrEqual(11_200)
})

test.each([
  ['a value of another size', 'VALUE k0 0 2\r\nab\r\nEND\r\n', 'got "VALUE k0 0 2"'],
  ['the value of another key', 'VALUE k7 0 1\r\na\r\nEND\r\n', 'got "VALUE k7 0 1"'],
  ['an error', 'SERVER_ERROR out of memory\r\n', 'got "SERVER_ERROR out of memory"'],
])('`runCacheAside()` fails on %s', async (_, reply, message) => {
  const port = await serve(socket => socket.once('data', () => socket.write(reply)))
  await expect(runCacheAside([port], circle(10), options)).rejects.toThrow(message)
})

test('`runCacheAside()` fails when a server hangs up, or all was warm-up', async () => {
  const port = await serve(socket => socket.once('data', () => socket.end()))
  await expect(runCacheAside([port], circle(10), options)).rejects.toThrow('closed the connection')
  const good = await serve(socket => answer(socket, Infinity))
  const warm = { ...options, warmup: options.requests }
  await expect(runCacheAside([good], circle(10), warm)).rejects.toThrow('Cannot count misses')
})
