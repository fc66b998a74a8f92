/** What `memring node` makes of memcached's flags; nothing is started here but at the end. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { nodeCommand } from '../../../src/cli/node.ts'
import type { NodeOptions } from '../../../src/server/options.ts'
import { runMemring } from '../../support/processes.ts'

const started = vi.hoisted(() => [] as NodeOptions[])

vi.mock('../../../src/server/node-server.ts', () => ({
  startNode: async (options: NodeOptions) => {
    started.push(options)
  },
}))
vi.mock('../../../src/cli/run-server.ts', () => ({
  configureBySupervisor: () => Promise.reject(new Error('Cannot configure: no supervisor here')),
  runServer: (_options: object, start: (onFatal: () => void) => Promise<unknown>) =>
    start(() => {}),
}))

// As large as -m may be, so that flags mean the same on every machine.
vi.mock('../../../src/cli/machine-memory.ts', () => ({ machineMemoryBytes: () => 2 ** 40 }))

const MIB = 1024 * 1024
let said = ''

beforeEach(() => {
  started.length = 0
  said = ''
  const say = (text: string | Uint8Array): boolean => {
    said += String(text)
    return true
  }
  vi.spyOn(process.stderr, 'write').mockImplementation(say)
  vi.spyOn(process.stdout, 'write').mockImplementation(say)
  vi.spyOn(process, 'exit').mockImplementation(code => {
    throw new Error(`exit ${code}`)
  })
})

afterEach(() => {
  vi.restoreAllMocks()
})

async function parse(args: readonly string[]): Promise<NodeOptions> {
  await nodeCommand().parseAsync([...args], { from: 'user' })
  expect(started.length).toBe(1)
  return started[0]!
}

describe('values that are refused', () => {
  const wrong: readonly string[][] = [
    ['-p', '0'],
    ['-p', '-2'],
    ['-p', '65536'],
    ['-p', 'x'],
    ['-p', ''],
    ['-p', '11211x'],
    ['-p'],
    ['-t', '0'],
    ['-t', '-1'],
    ['-t', '65'],
    ['-t', '1.5'],
    ['-t', 'x'],
    ['-m', '0'],
    ['-m', '7'],
    ['-m', '-64'],
    ['-m', '64m'],
    ['-m', '1e3'],
    ['-m', '1048577'],
    ['-m', '99999999999999999999'],
    ['-I', '1000'],
    ['-I', '1023'],
    ['-I', '0'],
    ['-I', '-1'],
    ['-I', '256m'],
    ['-I', '33m'],
    ['-I', '2g', '-m', '8192'],
    ['-I', 'x'],
    ['-I', '1kb'],
    ['-c', '0'],
    ['-c', '-1'],
    ['-c', 'x'],
    ['-c', '10000000'],
    ['-b', '0'],
    ['-l', '127.0.0.1:0'],
    ['-l', '127.0.0.1:99999'],
    ['-l', '127.0.0.1:x'],
    ['-l', ':11211'],
    ['-l', 'foo bar'],
    ['-l', ''],
    ['-l', ','],
    ['-l'],
    ['-S'],
    ['-Y', '/nonexistent/users'],
    ['-Y'],
    ['--bogus'],
    ['-Q'],
    ['-o', 'modern'],
    ['-e', '/tmp/x'],
    ['surplus'],
    ['--port=70000'],
    ['--memory-limit', 'x'],
  ]
  test.each(wrong)('%s %s', async (...args) => {
    const given = args.filter(arg => arg !== undefined)
    await expect(parse(given)).rejects.toThrow(/^exit 64$/)
    expect(started).toEqual([])
    expect(said).toMatch(/^error: /)
  })

  test('say what was wrong with which flag', async () => {
    await expect(parse(['-t', '0'])).rejects.toThrow('exit 64')
    expect(said).toContain(`option '-t, --threads <num>' argument '0' is invalid`)
    expect(said).toContain('Cannot use "0": expected 1 to 64')
  })
})

describe('values that are taken', () => {
  test('none: memcached’s defaults', async () => {
    expect(await parse([])).toMatchObject({
      listen: [
        { host: '0.0.0.0', port: 11211 },
        { host: '::', port: 11211 },
      ],
      threads: 4,
      memoryBytes: 64 * MIB,
      itemSizeMax: MIB,
      connectionLimit: 1024,
      backlog: 1024,
      evict: true,
      cas: true,
      flush: true,
      verbosity: 0,
      credentials: undefined,
      sasl: false,
    })
  })

  const right: readonly [string[], Partial<NodeOptions>][] = [
    [['-p', '1'], { listen: ['0.0.0.0', '::'].map(host => ({ host, port: 1 })) }],
    [['-p', '-1', '-l', '127.0.0.1'], { listen: [{ host: '127.0.0.1', port: 0 }] }],
    [['-p65535', '-l', '::1'], { listen: [{ host: '::1', port: 65535 }] }],
    [
      ['-l', '127.0.0.1,[::1]:5;localhost', '-l', '10.0.0.1:7'],
      {
        listen: [
          { host: '127.0.0.1', port: 11211 },
          { host: '::1', port: 5 },
          { host: 'localhost', port: 11211 },
          { host: '10.0.0.1', port: 7 },
        ],
      },
    ],
    [['-l', '*'], { listen: ['0.0.0.0', '::'].map(host => ({ host, port: 11211 })) }],
    [['-t', '1'], { threads: 1 }],
    [['--threads=64'], { threads: 64 }],
    [['-m', '8'], { memoryBytes: 8 * MIB }],
    [['-m', '1048576'], { memoryBytes: 1048576 * MIB }],
    [['-I', '1k'], { itemSizeMax: 1024 }],
    [['-I', '32m'], { itemSizeMax: 32 * MIB }],
    [['-I', '1g', '-m', '2048'], { itemSizeMax: 1024 * MIB }],
    [['-L'], { largePages: true }],
    [['-c', '1'], { connectionLimit: 1 }],
    [['-M', '-C', '-F'], { evict: false, cas: false, flush: false }],
    [['-MCF'], { evict: false, cas: false, flush: false }],
    [['-v'], { verbosity: 1 }],
    [['-vvv'], { verbosity: 3 }],
    [['-v', '-vv'], { verbosity: 3 }],
  ]
  test.each(right)('%j', async (args, expected) => {
    expect(await parse(args)).toMatchObject(expected)
  })

  test('-Y takes users from a file, -S adds SASL', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'memring-node-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const file = join(directory, 'users')
    writeFileSync(file, 'bob:secret\n')
    const credentials = [{ name: 'bob', password: 'secret' }]
    expect(await parse(['-Y', file])).toMatchObject({ credentials, sasl: false, authFile: file })
    started.length = 0
    expect(await parse(['-S', '-Y', file])).toMatchObject({ credentials, sasl: true })
  })
})

describe('the process', () => {
  test('-V and -h answer and end well', async () => {
    const version = await runMemring(['node', '-V'])
    expect(version).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^memring \d+\.\d+\.\d+ /),
    })
    expect(version.output).toContain('1.6.45')
    const help = await runMemring(['node', '-h'])
    expect(help.code).toBe(0)
    for (const flag of ['-p', '-l', '-t', '-m', '-M', '-I', '-c', '-C', '-F', '-v', '-h', '-V']) {
      expect(help.output).toContain(`  ${flag}, --`)
    }
    expect((await runMemring(['node', '--help'])).output).toBe(help.output)
  })

  test('ends with 64 for a bad value, before it listens', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'memring-node-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const MEMCACHED_PORT_FILENAME = join(directory, 'port')
    const args = ['node', '-p', '-1', '-l', '127.0.0.1', '-I', '256m']
    const { code, output } = await runMemring(args, { env: { MEMCACHED_PORT_FILENAME } })
    expect(code).toBe(64)
    expect(output).toContain('Cannot set -I 268435456: expected at most half of -m')
    expect(existsSync(MEMCACHED_PORT_FILENAME)).toBe(false)
  })
})
