// watch: what happens is told to who asked for it, from all threads, in memcached's words; and
// stats conns, where the watchers show.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import { type ServerProcess, startNode } from '../support/processes.ts'
import { readStats } from '../support/stats.ts'
import { nodeOneThread, targets } from '../support/targets.ts'
import { conformance, transcript } from '../support/transcript.ts'
import { Newer } from './newer.ts'

/** Behind others it is refused for that. */
const ROWS = { rowsOnly: true }
const OFF = 'CLIENT_ERROR watch commands not allowed\r\n'

conformance({
  title: 'watch, refused (-W)',
  flags: ['-W'],
  transcripts: [
    transcript('whatever is to be watched', [
      ['watch\r\n', OFF],
      ['watch fetchers\r\n', OFF],
      ['watch foo\r\n', OFF],
      ['get a\r\n', 'END\r\n'],
    ]),
  ],
})

conformance({
  title: 'watch, refused',
  transcripts: [
    transcript(
      'a topic that does not exist',
      [
        ['watch foo\r\n', 'ERROR\r\n'],
        ['watch fetchers foo\r\n', 'ERROR\r\n'],
        ['watch Fetchers\r\n', 'ERROR\r\n'],
        ['get a\r\n', 'END\r\n'],
      ],
      ROWS,
    ),
  ],
})

conformance({
  title: 'stats sizes_enable, sizes_disable',
  restart: true,
  transcripts: [
    transcript(
      'turn stats sizes on and off',
      [
        ['stats sizes\r\n', 'STAT sizes_status disabled\r\nEND\r\n'],
        ['stats sizes_enable\r\n', 'STAT sizes_status enabled\r\n'],
        ['set a 0 0 1\r\nx\r\n', 'STORED\r\n'],
        ['stats sizes\r\n', 'STAT 64 1\r\nEND\r\n'],
        ['stats sizes_disable\r\n', 'STAT sizes_status disabled\r\n'],
        ['stats sizes\r\n', 'STAT sizes_status disabled\r\nEND\r\n'],
      ],
      { ...ROWS, notOn: { newer: Newer.sizes } },
    ),
  ],
})

let server: ServerProcess | undefined
let open: TestConnection[] = []

async function connectTo(): Promise<TestConnection> {
  const connection = await TestConnection.open(server!)
  open.push(connection)
  return connection
}

afterEach(async () => {
  for (const connection of open) connection.close()
  open = []
  await server?.stop()
  server = undefined
})

/** Without what differs from run to run; and each gid must be higher than the last. */
function plain(text: string): string[] {
  let last = 0
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const match = /^ts=\d{10}\.\d{1,6} gid=(\d+) (.*)$/.exec(line)
      if (match === null) throw new Error(`Cannot read the log line "${line}"`)
      expect(Number(match[1])).toBeGreaterThan(last)
      last = Number(match[1])
      return match[2]!.replace(/ cfd=\d+/, '').replace(/ rport=\d+/, '')
    })
}

const COMMANDS: readonly (readonly [string, readonly string[]])[] = [
  ['set a 5 0 3\r\nabc\r\n', ['get a not_found 0 0', 'store a stored set 0 1 3']],
  ['get a b\r\n', ['get a found 1 3', 'get b not_found 0 0']],
  ['gat 100 a\r\n', ['get a found 1 3']],
  ['touch a 0\r\n', ['get a found 1 3']],
  ['set n 0 0 1\r\n5\r\n', ['get n not_found 0 0', 'store n stored set 0 1 1']],
  ['incr n 1\r\n', ['get n found 1 1']],
  ['decr none 1\r\n', ['get none not_found 0 0']],
  ['add a 0 0 1\r\nx\r\n', ['get a found 1 3', 'store a not_stored add 0 1 1']],
  ['add z 0 100 1\r\nx\r\n', ['get z not_found 0 0', 'store z stored add 100 1 1']],
  ['replace q 0 0 1\r\nx\r\n', ['get q not_found 0 0', 'store q not_stored replace 0 1 1']],
  ['append a 0 0 2\r\nxy\r\n', ['get a found 1 3', 'store a stored append 0 1 5']],
  ['prepend q 0 0 2\r\nxy\r\n', ['get q not_found 0 0', 'store q not_stored prepend 0 1 2']],
  ['cas a 0 0 1 1\r\nx\r\n', ['get a found 1 5', 'store a exists cas 0 1 1']],
  ['cas q 0 0 1 1\r\nx\r\n', ['get q not_found 0 0', 'store q not_found cas 0 1 1']],
  ['mg a v\r\n', ['get a found 1 5']],
  ['mg viv N30 v\r\n', ['get viv not_found 0 0']],
  ['ms m 1 ME\r\nx\r\n', ['get m not_found 0 0', 'store m stored add 0 1 1']],
  ['ma n\r\n', ['get n found 1 1']],
  ['md m\r\n', ['get m found 1 1']],
  ['me a\r\n', ['get a found 1 5']],
  ['delete a\r\n', ['get a found 1 5']],
  ['delete a\r\n', ['get a not_found 0 0']],
  [
    'set \x01%~/ 0 0 1\r\nx\r\n',
    ['get %01%25~%2F not_found 0 0', 'store %01%25~%2F stored set 0 1 1'],
  ],
]

function inFull(line: string): string {
  const [kind, key, status, ...rest] = line.split(' ')
  if (kind === 'get') {
    return `type=item_get key=${key} status=${status} clsid=${rest[0]} size=${rest[1]}`
  }
  const [command, ttl, slab, size] = rest
  const what = `key=${key} status=${status} cmd=${command}`
  return `type=item_store ${what} ttl=${ttl} clsid=${slab} size=${size}`
}

async function watch(topics: string): Promise<TestConnection> {
  const watcher = await connectTo()
  expect(await watcher.ask(`watch${topics}`)).toBe('OK')
  return watcher
}

describe.each(targets)('watch ($name)', target => {
  test('every command says what it looked up and what it stored', async () => {
    server = await target.start()
    const watcher = await watch(' fetchers mutations')
    const client = await connectTo()
    for (const [command, lines] of COMMANDS) {
      await client.send(command)
      await client.receiveBurst(1)
      const heard = (await watcher.receiveLines(lines.length)).toString('latin1')
      expect([command, plain(heard)]).toEqual([command, lines.map(inFull)])
    }
    expect((await watcher.receiveQuiet(100)).toString('latin1')).toBe('')
  })

  test('only what was asked for; connections come and go', async () => {
    server = await target.start()
    const [fetchers, connevents] = [await watch(''), await watch(' connevents')]
    const client = await connectTo()
    expect(await client.ask('set a 0 0 1\r\nx')).toBe('STORED')
    await client.send('quit\r\n')
    await client.receiveEnd()
    expect(plain((await fetchers.receiveLines(1)).toString('latin1'))).toEqual([
      'type=item_get key=a status=not_found clsid=0 size=0',
    ])
    expect(plain((await connevents.receiveLines(2)).toString('latin1'))).toEqual([
      'type=conn_new rip=127.0.0.1 transport=tcp',
      'type=conn_close rip=127.0.0.1 transport=tcp reason=normal',
    ])
    expect((await fetchers.receiveQuiet(100)).toString('latin1')).toBe('')
  })

  test('a watcher asks nothing more; 20 of them, one more is refused', async () => {
    server = await target.start()
    const first = await watch(' sysevents rawcmds proxyreqs')
    await first.send('version\r\n')
    for (let count = 1; count < 20; count += 1) await watch(' evictions')
    const refused = await connectTo()
    expect(await refused.ask('watch')).toBe('WATCHER_TOO_MANY log watcher limit reached')
    const stats = await readStats(refused)
    expect(stats.get('log_watchers')).toBe('20')
    first.close()
    await expect
      .poll(async () => {
        const next = await connectTo()
        // Memcached sees that one is gone when it looks round the next time.
        return next.ask('watch mutations')
      })
      .toBe('OK')
    expect((await refused.receiveQuiet(50)).length).toBe(0)
  })

  test('stats conns lists connections, and who watches', async () => {
    server = await target.start()
    await watch('')
    const client = await connectTo()
    const stats = await readStats(client, 'stats conns')
    const states = [...stats].filter(([name]) => name.endsWith(':state')).map(([, value]) => value)
    expect(states.filter(state => state === 'conn_parse_cmd').length).toBe(1)
    const addresses = [...stats].filter(([name]) => name.endsWith(':addr')).map(([, of]) => of)
    expect(
      addresses.filter(address => address.startsWith('tcp:127.0.0.1:')).length,
    ).toBeGreaterThanOrEqual(2)
    if (target.kind === 'node') expect(states.sort()).toEqual(SEEN)
    for (const [name, value] of stats) {
      if (name.endsWith(':secs_since_last_cmd')) expect(Number(value)).toBeLessThan(60)
    }
  })
})

const SEEN = ['conn_listening', 'conn_parse_cmd', 'conn_watch']

const PAGE_BYTES = 4096

function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES
}

test('deletions: what was really deleted', async () => {
  server = await startNode(['-t', '2'])
  const watcher = await watch(' deletions')
  const client = await connectTo()
  expect(await client.ask('set a 0 0 3\r\nabc')).toBe('STORED')
  expect(await client.ask('set b 0 0 3\r\nabc')).toBe('STORED')
  expect(await client.ask('md a C1')).toBe('EX')
  expect(await client.ask('md a')).toBe('HD')
  expect(await client.ask('delete b')).toBe('DELETED')
  expect(await client.ask('delete b')).toBe('NOT_FOUND')
  expect(plain((await watcher.receiveLines(2)).toString('latin1'))).toEqual([
    'type=deleted key=a cmd=md clsid=1 size=3',
    'type=deleted key=b cmd=delete clsid=1 size=3',
  ])
})

test('expired and flushed items, values that are too large, a large one', async () => {
  server = await startNode(['-t', '1'])
  const watcher = await watch(' fetchers mutations')
  const client = await connectTo()
  await client.ask('set e 0 -1 1\r\nx')
  expect(await client.ask('get e')).toBe('END')
  await client.ask('set f 0 0 1\r\nx')
  await client.ask('flush_all')
  expect(await client.ask('get f')).toBe('END')
  const size = 600_000
  expect(await client.ask(`set l 0 0 ${size}\r\n${'x'.repeat(size)}`)).toBe('STORED')
  await client.ask(`set t 0 0 2000000\r\n${'x'.repeat(2_000_000)}`)
  const lines = plain((await watcher.receiveLines(9)).toString('latin1'))
  expect(lines[2]).toBe('type=item_get key=e status=expired clsid=0 size=0')
  expect(lines[5]).toBe('type=item_get key=f status=flushed clsid=0 size=0')
  expect(lines[7]).toBe(`type=item_store key=l status=stored cmd=set ttl=0 clsid=39 size=${size}`)
  expect(lines[8]).toBe('type=item_store key=t status=too_large cmd=set ttl=0 clsid=39 size=0')
})

test('evictions, of whatever thread', async () => {
  server = await startNode(['-t', '2', '-m', '8'])
  const watcher = await watch(' evictions')
  const clients = [await connectTo(), await connectTo()]
  const value = 'x'.repeat(10_000)
  for (let i = 0; i < 1000; i += 1) {
    expect(await clients[i % 2]!.ask(`set k${i} 0 500 10000\r\n${value}`)).toBe('STORED')
  }
  const lines = (await watcher.receiveLines(50)).toString('latin1')
  expect(lines).toMatch(
    /type=eviction key=k\d+ fetch=no ttl=(500|49\d) la=\d clsid=\d+ size=10000\n/,
  )
  const stats = await readStats(clients[0]!)
  expect(Number(stats.get('evictions'))).toBeGreaterThanOrEqual(50)
})

test('each of two threads hears of both; counters say how much', async () => {
  server = await startNode(['-t', '2'])
  // Dealt in turn: two watchers on two threads, and two clients.
  const watchers = [await watch(' mutations'), await watch(' mutations')]
  const clients = [await connectTo(), await connectTo()]
  const ROUNDS = 500
  for (let i = 0; i < ROUNDS; i += 1) {
    for (const [of, client] of clients.entries()) {
      expect(await client.ask(`set c${of}-${i} 0 0 1\r\nx`)).toBe('STORED')
    }
  }
  for (const watcher of watchers) {
    const lines = (await watcher.receiveLines(ROUNDS * 2)).toString('latin1').split('\n')
    const keys = lines.map(line => / key=(\S+)/.exec(line)?.[1]).filter(key => key !== undefined)
    expect(new Set(keys).size).toBe(ROUNDS * 2)
  }
  const stats = await readStats(clients[0]!)
  expect(stats.get('log_watchers')).toBe('2')
  expect(stats.get('log_watcher_sent')).toBe(String(ROUNDS * 4))
  expect(Number(stats.get('log_worker_written'))).toBe(ROUNDS * 2)
  expect(stats.get('log_watcher_skipped')).toBe('0')
  expect(stats.get('log_worker_dropped')).toBe('0')
})

test('behind other commands it is refused', async () => {
  server = await nodeOneThread.start()
  const client = await connectTo()
  await client.send('get a\r\nwatch\r\nget b\r\n')
  const answer = 'END\r\nERROR cannot pipeline other commands before watch\r\nEND\r\n'
  expect((await client.receiveExpected(answer)).toString('latin1')).toBe(answer)
})

test('who watches and does not read is not waited for, and told how much it missed', async () => {
  server = await startNode(['-t', '2', '-o', 'watcher_logbuf_size=64'])
  const slow = connect({ host: server!.host, port: server!.port })
  await once(slow, 'connect')
  slow.write('watch\r\n')
  await once(slow, 'readable')
  const client = await connectTo()
  // Every byte of a key takes three in a log line.
  const keys = Array.from({ length: 100 }, (_, i) => `${'%'.repeat(240)}${i}`).join(' ')
  const before = residentBytes(server!.pid)
  for (let i = 0; i < 400; i += 1) expect(await client.ask(`get ${keys}`)).toBe('END')
  const stats = await readStats(client)
  expect(Number(stats.get('log_watcher_skipped'))).toBeGreaterThan(1000)
  expect(residentBytes(server!.pid) - before).toBeLessThan(40 * 1024 * 1024)
  let heard = ''
  slow.on('data', (bytes: Buffer) => {
    heard = `${heard.slice(-2000)}${bytes.toString('latin1')}`
    skipped ||= /\nskipped=\d+\nts=\d+\.\d+ gid=\d+ type=item_get /.test(heard)
  })
  let skipped = false
  await expect
    .poll(async () => {
      await client.ask('get one-more')
      return skipped
    })
    .toBe(true)
  slow.destroy()
})
