// Runs a server of ours as a process whose end is looked at closely: standard error apart from
// standard output, a descriptor of the test's own in its place if wanted, limits set by prlimit,
// faults put in by a preloaded module. Processes that a test leaves behind are ended by pid.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

/** POSIX; Node has no call for it. */
const MAKE_PIPE = 'mkfifo'
const START_TIMEOUT_MS = 60_000
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
/** A node from its parts, for what the command line does not offer. */
export const PORTABLE_NODE = fileURLToPath(new URL('fixtures/portable-node.ts', import.meta.url))

export type End = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** `performance.now()` when it was seen. */
  readonly atMs: number
}

export type Program = {
  readonly pid: number
  readonly host: string
  readonly port: number
  readonly address: string
  stderr(): string
  readonly ended: Promise<End>
  signal(name: NodeJS.Signals): void
}

export type ProgramOptions = {
  /** Another program than the command line. */
  readonly file?: string
  readonly env?: Readonly<Record<string, string>>
  /** A descriptor that becomes its standard error; without it, it is collected. */
  readonly stderr?: number
  /** Most descriptors it may have open. */
  readonly descriptors?: number
  /** The faults of fixtures/faults.ts are in it. */
  readonly faults?: boolean
  /** As on a machine where koffi cannot be installed. */
  readonly withoutKoffi?: boolean
  /** io_uring is refused by the kernel. */
  withoutUring?: boolean
}

/** Resolves once it listens; ended when the test is over. */
export async function startProgram(
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<Program> {
  const directory = mkdtempSync(join(tmpdir(), 'memring-fault-'))
  const portFile = join(directory, 'port')
  const child = launch(args, options, portFile)
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
  })
  const ended = new Promise<End>(resolve => {
    let atMs = 0
    child.once('exit', () => {
      atMs = performance.now()
    })
    // Only then has all that it said been read.
    child.once('close', (code, signal) => resolve({ code, signal, atMs }))
  })
  onTestFinished(async () => {
    child.kill('SIGCONT')
    child.kill('SIGKILL')
    await ended
    rmSync(directory, { recursive: true, force: true })
  })
  const port = await waitForPort(portFile, child, () => text)
  const pid = child.pid!
  return {
    pid,
    host: '127.0.0.1',
    port,
    address: `127.0.0.1:${port}`,
    stderr: () => text,
    ended,
    signal: name => {
      child.kill(name)
    },
  }
}

export function nodeFlags(threads: number, ...more: string[]): string[] {
  return ['node', '-p', '-1', '-l', '127.0.0.1', '-t', String(threads), ...more]
}

export function routerFlags(threads: number, nodes: readonly { address: string }[]): string[] {
  const list = nodes.map(node => node.address).join(',')
  return ['router', '--nodes', list, '-p', '-1', '-l', '127.0.0.1', '-t', String(threads)]
}

function launch(args: readonly string[], options: ProgramOptions, portFile: string): ChildProcess {
  const preloaded = [
    options.withoutKoffi && 'no-koffi',
    options.withoutUring && 'no-uring',
    options.faults && 'faults',
  ]
  const imports = preloaded.filter(name => typeof name === 'string').map(importOf)
  const own = [process.execPath, options.file ?? MAIN, ...args]
  const { descriptors: limit } = options
  const [command = '', ...rest] =
    limit === undefined ? own : ['prlimit', `--nofile=${limit}:${limit}`, ...own]
  return spawn(command, rest, {
    env: {
      ...process.env,
      // Elsewhere MEMRING_IO says what to test; without koffi there is but one.
      ...(options.withoutKoffi ? { MEMRING_IO: 'auto' } : {}),
      ...(imports.length > 0 ? { NODE_OPTIONS: imports.join(' ') } : {}),
      ...options.env,
      MEMCACHED_PORT_FILENAME: portFile,
    },
    stdio: ['ignore', 'ignore', options.stderr ?? 'pipe'],
  })
}

function importOf(fixture: string): string {
  return `--import ${new URL(`fixtures/${fixture}.ts`, import.meta.url).href}`
}

async function waitForPort(file: string, child: ChildProcess, said: () => string): Promise<number> {
  const deadline = performance.now() + START_TIMEOUT_MS
  while (performance.now() < deadline && child.exitCode === null && child.signalCode === null) {
    const port = portIn(file)
    if (port !== undefined) return port
    await sleep(5)
  }
  const code = child.exitCode ?? child.signalCode
  throw new Error(`Cannot wait for the port: ended with ${code}, said ${said() || 'nothing'}`)
}

function portIn(file: string): number | undefined {
  try {
    const match = /^TCP INET: (\d+)$/m.exec(readFileSync(file, 'utf8'))
    return match === null ? undefined : Number(match[1])
  } catch {
    // Not written yet: the caller asks again until its deadline.
    return undefined
  }
}

/** How long after `fromMs` it ended, and with what; fails if it runs on. */
export async function endAfter(
  program: Program,
  fromMs: number,
): Promise<{ code: number | null; signal: string | null; afterMs: number }> {
  const late = sleep(5000, undefined, { ref: false })
  const end = await Promise.race([program.ended, late])
  if (end === undefined) throw new Error(`Cannot see ${program.pid} end: it runs after 5 s`)
  return { code: end.code, signal: end.signal, afterMs: end.atMs - fromMs }
}

/** The JSON lines of a log; a line that is none fails. */
export function logLines(text: string): Record<string, unknown>[] {
  const lines = text.split('\n').filter(line => line !== '')
  return lines.map(line => JSON.parse(line) as Record<string, unknown>)
}

/** A pipe that is full and that nobody reads: what writes to it blocks. */
export function fullPipe(): number {
  const directory = mkdtempSync(join(tmpdir(), 'memring-pipe-'))
  const path = join(directory, 'pipe')
  const made = spawnSync(MAKE_PIPE, [path], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`Cannot make a pipe: ${made.stderr}`)
  const keeper = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  // Opened apart, because O_NONBLOCK is shared by all copies of one open descriptor.
  const blocking = openSync(path, constants.O_WRONLY)
  rmSync(directory, { recursive: true, force: true })
  fill(keeper)
  onTestFinished(() => {
    closeSync(keeper)
    closeSync(blocking)
  })
  return blocking
}

function fill(fd: number): void {
  for (const size of [4096, 1]) {
    try {
      for (;;) writeSync(fd, Buffer.alloc(size, 0x2e))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

/** Open descriptors of a process. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** Resident memory, in bytes. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

/** Processor time a process has used, in milliseconds. */
export function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ')
  // Clock ticks of 10 ms: USER_HZ is 100 on every architecture Node runs on.
  return (Number(fields[11]) + Number(fields[12])) * 10
}
