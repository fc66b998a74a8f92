/**
 * `memring ring`: what share of keys each node gets, where a key lives, and how many keys a change
 * of nodes or placement would move. Nothing is connected to.
 */
import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import { formatAddress } from '../cluster/address.ts'
import { formatColumns } from '../load/report.ts'
import { madeKeys, type Movement, movementOf } from '../ring/movement.ts'
import { formatPlacement, type Placement } from '../ring/placement.ts'
import { plotRing } from '../ring/plot.ts'
import { presetNames, presetOf } from '../ring/presets.ts'
import type { Ring } from '../ring/ring.ts'
import { collectList, EX_USAGE } from './flags.ts'
import { KeyListError, readLines } from './line-list.ts'
import {
  buildRing,
  changed,
  type Member,
  type Members,
  membersOf,
  readPlacement,
  RingUsageError,
  runRing,
} from './ring-members.ts'
import { ringMatchCommand } from './ring-match.ts'

type Flags = {
  nodes?: string[]
  placement?: Placement
  key: string[]
  keys?: string
  against?: string
  add: string[]
  remove: string[]
  plot?: string
  json?: true
}

type View = Members & { readonly ring: Ring; readonly shares: readonly number[] }

const KEY_BYTES_MAX = 250
const KEYS_MAX = 1_000_000

export function ringCommand(): Command {
  return new Command('ring')
    .enablePositionalOptions()
    .description('where keys live: shares of nodes, single keys, what a change would move')
    .argument('[file]', 'cluster file (YAML)')
    .option(
      '--nodes <list>',
      'nodes without a file: host:port, name=host:port, …*weight',
      collectList,
      [],
    )
    .option('--placement <name>', 'instead of the file’s; see below', readPlacement)
    .option('--key <key>', 'say where it lives, repeatable', collect, [])
    .option('--keys <file>', 'keys to place, a line each; -: standard input')
    .option('--against <file>', 'compare with another cluster file')
    .option('--add <node>', 'compare with a node more, repeatable', collectList, [])
    .option('--remove <node>', 'compare with a node less, repeatable', collectList, [])
    .option('--plot <file>', 'draw the ring (SVG)')
    .option('--json', 'print one JSON object instead of text')
    .addHelpText('after', help)
    .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EX_USAGE))
    .action((file: string | undefined, flags: Flags) => runRing(() => show(file, flags)))
    .addCommand(ringMatchCommand())
}

function help(): string {
  const rows = presetNames.map(name => [`  ${name}`, presetOf(name).summary])
  const width = Math.max(...rows.map(([name = '']) => name.length))
  return `
Examples:
  memring ring cluster.yaml
  memring ring cluster.yaml --key user:1 --key user:2
  memring ring cluster.yaml --add node-4=10.0.0.4:11211 --plot ring.svg
  memring ring old.yaml --against new.yaml --keys keys.txt
  memring ring --nodes a:11211,b:11211*2 --placement twemproxy,hash=md5
  memring ring match --nodes a:11211,b:11211       which placement a running fleet has

Placements:
${rows.map(([name = '', summary = '']) => `${name.padEnd(width)}  ${summary}`).join('\n')}

What a change moves is counted over --keys, or over key0 to key99999.`
}

function collect(text: string, before: readonly string[]): string[] {
  return [...before, text]
}

async function show(file: string | undefined, flags: Flags): Promise<void> {
  const before = viewOf(await membersOf(file, flags, process.env))
  const after = await afterwards(before, flags)
  const keys = [...flags.key, ...(flags.keys === undefined ? [] : await readKeys(flags.keys))]
  const bytes = keys.map(key => keyBytes(key))
  const movement = after && movementOf(before, after, flags.keys === undefined ? madeKeys() : bytes)
  if (flags.plot !== undefined) await writeFile(flags.plot, plot(file, before, after))
  const places = keys.map((key, at) => ({
    key,
    node: nodeOf(before, bytes[at]!),
    ...(after && { nodeAfter: nodeOf(after, bytes[at]!) }),
  }))
  const report = { file, before, after, movement, places }
  process.stdout.write(`${flags.json ? asJson(report) : asText(report, flags)}\n`)
}

function viewOf(members: Members): View {
  const ring = buildRing(members)
  return { ...members, ring, shares: ring.shares() }
}

async function afterwards(before: View, flags: Flags): Promise<View | undefined> {
  const { against, add, remove } = flags
  if (against === undefined && add.length === 0 && remove.length === 0) return undefined
  const base = against === undefined ? before : await membersOf(against, {}, process.env)
  return viewOf(changed(base, add, remove))
}

async function readKeys(file: string): Promise<string[]> {
  const keys = await readLines(file, KEYS_MAX)
  if (keys.length > 0) return keys
  throw new KeyListError(`Cannot use ${file}: expected a key a line, found none`)
}

function keyBytes(key: string): Uint8Array {
  const bytes = Buffer.from(key)
  if (bytes.length >= 1 && bytes.length <= KEY_BYTES_MAX) return bytes
  const expected = `expected 1 to ${KEY_BYTES_MAX} bytes`
  throw new RingUsageError(`Cannot place a key of ${bytes.length} bytes: ${expected}`)
}

function nodeOf({ ring, nodes }: View, key: Uint8Array): Member {
  return nodes[ring.locate(key, 0, key.length)]!
}

type Report = {
  readonly file: string | undefined
  readonly before: View
  readonly after: View | undefined
  readonly movement: Movement | undefined
  readonly places: readonly { key: string; node: Member; nodeAfter?: Member }[]
}

function asText({ file, before, after, movement, places }: Report, flags: Flags): string {
  if (places.length > 0 && movement === undefined) {
    const rows = places.map(({ key, node }) => `${key}\t${node.label}\t${formatAddress(node)}`)
    return rows.join('\n')
  }
  const name = file ?? 'nodes'
  const head = `${name}: ${describe(before)}`
  if (after === undefined || movement === undefined) {
    return [head, '', formatColumns([HEADINGS, ...before.nodes.map(rowOf(before))])].join('\n')
  }
  const share = ((100 * movement.moved) / movement.keys).toFixed(2)
  const of = flags.keys === undefined ? 'key0 to key99999' : 'the keys given'
  const rows = movement.nodes.map(node => [
    node.label,
    percent(node.before / movement.keys),
    percent(node.after / movement.keys),
    String(node.comes),
    String(node.goes),
  ])
  return [
    head,
    `compared with: ${describe(after)}`,
    `${share} % of keys move: ${movement.moved} of ${movement.keys} (${of})`,
    '',
    formatColumns([['node', 'before', 'after', 'come', 'go'], ...rows]),
    ...(flags.key.length > 0 ? ['', ...places.slice(0, flags.key.length).map(moveOf)] : []),
  ].join('\n')
}

function moveOf({ key, node, nodeAfter }: Report['places'][number]): string {
  const to =
    nodeAfter === undefined || nodeAfter.label === node.label ? '' : ` → ${nodeAfter.label}`
  return `${key}\t${node.label}${to}`
}

const HEADINGS = ['node', 'address', 'weight', 'of the keys', 'points']

function rowOf(view: View): (node: Member, at: number) => string[] {
  const points = pointsOf(view.ring)
  return (node, at) => [
    node.label,
    formatAddress(node),
    String(node.weight),
    percent(view.shares[at]!),
    points === undefined ? '' : String(points[at]),
  ]
}

function pointsOf({ plan, nodeCount }: Ring): number[] | undefined {
  if (plan.lookup.kind !== 'continuum') return undefined
  const counts = Array.from({ length: nodeCount }, () => 0)
  for (const owner of plan.lookup.continuum.owners) counts[owner] = counts[owner]! + 1
  return counts
}

function describe({ nodes, placement, shares }: View): string {
  const nodesText = nodes.length === 1 ? '1 node' : `${nodes.length} nodes`
  const most = Math.max(...shares)
  return `${nodesText}, ${formatPlacement(placement)}, the greatest share is ${percent(most)}`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`
}

function short({ ring, shares, nodes, placement }: View): object {
  const points = pointsOf(ring)
  return {
    placement: formatPlacement(placement),
    nodes: nodes.map(({ label, host, port, weight }, at) => {
      return { label, host, port, weight, share: shares[at], points: points?.[at] }
    }),
  }
}

function asJson({ file, before, after, movement, places }: Report): string {
  const keys = places.map(({ key, node, nodeAfter }) => {
    return { key, node: node.label, nodeAfter: nodeAfter?.label }
  })
  return JSON.stringify({ file, ...short(before), keys, after: after && short(after), movement })
}

function plot(file: string | undefined, before: View, after: View | undefined): string {
  const labels = [...new Set([...before.nodes, ...(after?.nodes ?? [])].map(node => node.label))]
  const shareIn = (view: View | undefined, label: string): number | undefined => {
    const at = view?.nodes.findIndex(node => node.label === label) ?? -1
    return view?.shares[at]
  }
  const rows = labels.map(name => {
    return { name, share: shareIn(before, name), shareAfter: shareIn(after, name) }
  })
  // The circle is of what is to be.
  const view = after ?? before
  const circle = view.ring.ownerAt
  const indexes = view.nodes.map(node => labels.indexOf(node.label))
  const title = `${file ?? 'nodes'}: ${formatPlacement(view.placement)}`
  return plotRing(title, rows, circle && (part => indexes[circle(part)]!))
}
