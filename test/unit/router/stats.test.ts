import { expect, test } from 'vitest'
import { Control } from '../../../src/net/control.ts'
import { Counter, Counters } from '../../../src/observe/counters.ts'
import type { RouterOptions } from '../../../src/router/options.ts'
import { OUTPUT_BYTES, Output } from '../../../src/protocol/output.ts'
import { routerStats } from '../../../src/router/stats.ts'
import type { StatAnswer } from '../../../src/session/executor.ts'
import { StatLines } from '../../../src/session/stat-lines.ts'

const options: RouterOptions = {
  listen: [{ host: '127.0.0.1', port: 11211 }],
  threads: 3,
  placement: { preset: 'ketama' },
  nodes: [{ name: 'a', label: 'a', host: 'a', port: 1, weight: 1 }],
  connectionsPerNode: 1,
  connectionLimit: 500,
  backlog: 10,
  connectTimeoutMs: 1,
  requestTimeoutMs: 1,
  reconnectMinMs: 1,
  reconnectMaxMs: 1,
  itemSizeMax: 1,
  accounts: undefined,
  loginWaitMs: 0,
  allow: undefined,
  tls: undefined,
  nodeTls: undefined,
  nodeCredential: undefined,
  verbosity: 0,
  useKernel: true,
  io: 'epoll',
  ioReason: '',
}

/** As the text protocol says it. */
function said(answer: StatAnswer | undefined): string {
  const output = new Output(new Uint8Array(OUTPUT_BYTES), 0, OUTPUT_BYTES)
  expect(new StatLines(answer!).produce(output)).toBe(false)
  return Buffer.from(output.bytes.subarray(0, output.at)).toString()
}

test('routerStats() says what the router did and how its nodes are', () => {
  const counters = Counters.create(2)
  const control = new Control()
  control.admit(9)
  counters.ofThread(0)[Counter.cmdGet] = 5
  counters.ofThread(1)[Counter.cmdGet] = 6
  const facts = { options, control, counters, startedAt: 1000, now: () => 1060 }
  const nodes = [
    { name: 'a', isUp: true, outstandingCount: 4 },
    { name: 'b', isUp: false, outstandingCount: 0 },
  ]
  const text = said(routerStats('', facts, nodes))
  expect(text).toMatch(/^(?:STAT \S+ \S+\r\n)+END\r\n$/)
  const names = [...text.matchAll(/^STAT (\S+)/gm)].map(([, name]) => name)
  expect(new Set(names).size).toBe(names.length)
  const rows = ['uptime 60', 'time 1060', 'version 1.6.45', 'cmd_get 11', 'curr_connections 1']
  const ofNodes = ['node:a:state up', 'node:a:outstanding 4', 'node:b:state down']
  for (const row of [...rows, ...ofNodes, 'threads 3', 'nodes 1', 'placement ketama']) {
    expect(text).toContain(`STAT ${row}\r\n`)
  }
  expect(said(routerStats('reset', facts, nodes))).toBe('RESET\r\n')
  expect(said(routerStats('', facts, nodes))).toContain('STAT cmd_get 0\r\n')
  expect(routerStats('settings', facts, nodes)).toBeUndefined()
})
