// What `memring ring match` makes of a node's dumps, with servers that answer what they are told to.
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { keysOf } from '../../../src/cli/node-keys.ts'

const servers: Server[] = []
const sockets = new Set<Socket>()
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
  for (const socket of sockets) socket.destroy()
})

/** Answers each command with its text; another command ends the connection. */
function serve(answers: Readonly<Record<string, string>>): Promise<{ host: string; port: number }> {
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.setEncoding('utf8').on('data', (text: string) => {
      const answer = answers[text.trim()]
      if (answer === undefined) socket.end()
      else socket.write(answer)
    })
  })
  servers.push(server)
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve({ host: '127.0.0.1', port: typeof address === 'object' ? (address?.port ?? 0) : 0 })
    })
  })
}

const DUMP = 'lru_crawler metadump all'

describe('keysOf()', () => {
  it('reads keys of a dump, and of bytes that are no text none', async () => {
    const lines = ['a', 'b%20c', '%D0%BA', '%FF'].map(key => `key=${key} exp=-1 la=1 cas=1\n`)
    const node = await serve({ [DUMP]: `${lines.join('')}END\r\n` })
    expect(await keysOf(node, 10)).toEqual(['a', 'b c', 'к'])
  })

  it('stops when it has enough, though the dump goes on for ever', async () => {
    const node = await serve({ [DUMP]: 'key=a exp=-1\n'.repeat(1000) })
    expect(await keysOf(node, 7)).toHaveLength(7)
    expect(await keysOf(node, 1000)).toHaveLength(1000)
  })

  it('takes a cachedump from a node that knows no better', async () => {
    const node = await serve({
      [DUMP]: 'ERROR\r\n',
      'stats items':
        'STAT items:1:number 2\r\nSTAT items:1:age 0\r\nSTAT items:5:number 1\r\nEND\r\n',
      'stats cachedump 1 10': 'ITEM a [1 b; 0 s]\r\nITEM b [1 b; 0 s]\r\nEND\r\n',
      'stats cachedump 5 10': 'ITEM c [1 b; 0 s]\r\nEND\r\n',
      'stats cachedump 1 2': 'ITEM a [1 b; 0 s]\r\nITEM b [1 b; 0 s]\r\nEND\r\n',
    })
    expect(await keysOf(node, 10)).toEqual(['a', 'b', 'c'])
    expect(await keysOf(node, 2)).toEqual(['a', 'b'])
  })

  it.each([
    [{ [DUMP]: 'CLIENT_ERROR unauthenticated\r\n' }, 'it says CLIENT_ERROR unauthenticated'],
    [{ [DUMP]: 'BUSY currently processing crawler request\r\n' }, 'it says BUSY'],
    [{}, 'it closed the connection'],
    [{ [DUMP]: 'x'.repeat(5000) }, 'its answer is no list'],
    [{ [DUMP]: 'ERROR\r\n', 'stats items': 'ERROR\r\n' }, 'it lists no keys'],
  ])('says why there are none: %#', async (answers, reason) => {
    const node = await serve(answers as Record<string, string>)
    const expected = `Cannot ask 127.0.0.1:${node.port} for keys: ${reason}`
    await expect(keysOf(node, 10)).rejects.toThrow(expected)
  })

  it('says that nobody listens', async () => {
    const node = await serve({})
    for (const server of servers) server.close()
    await expect(keysOf(node, 10)).rejects.toThrow('ECONNREFUSED')
  })
})
