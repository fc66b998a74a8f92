/**
 * What can be asked, whatever the protocol: the parser, the executors, the router and the
 * statistics all speak of these. Verbs of the text protocol stand beside them (doc/protocol.txt of
 * memcached).
 */
import { latin1 } from '../base/bytes.ts'

export const Command = {
  get: 0,
  gets: 1,
  gat: 2,
  gats: 3,
  set: 4,
  add: 5,
  replace: 6,
  append: 7,
  prepend: 8,
  cas: 9,
  delete: 10,
  incr: 11,
  decr: 12,
  touch: 13,
  flushAll: 14,
  stats: 15,
  version: 16,
  verbosity: 17,
  quit: 18,
  noop: 19,
  unknown: 20,
  memoryLimit: 21,
  metaGet: 22,
  metaSet: 23,
  metaDelete: 24,
  metaArithmetic: 25,
  metaNoop: 26,
  metaDebug: 27,
  lruCrawler: 28,
  lru: 29,
  slabs: 30,
  watch: 31,
  shutdown: 32,
  refreshCerts: 33,
  debugTime: 34,
  fence: 35,
  config: 36,
} as const
export type Command = (typeof Command)[keyof typeof Command]

export const CommandClass = { retrieval: 0, storage: 1, keyed: 2, admin: 3, meta: 4 } as const
type CommandClass = (typeof CommandClass)[keyof typeof CommandClass]

type Row = {
  verb: string
  command: Command
  class: CommandClass
  /** Tokens with the verb; fewer are a bad line, more are ignored. */
  tokensMin: number
  /** Whether a last token `noreply` is obeyed. */
  noreply: boolean
}

const { retrieval, storage, keyed, admin, meta } = CommandClass

export const commands = [
  { verb: 'get', command: Command.get, class: retrieval, tokensMin: 2, noreply: false },
  { verb: 'gets', command: Command.gets, class: retrieval, tokensMin: 2, noreply: false },
  { verb: 'gat', command: Command.gat, class: retrieval, tokensMin: 3, noreply: false },
  { verb: 'gats', command: Command.gats, class: retrieval, tokensMin: 3, noreply: false },
  { verb: 'set', command: Command.set, class: storage, tokensMin: 5, noreply: true },
  { verb: 'add', command: Command.add, class: storage, tokensMin: 5, noreply: true },
  { verb: 'replace', command: Command.replace, class: storage, tokensMin: 5, noreply: true },
  { verb: 'append', command: Command.append, class: storage, tokensMin: 5, noreply: true },
  { verb: 'prepend', command: Command.prepend, class: storage, tokensMin: 5, noreply: true },
  { verb: 'cas', command: Command.cas, class: storage, tokensMin: 6, noreply: true },
  { verb: 'delete', command: Command.delete, class: keyed, tokensMin: 2, noreply: true },
  { verb: 'incr', command: Command.incr, class: keyed, tokensMin: 3, noreply: true },
  { verb: 'decr', command: Command.decr, class: keyed, tokensMin: 3, noreply: true },
  { verb: 'touch', command: Command.touch, class: keyed, tokensMin: 3, noreply: true },
  { verb: 'flush_all', command: Command.flushAll, class: admin, tokensMin: 1, noreply: true },
  { verb: 'stats', command: Command.stats, class: admin, tokensMin: 1, noreply: false },
  { verb: 'version', command: Command.version, class: admin, tokensMin: 1, noreply: false },
  { verb: 'verbosity', command: Command.verbosity, class: admin, tokensMin: 1, noreply: true },
  {
    verb: 'cache_memlimit',
    command: Command.memoryLimit,
    class: admin,
    tokensMin: 2,
    noreply: true,
  },
  { verb: 'lru_crawler', command: Command.lruCrawler, class: admin, tokensMin: 1, noreply: true },
  { verb: 'lru', command: Command.lru, class: admin, tokensMin: 1, noreply: true },
  { verb: 'slabs', command: Command.slabs, class: admin, tokensMin: 1, noreply: true },
  { verb: 'watch', command: Command.watch, class: admin, tokensMin: 1, noreply: false },
  { verb: 'shutdown', command: Command.shutdown, class: admin, tokensMin: 1, noreply: true },
  {
    verb: 'refresh_certs',
    command: Command.refreshCerts,
    class: admin,
    tokensMin: 1,
    noreply: false,
  },
  { verb: 'debugtime', command: Command.debugTime, class: admin, tokensMin: 1, noreply: true },
  { verb: 'fence', command: Command.fence, class: admin, tokensMin: 1, noreply: false },
  { verb: 'config', command: Command.config, class: admin, tokensMin: 1, noreply: false },
  { verb: 'quit', command: Command.quit, class: admin, tokensMin: 1, noreply: false },
  { verb: 'mg', command: Command.metaGet, class: meta, tokensMin: 2, noreply: false },
  { verb: 'ms', command: Command.metaSet, class: meta, tokensMin: 3, noreply: false },
  { verb: 'md', command: Command.metaDelete, class: meta, tokensMin: 2, noreply: false },
  { verb: 'ma', command: Command.metaArithmetic, class: meta, tokensMin: 2, noreply: false },
  { verb: 'mn', command: Command.metaNoop, class: meta, tokensMin: 1, noreply: false },
  { verb: 'me', command: Command.metaDebug, class: meta, tokensMin: 2, noreply: false },
] as const satisfies readonly Row[]

/** What a user must be allowed (auth/rights.ts); none: open to whoever is logged in. */
export const Right = { none: 0, read: 1, write: 2, admin: 4, all: 7 } as const

/** The rights that each verb takes: all of the mask. A verb without a line does not compile. */
const needs = {
  get: Right.read,
  gets: Right.read,
  gat: Right.read | Right.write,
  gats: Right.read | Right.write,
  set: Right.write,
  add: Right.write,
  replace: Right.write,
  append: Right.write,
  prepend: Right.write,
  cas: Right.write,
  delete: Right.write,
  // They tell the new value.
  incr: Right.read | Right.write,
  decr: Right.read | Right.write,
  touch: Right.write,
  flush_all: Right.admin,
  // The general ones; any argument takes `Right.admin`.
  stats: Right.none,
  version: Right.none,
  verbosity: Right.admin,
  cache_memlimit: Right.admin,
  lru_crawler: Right.admin,
  lru: Right.admin,
  slabs: Right.admin,
  watch: Right.admin,
  shutdown: Right.admin,
  refresh_certs: Right.admin,
  debugtime: Right.admin,
  fence: Right.admin,
  // Where there is a cluster to tell of; nothing can be set.
  config: Right.none,
  quit: Right.none,
  // Flags may ask for more (meta-flags.ts).
  mg: Right.read,
  ms: Right.write,
  md: Right.write,
  ma: Right.read | Right.write,
  mn: Right.none,
  me: Right.read,
} as const satisfies Record<(typeof commands)[number]['verb'], number>

export type CommandRow = Row & { bytes: Uint8Array; needs: number }

/** First byte of the verb → the rows that begin with it. */
const rowsByFirstByte: (readonly CommandRow[])[] = Array.from({ length: 256 }, () => [])
for (const row of commands) {
  const bytes = latin1(row.verb)
  rowsByFirstByte[bytes[0]!] = [
    ...rowsByFirstByte[bytes[0]!]!,
    { ...row, bytes, needs: needs[row.verb] },
  ]
}

/** The row of the verb at `at`, or undefined. Verbs are case-sensitive. */
export function findCommand(bytes: Uint8Array, at: number, length: number): CommandRow | undefined {
  const rows = rowsByFirstByte[bytes[at]!]!
  for (let r = 0; r < rows.length; r += 1) {
    const row = rows[r]!
    if (row.bytes.length !== length) continue
    let i = 1
    while (i < length && row.bytes[i] === bytes[at + i]) i += 1
    if (i === length) return row
  }
  return undefined
}

export function isRetrieval(command: Command): boolean {
  return command >= Command.get && command <= Command.gats
}

/** Whether a request carries a value. Meta sets have their own way of saying what is stored. */
export function isStorage(command: Command): boolean {
  return (command >= Command.set && command <= Command.cas) || command === Command.metaSet
}
