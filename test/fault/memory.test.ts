// Filled far past -m: the process stays within what it says (-m, 96 MB, and 20 MB a thread), evicts
// or refuses, and serves on. Sizes on both sides of where values get segments of their own.
// It is the built package that is measured: a checkout takes more while it strips types.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { TestConnection } from '../support/connection.ts'
import { readStats } from '../support/stats.ts'
import { nodeFlags, type Program, residentBytes, startProgram } from './program.ts'

const MIB = 1024 * 1024
const MEMORY = 64
const BASE_MB = 96
const THREAD_MB = 20
const CONNECTIONS = 8
const isLong = process.env['MEMRING_TEST_ALL'] === '1'
/** Each connection's batch, so that a pipeline is always full. */
const BATCH_BYTES = 256 * 1024

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'memring-built-'))
const file = join(directory, 'cli/main.js')

beforeAll(() => {
  const args = [join(ROOT, 'scripts/build.ts'), directory]
  const run = spawnSync(process.execPath, args, { encoding: 'utf8' })
  expect(run.stderr).toBe('')
  expect(run.status).toBe(0)
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

type Fill = {
  name: string
  times: number
  size: (prng: Prng) => number
  /** Of a full memory, the part that items must take: values over 16 KiB take whole segments. */
  used?: number
}

const fills: readonly Fill[] = [
  { name: 'values of 100 bytes', times: 1.5, size: () => 100 },
  { name: 'values of 4 KB', times: 6, size: () => 4096 },
  { name: 'values of 16 KiB, the largest that share segments', times: 6, size: () => 16_384 },
  { name: 'values of 16 KiB and 1', times: 6, size: () => 16_385, used: 0.2 },
  { name: 'values of 1,000,000 bytes', times: 8, size: () => 1_000_000 },
  {
    name: 'mixed values',
    times: 6,
    size: prng => {
      const dice = prng.below(100)
      if (dice === 0) return 100_000 + prng.below(900_000)
      return dice < 10 ? prng.below(60_000) : prng.below(dice < 60 ? 200 : 4000)
    },
  },
]

const shapes = [
  { threads: 1, fills },
  { threads: 4, fills: fills.slice(-1) },
]

describe.each(shapes)('memory is bounded ($threads threads)', ({ threads, fills: own }) => {
  test.each(own)('$name, evicting', async fill => {
    const program = await startProgram(nodeFlags(threads, '-m', String(MEMORY)), { file })
    const filled = await fillUp(program, fill)
    expect(filled.answers).toEqual({ STORED: filled.sets })
    expect(filled.peak).toBeLessThan(allowed(threads))
    const client = await TestConnection.open(program)
    const stats = await readStats(client)
    expect(Number(stats.get('evictions'))).toBeGreaterThan(0)
    expect(Number(stats.get('bytes'))).toBeLessThanOrEqual(MEMORY * MIB)
    expect(Number(stats.get('bytes'))).toBeGreaterThan((fill.used ?? 0.5) * MEMORY * MIB)
    await servesOn(client)
    client.close()
  })

  test.each(own)('$name, with -M', async fill => {
    const program = await startProgram(nodeFlags(threads, '-m', String(MEMORY), '-M'), { file })
    const client = await TestConnection.open(program)
    expect(await client.ask('set kept 0 0 4\r\nkept')).toBe('STORED')
    const filled = await fillUp(program, fill)
    const { STORED: stored = 0, [OUT_OF_MEMORY]: refused = 0 } = filled.answers
    expect(stored + refused).toBe(filled.sets)
    expect(stored).toBeGreaterThan(0)
    expect(refused).toBeGreaterThan(filled.sets / 4)
    expect(filled.peak).toBeLessThan(allowed(threads))
    const stats = await readStats(client)
    expect(stats.get('evictions')).toBe('0')
    expect(stats.get('curr_items')).toBe(String(stored + 1))
    expect(Number(stats.get('bytes'))).toBeLessThanOrEqual(MEMORY * MIB)
    await client.send('get kept\r\n')
    const kept = 'VALUE kept 0 4\r\nkept\r\nEND\r\n'
    expect(String(await client.receiveExpected(kept))).toBe(kept)
    // Room that is made is room again.
    for (let at = 0; at < filled.sets; ) {
      const lines: string[] = []
      for (; at < filled.sets && lines.length < 1000; at += 1) {
        lines.push(`delete k${at} noreply\r\n`)
      }
      await client.send(lines.join(''))
    }
    expect(await client.ask('version')).toMatch(/^VERSION/)
    await servesOn(client)
    client.close()
  })
})

const OUT_OF_MEMORY = 'SERVER_ERROR out of memory storing object'

/** Four times as much memory; what was stored is read again, through replies as full. */
const larger = [
  { threads: 1, io: 'auto', bytes: 4096, times: 2 },
  { threads: 4, io: 'auto', bytes: 4096, times: 2 },
  { threads: 4, io: 'net', bytes: 4096, times: 2 },
  { threads: 1, io: 'auto', bytes: 100, times: isLong ? 2 : 0.5 },
  ...(isLong ? [{ threads: 4, io: 'auto', bytes: 100, times: 2 }] : []),
]

test.each(larger)('-m 256: $bytes bytes, -t $threads, --io $io', async shape => {
  const { threads, io, bytes, times } = shape
  const memory = 4 * MEMORY
  const flags = nodeFlags(threads, '-m', String(memory), '--io', io)
  const program = await startProgram(flags, { file })
  const filled = await fillUp(program, { times, size: () => bytes }, memory)
  expect(filled.answers).toEqual({ STORED: filled.sets })
  const readPeak = await readAll(program, filled.sets, bytes)
  expect(Math.max(filled.peak, readPeak)).toBeLessThan(allowed(threads, memory))
  expect(filled.peak).toBeGreaterThan(Math.min(times, 0.9) * memory * MIB)
})

function allowed(threads: number, memory = MEMORY): number {
  return (memory + BASE_MB + THREAD_MB * threads) * MIB
}

/** Every key once, in batches as large as those that set them; the most memory seen meanwhile. */
async function readAll(program: Program, keys: number, bytes: number): Promise<number> {
  const batch = Math.ceil(BATCH_BYTES / (bytes + 60))
  let next = 0
  let hits = 0
  let peak = 0
  const readSome = async (): Promise<void> => {
    const client = await TestConnection.open(program)
    while (next < keys) {
      const from = next
      next = Math.min(keys, next + batch)
      const names = Array.from({ length: next - from }, (_, i) => `k${from + i}`)
      await client.send(`get ${names.join(' ')}\r\n`)
      const reply = String(await client.receiveUntil('END\r\n'))
      hits += reply.split('VALUE ').length - 1
      peak = Math.max(peak, residentBytes(program.pid))
    }
    client.close()
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, readSome))
  expect(hits).toBeGreaterThan(keys / 4)
  return peak
}

async function servesOn(client: TestConnection): Promise<void> {
  for (const size of [10, 5000, 200_000]) {
    const value = 's'.repeat(size)
    expect(await client.ask(`set after 0 0 ${size}\r\n${value}`)).toBe('STORED')
    await client.send('get after\r\n')
    const expected = `VALUE after 0 ${size}\r\n${value}\r\nEND\r\n`
    expect(String(await client.receiveExpected(expected)) === expected).toBe(true)
  }
}

type Filled = { sets: number; answers: Record<string, number>; peak: number }

/** Sets keys k0, k1, … of the given sizes until `times` the memory has been sent. */
async function fillUp(
  program: Program,
  { size, times }: Pick<Fill, 'size' | 'times'>,
  memory = MEMORY,
): Promise<Filled> {
  const prng = new Prng(9)
  const value = 'v'.repeat(1_000_000)
  const filled: Filled = { sets: 0, answers: {}, peak: 0 }
  let left = times * memory * MIB
  const fillOne = async (): Promise<void> => {
    const client = await TestConnection.open(program)
    while (left > 0) {
      const lines: string[] = []
      for (let bytes = 0; bytes < BATCH_BYTES; ) {
        const length = size(prng)
        lines.push(`set k${filled.sets} 0 0 ${length}\r\n${value.slice(0, length)}\r\n`)
        filled.sets += 1
        bytes += length + 60
        left -= length + 60
      }
      await client.send(lines.join(''))
      const answers = String(await client.receiveLines(lines.length))
        .trimEnd()
        .split('\r\n')
      for (const line of answers) filled.answers[line] = (filled.answers[line] ?? 0) + 1
      filled.peak = Math.max(filled.peak, residentBytes(program.pid))
    }
    client.close()
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, fillOne))
  return filled
}
