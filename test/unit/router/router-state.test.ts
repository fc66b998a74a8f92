// What a router remembers over restarts: whole or not at all, and on disk when it is said to be.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { rowsOf } from '../../../src/router/local-sockets.ts'
import { RouterState, StateError } from '../../../src/router/router-state.ts'

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'memring-state-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

describe('RouterState', () => {
  test('marks, name and generation are there again after a restart', async () => {
    const path = join(directory(), 'made', 'for it')
    const first = RouterState.open(path)
    expect([first.isKept, first.problem, first.markOf('a')]).toEqual([true, '', undefined])
    await first.set('a', 'clean')
    await Promise.all([first.set('a', 'marked'), first.set('b', 'clean'), first.set('c', 'marked')])
    const second = RouterState.open(path)
    expect(['a', 'b', 'c'].map(label => second.markOf(label))).toEqual([
      'marked',
      'clean',
      'marked',
    ])
    expect(second.id).toBe(first.id)
    expect(second.nextGeneration()).toBeGreaterThan(first.nextGeneration())
  })

  test('every change is on disk when it has been waited for, whatever is under way', async () => {
    const path = directory()
    const state = RouterState.open(path)
    const all = Array.from({ length: 50 }, async (_, at) => {
      const mark = at % 2 === 0 ? 'marked' : 'clean'
      await state.set(`n${at}`, mark)
      expect(RouterState.open(path).markOf(`n${at}`)).toBe(mark)
    })
    await Promise.all(all)
  })

  const broken = ['', '{', '[]', 'null', '{"version":2}', '{"version":1,"id":"x","generation":1}']
  test.each(broken)('%j is no state, and said to be none', async text => {
    const path = directory()
    const state = RouterState.open(path)
    await state.set('a', 'clean')
    writeFileSync(join(path, 'router-state.json'), text)
    const again = RouterState.open(path)
    expect(again.problem).toMatch(/^Cannot use /)
    expect(again.markOf('a')).toBeUndefined()
  })

  test('a directory that cannot be used is an error', () => {
    const path = join(directory(), 'file')
    writeFileSync(path, '')
    expect(() => RouterState.open(path)).toThrow(StateError)
  })

  test('nobody else may read it, and it holds no keys', async () => {
    const path = directory()
    await RouterState.open(path).set('node-1', 'marked')
    const content = JSON.parse(readFileSync(join(path, 'router-state.json'), 'utf8')) as object
    expect(Object.keys(content)).toEqual(['version', 'id', 'generation', 'nodes'])
  })

  test('without a directory nothing is kept', async () => {
    const state = RouterState.none()
    await state.set('a', 'marked')
    expect([state.isKept, state.markOf('a')]).toEqual([false, 'marked'])
    expect(state.id).toMatch(/^[0-9a-f]{16}$/)
  })
})

test('rowsOf() finds established connections in the table of the kernel', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout',
    '   0: 0100007F:2EDF 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1',
    '   1: 0100007F:D668 0100007F:2BCB 01 00000000:00000000 00:00000000 00000000     0        0 2',
    '12345: 0100007F:D66C 0100007F:2BCB 06 00000000:00000000 03:00001630 00000000     0        0 0',
    '',
  ].join('\n')
  expect(rowsOf(table)).toEqual([{ address: '0100007F', port: 0xd668, remote: '0100007F:2BCB' }])
  const six =
    '   0: 0000000000000000FFFF00000100007F:2BCB 00000000000000000000000001000000:D002 01 0'
  expect(rowsOf(six)).toEqual([
    {
      address: '0000000000000000FFFF00000100007F',
      port: 0x2bcb,
      remote: '00000000000000000000000001000000:D002',
    },
  ])
})
