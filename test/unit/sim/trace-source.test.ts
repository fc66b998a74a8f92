import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type Generated, writeTrace } from '../../../src/sim/generated.ts'
import { survey } from '../../../src/sim/survey.ts'
import { SimError, type TraceRequest } from '../../../src/sim/trace-request.ts'
import {
  readTrace,
  spool,
  type TraceFile,
  type TraceSource,
} from '../../../src/sim/trace-source.ts'
import { cacheWorkloads } from '../../../src/sim/workloads.ts'
import { fileWith } from './support.ts'

function fileOf(path: string, skipBad = false): TraceFile {
  return { kind: 'file', path, name: 'trace', format: 'auto', skipBad }
}

function generatedOf(workload: string, seed = 1): Generated {
  return { kind: 'generated', workload, requests: 5000, seed, rate: 1000, scale: 0.01 }
}

function textOf({ time, key, keyAt, keySize, valueSize, op, lifetime }: TraceRequest): string {
  const name = Buffer.from(key.slice(keyAt, keyAt + keySize)).toString()
  return [time, name, valueSize, op, lifetime].join()
}

async function linesOf(source: TraceSource): Promise<string[]> {
  const lines: string[] = []
  await readTrace(source, request => lines.push(textOf(request)))
  return lines
}

const TRACE = Array.from(
  { length: 40_000 },
  (_, i) => `${i},key-${i % 700},${i % 99},get,0\n`,
).join('')

describe('readTrace', () => {
  test('plain and packed files are the same trace', async () => {
    const plain = await linesOf(fileOf(fileWith('t.csv', TRACE)))
    expect(plain).toHaveLength(40_000)
    expect(await linesOf(fileOf(fileWith('t.csv.gz', gzipSync(TRACE))))).toEqual(plain)
    expect(await linesOf(fileOf(fileWith('t.csv.zst', zstdCompressSync(TRACE))))).toEqual(plain)
  })

  test('files that are not there, cut off or not packed are told by name', async () => {
    const missing = fileOf(join(dirname(fileWith('t', '')), 'none'))
    await expect(linesOf(missing)).rejects.toThrow(/^trace: Cannot read the trace: ENOENT/)
    const cut = fileOf(fileWith('t.gz', gzipSync(TRACE).subarray(0, 1000)))
    await expect(linesOf(cut)).rejects.toThrow(SimError)
    const notPacked = fileOf(fileWith('t.gz', TRACE))
    await expect(linesOf(notPacked)).rejects.toThrow(
      'trace: Cannot read the trace: incorrect header',
    )
  })

  test('a bad line ends it, or is counted', async () => {
    const path = fileWith('t', '1,a,1,get,0\n2,b,1,got,0\n3,c,1,get,0\n')
    await expect(linesOf(fileOf(path))).rejects.toThrow('trace:2:7: ')
    expect(await readTrace(fileOf(path, true), () => {})).toBe(1)
  })

  test.each(cacheWorkloads.map(({ name }) => name))(
    '%s: the same seed gives the same requests, another one others',
    async workload => {
      const lines = await linesOf(generatedOf(workload))
      expect(lines).toHaveLength(5000)
      expect(await linesOf(generatedOf(workload))).toEqual(lines)
      expect(await linesOf(generatedOf(workload, 2))).not.toEqual(lines)
      expect(lines.at(-1)).toMatch(/^4,k\d+,\d+,0,[02]$/)
    },
  )

  test.each(['t.csv', 't.csv.gz'])('what is written to %s is what is generated', async name => {
    const path = fileWith(name, '')
    await writeTrace(generatedOf('ttl'), path)
    if (name.endsWith('.gz')) expect(gunzipSync(readFileSync(path)).length).toBeGreaterThan(50_000)
    expect(await linesOf(fileOf(path))).toEqual(await linesOf(generatedOf('ttl')))
  })

  test('an unknown workload is refused', async () => {
    await expect(linesOf(generatedOf('nothing'))).rejects.toThrow('no such workload')
  })
})

describe('spool', () => {
  test('keeps a pipe as a file until it is removed', async () => {
    const kept = await spool(Readable.from([Buffer.from('abc'), Buffer.from('def')]), 6)
    expect(readFileSync(kept.path, 'latin1')).toBe('abcdef')
    await kept.remove()
    expect(existsSync(dirname(kept.path))).toBe(false)
  })

  test('more than the limit is an error', async () => {
    const input = Readable.from([Buffer.from('abc'), Buffer.from('def')])
    await expect(spool(input, 5)).rejects.toThrow('expected at most 5 bytes')
  })
})

describe('survey', () => {
  test('counts requests, ops, keys and their largest values', async () => {
    const text = '5,a,10,get,0\n6,bb,20,set,0\n9,a,30,get,0\n8,a,5,delete,0\nbad\n'
    const source = fileOf(fileWith('t', text), true)
    const result = await survey(source, true)
    expect(result).toMatchObject({ requests: 4, gets: 2, fills: 1, badLines: 1, seconds: 4 })
    expect(result).toMatchObject({ keys: 2, keyBytes: 3, valueBytes: 50 })
    expect(await survey(source, false)).toMatchObject({ requests: 4, keys: 0, valueBytes: 0 })
  })

  test('nothing is no requests', async () => {
    const result = await survey(fileOf(fileWith('t', '')), true)
    expect(result).toMatchObject({ requests: 0, keys: 0, seconds: 0 })
  })
})
