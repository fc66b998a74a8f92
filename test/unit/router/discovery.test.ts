// What the parsers of real clients make of it, each written as its client reads (AWS' Java and .NET
// clients, libmemcached, dalli-elasticache, pymemcache, gomemcache, django-elastipymemcache).
import { describe, expect, test } from 'vitest'
import { Opcode } from '../../../src/protocol/binary-layout.ts'
import { Discovery } from '../../../src/router/discovery.ts'
import { error, reply, request, set, u32 } from '../session/binary-support.ts'
import { makeNode } from '../session/support.ts'
import { makeRouter, turn } from './support.ts'

const TEXT = '7\n127.0.0.1|127.0.0.1|11300 127.0.0.1|127.0.0.1|11301\n'
const CONFIG = `CONFIG cluster 0 ${TEXT.length}\r\n${TEXT}\r\nEND\r\n`
const VALUE = `VALUE AmazonElastiCache:cluster 0 ${TEXT.length}\r\n${TEXT}\r\nEND\r\n`
const KEY = 'AmazonElastiCache:cluster'
const REFUSED = 'CLIENT_ERROR command not allowed\r\n'
const NOT_ALLOWED = 'CLIENT_ERROR key not allowed\r\n'

function node(host: string, port: number) {
  return { name: host, label: host, host, port, weight: 1 }
}

describe('Discovery', () => {
  test('is what the documentation of ElastiCache shows, 136 bytes, in the order of hosts', () => {
    const second = 'myCluster.pc4ldq.0002.use1.cache.amazonaws.com'
    const first = 'myCluster.pc4ldq.0001.use1.cache.amazonaws.com'
    const addresses = new Map([
      [first, '10.82.235.120'],
      [second, '10.80.249.27'],
    ])
    const nodes = [node(second, 11211), node(first, 11211)]
    const text = Buffer.from(new Discovery(12, nodes, host => addresses.get(host)).text())
    expect(text.toString()).toBe(`12\n${first}|10.82.235.120|11211 ${second}|10.80.249.27|11211\n`)
    expect(text.length).toBe(136)
  })

  test('an address that is not known is empty, ports tell nodes of one host apart', () => {
    const nodes = [node('h', 2), node('h', 1), node('::1', 3)]
    const text = new Discovery(2147483647, nodes, host => (host === 'h' ? undefined : host)).text()
    expect(Buffer.from(text).toString()).toBe('2147483647\n::1|::1|3 h||1 h||2\n')
  })
})

describe('in text', () => {
  const asked: readonly [string, string][] = [
    ['config get cluster\r\n', CONFIG],
    ['config get cluster\n', CONFIG],
    ['config get cluster \r\n', CONFIG],
    [`get ${KEY}\r\n`, VALUE],
    [`get ${KEY}\n`, VALUE],
    [`gets ${KEY}\r\n`, VALUE.replace('\r\n', ' 0\r\n')],
    [`gat 100 ${KEY}\r\n`, VALUE],
    [`get ${KEY} ${KEY}\r\n`, VALUE.replace('END\r\n', '') + VALUE],
    [`mg ${KEY} v s\r\n`, `VA ${TEXT.length} s${TEXT.length}\r\n${TEXT}\r\n`],
    [`mg ${KEY} k t q O1\r\n`, `HD k${KEY} t-1 O1\r\n`],
    [`mg ${Buffer.from(KEY).toString('base64')} b v\r\n`, `VA ${TEXT.length}\r\n${TEXT}\r\n`],
    [`me ${KEY}\r\n`, 'EN\r\n'],
    ['config get other\r\n', 'END\r\n'],
    ['config get\r\n', 'CLIENT_ERROR bad command line format\r\n'],
    ['config\r\n', 'ERROR\r\n'],
    ['config list\r\n', 'ERROR\r\n'],
    ['config set cluster 0 9\r\nflush_all\r\n', REFUSED],
    ['config set cluster 0 0\r\n\r\n', REFUSED],
    ['config set cluster 0 x\r\n', 'CLIENT_ERROR bad command line format\r\n'],
    ['config set cluster\r\n', 'CLIENT_ERROR bad command line format\r\n'],
    ['config delete cluster\r\n', REFUSED],
    [`set ${KEY} 0 0 1\r\n1\r\n`, NOT_ALLOWED],
    [`set ${KEY} 0 0 1 noreply\r\n1\r\n`, ''],
    [`cas ${KEY} 0 0 1 5\r\n1\r\n`, NOT_ALLOWED],
    [`delete ${KEY}\r\n`, NOT_ALLOWED],
    [`touch ${KEY} 1\r\n`, NOT_ALLOWED],
    [`incr ${KEY} 1\r\n`, NOT_ALLOWED],
    [`ms ${KEY} 1\r\n1\r\n`, NOT_ALLOWED],
    [`md ${KEY} q\r\n`, NOT_ALLOWED],
    [`ma ${KEY}\r\n`, NOT_ALLOWED],
  ]

  test.each(asked)('%j', (send, expected) => {
    for (const size of [Number.POSITIVE_INFINITY, 1]) {
      const router = makeRouter({ nodes: 2 })
      const client = router.connect()
      client.send(send, [size])
      client.send('version\r\n')
      turn()
      expect(client.reply).toBe(`${expected}VERSION 1.6.45\r\n`)
      expect(router.link(0).requests + router.link(1).requests).toBe('')
    }
  })

  test('in order with what nodes answer', () => {
    const router = makeRouter({ nodes: 2 })
    const client = router.connect()
    const [a, b, c] = ['a', 'b', 'c'].map(suffix => router.keyOn(0, suffix))
    client.send(`get ${a} ${KEY} ${b}\r\nconfig get cluster\r\nget ${c}\r\n`)
    turn()
    expect(client.reply).toBe('')
    router.link(0).reply(`VALUE ${a} 0 1\r\n1\r\nEND\r\nEND\r\n`)
    turn()
    router.link(0).reply('END\r\n')
    turn()
    const value = VALUE.replace('END\r\n', '')
    expect(client.reply).toBe(`VALUE ${a} 0 1\r\n1\r\n${value}END\r\n${CONFIG}END\r\n`)
  })

  test('a key that only begins like it is any key', () => {
    const router = makeRouter()
    router.connect().send(`get ${KEY}x\r\nget ${KEY.slice(1)}x\r\n`)
    turn()
    expect(router.link(0).requests).toBe(`get ${KEY}x ${KEY.slice(1)}x\r\n`)
  })

  test('500 nodes: larger than the output, and whole', () => {
    const nodes = Array.from({ length: 500 }, (_, i) =>
      node(`${'h'.repeat(200)}${i + 1000}`, 11211),
    )
    const discovery = new Discovery(9, nodes, () => '10.0.0.1')
    const { executor } = makeRouter()
    const client = (() => {
      const one = makeNode({ executor })
      one.services.cluster = discovery
      return one.connect()
    })()
    const text = Buffer.from(discovery.text()).toString()
    expect(text.length).toBeGreaterThan(100_000)
    expect(client.ask('config get cluster\r\nversion\r\n')).toBe(
      `CONFIG cluster 0 ${text.length}\r\n${text}\r\nEND\r\nVERSION 1.6.45\r\n`,
    )
  })

  test('a node has no cluster to tell of', () => {
    const client = makeNode().connect()
    expect(client.ask('config get cluster\r\nget a\r\n')).toBe('ERROR\r\nEND\r\n')
    const binary = makeNode().connect()
    expect(
      binary.ask(request(0x60, { key: 'cluster' }) + request(0x64, { key: 'c', value: 'x' })),
    ).toBe(error(0x60, 0x81, 'Unknown command') + error(0x64, 0x81, 'Unknown command'))
  })
})

describe('in binary', () => {
  const extras = u32(0)

  test('GET, GETQ, GETK and GETKQ answer as gets do', () => {
    const client = makeRouter({ nodes: 2 }).connect()
    const { configGet, configGetq, configGetk, configGetkq } = Opcode
    const all = [configGet, configGetq, configGetk, configGetkq]
    const ask = (key: string): string =>
      client.ask(all.map(opcode => request(opcode, { key, opaque: opcode })).join(''))
    expect(ask('cluster')).toBe(
      reply(configGet, 0, { extras, value: TEXT, opaque: configGet }) +
        reply(configGetq, 0, { extras, value: TEXT, opaque: configGetq }) +
        reply(configGetk, 0, { extras, key: 'cluster', value: TEXT, opaque: configGetk }) +
        reply(configGetkq, 0, { extras, key: 'cluster', value: TEXT, opaque: configGetkq }),
    )
    expect(ask('other')).toBe(
      error(configGet, 1, 'Not found', configGet) +
        reply(configGetk, 1, { key: 'other', opaque: configGetk }),
    )
  })

  test('the rest is refused, and 0x68 unknown; the connection stays', () => {
    const router = makeRouter()
    const client = router.connect()
    const changes = [0x64, 0x65, 0x66, 0x67]
    const sent = changes.map(opcode =>
      request(opcode, {
        key: 'cluster',
        value: 'flush_all\r\n',
        extras: u32(0, 0),
        opaque: opcode,
      }),
    )
    client.send(sent.join('') + request(0x68, {}) + request(Opcode.noop, {}))
    expect(client.reply).toBe(
      changes.map(opcode => error(opcode, 0x20, 'Auth failure.', opcode)).join('') +
        error(0x68, 0x81, 'Unknown command') +
        reply(Opcode.noop, 0, {}),
    )
    turn()
    expect(router.link(0).requests).toBe('')
  })

  test('the legacy key: read, not written', () => {
    const router = makeRouter({ nodes: 2 })
    const client = router.connect()
    client.send(
      request(Opcode.getk, { key: KEY }) + set(KEY, 'x') + request(Opcode.delete, { key: KEY }),
    )
    turn()
    expect(client.reply).toBe(
      reply(Opcode.getk, 0, { extras, key: KEY, value: TEXT }) +
        error(Opcode.set, 0x20, 'Auth failure.') +
        error(Opcode.delete, 0x20, 'Auth failure.'),
    )
    expect(router.link(0).requests + router.link(1).requests).toBe('')
  })
})

describe('as clients read it', () => {
  const hosts = ['a.cfg.example.org', 'b-2.example.org']
  const nodes = hosts.map((host, i) => node(host, 11211 + i))
  const router = () => {
    const { executor } = makeRouter()
    const one = makeNode({ executor })
    one.services.cluster = new Discovery(2147483647, nodes, host => `10.0.0.${hosts.indexOf(host)}`)
    return one.connect()
  }
  const config = (): string => router().ask('config get cluster\r\n')

  test('AWS Java: exactly so many bytes, then \\r\\n and END; two lines; a version of 32 bits', () => {
    const text = config()
    const head = /^CONFIG cluster 0 (\d+)\r\n/.exec(text)!
    const size = Number(head[1])
    const payload = text.slice(head[0].length, head[0].length + size)
    expect(text.slice(head[0].length + size)).toBe('\r\nEND\r\n')
    const lines = payload.trim().split('\n')
    expect(lines.length).toBe(2)
    expect(Number(lines[0]) | 0).toBe(2147483647)
    const parsed = lines[1]!.split(' ').map(one => one.split('|'))
    expect(parsed).toEqual([
      ['a.cfg.example.org', '10.0.0.0', '11211'],
      ['b-2.example.org', '10.0.0.1', '11212'],
    ])
  })

  test('pymemcache: up to "\\n\\r\\nEND\\r\\n", the third line split at spaces', () => {
    const text = config()
    expect(text.endsWith('\n\r\nEND\r\n')).toBe(true)
    const third = text.split('\n')[2]!
    expect(third.split(' ').map(one => one.split('|')[1])).toEqual(['10.0.0.0', '10.0.0.1'])
  })

  test('dalli-elasticache: lines up to one with END, nodes by a pattern', () => {
    const lines: string[] = []
    for (const line of config().split('\r\n')) {
      if (line.includes('END')) break
      lines.push(line)
    }
    const found = [...lines.join('\n').matchAll(/([-.a-zA-Z0-9]+)\|(\d+\.\d+\.\d+\.\d+)\|(\d+)/g)]
    expect(found.map(([, host]) => host)).toEqual(hosts)
    expect(/\n(\d+)\n/.exec(lines.join('\n'))?.[1]).toBe('2147483647')
  })

  test('gomemcache: the second field of each node', () => {
    const [, , third] = config().split('\n')
    expect(third!.split(' ').map(one => one.split('|')[1])).toEqual(['10.0.0.0', '10.0.0.1'])
  })

  test('django-elastipymemcache: the text in three parts', () => {
    const text = config()
    const [, payload] = /\r\n([^]*?)\r\nEND\r\n$/.exec(text)!
    expect(payload!.split('\n').length).toBe(3)
  })

  test('libmemcached takes no more than 8196 bytes: over a hundred nodes', () => {
    const many = Array.from({ length: 115 }, (_, i) =>
      node(`cluster.abcdef.${1000 + i}.use1.cache.example.org`, 11211),
    )
    expect(new Discovery(1, many, () => '10.100.100.100').text().length).toBeLessThan(8196)
  })

  test('what asks for the version first gets three numbers', () => {
    expect(router().ask('version\r\n')).toMatch(/^VERSION \d+\.\d+\.\d+\r\n$/)
    const client = makeRouter().connect()
    expect(client.ask('stats proxy\r\n')).toContain('END\r\n')
  })
})
