import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { EndpointNodes } from '../../../../src/cluster/discovery/endpoint-nodes.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** Answers each line by what `answers` has for it, in small pieces. */
async function endpoint(
  answers: (line: string) => string,
  timeoutMs = 5_000,
): Promise<EndpointNodes> {
  const server = createServer(socket => {
    let text = ''
    socket.on('error', () => {})
    socket.on('data', piece => {
      text += piece.toString('latin1')
      for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
        const answer = answers(text.slice(0, end))
        text = text.slice(end + 2)
        const size = Math.max(7, answer.length / 10)
        for (let at = 0; at < answer.length; at += size) socket.write(answer.slice(at, at + size))
      }
    })
  }).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return new EndpointNodes({ host: '127.0.0.1', port, timeoutMs })
}

function config(version: number, nodes: string): string {
  const data = `${version}\n${nodes}\n`
  return `CONFIG cluster 0 ${data.length}\r\n${data}\r\nEND\r\n`
}

test('reads hosts, addresses and ports, in the order of labels', async () => {
  const source = await endpoint(() => config(12, 'b.example|10.0.0.2|11211 a.example||11300'))
  expect(await source.find()).toEqual([
    { label: 'a.example:11300', host: 'a.example', port: 11300 },
    { label: 'b.example', host: '10.0.0.2', port: 11211 },
  ])
})

test('an older version is not believed', async () => {
  const answers = [config(7, 'a|10.0.0.1|1'), config(6, 'b|10.0.0.2|1'), config(8, 'c|10.0.0.3|1')]
  const source = await endpoint(() => answers.shift()!)
  const labels = async () => (await source.find()).map(({ label }) => label)
  expect([await labels(), await labels(), await labels()]).toEqual([['a:1'], ['a:1'], ['c:1']])
})

test('the older key is asked where the command is not known', async () => {
  const legacy = config(3, 'a|10.0.0.1|11211').replace(
    'CONFIG cluster',
    'VALUE AmazonElastiCache:cluster',
  )
  const source = await endpoint(line => (line.startsWith('config') ? 'ERROR\r\n' : legacy))
  expect(await source.find()).toEqual([{ label: 'a', host: '10.0.0.1', port: 11211 }])
})

test.each([
  ['no cluster', 'END\r\n', 'it lists no cluster'],
  ['no nodes', config(1, ''), 'has no nodes'],
  ['a node that is none', config(1, 'a|b'), 'found "a|b", expected host|ip|port'],
  ['an address that is none', config(1, 'a|b|1'), 'found "a|b|1", expected host|ip|port'],
  ['a port too far', config(1, 'a||65536'), 'found "a||65536", expected host|ip|port'],
  ['silence', '', 'did not answer within 300 ms'],
  ['no end of it', 'x'.repeat(300_000), 'says too much'],
])('%s is refused', async (_, answer, message) => {
  const source = await endpoint(() => answer, answer === '' ? 300 : 5_000)
  await expect(source.find()).rejects.toThrow(message)
})

test('nobody there', async () => {
  const source = new EndpointNodes({ host: '127.0.0.1', port: 1, timeoutMs: 300 })
  await expect(source.find()).rejects.toThrow('127.0.0.1:1 cannot be asked: connect ECONNREFUSED')
})
