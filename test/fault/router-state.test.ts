// What a router leaves to the next one with the same `--state-dir`: the directory itself, which only
// one at a time may have, and which nodes have missed writes, however it ended.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import { nodeFlags, type Program, routerFlags, startProgram } from './program.ts'

const SERVES_MS = 15_000

function stateDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'memring-state-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

async function open(address: { host: string; port: number }): Promise<TestConnection> {
  const client = await TestConnection.open(address)
  onTestFinished(() => client.close())
  return client
}

/** The first answer that is not about the node being down. */
async function untilServed(client: TestConnection, line: string): Promise<string> {
  const deadline = performance.now() + SERVES_MS
  for (;;) {
    const said = await client.ask(line)
    if (!said.startsWith('SERVER_ERROR')) return said
    if (performance.now() > deadline) throw new Error(`Cannot wait longer: ${said}`)
    await sleep(10)
  }
}

function marks(directory: string): unknown {
  const file = join(directory, 'router-state.json')
  if (!existsSync(file)) return {}
  return (JSON.parse(readFileSync(file, 'utf8')) as { nodes: unknown }).nodes
}

test('a directory that another router has is refused, and free when that one is gone', async () => {
  const node = await startProgram(nodeFlags(1))
  const state = stateDirectory()
  const flags = [...routerFlags(1, [node]), '--state-dir', state]
  const first = await startProgram(flags)
  await expect(startProgram(flags)).rejects.toThrow(
    `ended with 71, said memring: Cannot use ${state}: another router has it (process ` +
      `${first.pid}), expected a --state-dir of its own for each`,
  )
  expect(await untilServed(await open(first), 'set a 0 0 1\r\n1')).toBe('STORED')
  first.signal('SIGKILL')
  await first.ended
  const second = await startProgram(flags)
  expect(await untilServed(await open(second), 'get a')).toBe('VALUE a 0 1')
})

test('the next router waits while the one before it ends', async () => {
  const node = await startProgram(nodeFlags(1))
  const state = stateDirectory()
  const flags = [...routerFlags(1, [node]), '--state-dir', state]
  const first = await startProgram(flags)
  const client = await open(first)
  expect(await untilServed(client, 'set a 0 0 1\r\n1')).toBe('STORED')
  const second = startProgram(flags)
  await sleep(100)
  first.signal('SIGTERM')
  expect(await untilServed(await open(await second), 'get a')).toBe('VALUE a 0 1')
})

test.each(['set k 0 0 3\r\nnew', 'set k 0 0 3 noreply\r\nnew', 'delete k'])(
  'a router ends with "%s" on its way: nothing older is read through the next one',
  async write => {
    const node: Program = await startProgram(nodeFlags(1))
    const state = stateDirectory()
    const flags = [...routerFlags(1, [node]), '--state-dir', state]
    const first = await startProgram(flags)
    const client = await open(first)
    expect(await untilServed(client, 'set k 0 0 3\r\nold')).toBe('STORED')
    expect(marks(state)).toEqual({ [node.address]: 'clean' })
    node.signal('SIGSTOP')
    // A process that is stopped stops when it is next looked at.
    await sleep(50)
    await client.send(`${write}\r\n`)
    await sleep(50)
    first.signal('SIGTERM')
    expect(await first.ended).toMatchObject({ code: 0 })
    expect(marks(state)).toEqual({ [node.address]: 'marked' })
    node.signal('SIGCONT')
    const next = await open(await startProgram(flags))
    expect(await untilServed(next, 'get k')).toBe('END')
    expect(marks(state)).toEqual({ [node.address]: 'clean' })
  },
)
