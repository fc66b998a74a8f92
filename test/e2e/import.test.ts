// `memring import` as a process: what it prints is a cluster file that `memring check` takes.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runMemring } from '../support/processes.ts'

const directory = mkdtempSync(join(tmpdir(), 'memring-import-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function file(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

const NUTCRACKER = `pool:
  listen: 127.0.0.1:22121
  hash: murmur
  preconnect: true
  servers:
   - 10.0.0.1:11211:1 one
   - 10.0.0.2:11211:2 two
`
const MCROUTER = '{ "pools": { "A": { "servers": ["a:1", "b:1"] } }, "route": "PoolRoute|A" }'

test('a nutcracker.yml becomes a cluster file; what is left out is said', async () => {
  const path = file('nutcracker.yml', NUTCRACKER)
  const { code, output } = await runMemring(['import', path])
  expect(output).toContain(`${path}:4:15: preconnect is left out: `)
  expect(output).toContain('placement: { preset: twemproxy, hash: "murmur" }\n')
  expect(code).toBe(0)
  const text = output.slice(output.indexOf('# From'))
  const checked = await runMemring(['check', file('cluster.yaml', text)])
  expect(checked.output).toMatch(/is right: cluster pool, twemproxy,hash=murmur placement/)
  expect(checked.code).toBe(0)
})

test('an mcrouter.json becomes a cluster file', async () => {
  const { code, output } = await runMemring(['import', file('mcrouter.json', MCROUTER)])
  expect(output).toMatch(/^# From .*mcrouter\.json \(mcrouter\)\nname: "A"\n/)
  expect(output).toContain('placement: mcrouter-ch3\nnodes:\n  - { address: "a:1" }\n')
  expect(code).toBe(0)
})

test.each([
  ['bad.yml', NUTCRACKER.replace('murmur', 'sha1'), [], 1, 'bad.yml:3:9: pool.hash: found "sha1"'],
  ['bad.json', MCROUTER.slice(0, -1), [], 1, 'not YAML'],
  ['bad.json', MCROUTER.replace('|A', '|B'), [], 1, 'bad.json:1:61: route: found pool "B"'],
  ['x.conf', MCROUTER, ['--from', 'redis'], 64, 'expected nutcracker or mcrouter'],
  ['x.json', MCROUTER, ['--pool', 'A'], 64, 'mcrouter’s route names the pool'],
] as const)('%s: %#', async (name, text, flags, status, message) => {
  const { code, output } = await runMemring(['import', file(name, text), ...flags])
  expect(output).toContain(message)
  expect(output).not.toContain('# From')
  expect(code).toBe(status)
})
