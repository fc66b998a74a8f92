/**
 * `memring ring match`: which placement a fleet has, from keys and the nodes they live on. The
 * keys are listed, or the nodes themselves are asked.
 */
import { Command } from 'commander'
import { type Candidate, type Match, matchPlacements, type Sighting } from '../ring/match.ts'
import { formatPlacement } from '../ring/placement.ts'
import { collectList, EX_USAGE, wholeNumber } from './flags.ts'
import { KeyListError, readLines } from './line-list.ts'
import { keysOf, NodeAskError } from './node-keys.ts'
import { findMember, type Member, membersOf, RingUsageError, runRing } from './ring-members.ts'

type Flags = { config?: string; nodes: string[]; keys: number; all?: true; json?: true }

const LINES_MAX = 1_000_000
/** More keys say nothing more. */
const SIGHTINGS_MAX = 100_000
const KEY_BYTES_MAX = 250
const SHOWN = 5
/** Keys that were left behind by a change of nodes live where nobody looks for them. */
const EXPLAINED = 0.9

const HELP = `
Examples:
  memring ring match --nodes a:11211,b:11211,c:11211        asks the nodes for some keys
  memring ring match keys.txt --nodes a:11211,b:11211,c:11211
  redact < keys.txt | memring ring match - --config cluster.yaml

A line of the list is a key and its node, by name or address: "user:42 10.0.0.2:11211". Nodes have
to be given as the clients have them, in the same order: host names where clients have host names.
Exit code 1: no placement explains 90 % of the keys.`

export function ringMatchCommand(): Command {
  return new Command('match')
    .description('which placement explains where the keys of a fleet live')
    .argument('[list]', 'keys and nodes, a pair a line; -: standard input; none: ask the nodes')
    .option('--config <file>', 'nodes of a cluster file')
    .option(
      '--nodes <list>',
      'nodes without a file: host:port, name=host:port, …*weight',
      collectList,
      [],
    )
    .option('--keys <num>', 'keys to ask each node for', wholeNumber(1, SIGHTINGS_MAX), 2000)
    .option('--all', `print every placement, not the best ${SHOWN}`)
    .option('--json', 'print one JSON object instead of text')
    .addHelpText('after', HELP)
    .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EX_USAGE))
    .action((list: string | undefined, flags: Flags) => runRing(() => match(list, flags)))
}

async function match(list: string | undefined, flags: Flags): Promise<void> {
  const { nodes } = await membersOf(flags.config, flags, process.env)
  if (nodes.length < 2) {
    throw new RingUsageError('Cannot match a placement: one node has every key, expected 2 or more')
  }
  const sightings = list === undefined ? await asked(nodes, flags.keys) : await listed(list, nodes)
  if (sightings.length === 0) {
    throw new KeyListError('Cannot match a placement: no keys were found')
  }
  const holders = new Set(sightings.map(({ node }) => node))
  if (holders.size === 1) {
    // A ring that is broken enough would explain them.
    throw new KeyListError('Cannot match a placement: all keys are on one node')
  }
  const matches = matchPlacements(nodes, sightings)
  const best = (matches[0]?.explained ?? 0) / sightings.length
  const text = flags.json
    ? asJson(matches, sightings, nodes)
    : asText(matches, sightings, nodes, flags.all ? matches.length : SHOWN)
  process.stdout.write(`${text}\n`)
  if (best < EXPLAINED) process.exitCode = 1
}

async function asked(nodes: readonly Member[], keyCount: number): Promise<Sighting[]> {
  const each = Math.min(keyCount, Math.ceil(SIGHTINGS_MAX / nodes.length))
  try {
    const lists = await Promise.all(nodes.map(node => keysOf(node, each)))
    return lists.flatMap((keys, node) => keys.map(key => ({ key: Buffer.from(key), node })))
  } catch (error) {
    if (error instanceof NodeAskError) throw new KeyListError(error.message)
    throw error
  }
}

async function listed(file: string, nodes: readonly Member[]): Promise<Sighting[]> {
  const lines = await readLines(file, LINES_MAX)
  const found = lines.map((line, at): Sighting => {
    const [key = '', node = '', ...rest] = line.trim().split(/\s+/)
    const member = findMember(nodes, node)
    const bytes = Buffer.from(key)
    if (member === undefined || rest.length > 0 || bytes.length > KEY_BYTES_MAX) {
      const known = nodes.map(({ label }) => label).join(', ')
      const expected = `expected a key and a node of ${known}`
      throw new KeyListError(`${file}:${at + 1}: found "${line.slice(0, 100)}", ${expected}`)
    }
    return { key: bytes, node: nodes.indexOf(member) }
  })
  // Evenly out of all of them.
  const step = Math.max(1, found.length / SIGHTINGS_MAX)
  return found.filter((_, at) => Math.floor(at / step) !== Math.floor((at - 1) / step))
}

function asText(
  matches: readonly Match[],
  sightings: readonly Sighting[],
  nodes: readonly Member[],
  shown: number,
): string {
  const [best] = matches
  const rows = matches.slice(0, shown).map(({ explained, candidates }) => {
    return [share(explained, sightings), nameOf(candidates[0]!), alsoOf(candidates)]
  })
  const isFound = best !== undefined && best.explained >= EXPLAINED * sightings.length
  const verdict = isFound
    ? `placement: ${nameOf(best.candidates[0]!)}`
    : `no placement explains these keys; expected one to explain ${EXPLAINED * 100} %`
  return [
    `${sightings.length} keys on ${nodes.length} nodes: ${verdict}`,
    '',
    columns([['explained', 'placement', 'the same here'], ...rows]),
  ].join('\n')
}

/** Words, so all columns to the left. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = [0, 1].map(column => Math.max(...rows.map(row => row[column]!.length)))
  const lines = rows.map(row => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)))
  return lines.map(cells => cells.join('  ').trimEnd()).join('\n')
}

function share(explained: number, sightings: readonly Sighting[]): string {
  return `${((100 * explained) / sightings.length).toFixed(2)} %`
}

function nameOf({ placement, labels, order }: Candidate): string {
  const notes = [
    ...(labels === 'name' ? ['by name'] : []),
    ...(order === 'sorted' ? ['nodes sorted by address'] : []),
  ]
  const name = formatPlacement(placement)
  return notes.length === 0 ? name : `${name} (${notes.join(', ')})`
}

const ALSO_MAX = 3

function alsoOf(candidates: readonly Candidate[]): string {
  const others = candidates.slice(1, 1 + ALSO_MAX).map(nameOf)
  const more = candidates.length - 1 - others.length
  return [...others, ...(more > 0 ? [`${more} more`] : [])].join('; ')
}

function asJson(
  matches: readonly Match[],
  sightings: readonly Sighting[],
  nodes: readonly Member[],
): string {
  return JSON.stringify({
    keys: sightings.length,
    nodes: nodes.map(({ label, host, port }) => ({ label, host, port })),
    matches: matches.map(({ explained, candidates }) => ({
      explained: explained / sightings.length,
      placements: candidates.map(({ placement, labels, order }) => {
        return { placement: formatPlacement(placement), labels, order }
      }),
    })),
  })
}
