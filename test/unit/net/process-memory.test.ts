// What a server gives back to the kernel: which mappings, by real and by made-up smaps, and that
// malloc's free memory is gone from a process that holds it.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Libc } from '../../../src/net/libc.ts'
import { cleanMappings, giveBackUnused, limitHeaps } from '../../../src/net/process-memory.ts'

function smapsOf(head: string, anonymousKib = 0): string {
  return `${head}\nSize:  64 kB\nRss:  64 kB\nAnonymous:  ${anonymousKib} kB\nAnonHugePages: 0 kB\n`
}

const CODE = '00400000-00410000 r-xp 0042e000 fe:00 5310134     /usr/bin/node'

describe('cleanMappings()', () => {
  test('finds code and constants of files, by address and size', () => {
    const constants = '7ffff0000000-7ffff0003000 r--p 00000000 fe:00 5310134 /usr/lib/a b.so'
    expect(cleanMappings(smapsOf(CODE) + smapsOf(constants))).toEqual([
      { at: 0x400000, sizeBytes: 0x10000 },
      { at: 0x7ffff0000000, sizeBytes: 0x3000 },
    ])
  })

  test.each([
    ['a file of which a page has been written to', CODE, 4],
    ['a file that can be written to', CODE.replace('r-xp', 'rw-p'), 0],
    ['a shared mapping', CODE.replace('r-xp', 'r--s'), 0],
    ['memory of no file', '7f00000-7f10000 r-xp 00000000 00:00 0 ', 0],
    ['the heap', '7f00000-7f10000 rw-p 00000000 00:00 0 [heap]', 0],
  ])('leaves out %s', (_, head, anonymousKib) => {
    expect(cleanMappings(smapsOf(head, anonymousKib))).toEqual([])
  })

  test('finds the executable in this process, and nothing that is written to', () => {
    const smaps = readFileSync('/proc/self/smaps', 'latin1')
    const found = cleanMappings(smaps)
    expect(found.length).toBeGreaterThan(0)
    const heads = smaps.split('\n').filter(line => /^[0-9a-f]+-[0-9a-f]+ /.test(line))
    for (const { at } of found) {
      const head = heads.find(line => line.startsWith(at.toString(16).padStart(8, '0')))
      expect(head).toMatch(/^\S+ r-[x-]p .*\//)
    }
  })
})

describe('giveBackUnused()', () => {
  const file = new URL('../../../src/net/process-memory.ts', import.meta.url).href
  const libc = new URL('../../../src/net/libc.ts', import.meta.url).href
  /** Frees 64 MiB in pieces with something between them, so that only a trim gives them back. */
  const program = `
    import { readFileSync } from 'node:fs'
    import { giveBackUnused } from '${file}'
    import { loadLibc } from '${libc}'
    const resident = () => Number(/VmRSS:\\s+(\\d+)/.exec(readFileSync('/proc/self/status'))[1])
    const [malloc, free, memset] = [
      ['malloc', 'intptr_t', ['size_t']],
      ['free', 'void', ['intptr_t']],
      ['memset', 'intptr_t', ['intptr_t', 'int', 'size_t']],
    ].map(call => loadLibc().declare(...call))
    const pieces = Array.from({ length: 2048 }, () => {
      const [large] = [malloc(32768), malloc(64)]
      memset(large, 1, 32768)
      return large
    })
    for (const at of pieces) free(at)
    const before = resident()
    giveBackUnused(loadLibc())
        console.log(JSON.stringify({ before, after: resident() }))
  `

  test('memory that malloc keeps is given back, and the process goes on and ends', () => {
    const args = ['--input-type=module', '-e', program]
    const run = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 30_000 })
    expect(run.stderr).toBe('')
    const { before, after } = JSON.parse(run.stdout) as { before: number; after: number }
    expect(before - after).toBeGreaterThan(60 * 1024)
    expect(run.status).toBe(0)
  })

  test('is no reason to end where mappings cannot be read', () => {
    const advised: string[] = []
    const counting: Libc = {
      declare: name => () => advised.push(name),
      errno: () => 0,
      errorName: () => '',
      view: () => new ArrayBuffer(0),
    }
    expect(() => giveBackUnused(counting, '/proc/self/nothing')).not.toThrow()
    expect(advised).toEqual(['malloc_trim'])
    giveBackUnused(counting)
    expect(advised).toContain('madvise')
  })

  test('does nothing without libc, or where it has no such calls', () => {
    const poor: Libc = {
      declare: name => {
        throw new Error(`Cannot find ${name}`)
      },
      errno: () => 0,
      errorName: () => '',
      view: () => new ArrayBuffer(0),
    }
    for (const libc of [undefined, poor]) {
      expect(() => {
        limitHeaps(libc)
        giveBackUnused(libc)
      }).not.toThrow()
    }
  })
})
