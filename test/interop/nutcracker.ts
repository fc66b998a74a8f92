// twemproxy (Debian's nutcracker) in front of servers that answer every get with their own number:
// which node it chooses for a key is what it answers.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const NUTCRACKER = '/usr/sbin/nutcracker'
const START_MS = 10_000

export type Pool = Readonly<Record<string, string>>
export type NamedNode = { readonly name: string; readonly weight: number }

/** For each pool, the index of the node that twemproxy asks for each key. */
export async function askNutcracker(
  pools: readonly Pool[],
  nodes: readonly NamedNode[],
  keys: readonly string[],
): Promise<number[][]> {
  const servers = await Promise.all(nodes.map((_, index) => startServer(index)))
  const lines = nodes.map(
    ({ name, weight }, index) => `127.0.0.1:${portOf(servers[index]!)}:${weight} ${name}`,
  )
  try {
    return await withNutcracker(pools, lines, ports =>
      Promise.all(ports.map(port => askAll(port, keys))),
    )
  } finally {
    for (const server of servers) server.close()
  }
}

/** Runs twemproxy with these pools while `use` runs, which gets the port of each. */
export async function withNutcracker<T>(
  pools: readonly Pool[],
  servers: readonly string[],
  use: (ports: readonly number[], configuration: string) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'memring-nutcracker-'))
  const ports = await freePorts(pools.length + 1)
  const configuration = pools
    .map((pool, at) => {
      const settings = Object.entries(pool).map(([key, value]) => `  ${key}: "${value}"\n`)
      const list = servers.map(line => `    - ${line}\n`).join('')
      return `pool${at}:\n  listen: 127.0.0.1:${ports[at]}\n${settings.join('')}  servers:\n${list}`
    })
    .join('')
  const file = join(directory, 'nutcracker.yml')
  writeFileSync(file, configuration)
  const args = ['-c', file, '-a', '127.0.0.1', '-s', String(ports.at(-1)), '-m', '16384']
  const child = spawn(NUTCRACKER, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (piece: Buffer) => (said += piece.toString()))
  const failed = new Promise<never>((_, reject) => {
    child.once('error', cause => {
      reject(new Error('Debian package is needed: apt-get install nutcracker', { cause }))
    })
    child.once('exit', status => reject(new Error(`nutcracker ended (${status}): ${said}`)))
  })
  try {
    const used = Promise.all(ports.slice(0, -1).map(waitFor)).then(() =>
      use(ports.slice(0, -1), configuration),
    )
    return await Promise.race([used, failed])
  } finally {
    failed.catch(() => {})
    child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
}

function startServer(index: number): Promise<Server> {
  const value = String(index)
  const server = createServer(socket => {
    let rest = ''
    socket.on('error', () => socket.destroy())
    socket.setEncoding('latin1').on('data', (piece: string) => {
      const parts = (rest + piece).split('\r\n')
      rest = parts.pop() ?? ''
      const answers = parts.map(line => {
        return `VALUE ${line.slice('get '.length).trimEnd()} 0 ${value.length}\r\n${value}\r\nEND\r\n`
      })
      socket.write(answers.join(''), 'latin1')
    })
  })
  return new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(server)))
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, (_, at) => startServer(at)))
  const ports = servers.map(portOf)
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}

async function waitFor(port: number): Promise<void> {
  const deadline = performance.now() + START_MS
  while (!(await canConnect(port))) {
    if (performance.now() > deadline) throw new Error(`Cannot reach nutcracker on ${port}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket: Socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** The values of all keys, in their order. */
function askAll(port: number, keys: readonly string[]): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const found: number[] = []
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(keys.map(key => `get ${key}\r\n`).join(''))
    })
    let rest = ''
    socket.setEncoding('latin1').on('data', (piece: string) => {
      const parts = (rest + piece).split('END\r\n')
      rest = parts.pop() ?? ''
      for (const part of parts) found.push(Number(part.split('\r\n')[1]))
      if (found.length < keys.length) return
      socket.destroy()
      resolve(found)
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`Only ${found.length} answers came`)))
  })
}
