// A supervisor over fixture children (fixtures/child.ts), and what is known of them: what they
// were told, what they answer, and whether they still run.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { ConfigureMessage } from '../../../src/cluster/child-protocol.ts'
import type { Address, ClusterConfig, NodeConfig, User } from '../../../src/cluster/config.ts'
import { Supervisor, type SupervisorOptions } from '../../../src/cluster/supervisor.ts'

export const CHILD = fileURLToPath(new URL('fixtures/child.ts', import.meta.url))

export type Behaviour = 'ok' | 'exit' | 'silent' | 'ignore-term' | 'unknown-message'
export type StartNote = { argv: string[]; pid: number; configure: ConfigureMessage }
export type LogLine = { level: string; message: string; fields: Record<string, unknown> }

export type Fixture = {
  supervisor: Supervisor
  lines: LogLine[]
  /** Every start so far, or those of one child. */
  starts: (name?: string) => StartNote[]
  /** The names of the children that ended because they were asked, in order. */
  endings: () => string[]
}

export function nodeConfig(name: string, overrides: Partial<NodeConfig> = {}): NodeConfig {
  return {
    name,
    label: name,
    host: '127.0.0.1',
    port: 0,
    weight: 1,
    memoryMb: 64,
    threads: 1,
    maxItemSizeBytes: 1 << 20,
    connectionLimit: 1024,
    io: undefined,
    ...overrides,
  }
}

export function clusterConfig(nodes: readonly NodeConfig[], users: User[] = []): ClusterConfig {
  return {
    name: 'test',
    placement: { preset: 'ketama' },
    configVersion: 1,
    discovery: undefined,
    nodes,
    users,
    open: false,
    router: {
      listen: [{ host: '127.0.0.1', port: 0 }],
      threads: 1,
      connectionsPerNode: 1,
      connectionLimit: 1024,
      connectTimeoutMs: 1000,
      requestTimeoutMs: 1000,
      reconnectMinMs: 50,
      allow: undefined,
      tls: undefined,
      nodeTls: undefined,
      io: undefined,
      reconnectMaxMs: 1000,
      healthSettings: { timeoutMs: 800, failures: 3, errorPercent: 50, journalKeys: 10_000 },
      deadNode: { reads: 'miss', writes: 'error' },
      outstandingPerNode: 65_536,
      coalesces: true,
    },
  }
}

export function superviseFixtures(
  config: ClusterConfig,
  behaviours: Readonly<Record<string, readonly Behaviour[]>> = {},
  overrides: Partial<SupervisorOptions> = {},
): Fixture {
  const directory = mkdtempSync(join(tmpdir(), 'memring-supervisor-'))
  const journal = join(directory, 'journal')
  writeFileSync(journal, '')
  const lines: LogLine[] = []
  const write = (level: string) => (fields: Record<string, unknown>, message: string) => {
    lines.push({ level, message, fields })
  }
  const supervisor = new Supervisor({
    config,
    configFile: '/etc/cluster.yaml',
    command: process.execPath,
    commandArgs: [CHILD],
    env: {
      ...process.env,
      FIXTURE_JOURNAL: journal,
      FIXTURE_BEHAVIOUR: JSON.stringify(behaviours),
    },
    log: { info: write('info'), warn: write('warn'), error: write('error') },
    startTimeoutMs: 10_000,
    ...overrides,
  })
  onTestFinished(async () => {
    supervisor.kill()
    await supervisor.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const entries = (): (StartNote & { ended?: string })[] =>
    readFileSync(journal, 'utf8')
      .trim()
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line))
  return {
    supervisor,
    lines,
    starts: name =>
      entries().filter(
        entry =>
          entry.argv !== undefined && (name ?? entry.configure.name) === entry.configure.name,
      ),
    endings: () => entries().flatMap(entry => entry.ended ?? []),
  }
}

/** What the child at that address says; undefined if nobody listens there. */
export async function greeting(address: Address | undefined): Promise<string | undefined> {
  if (address === undefined) return undefined
  try {
    return await text(connect(address))
  } catch {
    // Refused or reset: not there, or not there any more.
    return undefined
  }
}

export async function until(condition: () => boolean | Promise<boolean>, what: string) {
  const deadline = performance.now() + 10_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Cannot wait longer: ${what}`)
    await sleep(10)
  }
}

/** Whether a process runs; a zombie does not. */
export function runs(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return !/^\d+ \(.*\) Z /.test(stat)
  } catch {
    // The directory is gone with the process.
    return false
  }
}
