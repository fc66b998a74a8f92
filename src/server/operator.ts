/**
 * Commands of operators: lru_crawler, lru, slabs, watch, shutdown, refresh_certs, debugtime, fence.
 * What tunes memcached's slabs and lists is checked, remembered and shown, and answered as
 * memcached answers it; there is nothing here that it could move.
 */
import { U32_MAX } from '../protocol/limits.ts'
import type { Session } from '../session/session.ts'
import type { Store } from '../store/store.ts'
import type { ConnectionTable } from './connection-table.ts'
import { fence } from './fence-command.ts'
import type { Fences } from './fences.ts'
import { ItemDump, MEMCACHED_CLASS_MAX, parseClasses } from './item-walk.ts'
import type { NodeOptions } from './options.ts'
import type { Switches } from './switches.ts'
import { Topic, TOPICS } from './watch-log.ts'
import type { Watchers } from './watchers.ts'

export type OperatorHost = {
  store: Store
  options: NodeOptions
  switches: Switches
  watchers: Watchers
  connections: ConnectionTable
  fences: Fences
  /** Has main read the certificates again; what is wrong with them is in the log. */
  refreshCertificates: () => void
  /** The clock that `debugtime` does not move. */
  realMs: () => number
  /** Ends this process as a signal would. */
  signal: (name: 'SIGINT' | 'SIGUSR1') => void
}

const OK = 'OK'
const ERROR = 'ERROR'
const BAD_FORMAT = 'CLIENT_ERROR bad command line format'
const BAD_CLASS = 'BADCLASS invalid class id'
const CRAWLER_OFF = 'CLIENT_ERROR lru crawler disabled'
const CRAWLER_SLEEP_MAX = 1_000_000
const LRU_PCTS_MAX = 80

/** The line that answers; undefined when the session is answered otherwise. */
export function operate(
  host: OperatorHost,
  session: Session,
  words: readonly string[],
): string | undefined {
  switch (words[0]) {
    case 'lru_crawler':
      return crawler(host, session, words)
    case 'lru':
      return lru(host, words)
    case 'slabs':
      return slabs(host, words)
    case 'watch':
      return watch(host, session, words.slice(1))
    case 'shutdown':
      return shutdown(host, session, words)
    case 'debugtime':
      return debugTime(host, session, words)
    case 'fence':
      return fence(host.fences, session, words)
    case 'refresh_certs':
      if (host.options.tls === undefined) return 'Error TLS not enabled'
      host.refreshCertificates()
      return OK
    default:
      return ERROR
  }
}

/** A word of at most 11 characters: undefined when it is no number in this range. */
function integer(word: string | undefined, min: number, max: number): number | undefined {
  if (word === undefined || word.length > 11 || !/^-?\d+$/.test(word)) return undefined
  const value = Number(word)
  return value >= min && value <= max ? value : undefined
}

function fraction(word: string | undefined): number | undefined {
  if (word === undefined) return undefined
  return /^[+-]?(\d{1,9}(\.\d{0,9})?|\.\d{1,9})(e-?\d)?$/i.test(word) ? Number(word) : undefined
}

function crawler(
  host: OperatorHost,
  session: Session,
  [, command = '', argument, ...more]: readonly string[],
): string | undefined {
  const { switches } = host
  if (more.length > 0) return ERROR
  if (argument === undefined) return turn(switches, command)
  switch (command) {
    case 'metadump':
    case 'mgdump':
      return dump(host, session, command, argument)
    case 'crawl':
      return crawl(host, argument)
    case 'sleep': {
      const microseconds = integer(argument, 0, U32_MAX)
      if (microseconds === undefined) return BAD_FORMAT
      if (microseconds > CRAWLER_SLEEP_MAX) return 'CLIENT_ERROR sleep must be one second or less'
      switches.set('lruCrawlerSleep', microseconds)
      return OK
    }
    case 'tocrawl': {
      const items = integer(argument, 0, U32_MAX)
      if (items === undefined) return BAD_FORMAT
      switches.set('lruCrawlerTocrawl', items)
      return OK
    }
    default:
      return ERROR
  }
}

function turn(switches: Switches, command: string): string {
  if (command === 'enable') {
    if (switches.get('lruCrawler') === 1) return 'ERROR failed to start lru crawler thread'
    switches.set('lruCrawler', 1)
    return OK
  }
  if (command !== 'disable') return ERROR
  switches.set('lruCrawler', 0)
  return OK
}

function dump(
  { store, options, switches }: OperatorHost,
  session: Session,
  kind: 'metadump' | 'mgdump',
  argument: string,
): string | undefined {
  if (!options.dump) return `ERROR ${kind === 'metadump' ? 'metadump' : 'key dump'} not allowed`
  if (switches.get('lruCrawler') === 0) return CRAWLER_OFF
  const classes = parseClasses(argument)
  if (classes === 'bad') return BAD_CLASS
  if (session.hasUnsentReplies) return `ERROR cannot pipeline other commands before ${kind}`
  session.sendReply(new ItemDump(store, kind, classes === 'all' ? undefined : classes))
  return undefined
}

/** Expired items are reclaimed all the time: there is nothing to start. */
function crawl({ switches }: OperatorHost, argument: string): string {
  if (switches.get('lruCrawler') === 0) return CRAWLER_OFF
  if (argument === 'hash') return 'ERROR an unknown error happened'
  return parseClasses(argument) === 'bad' ? BAD_CLASS : OK
}

function lru({ switches }: OperatorHost, [, command, ...words]: readonly string[]): string {
  if (words.length === 0) return ERROR
  if (command === 'tune' && words.length >= 4) return tune(switches, words)
  if (command === 'mode') {
    if (words[0] !== 'flat' && words[0] !== 'segmented') return ERROR
    switches.set('lruSegmented', Number(words[0] === 'segmented'))
    return OK
  }
  if (command !== 'temp_ttl') return ERROR
  const seconds = integer(words[0], -2147483648, 2147483647)
  if (seconds === undefined) return ERROR
  switches.set('temporaryTtl', seconds < 0 ? -1 : seconds)
  return OK
}

function tune(switches: Switches, words: readonly string[]): string {
  const hot = integer(words[0], 0, U32_MAX)
  const warm = integer(words[1], 0, U32_MAX)
  const hotFactor = fraction(words[2])
  const warmFactor = fraction(words[3])
  if (hot === undefined || warm === undefined) return ERROR
  if (hotFactor === undefined || warmFactor === undefined) return ERROR
  if (hot + warm > LRU_PCTS_MAX) return 'ERROR hot and warm pcts must not exceed 80'
  if (hotFactor <= 0 || warmFactor <= 0) {
    return 'ERROR hot/warm age factors must be greater than 0'
  }
  switches.set('hotLruPct', hot)
  switches.set('warmLruPct', warm)
  switches.set('hotMaxFactor', hotFactor)
  switches.set('warmMaxFactor', warmFactor)
  return OK
}

function slabs(host: OperatorHost, [, command, ...words]: readonly string[]): string {
  if (command === 'reassign' && words.length === 2) return reassign(host, words)
  if (command === 'automove' && words.length >= 1) return automove(host.switches, words)
  return ERROR
}

function isClass(slab: number): boolean {
  return slab >= 0 && slab <= CLASS_MAX
}

/** No class has pages of its own: none can be spared. */
function reassign({ options }: OperatorHost, [from, to]: readonly string[]): string {
  if (!options.extended.slabReassign) return 'CLIENT_ERROR slab reassignment disabled'
  const source = integer(from, -2147483648, 2147483647)
  const target = integer(to, -2147483648, 2147483647)
  if (source === undefined || target === undefined) return BAD_FORMAT
  if (source === target) return 'SAME src and dst class are identical'
  if (!isClass(source) || !isClass(target)) return 'BADCLASS invalid src or dst class id'
  return 'NOSPARE source class has no spare pages'
}

function automove(switches: Switches, [what, value]: readonly string[]): string {
  if (what === 'ratio') {
    const ratio = fraction(value)
    if (ratio === undefined) return ERROR
    switches.set('slabAutomoveRatio', ratio)
    return OK
  }
  if (what === 'freeratio') return fraction(value) === undefined ? ERROR : OK
  if (what === 'window') {
    const seconds = integer(value, -2147483648, 2147483647)
    if (seconds === undefined) return BAD_FORMAT
    if (seconds < AUTOMOVE_WINDOW_MIN || seconds > AUTOMOVE_WINDOW_MAX) {
      return 'CLIENT_ERROR automove window too low or too high'
    }
    switches.set('slabAutomoveWindow', seconds)
    return OK
  }
  const level = integer(what, 0, U32_MAX)
  if (level === undefined) return BAD_FORMAT
  if (level > AUTOMOVE_LEVEL_MAX) return ERROR
  switches.set('slabAutomove', level)
  return OK
}

/** What memcached has events for that do not happen here. */
const SILENT_TOPICS = ['sysevents', 'rawcmds', 'proxyreqs', 'proxyevents', 'proxyuser']

/** The last that the session ever asks: from now on it hears what happens. */
function watch(
  { options, watchers, connections }: OperatorHost,
  session: Session,
  names: readonly string[],
): string {
  if (!options.watch) return 'CLIENT_ERROR watch commands not allowed'
  if (session.hasUnsentReplies) return 'ERROR cannot pipeline other commands before watch'
  const topics = new Set<Topic>(names.length === 0 ? [Topic.fetchers] : [])
  for (const name of names) {
    const topic = TOPICS.find(known => known === name)
    if (topic !== undefined) topics.add(Topic[topic])
    else if (!SILENT_TOPICS.includes(name)) return ERROR
  }
  if (!watchers.add(session, topics)) return 'WATCHER_TOO_MANY log watcher limit reached'
  session.listen()
  connections.watches(session.stream.fd)
  return OK
}

function shutdown(
  host: OperatorHost,
  session: Session,
  [, mode]: readonly string[],
): string | undefined {
  if (!host.options.shutdown) return 'SERVER_ERROR: shutdown not enabled'
  if (mode !== undefined && mode !== 'graceful') return 'CLIENT_ERROR invalid shutdown mode'
  session.close()
  host.signal(mode === undefined ? 'SIGINT' : 'SIGUSR1')
  return undefined
}

/** Ours, for tests: `p` stops the clock, `r` lets it go again, a number of seconds moves it on. */
function debugTime(
  { options, switches, realMs }: OperatorHost,
  session: Session,
  [, what = '']: readonly string[],
): string {
  if (!options.extended.debugCommands) return ERROR
  if (what === 'p' || what === 'r') {
    switches.set('clockStoppedAtMs', what === 'p' ? realMs() : 0)
  } else {
    const seconds = integer(what.replace(/^\+/, ''), 0, DEBUG_SECONDS_MAX)
    if (seconds === undefined) return ERROR
    switches.set('clockAheadMs', switches.get('clockAheadMs') + seconds * 1000)
  }
  // What follows in the same turn sees it already.
  session.services.beginTurn()
  return OK
}

/** Far more than any exptime that is relative. */
const DEBUG_SECONDS_MAX = 10 * 365 * 86_400
const CLASS_MAX = MEMCACHED_CLASS_MAX - 1
const AUTOMOVE_LEVEL_MAX = 2
const AUTOMOVE_WINDOW_MIN = 3
const AUTOMOVE_WINDOW_MAX = 1800

/** Main hears it, as if somebody had sent it from outside. */
export function signalSelf(name: NodeJS.Signals): void {
  process.kill(process.pid, name)
}
