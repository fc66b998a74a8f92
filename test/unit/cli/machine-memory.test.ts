/** -m against the memory there is, and -L against the pages that were set aside. */
import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { expect, test } from 'vitest'
import { machineMemoryBytes } from '../../../src/cli/machine-memory.ts'
import { runMemring } from '../../support/processes.ts'

const MIB = 1024 * 1024

test.each([
  { total: 1000, constrained: 0, expected: 1000 },
  { total: 1000, constrained: 400, expected: 400 },
  { total: 1000, constrained: 2 ** 64, expected: 1000 },
])('of $total bytes, $constrained allowed: $expected', ({ total, constrained, expected }) => {
  expect(machineMemoryBytes(total, constrained)).toBe(expected)
})

test('more memory than there is: refused before anything starts', async () => {
  const tooMuch = Math.floor(totalmem() / MIB) + 1
  const run = await runMemring(['node', '-p', '-1', '-l', '127.0.0.1', '-m', String(tooMuch)])
  expect(run.code).toBe(64)
  expect(run.output).toMatch(
    new RegExp(`Cannot set -m ${tooMuch}: this machine or container has [0-9]+ MB`),
  )
})

const freePages = Number(
  /^HugePages_Free:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1],
)

test.skipIf(freePages > 512)('-L without enough large pages says how many there are', async () => {
  const run = await runMemring(['node', '-p', '-1', '-l', '127.0.0.1', '-m', '1024', '-L'])
  expect(run.code).toBe(71)
  // 512 are the memory itself; how many more there are depends on what lies beside it.
  expect(run.output).toMatch(
    new RegExp(`Cannot map 5\\d\\d large pages: the system has ${freePages} free of 2048 KiB each`),
  )
})
