// The soak of `npm run soak`, a few seconds of it. So short a time says nothing of memory that grows
// slowly, only of what comes back in the end.

import { expect, test } from 'vitest'
import { runSoak } from '../bench/soak-run.ts'
import { complaints } from './clients.ts'
import { nodeFlags, startProgram } from './program.ts'

const MEMORY = 64
const isLong = process.env['MEMRING_TEST_ALL'] === '1'
const seed = Number(process.env['MEMRING_SEED'] ?? Date.now() % 1_000_000)

test.each(isLong ? [1, 4] : [2])('nothing is left of a soak (%i threads)', async threads => {
  const flags = nodeFlags(threads, '-m', String(MEMORY), '-c', '1024')
  const program = await startProgram(flags)
  console.log(`soak: ${threads} threads, seed ${seed}`)
  const report = await runSoak({
    pid: program.pid,
    port: program.port,
    seconds: isLong ? 10 : 4,
    connections: 48,
    memoryMib: MEMORY,
    seed,
    // Memory is still being filled when a few seconds are over.
    growthMax: isLong ? 15 : 60,
  })
  expect(report.faults).toEqual([])
  expect(complaints(program)).toEqual([])
  const { counts, samples } = report
  expect(counts.requests).toBeGreaterThan(2000)
  expect(counts.hits).toBeGreaterThan(1000)
  expect(counts.connections).toBeGreaterThan(48)
  expect(samples.at(-1)!.evictions).toBeGreaterThan(500)
})
