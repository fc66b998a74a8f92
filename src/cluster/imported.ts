/**
 * What importing the configuration of another proxy gives: a cluster, what is not kept of the
 * configuration because it does not decide where keys live, and what cannot be translated. The
 * cluster is written down as a cluster file.
 */
import { type Placement, optionFields } from '../ring/placement.ts'
import { formatAddress, isLoopback } from './address.ts'
import type { Address } from './config.ts'
import { NODE_NAME } from './cluster-schema.ts'
import type { Path, Problem } from './problems.ts'
import type { YamlSource } from './yaml-source.ts'

export type ImportedNode = {
  readonly name: string | undefined
  readonly address: Address
  readonly weight: number
}

export type ImportedCluster = {
  readonly name: string
  readonly placement: Placement
  readonly nodes: readonly ImportedNode[]
  readonly listen: Address | undefined
  readonly connectionsPerNode: number | undefined
  readonly connectTimeoutMs: number | undefined
  readonly requestTimeoutMs: number | undefined
}

export type Imported = {
  /** Undefined when anything cannot be translated. */
  readonly cluster: ImportedCluster | undefined
  readonly problems: readonly Problem[]
  /** What is left out, with its place; keys live where they lived. */
  readonly notes: readonly Problem[]
}

/** The source, read field by field, with what was left out of it. */
export class ImportSource {
  readonly source: YamlSource
  readonly #notes: Problem[] = []

  constructor(source: YamlSource) {
    this.source = source
  }

  note(path: Path, text: string): void {
    const field = path.at(-1)
    this.#notes.push({ ...this.source.positionOf(path), field: String(field ?? ''), text })
  }

  problem(path: Path, text: string): undefined {
    this.source.addProblem(path, text)
    return undefined
  }

  /** A whole number in a range; otherwise noted, and left out. */
  number(path: Path, value: unknown, min: number, max: number): number | undefined {
    if (value === undefined) return undefined
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) {
      return value
    }
    this.note(path, `is ${JSON.stringify(value)}, not within ${min} to ${max}: left out`)
    return undefined
  }

  result(cluster: ImportedCluster | undefined): Imported {
    const problems = this.source.problemsInOrder()
    return { cluster: problems.length > 0 ? undefined : cluster, problems, notes: this.#notes }
  }
}

/** Whether a cluster file takes this as a node's name. */
export function isNodeName(name: string): boolean {
  return NODE_NAME.test(name)
}

/** A cluster's name has fewer letters than other programs' names may have. */
export function clusterNameOf(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, 64) || 'imported'
}

/** The text of a cluster file. */
export function clusterFileText(cluster: ImportedCluster, from: string): string {
  const { nodes, listen, connectionsPerNode, connectTimeoutMs, requestTimeoutMs } = cluster
  const timeouts = [
    ...(connectTimeoutMs === undefined ? [] : [`connect: ${connectTimeoutMs}`]),
    ...(requestTimeoutMs === undefined ? [] : [`request: ${requestTimeoutMs}`]),
  ]
  const router = [
    ...(listen === undefined ? [] : [`  listen: ["${formatAddress(listen)}"]`]),
    ...(connectionsPerNode === undefined ? [] : [`  connections_per_node: ${connectionsPerNode}`]),
    ...(timeouts.length === 0 ? [] : [`  timeouts: { ${timeouts.join(', ')} }`]),
  ]
  const isOpen = listen !== undefined && !isLoopback(listen.host)
  return [
    `# From ${from.replaceAll(/[\r\n]/g, ' ')}`,
    `name: ${JSON.stringify(cluster.name)}`,
    `placement: ${placementText(cluster.placement)}`,
    'nodes:',
    ...nodes.map(nodeText),
    ...(router.length === 0 ? [] : ['router:', ...router]),
    ...(isOpen ? ['# Everyone can reach that: give users, router.allow, or open: true'] : []),
    '',
  ].join('\n')
}

function placementText(placement: Placement): string {
  const fields = Object.entries(optionFields).flatMap(([field, option]) => {
    const value = placement[option]
    return value === undefined ? [] : [`${field}: ${JSON.stringify(value)}`]
  })
  if (fields.length === 0) return placement.preset
  return `{ ${[`preset: ${placement.preset}`, ...fields].join(', ')} }`
}

function nodeText({ name, address, weight }: ImportedNode): string {
  const fields = [
    ...(name === undefined ? [] : [`name: ${JSON.stringify(name)}`]),
    `address: "${formatAddress(address)}"`,
    ...(weight === 1 ? [] : [`weight: ${weight}`]),
  ]
  return `  - { ${fields.join(', ')} }`
}
