// The box, as far as it can be read without Docker: what is published, what a node may use, and
// that the router's cluster file names the services that exist. The health check is run.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { loadClusterFile } from '../../../src/cluster/cluster-file.ts'

const root = new URL('../../../', import.meta.url)
const pathOf = (name: string): string => fileURLToPath(new URL(name, root))

type Service = {
  command: string[]
  ports?: string[]
  networks: string[]
  network_mode?: string
  mem_limit: string
}
type Compose = { services: Record<string, Service>; networks: Record<string, unknown> }

const compose = parse(readFileSync(pathOf('docker-compose.yml'), 'utf8'), {
  merge: true,
}) as Compose
const services = Object.entries(compose.services)
const nodes = services.filter(([, service]) => service.command[0] === 'node')

test('only the router is published, on 127.0.0.1 and nowhere else', () => {
  const published = services.flatMap(([name, { ports = [] }]) => ports.map(port => [name, port]))
  expect(published).toEqual([['router', '127.0.0.1:${MEMRING_PORT:-11211}:11211']])
  expect(services.filter(([, service]) => service.network_mode !== undefined)).toEqual([])
})

test('three nodes, on a network without a way out', () => {
  expect(nodes.map(([name]) => name)).toEqual(['node1', 'node2', 'node3'])
  for (const [, node] of nodes) expect(node.networks).toEqual(['nodes'])
  expect(compose.networks['nodes']).toEqual({ internal: true })
})

test('a node’s memory limit has room for -m, 96 MB, 20 MB a thread and the health check', () => {
  for (const [, { command, mem_limit: limit }] of nodes) {
    const flag = (name: string): number => Number(command[command.indexOf(name) + 1])
    expect(Number(limit.replace(/m$/, ''))).toBeGreaterThan(flag('-m') + 96 + 20 * flag('-t') + 50)
  }
})

test('the router’s cluster file names these nodes and the published port', () => {
  const config = loadClusterFile(pathOf('cluster-config/compose.yaml'), {})
  const ports = nodes.map(([, { command }]) => Number(command[command.indexOf('-p') + 1]))
  expect(config.nodes.map(({ host, port }) => [host, port])).toEqual(
    nodes.map(([name], at) => [name, ports[at]]),
  )
  expect(config.router.listen).toEqual([{ host: '0.0.0.0', port: 11211 }])
  expect(compose.services['router']?.command).toContain('cluster-config/compose.yaml')
})

test.each<[string, (socket: Socket) => void, number, string]>([
  ['answers', socket => socket.once('data', () => socket.write('VERSION 1\r\n')), 0, ' answers'],
  ['asks for a login', socket => socket.write('CLIENT_ERROR unauthenticated\r\n'), 0, ' answers'],
  ['closes', socket => socket.end(), 1, ' closed without an answer'],
  ['is silent', () => undefined, 1, ' nothing answers within 3000 ms'],
])('health check of a server that %s', async (_, serve, code, message) => {
  const server = createServer(socket => {
    socket.on('error', () => socket.destroy())
    serve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
  })
  const { port } = server.address() as AddressInfo
  expect(await healthcheck(port)).toEqual({ code, output: `127.0.0.1:${port}${message}\n` })
})

test('health check where nothing listens', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  const { code, output } = await healthcheck(port)
  expect(code).toBe(1)
  expect(output).toContain('ECONNREFUSED')
})

async function healthcheck(port: number): Promise<{ code: number; output: string }> {
  const script = fileURLToPath(new URL('../../../scripts/docker/healthcheck.ts', import.meta.url))
  const child = spawn(process.execPath, [script], {
    env: { ...process.env, MEMRING_HEALTH_PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const [code] = (await once(child, 'close')) as [number]
  return { code, output }
}
