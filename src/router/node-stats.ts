/**
 * Statistics of the nodes, asked of all of them and told as one: numbers summed, the largest of
 * ages, of everything else what the first node says that answers. A node that does not answer in
 * time is left out.
 *
 *   asked ──rows──▶ NodeRows (one a node) ──all have answered──▶ merged ──▶ the client
 */
import type { StatAnswer, StatRow } from '../session/executor.ts'
import type { Gatherer } from './gathering.ts'

/** Text of one node's rows that is kept; what goes beyond is left out. */
const NODE_BYTES_MAX = 4 * 1024 * 1024

type Row = readonly [name: string, value: string | number]

export class NodeRows implements Gatherer {
  readonly node: string
  readonly rows: Row[] = []
  isDone = false
  failure = ''
  #bytes = 0

  constructor(node: string) {
    this.node = node
  }

  row(name: string, text: string): void {
    this.#bytes += name.length + text.length
    if (this.#bytes <= NODE_BYTES_MAX) this.rows.push([name, text])
  }

  answer(failure: string): void {
    this.isDone = true
    this.failure = failure
  }
}

/** Rows that are there when every node has answered. */
class GatheredRows implements Iterator<StatRow> {
  readonly #nodes: readonly NodeRows[]
  readonly #merge: (nodes: readonly NodeRows[]) => Iterable<Row>
  #rows: Iterator<Row> | undefined

  constructor(nodes: readonly NodeRows[], merge: (nodes: readonly NodeRows[]) => Iterable<Row>) {
    this.#nodes = nodes
    this.#merge = merge
  }

  next(): IteratorResult<StatRow> {
    if (this.#rows === undefined) {
      if (!this.#nodes.every(({ isDone }) => isDone)) return { done: false, value: undefined }
      this.#rows = this.#merge(this.#nodes.filter(({ failure }) => failure === ''))[
        Symbol.iterator
      ]()
    }
    return this.#rows.next()
  }
}

/** What the client gets: rows, and behind them END, or an error if all nodes say so. */
export function gatheredStats(
  words: readonly string[],
  nodes: readonly NodeRows[],
  own: readonly Row[],
): StatAnswer {
  const last = lastLine(words)
  return {
    rows: new GatheredRows(nodes, answered => merged(words, answered, own)),
    label: labelOf(words),
    // Read when the rows have ended, and so when all have answered.
    get end() {
      const failed = nodes.length > 0 && nodes.every(({ failure }) => failure !== '')
      return failed && own.length === 0 ? nodes[0]!.failure : last
    },
  }
}

function labelOf([what, how]: readonly string[]): StatAnswer['label'] {
  if (what === 'cachedump') return 'ITEM'
  return what === 'detail' && how === 'dump' ? 'PREFIX' : 'STAT'
}

function lastLine([what, how]: readonly string[]): string {
  if (what === 'reset') return 'RESET'
  return what === 'detail' && (how === 'on' || how === 'off') ? 'OK' : 'END'
}

/** Those whose rows mean the same on every node. */
const SUMMED = ['items', 'slabs', 'sizes', 'settings', 'detail']

function merged(
  words: readonly string[],
  nodes: readonly NodeRows[],
  own: readonly Row[],
): Iterable<Row> {
  const [what = ''] = words
  if (what === 'cachedump') return nodes.flatMap(({ rows }) => rows)
  if (what === '' || SUMMED.includes(what)) return summed(nodes, own, what === 'settings')
  return nodes.flatMap(({ node, rows }) => rows.map(([name, value]) => [`${node}:${name}`, value]))
}

/** One node's, as it says them. */
export function oneNodesStats(words: readonly string[], node: NodeRows): StatAnswer {
  const last = lastLine(words)
  return {
    rows: new GatheredRows([node], ([one]) => one?.rows ?? []),
    label: labelOf(words),
    get end() {
      return node.failure === '' ? last : node.failure
    },
  }
}

/** Rows that are the same everywhere, or mean nothing summed up. */
const FIRST = ['pointer_size', 'chunk_size', 'chunks_per_page', 'version', 'libevent']
const LARGEST = ['age', 'age_hot', 'age_warm', 'hash_power_level', 'active_slabs']
const SMALLEST = ['accepting_conns']

/** @param isSettings only sizes add up. */
function summed(
  nodes: readonly NodeRows[],
  own: readonly Row[],
  isSettings: boolean,
): Iterable<Row> {
  const values = new Map<string, string | number>()
  for (const { rows } of nodes) {
    for (const [name, value] of rows) {
      const known = values.get(name)
      if (known === undefined) values.set(name, value)
      else if (!isSettings || name === 'maxbytes') {
        values.set(name, joined(name, String(known), String(value)))
      }
    }
  }
  const ownNames = new Set(own.map(([name]) => name))
  return [...own, ...[...values].filter(([name]) => !ownNames.has(name))]
}

const NUMBER = /^-?\d{1,20}(?:\.\d{1,6})?$/

/** Two nodes' values of one row; of text with numbers in it, every number. */
function joined(name: string, left: string, right: string): string {
  const kind = name.slice(name.lastIndexOf(':') + 1)
  if (FIRST.includes(kind)) return left
  const lefts = left.split(' ')
  const rights = right.split(' ')
  if (lefts.length !== rights.length) return left
  return lefts.map((word, i) => joinedWord(kind, word, rights[i]!)).join(' ')
}

function joinedWord(kind: string, left: string, right: string): string {
  if (!NUMBER.test(left) || !NUMBER.test(right)) return left
  if (LARGEST.includes(kind)) return Number(left) >= Number(right) ? left : right
  if (SMALLEST.includes(kind)) return Number(left) <= Number(right) ? left : right
  if (left.includes('.') || right.includes('.')) return (Number(left) + Number(right)).toFixed(6)
  return String(BigInt(left) + BigInt(right))
}
