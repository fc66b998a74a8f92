/**
 * Users with rules: every row of the command table and every binary opcode, as somebody who may not
 * and as somebody who may.
 */
import { describe, expect, test } from 'vitest'
import { rightNames } from '../../../src/auth/account.ts'
import { Rights } from '../../../src/auth/rights.ts'
import { Counter } from '../../../src/observe/counters.ts'
import { BinaryStatus, Opcode } from '../../../src/protocol/binary-layout.ts'
import { Command, type CommandRow, commands, findCommand } from '../../../src/protocol/command.ts'
import { error, parseReplies, plain, reply, request, set, u32 } from './binary-support.ts'
import { type Client, makeNode, type TestNode } from './support.ts'

const names = ['nobody', 'reader', 'writer', 'both', 'operator'] as const
const rightsOf = {
  nobody: [],
  reader: ['read'],
  writer: ['write'],
  both: ['read', 'write'],
  operator: ['admin'],
} as const
const prefixes = ['mine:', 'also/']
const accounts = [
  ...names.map(name => ({ name, password: 'x', rights: rightsOf[name], prefixes })),
  { name: 'root', password: 'x' },
  { name: 'anykey', password: 'x', rights: rightNames, prefixes: ['mine:'] },
]

const COMMAND = 'CLIENT_ERROR command not allowed\r\n'
const KEY = 'CLIENT_ERROR key not allowed\r\n'
const VERSION = 'VERSION 1.6.45\r\n'

/** Another user's items, and a node that notices when one is read or changed. */
function openNode(): TestNode {
  const node = makeNode({ accounts, sasl: true })
  const root = logIn(node, 'root')
  expect(root.ask('set other:k 7 0 1\r\n5\r\nset mine:k 7 0 1\r\n5\r\n')).toBe(
    'STORED\r\n'.repeat(2),
  )
  node.counters.reset()
  return node
}

function logIn(node: TestNode, name: string): Client {
  const client = node.connect()
  expect(client.ask(`set x 0 0 ${name.length + 2}\r\n${name} x\r\n`)).toBe('STORED\r\n')
  return client
}

function unchanged(node: TestNode): void {
  const { cmdGet, cmdSet, cmdFlush, cmdTouch, deleteHits, incrHits, decrHits } = Counter
  for (const counter of [cmdGet, cmdSet, cmdFlush, cmdTouch, deleteHits, incrHits, decrHits]) {
    expect(node.counters.sum(counter), `counter ${counter}`).toBe(0)
  }
  const root = logIn(node, 'root')
  const items = 'VALUE other:k 7 1\r\n5\r\nVALUE mine:k 7 1\r\n5\r\nEND\r\n'
  expect(root.ask('get other:k mine:k\r\n')).toBe(items)
  node.made.verify()
}

/** A request of each verb, about a key where it has one. Every verb must have a line here. */
const samples: Readonly<Record<(typeof commands)[number]['verb'], (key: string) => string>> = {
  get: key => `get ${key}\r\n`,
  gets: key => `gets ${key}\r\n`,
  gat: key => `gat 100 ${key}\r\n`,
  gats: key => `gats 100 ${key}\r\n`,
  set: key => `set ${key} 0 0 8\r\nget mine\r\n`,
  add: key => `add ${key} 0 0 9\r\nflush_all\r\n`,
  replace: key => `replace ${key} 0 0 1\r\nx\r\n`,
  append: key => `append ${key} 0 0 1\r\nx\r\n`,
  prepend: key => `prepend ${key} 0 0 1\r\nx\r\n`,
  cas: key => `cas ${key} 0 0 1 2\r\nx\r\n`,
  delete: key => `delete ${key}\r\n`,
  incr: key => `incr ${key} 1\r\n`,
  decr: key => `decr ${key} 1\r\n`,
  touch: key => `touch ${key} 100\r\n`,
  flush_all: () => 'flush_all\r\n',
  stats: () => 'stats\r\n',
  version: () => 'version\r\n',
  verbosity: () => 'verbosity 1\r\n',
  quit: () => 'quit\r\n',
  cache_memlimit: () => 'cache_memlimit 8\r\n',
  lru_crawler: () => 'lru_crawler metadump all\r\n',
  lru: () => 'lru mode flat\r\n',
  slabs: () => 'slabs automove 1\r\n',
  watch: () => 'watch fetchers\r\n',
  shutdown: () => 'shutdown\r\n',
  refresh_certs: () => 'refresh_certs\r\n',
  debugtime: () => 'debugtime +5\r\n',
  config: () => 'config get cluster\r\n',
  fence: () => 'fence 00000000000000aa 1\r\n',
  mg: key => `mg ${key} v\r\n`,
  ms: key => `ms ${key} 9\r\nflush_all\r\n`,
  md: key => `md ${key}\r\n`,
  ma: key => `ma ${key} v\r\n`,
  mn: () => 'mn\r\n',
  me: key => `me ${key}\r\n`,
}

const rows: readonly CommandRow[] = commands.map(({ verb }) => {
  return findCommand(Buffer.from(verb), 0, verb.length)!
})

function sampleOf(row: CommandRow, key: string): string {
  return samples[row.verb as keyof typeof samples](key)
}

function hasKey(row: CommandRow): boolean {
  return sampleOf(row, 'a') !== sampleOf(row, 'b')
}

describe.each(names)('%s', name => {
  const rights = Rights.of(accounts.find(one => one.name === name)!)!
  const forbidden = rows.filter(row => !rights.allows(row.needs))
  const allowed = rows.filter(row => rights.allows(row.needs) && row.verb !== 'quit')

  if (forbidden.length > 0) {
    test.each(forbidden)('may not $verb: refused, not executed, in step', row => {
      const node = openNode()
      const client = logIn(node, name)
      const text = sampleOf(row, 'mine:k')
      for (const cut of [text.length, 1, 7]) {
        client.send(`${text}version\r\n`, [cut])
        expect(client.reply).toBe(COMMAND + VERSION)
      }
      unchanged(node)
    })
  }

  test.each(allowed)('may $verb, with keys of its own only', row => {
    const node = openNode()
    const client = logIn(node, name)
    if (hasKey(row)) {
      for (const key of ['other:k', 'mine', 'Mine:k', 'm']) {
        client.send(`${sampleOf(row, key)}version\r\n`, [5])
        expect(client.reply).toBe(KEY + VERSION)
      }
      unchanged(node)
    }
    const answer = client.ask(sampleOf(row, 'mine:k'))
    expect(answer).not.toContain('not allowed')
    expect(answer.length).toBeGreaterThan(0)
  })
})

function base64(key: string): string {
  return Buffer.from(key).toString('base64')
}

describe('rules of the text protocol', () => {
  test('one key that is not allowed, and nothing of the command is executed', () => {
    const node = openNode()
    const client = logIn(node, 'both')
    for (const verb of ['get', 'gets', 'gat 5', 'gats 5']) {
      expect(client.ask(`${verb} mine:k also/k other:k mine:k\r\n`)).toBe(KEY)
    }
    unchanged(node)
    expect(client.ask('get mine:k also/k\r\n')).toBe('VALUE mine:k 7 1\r\n5\r\nEND\r\n')
  })

  test('noreply is obeyed, and the value swallowed whatever its size', () => {
    const node = openNode()
    const client = logIn(node, 'both')
    for (const size of [0, 1, 16_384, 16_385, 1_000_000]) {
      const value = 'flush_all\r\n'.repeat(Math.ceil(size / 11)).slice(0, size)
      client.send(
        `set other:k 0 0 ${size} noreply\r\n${value}\r\nset other:k 0 0 ${size}\r\n${value}\r\n`,
        [1000],
      )
      client.send('delete other:k noreply\r\ntouch other:k 1 noreply\r\nversion\r\n')
      expect(client.reply).toBe(KEY + VERSION)
    }
    client.send('flush_all noreply\r\nverbosity 1 noreply\r\nversion\r\n')
    expect(client.reply).toBe(VERSION)
    unchanged(node)
  })

  test('a value too large for any item does not delete what is not ours', () => {
    const node = openNode()
    const client = logIn(node, 'both')
    client.send(`set other:k 0 0 2000000\r\n${'x'.repeat(2_000_000)}\r\nversion\r\n`)
    expect(client.reply).toBe(KEY + VERSION)
    unchanged(node)
  })

  test('meta commands: base64 keys are looked at as what they are', () => {
    const node = openNode()
    const client = logIn(node, 'both')
    for (const flags of ['b v', 'b v q', 'v b T5', 'b N5', 'b k O1']) {
      expect(client.ask(`mg ${base64('other:k')} ${flags}\r\n`)).toBe(KEY)
    }
    for (const line of ['ms % 1 b\r\nx', 'md % b', 'md % b q I', 'ma % b N0', 'me % b']) {
      expect(client.ask(`${line.replace('%', base64('other:k'))}\r\n`)).toBe(KEY)
    }
    unchanged(node)
    expect(client.ask(`mg ${base64('mine:k')} b v\r\n`)).toBe('VA 1\r\n5\r\n')
    expect(client.ask('ms other:k 3 q\r\nabc\r\nmn\r\n')).toBe(`${KEY}MN\r\n`)
  })

  test('an mg that writes takes the right to write', () => {
    const node = openNode()
    const client = logIn(node, 'reader')
    for (const flags of ['T5', 'N5', 'R5', 'v t N30', 'v E5 N1']) {
      expect(client.ask(`mg mine:k ${flags}\r\nmg mine:none ${flags}\r\n`)).toBe(COMMAND.repeat(2))
    }
    unchanged(node)
    expect(client.ask('mg mine:k v t f c k s q O1 u h l\r\n')).toMatch(/^VA 1 t-1 f7 /)
  })

  test('statistics beyond the general ones are for admins', () => {
    const node = openNode()
    for (const name of ['nobody', 'both'] as const) {
      const client = logIn(node, name)
      expect(client.ask('stats\r\n')).toMatch(/^STAT pid .*END\r\n$/s)
      for (const argument of ['settings', 'reset', 'items', 'conns', 'cachedump 1 1', 'x']) {
        expect(client.ask(`stats ${argument}\r\n`)).toBe(COMMAND)
      }
    }
    expect(logIn(node, 'operator').ask('stats settings\r\n')).toMatch(/^STAT maxbytes/)
  })

  test('somebody with all rights is held to prefixes all the same', () => {
    const client = logIn(openNode(), 'anykey')
    expect(client.ask('get other:k\r\nflush_all\r\n')).toBe(`${KEY}OK\r\n`)
  })
})

function failure(opcode: number): string {
  return error(opcode, BinaryStatus.authError, 'Auth failure.', 9)
}

describe('rules of the binary protocol', () => {
  const bodies: readonly string[] = [
    request(0, { key: 'other:k' }),
    request(0, { key: 'mine:k' }),
    request(0, { key: 'other:k', extras: u32(0, 0), value: 'flush_all' }),
    request(0, { key: 'other:k', value: 'flush_all' }),
    request(0, { key: 'other:k', extras: u32(0) }),
    request(0, { key: 'other:k', extras: u32(0, 1, 0, 1, 0) }),
    request(0, { extras: u32(0) }),
    request(0),
  ].map(text => text.slice(2))
  const open = new Set<number>([
    Opcode.noop,
    Opcode.version,
    // The general statistics, as in text.
    Opcode.stat,
    Opcode.quit,
    Opcode.quitq,
    Opcode.saslListMechs,
  ])

  test('every opcode, whatever its body, changes and tells nothing that is not allowed', () => {
    for (let opcode = 0; opcode < 256; opcode += 1) {
      const node = openNode()
      for (const body of bodies) {
        const client = node.connect()
        client.send(plain('nobody', 'x'))
        client.stream.takeFresh()
        client.send(`\x80${String.fromCharCode(opcode)}${body}`, [9])
        const [first] = parseReplies(client.reply)
        const isOpen = open.has(opcode) || first === undefined
        const refusals: number[] = [
          BinaryStatus.authError,
          BinaryStatus.unknownCommand,
          BinaryStatus.invalid,
        ]
        if (!isOpen) expect(refusals, `opcode ${opcode}`).toContain(first.status)
      }
      unchanged(node)
    }
  })

  test('a key that is not ours is refused, its value swallowed, and all is in step', () => {
    const node = openNode()
    const client = node.connect()
    client.send(plain('both', 'x'))
    client.stream.takeFresh()
    const noop = reply(Opcode.noop, 0)
    for (const opcode of [Opcode.get, Opcode.getq, Opcode.getk, Opcode.delete, Opcode.deleteq]) {
      client.send(request(opcode, { key: 'other:k', opaque: 9 }) + request(Opcode.noop), [5])
      expect(client.reply).toBe(failure(opcode) + noop)
    }
    for (const size of [0, 1, 20_000]) {
      client.send(set('other:k', 'v'.repeat(size), { opaque: 9 }) + request(Opcode.noop), [900])
      expect(client.reply).toBe(failure(Opcode.set) + noop)
    }
    unchanged(node)
    client.send(request(Opcode.get, { key: 'mine:k' }))
    expect(parseReplies(client.reply)[0]).toMatchObject({ status: 0 })
  })

  test('a user who may not write is refused', () => {
    const node = openNode()
    const client = node.connect()
    client.send(plain('reader', 'x') + set('mine:k', 'new') + request(Opcode.noop))
    const [, refused, noop] = parseReplies(client.reply)
    expect([refused?.status, noop?.status]).toEqual([BinaryStatus.authError, 0])
    unchanged(node)
  })
})

test('every command has its rights, and those of users and of admins do not mix', () => {
  expect(rows.length).toBe(commands.length)
  for (const row of rows) expect(row.needs, row.verb).toBeTypeOf('number')
  const ofAdmins = rows.filter(row => row.needs >= 4).map(row => row.verb)
  expect(ofAdmins).toEqual([
    'flush_all',
    'verbosity',
    'cache_memlimit',
    'lru_crawler',
    'lru',
    'slabs',
    'watch',
    'shutdown',
    'refresh_certs',
    'debugtime',
    'fence',
  ])
  expect(rows.some(row => row.command === Command.unknown)).toBe(false)
})
