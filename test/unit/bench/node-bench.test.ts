// The benchmark itself, kept from rotting: memcached against itself for one second each, and what
// it says to wrong options. No figure is judged.

import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Result } from '../../bench/comparison.ts'
import { allowedCpus } from '../../bench/support.ts'

const BENCH = fileURLToPath(new URL('../../bench/node-bench.ts', import.meta.url))

interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function runBench(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> {
  return new Promise(resolve => {
    const options = { env: { ...process.env, ...env }, timeout: 25_000 }
    execFile(process.execPath, [BENCH, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, stdout, stderr })
    })
  })
}

describe('node-bench', () => {
  // Pinning server and load apart takes two CPUs.
  test.skipIf(allowedCpus().length < 2)('--aa measures, prints and writes JSON', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'memring-test-'))
    const json = join(directory, 'result.json')
    try {
      const args = ['--aa', '--pairs', '1', '--seconds', '1', '--warmup', '1', '--depths', '4']
      const { code, stdout, stderr } = await runBench([...args, '--json', json])
      expect(stderr).toContain('mix, depth 4, 1/1 memcached again: ')
      expect(code).toBe(0)
      expect(stdout).toContain(`command: npm run bench -- ${args.join(' ')}`)
      expect(stdout).toMatch(/^memcached: version \d+\.\d+\.\d+, memcached .*-t 1/m)
      expect(stdout).toMatch(/^memcached +\d+\.\d\d +\d+ +\d/m)
      expect(stdout).toMatch(/^memcached \/ memcached again, 1 pairs +\d+\.\d\d \(/m)
      const { results } = JSON.parse(readFileSync(json, 'utf8')) as { results: Result[] }
      expect(results.map(({ label }) => label)).toEqual(['mix, depth 4'])
      const [first] = results[0]?.servers ?? []
      expect(first?.slices[0]?.cpuMicrosPerRequest).toBeGreaterThan(0)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('--help says what there is, with examples', async () => {
    const { code, stdout } = await runBench(['--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Usage: npm run bench/)
    expect(stdout).toContain('Examples:\n')
  })

  test.each([
    [['--pairs', '0'], 'Cannot read --pairs "0": expected 1 to 1000'],
    [['--seconds', '3601'], 'Cannot read --seconds "3601": expected 1 to 3600'],
    [['--depths', '1,x'], 'Cannot read --depths "x": expected 1 to 1024'],
    [['--connections', '99999999999'], 'Cannot read --connections "99999999999": expected'],
    [['--shapes', 'mix,square'], 'Cannot find shape "square": expected mix, depths, sets'],
    [['--io', 'uring,fast'], 'Cannot use --io "fast": expected uring, epoll, net'],
    [['--rate', '0'], 'Cannot read --rate "0": expected 1 to 10000000'],
    [['--unknown'], "Unknown option '--unknown'"],
  ])('%j is refused', async (args, message) => {
    const { code, stdout, stderr } = await runBench(args)
    expect(stderr).toContain(message)
    expect([code, stdout]).toEqual([1, ''])
  })

  test.skipIf(allowedCpus().length < 2)('a server that cannot be run is named', async () => {
    const missing = { MEMCACHED_BIN: '/nowhere/memcached' }
    const { code, stderr } = await runBench(['--aa', '--quick'], missing)
    expect(stderr).toContain('Cannot start /nowhere/memcached')
    expect(stderr).toContain('No such file or directory')
    expect(code).toBe(1)
  })
})
