import { expect, test } from 'vitest'
import { ioNames } from '../../../src/cluster/config.ts'
import { ioChoices } from '../../../src/net/io.ts'
import { load, problemsOf } from './files.ts'

const NODE = 'nodes: [ "127.0.0.1:11311" ]\n'

test('the smallest file gets every default', () => {
  expect(load('nodes:\n  - 127.0.0.1:11311\n')).toEqual({
    name: 'memring',
    placement: { preset: 'ketama' },
    configVersion: 1,
    open: false,
    users: [],
    nodes: [
      {
        name: '127.0.0.1:11311',
        label: '127.0.0.1:11311',
        host: '127.0.0.1',
        port: 11311,
        weight: 1,
        memoryMb: 64,
        threads: 4,
        maxItemSizeBytes: 1 << 20,
        connectionLimit: 1024,
      },
    ],
    router: {
      listen: [{ host: '127.0.0.1', port: 11211 }],
      threads: 1,
      connectionsPerNode: 1,
      connectionLimit: 65_000,
      connectTimeoutMs: 1000,
      requestTimeoutMs: 1000,
      reconnectMinMs: 50,
      reconnectMaxMs: 1000,
      healthSettings: { timeoutMs: 800, failures: 3, errorPercent: 50, journalKeys: 10_000 },
      deadNode: { reads: 'miss', writes: 'error' },
      outstandingPerNode: 65_536,
      coalesces: true,
    },
  })
})

test('every field is read, and a node overrides the defaults', () => {
  const config = load(`
name: shop
placement: hashring
open: true
defaults: { memory: 128, threads: 2, max_item_size: 2m, connections: 100 }
nodes:
  - { name: a, address: "[::1]:11311", weight: 3, memory: 1g, threads: 8 }
  - { address: cache-2:11211, max_item_size: 512k, connections: 7 }
router:
  listen: ["0.0.0.0:11211", "[::]:11212"]
  threads: 3
  connections_per_node: 2
  connections: 5000
  timeouts: { connect: 250, request: 500 }
  reconnect: { min: 10, max: 20 }
  outstanding_per_node: 99
  coalesce: false
  health: { timeout: 200, failures: 5, errors: 30, journal: 0 }
  dead_node: { reads: error, writes: discard }
`)
  expect(config.nodes).toEqual([
    {
      name: 'a',
      label: 'a',
      host: '::1',
      port: 11311,
      weight: 3,
      memoryMb: 1024,
      threads: 8,
      maxItemSizeBytes: 2 << 20,
      connectionLimit: 100,
    },
    {
      name: 'cache-2',
      label: 'cache-2',
      host: 'cache-2',
      port: 11211,
      weight: 1,
      memoryMb: 128,
      threads: 2,
      maxItemSizeBytes: 512 << 10,
      connectionLimit: 7,
    },
  ])
  expect(config).toMatchObject({ name: 'shop', placement: { preset: 'hashring' }, open: true })
  expect(config.router).toEqual({
    listen: [
      { host: '0.0.0.0', port: 11211 },
      { host: '::', port: 11212 },
    ],
    threads: 3,
    connectionsPerNode: 2,
    connectionLimit: 5000,
    connectTimeoutMs: 250,
    requestTimeoutMs: 500,
    reconnectMinMs: 10,
    reconnectMaxMs: 20,
    outstandingPerNode: 99,
    coalesces: false,
    healthSettings: { timeoutMs: 200, failures: 5, errorPercent: 30, journalKeys: 0 },
    deadNode: { reads: 'error', writes: 'discard' },
  })
})

test.each([
  ['10.0.0.1:11211', '10.0.0.1'],
  ['10.0.0.1:11212', '10.0.0.1:11212'],
  ['cache.example:11211', 'cache.example'],
  ['[fd00::1]:11211', 'fd00::1'],
  ['[fd00::1]:11300', 'fd00::1:11300'],
])('a node without a name, %s, stands on the ring as %s', (address, label) => {
  expect(load(`nodes: [ "${address}" ]`).nodes[0]).toMatchObject({ name: label, label })
})

test('one listener may be written without a list', () => {
  expect(load(`${NODE}router: { listen: "localhost:1" }`).router.listen).toEqual([
    { host: 'localhost', port: 1 },
  ])
})

test('TLS: files lie beside the cluster file, prefixes differ from the rule', () => {
  const { listen, tls, nodeTls } = load(`${NODE}router:
  listen: ["0.0.0.0:1", "notls:127.0.0.1:2", "mtls:[::]:3", "btls:localhost:4"]
  tls: { cert: r.crt, key: /k/r.key, ca: c.crt, verify: require, min_version: 1.3 }
  node_tls: { ca: n.crt, server_name: node }
`).router
  expect(listen.map(({ port, secure }) => [port, secure])).toEqual([
    [1, 'tls'],
    [2, undefined],
    [3, 'mtls'],
    [4, 'btls'],
  ])
  expect(tls).toEqual({
    chainCert: expect.stringMatching(/^\/.*\/r\.crt$/),
    key: '/k/r.key',
    caCert: expect.stringMatching(/^\/.*\/c\.crt$/),
    verify: 2,
    minVersion: 'TLSv1.3',
  })
  expect(nodeTls).toEqual({ ca: expect.stringMatching(/^\/.*\/n\.crt$/), serverName: 'node' })
})

test.each([
  [
    'router: { listen: ["127.0.0.1:1", "mtls:127.0.0.1:2"] }',
    '2:35: router.listen[1]: found mtls: without router.tls, expected its cert and key',
  ],
  [
    'router: { tls: { cert: a } }',
    '2:16: router.tls.key: found nothing, expected a file, relative to the cluster file',
  ],
  [
    'router: { tls: { cert: a, key: b, verify: always } }',
    '2:43: router.tls.verify: found "always", expected one of none, request, require',
  ],
  [
    'router: { tls: { cert: a, key: b, min_version: 1.1 } }',
    '2:48: router.tls.min_version: found 1.1, expected one of 1.2, 1.3',
  ],
  [
    'router: { node_tls: { key: b } }',
    '2:21: router.node_tls: found one of cert and key, expected both or none',
  ],
  [
    'router: { tls: { cert: a, key: b, vrify: none } }',
    '2:35: router.tls.vrify: found an unknown field, did you mean "verify"?',
  ],
  [
    'router: { listen: "btls:0.0.0.0:1", tls: { cert: a, key: b, verify: require } }',
    '2:19: router.listen[0]: found 0.0.0.0:1, open to everyone who can reach it, expected users, ' +
      'allow, mtls:, a loopback address, or open: true',
  ],
])('TLS that cannot be: %s', (text, problem) => {
  expect(problemsOf(`${NODE}${text}`)).toEqual([problem])
})

test('beyond loopback, certificates of clients are enough', () => {
  const mutual = 'listen: "mtls:0.0.0.0:1", tls: { cert: a, key: b }'
  const required = 'listen: "0.0.0.0:1", tls: { cert: a, key: b, verify: require }'
  expect(load(`${NODE}router: { ${mutual} }`).router.listen[0]?.secure).toBe('mtls')
  expect(load(`${NODE}router: { ${required} }`).router.tls?.verify).toBe(2)
})

test('aliases are followed', () => {
  const config = load('nodes:\n  - &a { name: a, address: "h:1" }\nname: &n x\nplacement: ketama\n')
  expect(config.nodes[0]?.name).toBe('a')
  expect(load('nodes: [ { name: &n one, address: "h:1" } ]\nname: *n\n').name).toBe('one')
})

test.each<[string, string, string[]]>([
  [
    'a field misspelt',
    `placment: ketama\n${NODE}`,
    ['1:1: placment: found an unknown field, did you mean "placement"?'],
  ],
  [
    'letters swapped',
    `${NODE}roter: {}`,
    ['2:1: roter: found an unknown field, did you mean "router"?'],
  ],
  [
    'a field unlike any',
    'nodes:\n  - address: h:1\n    colour: red',
    [
      '3:5: nodes[0].colour: found an unknown field, expected one of name, address, weight, memory, threads, max_item_size, connections, io',
    ],
  ],
  [
    'a field inside timeouts',
    `${NODE}router:\n  timeouts:\n    conect: 1`,
    ['4:5: router.timeouts.conect: found an unknown field, did you mean "connect"?'],
  ],
  [
    'an unknown placement',
    `placement: ring\n${NODE}`,
    [
      '1:12: placement: found "ring", expected one of ketama, ketama-unweighted, ' +
        'twemproxy, hashring, spymemcached, aws-java, modulo, dalli, pymemcache, mcrouter-ch3, ' +
        'memcached-proxy',
    ],
  ],
  [
    'a version over 31 bits',
    `config_version: 2147483648\n${NODE}`,
    ['1:17: config_version: found 2147483648, expected a whole number of 1 to 2147483647'],
  ],
  ['no nodes', 'name: x', ['1:1: nodes: found nothing, expected a list of 1 to 500 nodes']],
  [
    'an empty list of nodes',
    'nodes: []',
    ['1:8: nodes: found 0 nodes, expected a list of 1 to 500 nodes'],
  ],
  [
    'nodes and discovery',
    'discovery: { srv: a.b }\nnodes: [a:1]',
    ['1:12: discovery: found nodes, too, expected one of nodes and discovery'],
  ],
  [
    'discovery from nowhere',
    'discovery: { interval: 99 }',
    ['1:24: discovery.interval: found 99, expected a whole number of 100 to 3600000'],
  ],
  [
    'discovery from two places, and what does not go with it',
    'discovery: { srv: a.b, endpoint: "c:1", port: 3, server: "c:53" }',
    [
      '1:12: discovery: found srv and endpoint, expected one of srv, dns, endpoint',
      '1:47: discovery.port: found 3, expected none without dns',
      '1:58: discovery.server: found c:53, expected the IP address and port of a name server, ' +
        'with srv or dns',
    ],
  ],
  [
    'a name without a port',
    'discovery: { dns: a.b, intervall: 200 }',
    ['1:24: discovery.intervall: found an unknown field, did you mean "interval"?'],
  ],
  [
    'nodes as a mapping',
    'nodes: { a: 1 }',
    ['1:8: nodes: found a mapping, expected a list of 1 to 500 nodes'],
  ],
  [
    'a node without an address',
    'nodes:\n  - name: a',
    [
      '2:5: nodes[0].address: found nothing, expected host:port, port 0 to 65535, IPv6 as [::1]:11211',
    ],
  ],
  [
    'a list where a mapping belongs',
    `${NODE}router: [1]`,
    ['2:9: router: found a list, expected a mapping of fields'],
  ],
  [
    'a health field that is none, values that cannot be',
    `${NODE}router:\n  health: { timeout: 0, journal: 1000001, erors: 1 }\n  dead_node: { reads: no }`,
    [
      '3:22: router.health.timeout: found 0, expected a whole number of 1 to 600000 milliseconds',
      '3:34: router.health.journal: found 1000001, expected a whole number of 0 to 1000000',
      '3:43: router.health.erors: found an unknown field, did you mean "errors"?',
      '4:23: router.dead_node.reads: found "no", expected "miss" or "error"',
    ],
  ],
  [
    'reconnect the wrong way round',
    `${NODE}router:\n  reconnect: { min: 9, max: 8 }`,
    ['3:21: router.reconnect.min: found 9 milliseconds, expected at most max, which is 8'],
  ],
  [
    'an empty file',
    '',
    ['1:1: found an empty value, expected a mapping of nodes, router and users'],
  ],
  ['a text', 'hello', ['1:1: found "hello", expected a mapping of nodes, router and users']],
  [
    'broken YAML',
    'nodes: [\n',
    [
      '2:1: not YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
  ],
  ['a field given twice', `${NODE}name: a\nname: b\n`, ['3:1: not YAML: Map keys must be unique']],
  [
    'an unquoted variable in braces',
    'nodes: [ { address: ${A} } ]',
    [
      expect.stringMatching(
        /^1:\d+: not YAML: .*; inside \{ \} and \[ \] write "\$\{VAR\}" in quotes$/,
      ),
    ],
  ],
])('%s is said with its place', (_, yaml, problems) => {
  const found = problemsOf(yaml)
  expect(found.slice(0, problems.length)).toEqual(problems)
  // Broken YAML may be noted more than once for one mistake; nothing else is.
  if (!found.every(text => text.includes('not YAML'))) expect(found).toHaveLength(problems.length)
})

test('every problem of a file is listed, in the order of the file', () => {
  const problems = problemsOf(`
defaults: { memory: 4 }
nodes:
  - 127.0.0.1
  - { name: x, address: "h:1", weight: 1001 }
router: { listen: ["0.0.0.0:1"], threads: 65 }
users: [ { name: "a b" } ]
bogus: 1
`)
  expect(problems.map(text => text.split(': ').slice(0, 2).join(' '))).toEqual([
    '2:21 defaults.memory',
    '4:5 nodes[0].address',
    '5:40 nodes[1].weight',
    '6:43 router.threads',
    '7:18 users[0].name',
    '8:1 bogus',
  ])
})

const SIZE = 'expected a size of 8 to 1048576 MB, as a number of MB, "64m" or "1g"'
test.each([
  ['7', undefined],
  ['8', 8],
  ['"8m"', 8],
  ['1048576', 1 << 20],
  ['1024g', 1 << 20],
  ['1048577', undefined],
  ['1025g', undefined],
  ['99999999999999', undefined],
  ['1.5', undefined],
  ['-64', undefined],
  ['64mb', undefined],
  ['12k', undefined],
  ['true', undefined],
  ['""', undefined],
])('memory: %s', (text, memoryMb) => {
  const yaml = `nodes:\n  - address: h:1\n    max_item_size: 1k\n    memory: ${text}`
  if (memoryMb !== undefined) expect(load(yaml).nodes[0]?.memoryMb).toBe(memoryMb)
  else
    expect(problemsOf(yaml)).toEqual([expect.stringMatching(`^4:13: nodes.0..memory: .*${SIZE}$`)])
})

test.each([
  ['weight', [0, 1, 1000, 1001, 1e12]],
  ['threads', [0, 1, 64, 65, 1e12]],
  ['connections', [0, 1, 1_000_000, 1_000_001, 1e15]],
] as const)('%s: at, over and far over its limits', (field, [low, min, max, high, far]) => {
  const yaml = (value: string | number): string =>
    `nodes:\n  - address: h:1\n    ${field}: ${value}`
  for (const value of [min, max]) expect(load(yaml(value)).nodes).toHaveLength(1)
  for (const value of [low, high, far, -1, 1.5, 'x', '[1]', '""']) {
    const text = `expected a whole number of ${min} to ${max}`
    expect(problemsOf(yaml(value))).toEqual([expect.stringContaining(text)])
  }
})

test('io: what `--io` takes, for all nodes, for one, and for the router', () => {
  expect(ioNames).toEqual(ioChoices)
  for (const name of ioNames) expect(load(`${NODE}router: { io: ${name} }`).router.io).toBe(name)
  const { nodes, router } = load(
    'defaults: { io: net }\nnodes: [ "h:1", { address: "h:2", io: epoll } ]\n',
  )
  expect([...nodes.map(({ io }) => io), router.io]).toEqual(['net', 'epoll', undefined])
  expect(load(NODE).nodes[0]?.io).toBeUndefined()
})

test.each([
  ['defaults: { io: fast }\n' + NODE, '1:17: defaults.io: found "fast", expected'],
  ['nodes:\n  - address: h:1\n    io: true', '3:9: nodes[0].io: found true, expected'],
  [`${NODE}router: { io: [net] }`, '2:15: router.io: found a list, expected'],
])('io: refused with its place: %j', (yaml, problem) => {
  expect(problemsOf(yaml)).toEqual([`${problem} one of auto, uring, epoll, net`])
})

test.each([500, 501, 5000])('%i nodes', count => {
  const nodes = Array.from({ length: count }, (_, at) => `  - 10.0.${at >> 8}.${at & 255}:11211`)
  const yaml = `nodes:\n${nodes.join('\n')}\n`
  if (count === 500) expect(load(yaml).nodes).toHaveLength(500)
  else {
    const text = `nodes: found ${count} nodes, expected a list of 1 to 500 nodes`
    expect(problemsOf(yaml)).toEqual([`2:3: ${text}`])
  }
})

test('a file may have 1 MiB and no more, and must be UTF-8', () => {
  const comment = `${NODE}#`
  expect(load(comment.padEnd(1 << 20, '-')).nodes).toHaveLength(1)
  expect(problemsOf(comment.padEnd((1 << 20) + 1, '-'))).toEqual([
    expect.stringMatching('found 1048577 bytes, expected at most 1048576$'),
  ])
  expect(problemsOf(comment.padEnd(20 << 20, '-'))).toHaveLength(1)
  expect(problemsOf(Uint8Array.of(0x6e, 0xff, 0xfe))).toEqual([
    expect.stringMatching('found other bytes, expected UTF-8 text$'),
  ])
})

test('aliases that multiply, or contain themselves, are refused quickly', () => {
  const bomb = ['a0: &a0 [1,1,1,1,1,1,1,1,1,1]']
  for (let at = 1; at <= 9; at += 1) {
    bomb.push(
      `a${at}: &a${at} [${Array(10)
        .fill(`*a${at - 1}`)
        .join(',')}]`,
    )
  }
  expect(problemsOf(bomb.join('\n')).join()).toContain('expected at most 50000 values, 20 deep')
  expect(problemsOf(`nodes: &n [ *n ]`).join()).toContain('nodes[0]')
})

test('a hundred problems are shown, the rest counted', () => {
  const yaml = `${NODE}${Array.from({ length: 150 }, (_, at) => `zz${at}: 1`).join('\n')}`
  const lines = problemsOf(yaml)
  expect(lines).toHaveLength(101)
  expect(lines.at(-1)).toBe('and 50 more')
})

test.each(['no/such/file.yaml', '.'])('a file that cannot be read is named: %s', async file => {
  const { loadClusterFile } = await import('../../../src/cluster/cluster-file.ts')
  expect(() => loadClusterFile(file, {})).toThrow(
    /^Cannot use cluster file (no\/such\/file.yaml: there is no such file \(ENOENT\)|\.: it is a directory \(EISDIR\))$/,
  )
})
