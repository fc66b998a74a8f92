// `memring up` as a process of its own, for tests: its cluster file in a directory of its own, its
// children found in /proc, and everything ended by pid when the test is over.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { parseAddress } from '../../src/cluster/address.ts'
import type { Address } from '../../src/cluster/config.ts'
import { TestConnection } from '../support/connection.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const WAIT_MS = 15_000

export type Options = {
  flags?: readonly string[]
  env?: Readonly<Record<string, string>>
  files?: Readonly<Record<string, string>>
}

export type Up = {
  process: ChildProcess
  pid: number
  file: string
  /** Everything printed so far, both streams and all processes together. */
  output: () => string
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

export type RunningUp = Up & {
  router: Address
  nodes: readonly Address[]
  /** From the start of the process to its line that everything serves. */
  startMs: number
}

export function cluster(nodes: number, rest = ''): string {
  const list = Array.from({ length: nodes }, (_, at) => {
    return `  - { name: node-${at + 1}, address: "127.0.0.1:0" }`
  })
  const router = 'router: { listen: "127.0.0.1:0", threads: 1 }'
  return `name: test\ndefaults: { threads: 1 }\nnodes:\n${list.join('\n')}\n${router}\n${rest}`
}

/** Starts it and does not wait. */
export function launchUp(yaml: string, options: Options = {}): Up {
  const directory = mkdtempSync(join(tmpdir(), 'memring-up-'))
  const file = join(directory, 'cluster.yaml')
  for (const [name, text] of Object.entries({ ...options.files, 'cluster.yaml': yaml })) {
    writeFileSync(join(directory, name), text)
  }
  const args = [MAIN, 'up', '--config', file, ...(options.flags ?? [])]
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  // Not 'close': children that were left behind would hold the pipes open.
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  const { pid } = child
  if (pid === undefined) throw new Error('Cannot start memring up: it has no pid')
  onTestFinished(async () => {
    // Asked first, because it ends its children; those of a test that failed are ended by pid.
    const children = childrenOf(pid)
    child.kill('SIGTERM')
    await Promise.race([exited, sleep(7000)])
    for (const left of [...children, pid].filter(runs)) process.kill(left, 'SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  })
  return { process: child, pid, file, output: () => output, exited }
}

/** Starts it and waits until it says that everything serves. */
export async function startUp(yaml: string, options: Options = {}): Promise<RunningUp> {
  const from = performance.now()
  const up = launchUp(yaml, options)
  const line = /^memring cluster \S+: router (.*); nodes (.*)$/m
  await until(() => line.test(up.output()) || up.process.exitCode !== null, up.output)
  const [, router, nodes] = line.exec(up.output()) ?? []
  if (router === undefined || nodes === undefined) throw new Error(up.output())
  const [first] = addresses(router)
  if (first === undefined) throw new Error(up.output())
  return { ...up, router: first, nodes: addresses(nodes), startMs: performance.now() - from }
}

function addresses(list: string): Address[] {
  return list.split(', ').map(parseAddress)
}

export async function until(
  condition: () => boolean | Promise<boolean>,
  describe: () => string,
): Promise<void> {
  const deadline = performance.now() + WAIT_MS
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Cannot wait longer: ${describe()}`)
    await sleep(10)
  }
}

/** One request on a connection of its own; undefined when it is refused or cut off. */
export async function ask(address: Address, line: string): Promise<string | undefined> {
  let connection: TestConnection | undefined
  try {
    connection = await TestConnection.open(address)
    return (await connection.ask(line)) || undefined
  } catch {
    // Nobody listens there at the moment.
    return undefined
  } finally {
    connection?.close()
  }
}

/** Whether a process runs; a zombie does not. */
export function runs(pid: number): boolean {
  return statOf(pid) !== undefined && statOf(pid)?.state !== 'Z'
}

/** The running children of a process, oldest first. */
export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => statOf(pid)?.parent === parent && runs(pid))
    .sort((one, other) => one - other)
}

/** The children that were started with this word on their command line (`node`, `router`). */
export function childrenRunning(parent: number, ...words: string[]): number[] {
  return childrenOf(parent).filter(pid => words.every(word => commandOf(pid).includes(word)))
}

export function commandOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    // It ended between the listing and this look.
    return []
  }
}

function statOf(pid: number): { state: string; parent: number } | undefined {
  try {
    // The name in parentheses may hold anything; what follows it does not.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '')
    const [state = '', parent = ''] = stat.split(' ')
    return { state, parent: Number(parent) }
  } catch {
    // It ended between the listing and this look.
    return undefined
  }
}
