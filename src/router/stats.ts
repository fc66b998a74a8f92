/** The router's own `stats`; those of a node are asked of the node. */
import type { Control } from '../net/control.ts'
import { Counter, type Counters } from '../observe/counters.ts'
import { COMPATIBLE_VERSION } from '../protocol/compatible-version.ts'
import type { StatAnswer } from '../session/executor.ts'
import { formatPlacement } from '../ring/placement.ts'
import type { RouterOptions } from './options.ts'
import type { NodeState } from './route-executor.ts'

export type RouterFacts = {
  options: RouterOptions
  control: Control
  counters: Counters
  startedAt: number
  now: () => number
}

/** Undefined when there is no such statistic. */
export function routerStats(
  argument: string,
  facts: RouterFacts,
  nodes: readonly NodeState[],
): StatAnswer | undefined {
  if (argument === 'reset') {
    facts.counters.reset()
    return { rows: [].values(), label: 'STAT', end: 'RESET' }
  }
  if (argument !== '') return undefined
  const rows = general(facts)
  for (const node of nodes) {
    rows.push([`node:${node.name}:state`, node.isUp ? 'up' : 'down'])
    rows.push([`node:${node.name}:outstanding`, node.outstandingCount])
  }
  return { rows: rows.values(), label: 'STAT', end: 'END' }
}

type Row = [name: string, value: string | number]

function general({ options, control, counters, startedAt, now }: RouterFacts): Row[] {
  return [
    ['pid', process.pid],
    ['uptime', now() - startedAt],
    ['time', now()],
    ['version', COMPATIBLE_VERSION],
    ['pointer_size', 64],
    ['max_connections', options.connectionLimit],
    ['curr_connections', control.connections],
    ['total_connections', control.totalConnections],
    ['rejected_connections', control.rejectedConnections + control.deniedConnections],
    ['cmd_get', counters.sum(Counter.cmdGet)],
    ['cmd_set', counters.sum(Counter.cmdSet)],
    ['cmd_flush', counters.sum(Counter.cmdFlush)],
    ['get_hits', counters.sum(Counter.getHits)],
    ['get_misses', counters.sum(Counter.getMisses)],
    ['auth_cmds', counters.sum(Counter.authCmds)],
    ['auth_errors', counters.sum(Counter.authErrors)],
    ['bytes_read', counters.sum(Counter.bytesRead)],
    ['bytes_written', counters.sum(Counter.bytesWritten)],
    ['threads', options.threads],
    ['placement', formatPlacement(options.placement)],
    ['nodes', options.nodes.length],
  ]
}
