// `memring sim` as it is called: a small trace whose results are known by hand.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'memring-sim-e2e-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function sim(args: readonly string[], input = '') {
  const options = { input, encoding: 'utf8', timeout: 20_000 } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'sim', ...args], options)
  return { status, stdout, stderr }
}

/**
 * Three of these fit in 1,024 bytes. LRU finds A, then evicts B for D, C for B, D for C and A for
 * D; FIFO evicts A for D, and then each key just before it is asked for. D comes for the first time
 * in the middle: no cache finds it, nor A, B and C, the first time.
 */
const TRACE = Array.from('ABCADABCD', (key, at) => `${at},${key},340,get,0\n`).join('')
const SMALL = ['--policies', 'lru,fifo,infinite', '--memory', '1k', '--overhead', '0']

test('LRU, FIFO and infinite miss what they miss by hand', () => {
  const { status, stdout, stderr } = sim(['-', ...SMALL], TRACE)
  expect(stderr).toBe('')
  expect(status).toBe(0)
  const [head, how, , names, ...rows] = stdout.trimEnd().split('\n')
  expect(head).toBe('standard input: 9 requests in 8 s')
  expect(how).toContain('lru and fifo: exact, 0 bytes beside key and value')
  expect(names).toMatch(/^cache +memory +miss ratio +bytes missed +evictions +items +CPU s$/)
  expect(rows.map(row => row.split(/ +/).slice(0, -1))).toEqual([
    ['lru', '1k', '0.7778', '0.7778', '4', '3'],
    ['fifo', '1k', '0.8889', '0.8889', '5', '3'],
    ['infinite', '0.4444', '0.4444', '0', '4'],
  ])
})

test('the store with room for everything misses what an infinite cache misses; a plot is drawn', () => {
  const folder = directory()
  const [trace, svg] = [join(folder, 'ttl.csv.gz'), join(folder, 'curve.svg')]
  const generate = '--generate ttl --requests 100000 --keys 60000 --rate 5000 --seed 7'.split(' ')
  expect(sim([...generate, '--write', trace])).toEqual({ status: 0, stdout: '', stderr: '' })
  const flags = ['--memory', '8m,64m', '--policies', 'store,infinite', '--json', '--plot', svg]
  const read = (args: readonly string[]) => {
    const { results, survey } = JSON.parse(sim([...args, ...flags]).stdout) as Answer
    // Time is the only thing that differs from one run to the next.
    return { survey, results: results.map(result => ({ ...result, cpuSeconds: 0 })) }
  }
  const fromFile = read([trace])
  const [small, large, infinite] = fromFile.results
  expect(large).toMatchObject({ evictions: 0, misses: infinite!.misses })
  expect(small!.evictions).toBeGreaterThan(0)
  expect(small!.misses).toBeGreaterThan(large!.misses)
  expect(read(generate)).toEqual(fromFile)
  expect(readFileSync(svg, 'utf8').match(/<polyline /g)).toHaveLength(2)
})

type Answer = {
  survey: object
  results: { misses: number; evictions: number; cpuSeconds: number }[]
}

test('a bad line is told with file, line and column, or skipped and counted', () => {
  const file = join(directory(), 'bad.csv')
  writeFileSync(file, `${TRACE}9,E,340,fetch,0\n`)
  const refused = sim([file, ...SMALL])
  expect(refused).toMatchObject({ status: 1, stdout: '' })
  expect(refused.stderr).toBe(
    `${file}:10:9: Cannot read the request: expected one of get, gets, set, add, replace, cas, ` +
      'append, prepend, delete, incr, decr, touch\n',
  )
  const skipped = sim([file, '--skip-bad', ...SMALL])
  expect(skipped.status).toBe(0)
  expect(skipped.stdout).toContain('9 requests in 8 s, 1 bad lines skipped')
})

test.each([
  [[], 64, 'expected a trace or --generate'],
  [['t', '--generate', 'zipf'], 64, 'expected a trace or --generate'],
  [['--generate', 'zapf'], 64, 'Allowed choices are zipf, ttl, scan, shift'],
  [['t', '--write', 'x'], 64, 'expected --generate with it'],
  [['t', '--memory', '7m'], 64, 'expected at least 8m for the store'],
  [['t', '--memory', '8m,x'], 64, 'Cannot use "x"'],
  [['t', '--memory', Array.from({ length: 33 }, (_, i) => `${8 + i}m`).join()], 64, 'at most 32'],
  [['t', '--policies', 'lru,mru'], 64, 'Cannot use policy "mru"'],
  [['t', '--policies', 'lru', '--set', 'patience=1'], 64, 'expected store in --policies'],
  [['t', '--set', 'patience=x'], 64, 'Cannot set "patience=x"'],
  [['t', ...Array.from({ length: 17 }, () => ['--set', 'patience=1']).flat()], 64, 'at most 16'],
  [['t', '--warmup', '1'], 64, 'expected 0 to less than 1'],
  [['t', '-I', '5m', '--memory', '8m'], 64, 'expected at most half of the smallest memory'],
  [['no-such-file.csv'], 1, 'no-such-file.csv: Cannot read the trace: ENOENT'],
  [['--generate', 'zipf', '--requests', '1', '--write', 'none/x'], 1, 'ENOENT'],
])('memring sim %j ends with %i', (args, status, message) => {
  const result = sim(args)
  expect(result.stderr).toContain(message)
  expect(result).toMatchObject({ status, stdout: '' })
})
