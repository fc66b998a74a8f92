/**
 * The list behind `-o`, read as memcached reads it (getsubopt): names with and without a value,
 * each refused with memcached's words. What a store without slabs and disks cannot do is refused
 * too, by name.
 */
import { type ExtendedOptions, extendedDefaults } from '../server/extended-options.ts'
import { EX_USAGE, FlagError } from './flags.ts'
import { tlsOptions } from './tls-flags.ts'

/** memcached ends with 1 for a bad `-o`, but with 64 for what does not fit together. */
const EX_BAD_OPTION = 1
const KIB = 1024
const MIB = 1024 * 1024
const U32_MAX = 4294967295
const I32_MAX = 2147483647
const LOGBUF_KB_MAX = 1024 * 1024

type Apply = (options: ExtendedOptions, value: string | undefined) => void
type NumberField = {
  [K in keyof ExtendedOptions]: ExtendedOptions[K] extends number ? K : never
}[keyof ExtendedOptions]
type SwitchField = {
  [K in keyof ExtendedOptions]: ExtendedOptions[K] extends boolean ? K : never
}[keyof ExtendedOptions]

function refuse(message: string): never {
  throw new FlagError(message, EX_BAD_OPTION)
}

function turn(field: SwitchField, value: boolean): Apply {
  return options => {
    options[field] = value
  }
}

type Range = {
  missing: string
  /** What memcached says to a number outside; also to what is no number. */
  wrong: (text: string) => string
  min: number
  max: number
  /** Fractions are allowed. */
  fraction?: true
  /** A value of 1 means this many. */
  unit?: number
}

function parse(text: string | undefined, range: Range): number {
  if (text === undefined || text === '') refuse(range.missing)
  const pattern = range.fraction ? /^-?\d{0,15}(\.\d{1,15})?$/ : /^-?\d{1,15}$/
  const number = pattern.test(text) ? Number(text) : Number.NaN
  if (number >= range.min && number <= range.max) return number * (range.unit ?? 1)
  return refuse(range.wrong(text))
}

function number(field: NumberField, range: Range): Apply {
  return (options, value) => {
    options[field] = parse(value, range)
  }
}

function kilobytes(name: string, max: number, unit: number): Range {
  const wrong = (): string => `could not parse argument to ${name}`
  return { missing: `Missing ${name} argument`, wrong, min: 0, max, unit }
}

function percent(name: string): Range {
  const wrong = (): string => `${name} must be > 1 and < 80`
  return { missing: `Missing ${name} argument`, wrong, min: 1, max: 79 }
}

function factor(name: string): Range {
  const wrong = (): string => `${name} must be > 0`
  const min = Number.MIN_VALUE
  return { missing: `Missing ${name} argument`, wrong, min, max: 1e6, fraction: true }
}

const hashpower: Range = {
  missing: 'Missing numeric argument for hashpower',
  wrong: text =>
    Number(text) > 32
      ? `Initial hashtable multiplier of ${text} is too high\n` +
        'Choose a value based on "STAT hash_power_level" from a running instance'
      : `Initial hashtable multiplier of ${Number.parseInt(text, 10) || 0} is too low`,
  min: 12,
  max: 32,
}

const automoveRatio: Range = {
  missing: 'Missing slab_automove_ratio argument',
  wrong: () => 'slab_automove_ratio must be > 0 and < 1',
  min: Number.MIN_VALUE,
  max: 1,
  fraction: true,
}

const automoveWindow: Range = {
  missing: 'Missing slab_automove_window argument',
  wrong: () => 'slab_automove_window must be > 2',
  min: 3,
  max: I32_MAX,
}

const freeratio: Range = {
  missing: 'Missing slab_automove_freeratio argument',
  wrong: text => `Cannot use slab_automove_freeratio "${text}": expected 0 to 1`,
  min: 0,
  max: 1,
  fraction: true,
}

const tailRepair: Range = {
  missing: 'Missing numeric argument for tail_repair_time',
  wrong: () => 'Cannot set tail_repair_time to less than 10 seconds',
  min: 10,
  max: I32_MAX,
}

const crawlerSleep: Range = {
  missing: 'Missing lru_crawler_sleep value',
  wrong: () => 'LRU crawler sleep must be between 0 and 1 second',
  min: 0,
  max: 1_000_000,
}

const tocrawl: Range = {
  missing: 'Missing lru_crawler_tocrawl value',
  wrong: () => 'lru_crawler_tocrawl takes a numeric 32bit value',
  min: 0,
  max: U32_MAX,
}

function wholeSeconds(name: string, missing: string): Range {
  const wrong = (text: string): string =>
    `Cannot use ${name} "${text}": expected 0 to ${I32_MAX} seconds`
  return { missing, wrong, min: 0, max: I32_MAX }
}

const automove: Range = {
  missing: '',
  wrong: () => 'slab_automove must be between 0 and 2',
  min: 0,
  max: 2,
}

/** Ascending sizes of slab classes, at least 8 bytes apart (memcached.c _parse_slab_sizes). */
function slabSizes(_: ExtendedOptions, value: string | undefined): void {
  let last = 0
  for (const text of (value ?? '').split('-')) {
    const size = /^\d{1,10}$/.test(text) ? Number(text) : 0
    if (size < 96 - 48 || size > MIB * KIB) {
      throw new FlagError(`slab size ${text} is out of valid range`, EX_USAGE)
    }
    if (last >= size) {
      const reason = 'cannot be lower than or equal to a previous class size'
      throw new FlagError(`slab size ${size} ${reason}`, EX_USAGE)
    }
    if (size <= last + 8 && last > 0) {
      const reason = 'must be at least 8 bytes larger than previous class'
      throw new FlagError(`slab size ${size} ${reason}`, EX_USAGE)
    }
    last = size
  }
}

function hashAlgorithm(_: ExtendedOptions, value: string | undefined): void {
  if (value === undefined || value === '') refuse('Missing hash_algorithm argument')
  if (!['jenkins', 'murmur3', 'xxh3'].includes(value)) {
    refuse('Unknown hash_algorithm option (jenkins, murmur3, xxh3)')
  }
}

const nothing: Apply = () => {}

const options: Readonly<Record<string, Apply>> = {
  maxconns_fast: turn('maxconnsFast', true),
  no_maxconns_fast: turn('maxconnsFast', false),
  hashpower: number('hashpowerInit', hashpower),
  no_hashexpand: nothing,
  slab_reassign: turn('slabReassign', true),
  no_slab_reassign: turn('slabReassign', false),
  slab_automove: (to, value) => {
    to.slabAutomove = value === undefined ? 1 : parse(value, automove)
  },
  no_slab_automove: to => {
    to.slabAutomove = 0
  },
  slab_automove_ratio: number('slabAutomoveRatio', automoveRatio),
  slab_automove_window: number('slabAutomoveWindow', automoveWindow),
  slab_automove_freeratio: (_, value) => void parse(value, freeratio),
  slab_sizes: slabSizes,
  slab_chunk_max: number('slabChunkMaxBytes', kilobytes('slab_chunk_max', MIB, KIB)),
  no_chunked_items: nothing,
  tail_repair_time: number('tailRepairTime', tailRepair),
  hash_algorithm: hashAlgorithm,
  lru_crawler: turn('lruCrawler', true),
  no_lru_crawler: turn('lruCrawler', false),
  lru_crawler_sleep: number('lruCrawlerSleep', crawlerSleep),
  lru_crawler_tocrawl: number('lruCrawlerTocrawl', tocrawl),
  lru_maintainer: turn('lruMaintainer', true),
  no_lru_maintainer: to => {
    to.lruMaintainer = false
    to.lruSegmented = false
  },
  hot_lru_pct: number('hotLruPct', percent('hot_lru_pct')),
  warm_lru_pct: number('warmLruPct', percent('warm_lru_pct')),
  hot_max_factor: number('hotMaxFactor', factor('hot_max_factor')),
  warm_max_factor: number('warmMaxFactor', factor('warm_max_factor')),
  temporary_ttl: (to, value) => {
    to.temporaryTtl = parse(value, wholeSeconds('temporary_ttl', 'Missing temporary_ttl argument'))
  },
  idle_timeout: number(
    'idleTimeout',
    wholeSeconds('idle_timeout', 'Missing numeric argument for idle_timeout'),
  ),
  watcher_logbuf_size: number(
    'watcherLogbufBytes',
    kilobytes('watcher_logbuf_size', LOGBUF_KB_MAX, KIB),
  ),
  worker_logbuf_size: number(
    'workerLogbufBytes',
    kilobytes('worker_logbuf_size', LOGBUF_KB_MAX, KIB),
  ),
  read_buf_mem_limit: number('readBufMemLimitBytes', kilobytes('read_buf_mem_limit', MIB, MIB)),
  track_sizes: turn('trackSizes', true),
  modern: nothing,
  no_modern: to => {
    to.maxconnsFast = false
    to.slabReassign = false
    to.slabAutomove = 0
    to.lruCrawler = false
    to.lruMaintainer = false
    to.lruSegmented = false
  },
  inline_ascii_resp: turn('inlineAsciiResponse', true),
  no_inline_ascii_resp: turn('inlineAsciiResponse', false),
  drop_privileges: nothing,
  no_drop_privileges: nothing,
  resp_obj_mem_limit: nothing,
  // Ours.
  debug_commands: turn('debugCommands', true),
}

/** Why some names of memcached cannot be meant here. */
const refused: readonly [prefix: string, reason: string][] = [
  ['ext_', 'memory is all the storage there is'],
  ['proxy_', 'use "memring router"'],
  ['sock_cookie_id', 'sockets are not marked'],
]

/**
 * Applies one `-o` list on top of what was there.
 * @throws FlagError in memcached's words and with its exit code.
 */
export function parseExtended(
  text: string,
  before: ExtendedOptions = extendedDefaults,
): ExtendedOptions {
  const parsed = { ...before, tls: { ...before.tls } }
  for (const part of text.split(',')) {
    const equals = part.indexOf('=')
    const name = equals < 0 ? part : part.slice(0, equals)
    const value = equals < 0 ? undefined : part.slice(equals + 1)
    if (Object.hasOwn(tlsOptions, name)) {
      tlsOptions[name]!(parsed.tls, value)
      continue
    }
    const apply = Object.hasOwn(options, name) ? options[name] : undefined
    if (apply === undefined) {
      const reason = refused.find(([prefix]) => name.startsWith(prefix))?.[1]
      refuse(`Illegal suboption "${part}"${reason === undefined ? '' : `: ${reason}`}`)
    }
    apply(parsed, value)
  }
  return parsed
}

/** What only makes sense together. @throws FlagError */
export function checkExtended(parsed: ExtendedOptions, itemSizeMax: number): void {
  if (parsed.hotLruPct + parsed.warmLruPct > 80) {
    const said = 'hot_lru_pct + warm_lru_pct cannot be more than 80% combined'
    throw new FlagError(said, EX_USAGE)
  }
  const chunk = parsed.slabChunkMaxBytes
  if (chunk === 0 || (chunk < itemSizeMax && itemSizeMax % chunk !== 0)) {
    const said = `-I (item_size_max: ${itemSizeMax}) must be evenly divisible by slab_chunk_max`
    throw new FlagError(`${said} (bytes: ${chunk})`, EX_USAGE)
  }
}
