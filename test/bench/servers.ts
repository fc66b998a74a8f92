// Starts the servers that a benchmark compares, each pinned to a CPU from its first instruction
// on, with a port chosen by the kernel, and ends them again. Nodes, routers and memcached say where
// they listen in the file that MEMCACHED_PORT_FILENAME names; twemproxy is told a port that is free.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Certificate } from '../support/certificates.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const START_TIMEOUT_MS = 15_000
const STOP_TIMEOUT_MS = 5_000
const PORT_POLL_MS = 10
const OUTPUT_CHARS_MAX = 2_000
/** The same for all: one data thread, the same memory, loopback only. */
const COMMON_FLAGS = ['-l', '127.0.0.1', '-p', '-1', '-t', '1', '-m', '64', '-c', '1024']

export interface ServerCommand {
  /** How tables call it. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** Where it was told to listen, if it is one that does not say so itself. */
  readonly port?: number
  /** How its clients begin. */
  readonly opening?: Opening
}

/** TLS, or a login: bytes to send first, which are answered by STORED. */
export interface Opening {
  readonly tls?: boolean
  readonly login?: string
}

export interface PinnedServer {
  readonly name: string
  readonly pid: number
  readonly port: number
  readonly opening: Opening
  /** What it answers to `version`. */
  readonly version: string
  stop(): Promise<void>
}

const running = new Set<ChildProcess>()

// A benchmark that dies must not leave servers behind.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Our node, from the sources, on the Node that runs the benchmark. */
export function nodeCommand(flags: readonly string[] = []): ServerCommand {
  const args = [MAIN, 'node', ...COMMON_FLAGS, ...flags]
  return { name: 'node', command: process.execPath, args }
}

export function memcachedCommand(name: string, program: string): ServerCommand {
  // memcached refuses to run as root without being told so.
  const user = process.getuid?.() === 0 ? ['-u', 'root'] : []
  return { name, command: program, args: [...user, ...COMMON_FLAGS] }
}

/** The same with a certificate. */
export function withTls(server: ServerCommand, { cert, key }: Certificate): ServerCommand {
  const flags = ['-Z', '-o', `ssl_chain_cert=${cert},ssl_key=${key}`]
  return { ...server, args: [...server.args, ...flags], opening: { tls: true } }
}

/** Our router, one data thread, over nodes that listen on these ports. */
export function routerCommand(io: string, nodePorts: readonly number[]): ServerCommand {
  const nodes = nodePorts.map(port => `127.0.0.1:${port}`).join(',')
  const where = ['-l', '127.0.0.1', '-p', '-1', '-t', '1']
  const args = [MAIN, 'router', ...where, '--nodes', nodes, '--io', io]
  return { name: `router ${io}`, command: process.execPath, args }
}

/**
 * twemproxy over the same nodes, placing keys as our router does.
 * @param directory for its files; the caller removes it.
 */
export async function twemproxyCommand(
  directory: string,
  nodePorts: readonly number[],
): Promise<ServerCommand> {
  const [port, statsPort] = await Promise.all([freePort(), freePort()])
  const config = join(directory, 'nutcracker.yml')
  const servers = nodePorts.map(nodePort => `   - 127.0.0.1:${nodePort}:1`)
  const pool = ['hash: md5', 'distribution: ketama', 'preconnect: true', 'backlog: 1024']
  const lines = ['pool:', `  listen: 127.0.0.1:${port}`, ...pool.map(line => `  ${line}`)]
  writeFileSync(config, [...lines, '  servers:', ...servers, ''].join('\n'))
  const own = ['-o', join(directory, 'log'), '-p', join(directory, 'pid')]
  const args = ['-c', config, '-a', '127.0.0.1', '-s', String(statsPort), ...own]
  return { name: 'twemproxy', command: 'nutcracker', args, port }
}

/** Free when asked: another process may take it before it is used. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (address === null || typeof address === 'string') throw new Error('Cannot read the port')
      server.close(() => resolve(address.port))
    })
  })
}

/** The command line as one would type it, for reports. */
export function commandText(server: ServerCommand): string {
  return [server.command, ...server.args].join(' ').replaceAll(`${process.cwd()}/`, '')
}

/**
 * @param cpu its number, or several, as taskset lists them.
 * @throws with the server's output if it does not listen within 15 s.
 */
export async function startPinned(
  server: ServerCommand,
  cpu: number | string,
): Promise<PinnedServer> {
  const directory = mkdtempSync(join(tmpdir(), 'memring-bench-'))
  const portFile = join(directory, 'port')
  // taskset becomes the server by exec, so the pid is the server's.
  const child = spawn('taskset', ['-c', String(cpu), server.command, ...server.args], {
    env: { ...process.env, MEMCACHED_PORT_FILENAME: portFile },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let output = ''
  const collect = (piece: Buffer): void => {
    output = (output + piece.toString()).slice(-OUTPUT_CHARS_MAX)
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  let endReason: string | null = null
  const ended = new Promise<void>(resolve => {
    const end = (reason: string): void => {
      endReason ??= reason
      running.delete(child)
      resolve()
    }
    child.once('error', error => end(error.message))
    child.once('close', (code, signal) => end(`ended with ${code ?? signal}`))
  })
  try {
    const reason = (): string | null => endReason
    const { port: told, opening = {} } = server
    const port = told ?? (await portFrom(portFile, reason))
    const version = await (told === undefined
      ? askVersion(port, opening)
      : askUntilAnswered(port, reason))
    const { name } = server
    return { name, pid: child.pid!, port, opening, version, stop: () => stop(child, ended) }
  } catch (cause) {
    await stop(child, ended)
    const text = `Cannot start ${commandText(server)}: ${output.trim() || 'no output'}`
    throw new Error(text, { cause })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
  await ended
  clearTimeout(timer)
}

async function portFrom(file: string, endReason: () => string | null): Promise<number> {
  const deadline = performance.now() + START_TIMEOUT_MS
  while (performance.now() < deadline) {
    const port = /^TCP INET: (\d+)$/m.exec(readIfThere(file))?.[1]
    if (port !== undefined) return Number(port)
    const reason = endReason()
    if (reason !== null) throw new Error(`Cannot wait for the port: ${reason}`)
    await sleep(PORT_POLL_MS)
  }
  throw new Error(`Cannot read the port: nothing listens after ${START_TIMEOUT_MS} ms`)
}

/** A server that does not say when it listens is asked again until it does. */
async function askUntilAnswered(port: number, endReason: () => string | null): Promise<string> {
  const deadline = performance.now() + START_TIMEOUT_MS
  for (;;) {
    try {
      return await askVersion(port, {})
    } catch (error) {
      const reason = endReason()
      if (reason !== null) throw new Error(`Cannot ask for a version: ${reason}`, { cause: error })
      if (performance.now() > deadline) throw error
      await sleep(PORT_POLL_MS)
    }
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // Not written yet: the caller asks again until its deadline.
    return ''
  }
}

function askVersion(port: number, { tls = false, login = '' }: Opening): Promise<string> {
  return new Promise((resolve, reject) => {
    const where = { host: '127.0.0.1', port, timeout: STOP_TIMEOUT_MS }
    const socket = tls ? connectTls({ ...where, rejectUnauthorized: false }) : connect(where)
    let text = ''
    socket.on(tls ? 'secureConnect' : 'connect', () => socket.write(`${login}version\r\n`))
    socket.on('data', piece => {
      text += piece.toString('latin1')
      const version = /^(?:STORED\r\n)?VERSION (\S+)\r\n/.exec(text)?.[1]
      if (version === undefined) return
      socket.destroy()
      resolve(version)
    })
    const fail = (reason: string): void => {
      socket.destroy()
      reject(new Error(`Cannot ask port ${port} for its version: ${reason}`))
    }
    socket.on('error', error => fail(error.message))
    socket.on('timeout', () => fail(`got ${JSON.stringify(text)}`))
    socket.on('end', () => fail(`got ${JSON.stringify(text)}`))
  })
}
