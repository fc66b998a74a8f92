// The benchmark itself, kept from rotting: small rings, few lookups.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { presetNames } from '../../../src/ring/presets.ts'

const BENCH = fileURLToPath(new URL('../../bench/ring-bench.ts', import.meta.url))

test('ring-bench measures every placement', async () => {
  const args = [BENCH, '--nodes', '3', '--lookups', '1000', '--json']
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const { results } = JSON.parse(stdout)
  const names = results.map(({ placement }: { placement: string }) => placement)
  expect(names).toEqual(expect.arrayContaining([...presetNames]))
  for (const { lookupNs, sum } of results) {
    expect(lookupNs).toBeGreaterThan(0)
    // Not all on the first of three nodes, and not all on the last.
    expect(sum).toBeGreaterThan(0)
    expect(sum).toBeLessThan(5 * 1000 * 2)
  }
})
