// Starts the servers that tests talk to (our node and router, Debian's memcached) as processes
// of their own, waits until they listen, and ends them by pid. A server says where it listens by
// writing memcached's port file (MEMCACHED_PORT_FILENAME), so every test can leave the port to
// the kernel. What a server prints is kept and quoted when it fails to start.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { lstatSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const START_TIMEOUT_MS = 15_000
const STOP_TIMEOUT_MS = 5_000
const OUTPUT_BYTES_MAX = 1 << 20

export interface ExitStatus {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface StopStatus extends ExitStatus {
  /** SIGTERM was not enough within five seconds. */
  readonly forced: boolean
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>
}

export interface MemcachedOptions extends StartOptions {
  /** Which memcached, instead of the one on PATH. */
  readonly program?: string
}

export interface ServerProcess {
  readonly pid: number
  readonly host: string
  readonly port: number
  /** `host:port`, as clients and `--nodes` take it. */
  readonly address: string
  /** Everything printed so far, both streams together. */
  output(): string
  /** Resolves when the process has ended, for whatever reason. */
  readonly exited: Promise<ExitStatus>
  signal(name: NodeJS.Signals): void
  /** SIGTERM, then SIGKILL after five seconds; may be called more than once. */
  stop(): Promise<StopStatus>
}

export interface FinishedProcess extends ExitStatus {
  readonly output: string
}

const running = new Set<ChildProcess>()

// A test run that dies must not leave servers behind.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** `memring node` with memcached's flags; without `-p` and `-l` a free port on loopback. */
export function startNode(
  flags: readonly string[] = [],
  options: StartOptions = {},
): Promise<ServerProcess> {
  return startServer(process.execPath, [MAIN, 'node', ...withPort(flags)], options)
}

/** Debian's memcached with the same defaults as startNode: a free port on loopback. */
export function startMemcached(
  flags: readonly string[] = [],
  options: MemcachedOptions = {},
): Promise<ServerProcess> {
  const { program = 'memcached' } = options
  memcachedVersion(program)
  return startServer(program, [...asUser(), ...withPort(flags)], options)
}

/** `memring router` in front of nodes given as `host:port`. */
export function startRouter(
  nodes: readonly string[],
  flags: readonly string[] = [],
  options: StartOptions = {},
): Promise<ServerProcess> {
  const args = [MAIN, 'router', '--nodes', nodes.join(','), ...withPort(flags)]
  return startServer(process.execPath, args, options)
}

/** `memring router` with a cluster file that listens on loopback. */
export function startRouterFrom(
  file: string,
  flags: readonly string[] = [],
): Promise<ServerProcess> {
  const args = [MAIN, 'router', '--config', file, '-p', '-1', ...flags]
  return startServer(process.execPath, args, {})
}

/** `memring router` that finds its nodes as its flags say. */
export function startRouterBy(flags: readonly string[]): Promise<ServerProcess> {
  return startServer(process.execPath, [MAIN, 'router', ...withPort(flags)], {})
}

/** Runs the CLI until it ends by itself: for refusals, `-h`, `-V`. */
export async function runMemring(
  args: readonly string[],
  options: StartOptions = {},
): Promise<FinishedProcess> {
  const child = launch(process.execPath, [MAIN, ...args], options.env ?? {})
  const output = collectOutput(child)
  const exited = exitOf(child)
  const timer = new AbortController()
  const late = sleep(START_TIMEOUT_MS, null, { signal: timer.signal, ref: false }).catch(() => null)
  const status = await Promise.race([exited, late])
  timer.abort()
  if (status === null) {
    child.kill('SIGKILL')
    throw new Error(`Cannot wait for "memring ${args.join(' ')}" to end: ${output()}`)
  }
  return { ...status, output: output() }
}

/** Threads of a node whose test is for any number of them: MEMRING_TEST_THREADS, or `fallback`. */
export function testThreads(fallback: number): number {
  const given = process.env['MEMRING_TEST_THREADS']
  if (given === undefined) return fallback
  const threads = Number(given)
  if (Number.isInteger(threads) && threads >= 1 && threads <= 64) return threads
  throw new RangeError(`Cannot use MEMRING_TEST_THREADS "${given}": expected 1 to 64`)
}

const knownVersions = new Map<string, string>()

/** The version that a memcached on this machine reports; throws if there is none. */
export function memcachedVersion(program = 'memcached'): string {
  const known = knownVersions.get(program)
  if (known !== undefined) return known
  const result = spawnSync(program, ['-V'], { encoding: 'utf8' })
  const version = /memcached (\S+)/.exec(result.stdout ?? '')?.[1]
  if (version === undefined) {
    throw new Error(
      program === 'memcached'
        ? 'Debian package memcached is needed: apt-get install memcached'
        : `Cannot run ${program} -V: ${result.error?.message ?? result.stderr}`,
    )
  }
  knownVersions.set(program, version)
  return version
}

/** memcached refuses to run as root without being told so. */
function asUser(): string[] {
  return process.getuid?.() === 0 ? ['-u', 'root'] : []
}

function withPort(flags: readonly string[]): string[] {
  const has = (...names: string[]): boolean => flags.some(flag => names.includes(flag))
  return [
    ...(has('-p', '--port') ? [] : ['-p', '-1']),
    ...(has('-l', '--listen') ? [] : ['-l', '127.0.0.1']),
    ...flags,
  ]
}

async function startServer(
  command: string,
  args: readonly string[],
  options: StartOptions,
): Promise<ServerProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'memring-test-'))
  const portFile = join(directory, 'port')
  const child = launch(command, args, { ...options.env, MEMCACHED_PORT_FILENAME: portFile })
  const output = collectOutput(child)
  const exited = exitOf(child)
  try {
    const unixPath = args[args.indexOf('-s') + 1]
    const ready = args.includes('-s') ? () => unixPort(unixPath!) : () => readPort(portFile)
    const port = await waitForPort(ready, child)
    return serverProcess(child, { port, output, exited })
  } catch (cause) {
    child.kill('SIGKILL')
    throw new Error(`Cannot start ${command} ${args.join(' ')}: ${output() || 'no output'}`, {
      cause,
    })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function launch(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): ChildProcess {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  return child
}

function exitOf(child: ChildProcess): Promise<ExitStatus> {
  return new Promise(resolve => {
    const done = (code: number | null, signal: NodeJS.Signals | null): void => {
      running.delete(child)
      resolve({ code, signal })
    }
    child.once('close', done)
    // A command that cannot be run at all has no exit of its own: waitForPort reports it.
    child.once('error', () => done(null, null))
  })
}

function collectOutput(child: ChildProcess): () => string {
  const pieces: Buffer[] = []
  let size = 0
  const collect = (piece: Buffer): void => {
    if (size > OUTPUT_BYTES_MAX) return
    size += piece.length
    pieces.push(piece)
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  return () => Buffer.concat(pieces).toString('utf8')
}

async function waitForPort(ready: () => number | undefined, child: ChildProcess): Promise<number> {
  const deadline = Date.now() + START_TIMEOUT_MS
  let failure: Error | undefined
  child.once('error', error => {
    failure = error
  })
  while (Date.now() < deadline) {
    if (failure !== undefined) throw failure
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`Cannot wait for the port: ended with ${child.exitCode ?? child.signalCode}`)
    }
    const port = ready()
    if (port !== undefined) return port
    await sleep(5)
  }
  throw new Error(`Cannot wait for the port: nothing listens after ${START_TIMEOUT_MS} ms`)
}

/** There is no port file for a unix socket, and no port: 0, when the socket is there. */
function unixPort(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true ? 0 : undefined
}

function readPort(portFile: string): number | undefined {
  let text: string
  try {
    text = readFileSync(portFile, 'utf8')
  } catch {
    // Not written yet: the caller asks again until its deadline.
    return undefined
  }
  const match = /^TCP INET: (\d+)$/m.exec(text)
  return match === null ? undefined : Number(match[1])
}

interface Started {
  readonly port: number
  readonly output: () => string
  readonly exited: Promise<ExitStatus>
}

function serverProcess(child: ChildProcess, started: Started): ServerProcess {
  const { pid } = child
  if (pid === undefined) throw new Error('Cannot read the pid: the process never started')
  const host = '127.0.0.1'
  const { port, output, exited } = started
  return {
    pid,
    host,
    port,
    address: `${host}:${port}`,
    output,
    exited,
    signal: name => {
      child.kill(name)
    },
    stop: () => stop(child, exited),
  }
}

async function stop(child: ChildProcess, exited: Promise<ExitStatus>): Promise<StopStatus> {
  let forced = false
  child.kill('SIGTERM')
  const timer = setTimeout(() => {
    forced = true
    child.kill('SIGKILL')
  }, STOP_TIMEOUT_MS)
  const status = await exited
  clearTimeout(timer)
  return { ...status, forced }
}
