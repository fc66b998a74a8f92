import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readLines } from '../../../src/cli/line-list.ts'

const directory = mkdtempSync(join(tmpdir(), 'memring-lines-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const path = join(directory, 'list')

describe('readLines()', () => {
  it('leaves empty lines out, and takes either end of line', async () => {
    writeFileSync(path, 'one\r\n\n\ntwo three\nключ')
    expect(await readLines(path, 10)).toEqual(['one', 'two three', 'ключ'])
  })

  it('has a limit of lines', async () => {
    writeFileSync(path, 'x\n'.repeat(10))
    expect(await readLines(path, 10)).toHaveLength(10)
    await expect(readLines(path, 9)).rejects.toThrow(`Cannot use ${path}: more than 9 lines`)
    writeFileSync(path, 'x\n'.repeat(1_000_000))
    await expect(readLines(path, 9)).rejects.toThrow('more than 9 lines')
  })

  it('has a limit of a line', async () => {
    writeFileSync(path, `${'x'.repeat(1024)}\n`)
    expect(await readLines(path, 10)).toEqual(['x'.repeat(1024)])
    writeFileSync(path, `${'x'.repeat(1025)}\n`)
    await expect(readLines(path, 10)).rejects.toThrow(
      'found a longer line, expected 1024 characters',
    )
    writeFileSync(path, 'x'.repeat(50_000_000))
    await expect(readLines(path, 10)).rejects.toThrow(`Cannot use ${path}: found a longer line`)
  })

  it('says that there is no such file', async () => {
    await expect(readLines(join(directory, 'none'), 10)).rejects.toThrow('ENOENT')
  })
})
