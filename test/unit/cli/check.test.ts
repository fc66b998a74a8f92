import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { checkFile } from '../../../src/cli/check.ts'
import { runMemring } from '../../support/processes.ts'

function clusterFile(yaml: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'memring-check-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'cluster.yaml')
  writeFileSync(file, yaml)
  return file
}

const RIGHT = `
name: shop
nodes:
  - { name: a, address: "127.0.0.1:11311", weight: 3, threads: 1 }
  - { name: long-name, address: "[::1]:11312", memory: 1g }
router: { listen: ["127.0.0.1:11211", "[::1]:11211"], threads: 2 }
users: [ { name: bob, password: "\${P}" }, { name: eve, password: "\${P}" } ]
`
const WRONG = 'nodes: [ "127.0.0.1:1" ]\nrouter:\n  thread: 1\n'

test('a right file is summarized: nodes with their share of the ring, listeners, users’ names', async () => {
  const file = clusterFile(RIGHT)
  expect(await checkFile(file, { P: 'hunter2' }, false)).toEqual({
    isRight: true,
    text: `${file} is right: cluster shop, ketama placement
nodes: 2
  a          127.0.0.1:11311  77.5 % of the keys  64 MB    1 thread
  long-name  [::1]:11312      22.5 % of the keys  1024 MB  4 threads
router: 127.0.0.1:11211, [::1]:11211, 2 threads
users: bob, eve`,
  })
})

test('a cluster without users is said to ask nobody', async () => {
  const { text } = await checkFile(clusterFile('nodes: [ "127.0.0.1:1" ]'), {}, false)
  expect(text).toMatch(/\nusers: none, nobody has to log in$/)
})

test('--json has the same and no passwords', async () => {
  const file = clusterFile(RIGHT)
  const { text } = await checkFile(file, { P: 'hunter2' }, true)
  expect(JSON.parse(text)).toMatchObject({
    file,
    isRight: true,
    name: 'shop',
    nodes: [
      { name: 'a', label: 'a', host: '127.0.0.1', port: 11311, share: expect.closeTo(0.775, 5) },
      { name: 'long-name', memoryMb: 1024, share: expect.closeTo(0.225, 5) },
    ],
    router: {
      listen: [
        { host: '127.0.0.1', port: 11211 },
        { host: '::1', port: 11211 },
      ],
    },
    users: ['bob', 'eve'],
  })
  expect(text).not.toContain('hunter2')
})

test('a wrong file is every problem, as text and as JSON', async () => {
  const file = clusterFile(WRONG)
  const text = 'found an unknown field, did you mean "threads"?'
  expect(await checkFile(file, {}, false)).toEqual({
    isRight: false,
    text: `Cannot use cluster file ${file}: 1 problem\n${file}:3:3: router.thread: ${text}`,
  })
  const result = await checkFile(file, {}, true)
  expect(JSON.parse(result.text)).toEqual({
    file,
    isRight: false,
    message: `Cannot use cluster file ${file}: 1 problem`,
    problems: [{ line: 3, column: 3, field: 'router.thread', text }],
  })
})

test('the command exits with 0 for a right file and with 1 for a wrong or missing one', async () => {
  const right = await runMemring(['check', clusterFile(RIGHT)], { env: { P: 'x' } })
  expect(right).toMatchObject({ code: 0, output: expect.stringContaining('cluster shop') })
  const wrong = await runMemring(['check', clusterFile(WRONG)])
  expect(wrong).toMatchObject({ code: 1, output: expect.stringContaining(':3:3: router.thread') })
  const missing = await runMemring(['check', '--json', 'no-such-file.yaml'])
  expect(missing.code).toBe(1)
  expect(JSON.parse(missing.output)).toMatchObject({ isRight: false, problems: [] })
})

test('--help has an example', async () => {
  const { code, output } = await runMemring(['check', '--help'])
  expect(code).toBe(0)
  expect(output).toContain('memring check cluster-config/local.yaml')
})
