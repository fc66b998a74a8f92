/** What `memring node` makes of memcached's flags; nothing is started here but at the end. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { nodeCommand } from '../../../src/cli/node.ts'
import { extendedDefaults } from '../../../src/server/extended-options.ts'
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
  /** Exit code and words as memcached 1.6.18 has them, where it says anything. */
  const wrong: readonly (readonly [args: string, code: number, said?: string])[] = [
    ['-p 0', 64],
    ['-p -2', 64],
    ['-p 65536', 64, 'ERROR: Invalid port number 65536.'],
    ['-p x', 64],
    ['-p 11211x', 64],
    ['-p', 1],
    ['--port=70000', 64, 'ERROR: Invalid port number 70000.'],
    ['-U 70000', 64, 'ERROR: Invalid port number 70000.'],
    ['-U 11211', 64, 'UDP is not served'],
    ['-U -1', 64],
    ['-U x', 64],
    ['-a 8', 64],
    ['-a 10000', 64],
    ['-a x', 64],
    ['-t 0', 1, 'Number of threads must be greater than 0'],
    ['-t -1', 1, 'Number of threads must be greater than 0'],
    ['-t 65', 64],
    ['-t 1.5', 1],
    ['-t x', 1, 'Number of threads must be greater than 0'],
    ['-m 0', 64],
    ['-m 7', 64],
    ['-m -64', 64],
    ['-m 64m', 64],
    ['-m 1e3', 64],
    ['-m 1048577', 64],
    ['-m 99999999999999999999', 64],
    ['--memory-limit x', 64],
    ['-I 1000', 64, 'Item max size cannot be less than 1024 bytes.'],
    ['-I 1023', 64, 'Item max size cannot be less than 1024 bytes.'],
    ['-I 0', 64, 'Item max size cannot be less than 1024 bytes.'],
    ['-I -1', 64, 'Item max size cannot be less than 1024 bytes.'],
    ['-I x', 64, 'Item max size cannot be less than 1024 bytes.'],
    ['-I 1kb', 64, 'Item max size cannot be less than 1024 bytes.'],
    ['-I 256m', 64, 'Cannot set item size limit higher than 1/2 of memory max.'],
    ['-I 33m', 64, 'Cannot set item size limit higher than 1/2 of memory max.'],
    ['-I 2g -m 8192', 64, 'Cannot set item size limit higher than a gigabyte.'],
    ['-I 1025m -m 8192', 64, 'Cannot set item size limit higher than a gigabyte.'],
    ['-c 0', 1, 'Maximum connections must be greater than 0'],
    ['-c -1', 1, 'Maximum connections must be greater than 0'],
    ['-c x', 1, 'Maximum connections must be greater than 0'],
    ['-c 10000000', 64],
    ['-b 0', 64],
    ['-R 0', 1, 'Number of requests per event must be greater than 0'],
    ['-R x', 1, 'Number of requests per event must be greater than 0'],
    ['-f 1', 1, 'Factor must be greater than 1'],
    ['-f 0.5', 1, 'Factor must be greater than 1'],
    ['-f x', 1, 'Factor must be greater than 1'],
    ['-n 0', 1, 'Chunk size must be greater than 0'],
    ['-N x', 1, 'Maximum number of NAPI IDs must be greater than 0'],
    ['-B http', 64, 'Invalid value for binding protocol: http\n -- should be one of auto, binary'],
    ['-l 127.0.0.1:0', 71],
    ['-l 127.0.0.1:99999', 71],
    ['-l 127.0.0.1:x', 71],
    ['-l :11211', 71],
    ['-l mtls:127.0.0.1', 64, 'expected -Z with its certificate'],
    ['-Z -s /tmp/x -o ssl_key=k,ssl_chain_cert=c', 64, 'You cannot enable SSL without a TCP port'],
    ['-Z -o ssl_key=/nowhere,ssl_chain_cert=/nowhere', 64, 'Cannot read certificate "/nowhere"'],
    ['-l ,', 1],
    ['-l', 1],
    ['-s', 1],
    [`-s /${'x'.repeat(107)}`, 64],
    ['-D', 1],
    ['-u', 1],
    ['-P', 1],
    ['-S', 64],
    ['-S -B ascii', 64, 'ERROR: You cannot allow the ASCII protocol while using SASL.'],
    ['-Y /nonexistent/users', 1],
    ['-Y x -B binary', 64, 'ERROR: You cannot allow the BINARY protocol while using ascii'],
    ['-Y', 1],
    ['-Z', 64, 'Cannot use -Z: expected -o ssl_chain_cert=FILE,ssl_key=FILE'],
    ['-e /tmp/x', 64, 'the cache lives in memory only'],
    ['--bogus', 1],
    ['-Q', 1],
    ['surplus', 64],
  ]
  const cases = wrong.map(([args, code, text = 'error: ']) => ({ args, code, text }))
  test.each(cases)('$args: $code', async ({ args, code, text }) => {
    await expect(parse(args.split(' '))).rejects.toThrow(`exit ${code}`)
    expect(started).toEqual([])
    expect(said).toMatch(/^error: /)
    expect(said).toContain(text)
  })

  test('an empty value is none', async () => {
    await expect(parse(['-p', ''])).rejects.toThrow('exit 64')
    await expect(parse(['-l', ''])).rejects.toThrow('exit 1')
    await expect(parse(['-l', 'foo bar'])).rejects.toThrow('exit 71')
    await expect(parse(['-s', ''])).rejects.toThrow('exit 64')
    expect(started).toEqual([])
  })

  test('say what was wrong with which flag', async () => {
    await expect(parse(['-t', '0'])).rejects.toThrow('exit 1')
    expect(said).toContain(`option '-t, --threads <num>' argument '0' is invalid`)
    expect(said).toContain('("0": expected 1 to 64)')
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
      dump: true,
      watch: true,
      shutdown: false,
      detail: false,
      prefixDelimiter: ':',
      requestsPerEvent: 20,
      protocol: 'auto',
      domainSocket: 'NULL',
      unixMask: 0o700,
      extended: extendedDefaults,
      verbosity: 0,
      accounts: undefined,
      loginWaitMs: 3200,
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
    [['-X', '-W', '-A'], { dump: false, watch: false, shutdown: true }],
    [['-D', '|'], { prefixDelimiter: '|', detail: true }],
    [['-D', '->'], { prefixDelimiter: '-', detail: true }],
    [['-R', '1'], { requestsPerEvent: 1 }],
    [['-R2147483647'], { requestsPerEvent: 2147483647 }],
    [['-B', 'binary'], { protocol: 'binary' }],
    [['--protocol=ascii'], { protocol: 'ascii' }],
    [['-U', '0', '-f', '1.5', '-n', '96', '-k', '-r', '-N', '1'], { threads: 4 }],
    [
      ['-s', '/tmp/x.sock', '-a', '0777', '-p', '0'],
      {
        listen: [{ host: '/tmp/x.sock', port: 0, mode: 0o777 }],
        domainSocket: '/tmp/x.sock',
        unixMask: 0o777,
      },
    ],
    [
      ['-s', `/${'x'.repeat(106)}`],
      { listen: [{ host: `/${'x'.repeat(106)}`, port: 0, mode: 0o700 }] },
    ],
    [
      ['-o', 'idle_timeout=5,no_maxconns_fast', '-o', 'track_sizes,modern'],
      {
        extended: {
          ...extendedDefaults,
          idleTimeout: 5,
          maxconnsFast: false,
          trackSizes: true,
        },
      },
    ],
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
    const accounts = [{ name: 'bob', password: 'secret' }]
    expect(await parse(['-Y', file])).toMatchObject({
      accounts,
      sasl: false,
      authFile: file,
    })
    started.length = 0
    expect(await parse(['-S', '-Y', file])).toMatchObject({ accounts, sasl: true })
  })
})

describe('the process', () => {
  test('-i says the license and ends well', async () => {
    const { code, output } = await runMemring(['node', '-i'])
    expect([code, output]).toEqual([0, expect.stringContaining('MIT license')])
  })

  test('-V and -h answer and end well', async () => {
    const version = await runMemring(['node', '-V'])
    expect(version).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^memring \d+\.\d+\.\d+ /),
    })
    expect(version.output).toContain('1.6.45')
    const help = await runMemring(['node', '-h'])
    expect(help.code).toBe(0)
    for (const flag of 'pUsaAldrumMckviPfnLtRCbBISFXWYeZoNhV') {
      expect(help.output).toContain(`  -${flag}, --`)
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
    expect(output).toContain('(-I 268435456: expected at most 33554432 bytes)')
    expect(existsSync(MEMCACHED_PORT_FILENAME)).toBe(false)
  })
})
