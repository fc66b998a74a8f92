// What fields must be to each other: names, addresses, sizes, what is open to others.

import { expect, test } from 'vitest'
import { load, problemsOf } from './files.ts'

const NODE = 'nodes: [ "127.0.0.1:11311" ]\n'

test.each<[string, string, string[]]>([
  [
    'two nodes of one name',
    'nodes:\n  - { name: a, address: "h:1" }\n  - { name: a, address: "h:2" }',
    ['3:13: nodes[1].name: found the name "a", which nodes[0] has too, expected one of its own'],
  ],
  [
    'a name that is another node’s label',
    'nodes:\n  - h:11211\n  - { name: h, address: "g:2" }',
    ['3:13: nodes[1].name: found the name "h", which nodes[0] has too, expected one of its own'],
  ],
  [
    'two nodes of one address',
    'nodes:\n  - { name: a, address: "h:1" }\n  - { name: b, address: "H:1" }',
    ['3:25: nodes[1].address: found H:1, which nodes[0] has too, expected another port'],
  ],
  [
    'localhost and 127.0.0.1',
    'nodes:\n  - localhost:1\n  - 127.0.0.1:1',
    ['3:5: nodes[1].address: found 127.0.0.1:1, which nodes[0] has too, expected another port'],
  ],
  [
    'one IPv6 address in two spellings',
    'nodes:\n  - "[fd00::1]:1"\n  - "[FD00:0::1]:1"',
    ['3:5: nodes[1].address: found [FD00:0::1]:1, which nodes[0] has too, expected another port'],
  ],
  [
    'an IPv4 address inside IPv6',
    'nodes:\n  - "127.0.0.1:1"\n  - "[::ffff:127.0.0.1]:1"',
    [
      '3:5: nodes[1].address: found [::ffff:127.0.0.1]:1, which nodes[0] has too, expected another port',
    ],
  ],
  [
    'a node on the router’s port',
    `${NODE}router: { listen: "127.0.0.1:11311" }`,
    [
      '2:19: router.listen[0]: found 127.0.0.1:11311, which nodes[0] has too, expected another port',
    ],
  ],
  [
    'a loopback node on the port of a router on every interface',
    `open: true\n${NODE}router: { listen: "0.0.0.0:11311" }`,
    ['3:19: router.listen[0]: found 0.0.0.0:11311, which nodes[0] has too, expected another port'],
  ],
  [
    'a listener given twice',
    `${NODE}router: { listen: ["[::1]:5", "[::1]:5"] }`,
    [
      '2:31: router.listen[1]: found [::1]:5, which router.listen[0] has too, expected another port',
    ],
  ],
  [
    'port 0 without a name',
    'nodes: [ "127.0.0.1:0" ]',
    ['1:10: nodes[0].address: found port 0 and no name, expected a name to place the node by'],
  ],
  [
    'port 0 beyond loopback',
    'nodes: [ { name: a, address: "10.0.0.1:0" } ]',
    [
      '1:30: nodes[0].address: found port 0, expected a port of 1 to 65535, since others must know it (0, chosen by the kernel, is for loopback)',
    ],
  ],
  [
    'items of more than half of the memory',
    'nodes: [ { address: "h:1", memory: 8, max_item_size: 5m } ]',
    [
      "1:54: nodes[0].max_item_size: found items of up to 5242880 bytes, expected at most half of the node's memory of 8388608 bytes",
    ],
  ],
  [
    'a default item size that no node has room for, once',
    'defaults: { max_item_size: 33m }\nnodes: [ "h:1", "h:2" ]',
    [
      "1:28: defaults.max_item_size: found items of up to 34603008 bytes, expected at most half of the node's memory of 67108864 bytes",
    ],
  ],
  [
    'a listener that everyone reaches',
    `${NODE}router: { listen: ["127.0.0.1:1", "0.0.0.0:2", "[::]:3", "cache:4"] }`,
    ['2:35', '2:48', '2:58'].map(at =>
      expect.stringMatching(
        `^${at}: router.listen.*, open to everyone who can reach it, expected users, allow, mtls:, a loopback address, or open: true$`,
      ),
    ),
  ],
])('%s is refused', (_, yaml, problems) => {
  expect(problemsOf(yaml)).toEqual(problems)
})

test.each([
  ['one port on different hosts', 'nodes: [ "a:11211", "b:11211", "127.0.0.1:5", "127.0.0.2:5" ]'],
  ['items of exactly half', 'nodes: [ { address: "h:1", memory: 8, max_item_size: 4m } ]'],
  [
    'several nodes on port 0',
    'nodes: [ { name: a, address: "127.0.0.1:0" }, { name: b, address: "[::1]:0" } ]',
  ],
  [
    'the router’s port on nodes elsewhere',
    'open: true\nnodes: [ "node1:11211" ]\nrouter: { listen: "0.0.0.0:11211" }',
  ],
  [
    'a wide listener with users',
    `${NODE}router: { listen: "0.0.0.0:1" }\nusers: [ { name: u, password: "\${P}" } ]`,
  ],
])('%s is accepted', (_, yaml) => {
  expect(load(yaml, { P: 'x' }).nodes.length).toBeGreaterThan(0)
})

test('a wide listener beside users that are wrong is one problem, not two', () => {
  const yaml = `${NODE}router: { listen: "0.0.0.0:1" }\nusers: [ { name: u } ]`
  expect(problemsOf(yaml)).toEqual([expect.stringContaining('users[0]: found no password')])
})
