/** The ring that a command is asked about: from a cluster file or from flags, and with changes. */
import { InvalidArgumentError } from 'commander'
import { formatAddress } from '../cluster/address.ts'
import type { ClusterConfig } from '../cluster/config.ts'
import { ClusterFileError } from '../cluster/problems.ts'
import { isWeight, type RingNode } from '../ring/nodes.ts'
import {
  nodeLabel,
  parsePlacement,
  type Placement,
  PlacementError,
  weightsOf,
} from '../ring/placement.ts'
import { Ring } from '../ring/ring.ts'
import { EX_USAGE, parseHostPort } from './flags.ts'
import { KeyListError } from './line-list.ts'

export type Member = RingNode & {
  readonly name: string | undefined
  readonly host: string
  readonly port: number
}

export type Members = { readonly placement: Placement; readonly nodes: readonly Member[] }

/** What was asked for does not fit together: one line, exit code 64. */
export class RingUsageError extends Error {
  override name = 'RingUsageError'
}

const DEFAULT_PORT = 11211

export type MemberFlags = {
  readonly nodes?: readonly string[]
  readonly placement?: Placement
}

/** @throws ClusterFileError, RingUsageError */
export async function membersOf(
  file: string | undefined,
  flags: MemberFlags,
  environment: NodeJS.ProcessEnv,
): Promise<Members> {
  const texts = flags.nodes ?? []
  if ((file === undefined) === (texts.length === 0)) {
    throw new RingUsageError('Cannot build ring: expected a cluster file, or --nodes')
  }
  if (file === undefined) {
    const placement = flags.placement ?? { preset: 'ketama' }
    return { placement, nodes: texts.map(text => memberOf(text, placement)) }
  }
  const { loadClusterFile } = await import('../cluster/cluster-file.ts')
  const config = loadClusterFile(file, environment)
  if (config.discovery !== undefined) {
    throw new RingUsageError(
      `Cannot build ring: ${file} discovers its nodes, expected a list of them`,
    )
  }
  const placement = flags.placement ?? config.placement
  return { placement, nodes: config.nodes.map(node => fromFile(node, config, placement)) }
}

/** A node that has no name of its own is called what the placement in question calls it. */
function fromFile(
  { label, host, port, weight }: ClusterConfig['nodes'][number],
  config: ClusterConfig,
  placement: Placement,
): Member {
  const isNamed = label !== nodeLabel(config.placement, { host, port })
  const name = isNamed ? label : undefined
  return { name, label: nodeLabel(placement, { name, host, port }), host, port, weight }
}

/** `host:port` or `name=host:port`, and perhaps a weight: `*2`. */
export function memberOf(text: string, placement: Placement): Member {
  const match = /^(?:([^=*]+)=)?([^=*]+)(?:\*([\d.]+))?$/.exec(text)
  const name = match?.[1]
  const weight = Number(match?.[3] ?? 1)
  if (match === null || !isWeight(weight, weightsOf(placement))) {
    const expected = 'expected host:port or name=host:port, with a weight as *2 if it has one'
    throw new RingUsageError(`Cannot use node "${text}": ${expected}`)
  }
  const { host, port = DEFAULT_PORT } = hostPort(match[2]!)
  return { name, label: nodeLabel(placement, { name, host, port }), host, port, weight }
}

function hostPort(text: string): { host: string; port: number | undefined } {
  try {
    return parseHostPort(text)
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw new RingUsageError(error.message)
    throw error
  }
}

/** Nodes after `--remove` and `--add`. @throws RingUsageError */
export function changed(
  { placement, nodes }: Members,
  add: readonly string[],
  remove: readonly string[],
): Members {
  const gone = remove.map(text => {
    const node = findMember(nodes, text)
    if (node !== undefined) return node
    const known = nodes.map(({ label }) => label).join(', ')
    throw new RingUsageError(`Cannot remove "${text}": expected one of ${known}`)
  })
  const kept = nodes.filter(node => !gone.includes(node))
  return { placement, nodes: [...kept, ...add.map(text => memberOf(text, placement))] }
}

/** By label, name, address, or the host where it has one node only. */
export function findMember(nodes: readonly Member[], text: string): Member | undefined {
  const named = nodes.find(({ label, name }) => label === text || name === text)
  const byAddress = nodes.find(node => formatAddress(node) === text)
  const onHost = nodes.filter(({ host }) => host === text)
  return named ?? byAddress ?? (onHost.length === 1 ? onHost[0] : undefined)
}

/** @throws RingUsageError */
export function buildRing({ placement, nodes }: Members): Ring {
  try {
    return Ring.build(placement, nodes)
  } catch (error) {
    if (error instanceof RangeError) throw new RingUsageError(error.message)
    throw error
  }
}

/** For commander. */
export function readPlacement(text: string): Placement {
  try {
    return parsePlacement(text)
  } catch (error) {
    if (error instanceof PlacementError) throw new InvalidArgumentError(error.message)
    throw error
  }
}

/** What the user can put right: one line. Exit code 1 for a file, 64 for flags. */
export async function runRing(run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (error) {
    const isFile =
      error instanceof ClusterFileError ||
      error instanceof KeyListError ||
      (error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string')
    if (!isFile && !(error instanceof RingUsageError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = isFile ? 1 : EX_USAGE
  }
}
