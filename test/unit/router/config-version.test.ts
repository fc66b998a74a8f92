import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { CONFIG_VERSION_MAX, rememberVersion } from '../../../src/router/config-version.ts'

const a = { host: 'a', port: 11211 }
const b = { host: 'b', port: 11211 }
const c = { host: 'c', port: 11211 }

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'memring-version-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

test('the version grows with every other list of nodes, and never goes back', () => {
  const path = directory()
  const told = (nodes: (typeof a)[], ofFile: number): number => {
    const { config, problem } = rememberVersion(path, nodes, ofFile)
    expect(problem).toBe('')
    return config
  }
  expect(told([a, b], 1)).toBe(1)
  expect(told([a, b], 1)).toBe(1)
  // In another order it is the same list.
  expect(told([b, a], 1)).toBe(1)
  expect(told([a, b, c], 1)).toBe(2)
  expect(told([a, b], 1)).toBe(3)
  expect(told([a, { ...b, port: 11212 }], 1)).toBe(4)
  // The cluster file goes first where it says more.
  expect(told([a, b], 20)).toBe(20)
  expect(told([a, b], 21)).toBe(21)
  expect(told([a, b], 5)).toBe(21)
  expect(told([a], 20)).toBe(22)
})

test('at the end of what clients can keep it stays', () => {
  const path = directory()
  expect(rememberVersion(path, [a], CONFIG_VERSION_MAX).config).toBe(CONFIG_VERSION_MAX)
  expect(rememberVersion(path, [b], 1).config).toBe(CONFIG_VERSION_MAX)
})

test.each([
  '',
  'null',
  '{"version":1,"config":7,"nodes":["a:112',
  '{"version":2,"config":7,"nodes":[]}',
  '{"version":1,"config":0,"nodes":[]}',
  '{"version":1,"config":2147483648,"nodes":[]}',
  '{"version":1,"config":1.5,"nodes":[]}',
  '{"version":1,"config":7,"nodes":[1]}',
  `{"version":1,"config":7,"nodes":["${'a'.repeat(1024 * 1024)}"]}`,
])('what is no such file is said, and written anew: %.40s', text => {
  const path = directory()
  const file = join(path, 'discovery.json')
  writeFileSync(file, text)
  const { config, problem } = rememberVersion(path, [a], 3)
  expect(config).toBe(3)
  expect(problem).toBe(`Cannot use ${file}: it is not what a router writes`)
  expect(rememberVersion(path, [a], 1)).toEqual({ config: 3, problem: '' })
  expect(readFileSync(file, 'utf8')).toBe('{"version":1,"config":3,"nodes":["a:11211"]}\n')
})

test('a directory that cannot be written to is said; the version is told all the same', () => {
  const { config, problem } = rememberVersion(join(directory(), 'none'), [a], 3)
  expect(config).toBe(3)
  expect(problem).toMatch(/^Cannot write .*discovery\.json: .*ENOENT/)
})
