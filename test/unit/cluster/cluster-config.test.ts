// The files that ship with memring load, and say what their comments say.

import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { loadClusterFile } from '../../../src/cluster/cluster-file.ts'

const SHIPPED = fileURLToPath(new URL('../../../cluster-config', import.meta.url))
// A copy, because secure.yaml wants a password file beside it.
const directory = mkdtempSync(join(tmpdir(), 'memring-shipped-'))
cpSync(SHIPPED, directory, { recursive: true })
writeFileSync(join(directory, 'app.password'), 'a long password\n')
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const files = readdirSync(SHIPPED).filter(name => name.endsWith('.yaml'))
const environment = { MEMRING_REPORTS_PASSWORD: 'another one' }

test.each(files)('%s passes the loader', name => {
  const config = loadClusterFile(join(directory, name), environment)
  expect(config.nodes).toHaveLength(3)
  expect(config.placement).toEqual({ preset: 'ketama' })
})

test('local.yaml is three nodes and a router, on loopback only', () => {
  const { nodes, router, users, open } = loadClusterFile(join(SHIPPED, 'local.yaml'), {})
  expect(nodes.map(({ name, host, port }) => [name, host, port])).toEqual([
    ['node-1', '127.0.0.1', 11311],
    ['node-2', '127.0.0.1', 11312],
    ['node-3', '127.0.0.1', 11313],
  ])
  expect(nodes.every(node => node.memoryMb === 64 && node.threads === 1)).toBe(true)
  expect(router.threads).toBe(1)
  expect(router.listen).toEqual([
    { host: '127.0.0.1', port: 11211 },
    { host: '::1', port: 11211 },
  ])
  expect({ users, open }).toEqual({ users: [], open: false })
})

test('secure.yaml takes its port and passwords from outside', () => {
  const file = join(directory, 'secure.yaml')
  const config = loadClusterFile(file, { ...environment, MEMRING_PORT: '12345' })
  expect(config.router.listen).toEqual([{ host: '0.0.0.0', port: 12345 }])
  expect(config.users).toEqual([
    { name: 'app', password: 'a long password' },
    { name: 'reports', password: 'another one' },
  ])
})
