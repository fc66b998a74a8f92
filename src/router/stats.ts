/** What a router tells of itself; its nodes' counters are summed up beside it (node-stats.ts). */
import type { Control } from '../net/control.ts'
import { Counter, type Counters } from '../observe/counters.ts'
import { COMPATIBLE_VERSION } from '../protocol/compatible-version.ts'
import { formatPlacement } from '../ring/placement.ts'
import type { RouterOptions } from './options.ts'

export type RouterFacts = {
  options: RouterOptions
  nodes: number
  control: Control
  counters: Counters
  startedAt: number
  now: () => number
}

export type Row = [name: string, value: string | number]

/** What `stats` shows of a node. */
export type NodeState = { name: string; isUp: boolean; outstandingCount: number }

/** The rows of `stats` that are the router's own, whatever its nodes count under these names. */
export function routerRows(facts: RouterFacts, nodes: readonly NodeState[]): Row[] {
  const { options, control, counters, startedAt, now } = facts
  const { userCPUTime, systemCPUTime } = process.resourceUsage()
  return [
    ['pid', process.pid],
    ['uptime', now() - startedAt],
    ['time', now()],
    ['version', COMPATIBLE_VERSION],
    ['pointer_size', 64],
    ['rusage_user', (userCPUTime / 1e6).toFixed(6)],
    ['rusage_system', (systemCPUTime / 1e6).toFixed(6)],
    ['max_connections', options.connectionLimit],
    ['curr_connections', control.connections],
    ['total_connections', control.totalConnections],
    ['rejected_connections', control.rejectedConnections + control.deniedConnections],
    ['auth_cmds', counters.sum(Counter.authCmds)],
    ['auth_errors', counters.sum(Counter.authErrors)],
    ['bytes_read', counters.sum(Counter.bytesRead)],
    ['bytes_written', counters.sum(Counter.bytesWritten)],
    ['threads', options.threads],
    ['placement', formatPlacement(options.placement)],
    ['nodes', facts.nodes],
    ['nodes_up', nodes.filter(({ isUp }) => isUp).length],
  ]
}

/** `stats proxy`: what the router did, and how its nodes are. */
export function proxyRows(facts: RouterFacts, nodes: readonly NodeState[]): Row[] {
  const { counters } = facts
  const rows: Row[] = [
    ...routerRows(facts, nodes),
    ['cmd_get', counters.sum(Counter.cmdGet)],
    ['cmd_set', counters.sum(Counter.cmdSet)],
    ['cmd_flush', counters.sum(Counter.cmdFlush)],
    ['get_hits', counters.sum(Counter.getHits)],
    ['get_misses', counters.sum(Counter.getMisses)],
    ['gets_shared', counters.sum(Counter.getsShared)],
    ['writes_missed', counters.sum(Counter.writesMissed)],
    ['writes_discarded', counters.sum(Counter.writesDiscarded)],
    ['replies_dropped', counters.sum(Counter.repliesDropped)],
  ]
  for (const node of nodes) {
    rows.push([`node:${node.name}:state`, node.isUp ? 'up' : 'down'])
    rows.push([`node:${node.name}:outstanding`, node.outstandingCount])
  }
  return rows
}
