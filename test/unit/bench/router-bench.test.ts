// The router's benchmark, kept from rotting: one second each, and what it says to wrong options. No
// figure is judged.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { allowedCpus } from '../../bench/support.ts'

const BENCH = fileURLToPath(new URL('../../bench/router-bench.ts', import.meta.url))

interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function runBench(args: readonly string[]): Promise<Finished> {
  return new Promise(resolve => {
    execFile(process.execPath, [BENCH, ...args], { timeout: 55_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, stdout, stderr })
    })
  })
}

describe('router-bench', () => {
  // Pinning server and load apart takes two CPUs.
  test.skipIf(allowedCpus().length < 2)('measures, prints what it compared', async () => {
    const args = ['--pairs', '1', '--seconds', '1', '--warmup', '1', '--depths', '4']
    const { code, stdout, stderr } = await runBench(args)
    expect(stderr).toContain('mix, depth 4, 1/1 twemproxy: ')
    expect(code).toBe(0)
    expect(stdout).toContain(`command: npm run bench:router -- ${args.join(' ')}`)
    expect(stdout).toMatch(/^twemproxy: version \S+, nutcracker -c /m)
    expect(stdout).toMatch(/^router auto \/ twemproxy, 1 pairs +\d+\.\d\d \(/m)
    expect(stdout).toMatch(/^router auto \/ direct, 1 pairs +\d+\.\d\d \(/m)
  })

  test('--help says what there is, with examples', async () => {
    const { code, stdout } = await runBench(['--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Usage: npm run bench:router/)
    expect(stdout).toContain('--pairs N')
    expect(stdout).toContain('Examples:\n')
  })

  test.each([
    [['--nodes', 'redis'], 'Cannot use --nodes "redis": expected memcached or memring'],
    [['--pairs', '0'], 'Cannot read --pairs "0": expected 1 to 1000'],
    [['--unknown'], "Unknown option '--unknown'"],
  ])('%j is refused', async (args, message) => {
    const { code, stdout, stderr } = await runBench(args)
    expect(stderr).toContain(message)
    expect([code, stdout]).toEqual([1, ''])
  })
})
