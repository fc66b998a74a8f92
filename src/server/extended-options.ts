/**
 * What `-o` can be told. Much of it tunes memcached's slabs, LRU lists and hash table, which this
 * store does not have: such values are checked and shown by `stats settings`, and do nothing.
 */
import { type TlsRules, tlsDefaults } from './tls-rules.ts'

export type ExtendedOptions = {
  /** False: over the limit, connections wait until another one closes. */
  maxconnsFast: boolean
  /** Seconds after which an idle connection is closed; 0 = never. */
  idleTimeout: number
  /** Bytes of the ring that watchers read from. */
  watcherLogbufBytes: number
  workerLogbufBytes: number
  /** Bytes that values may take while they arrive, all threads together; 0 = the default. */
  readBufMemLimitBytes: number
  /** `stats sizes`. */
  trackSizes: boolean
  /** `debugtime`, which moves the clock: for tests. */
  debugCommands: boolean
  /** `ssl_…`, with `-Z`. */
  tls: TlsRules

  hashpowerInit: number
  slabReassign: boolean
  slabAutomove: number
  slabAutomoveRatio: number
  slabAutomoveWindow: number
  slabChunkMaxBytes: number
  tailRepairTime: number
  lruCrawler: boolean
  lruCrawlerSleep: number
  lruCrawlerTocrawl: number
  lruMaintainer: boolean
  lruSegmented: boolean
  hotLruPct: number
  warmLruPct: number
  hotMaxFactor: number
  warmMaxFactor: number
  /** Undefined: memcached's temporary LRU is off. */
  temporaryTtl: number | undefined
  inlineAsciiResponse: boolean
}

export const extendedDefaults: ExtendedOptions = {
  maxconnsFast: true,
  idleTimeout: 0,
  watcherLogbufBytes: 256 * 1024,
  workerLogbufBytes: 64 * 1024,
  readBufMemLimitBytes: 0,
  trackSizes: false,
  debugCommands: false,
  tls: tlsDefaults,
  hashpowerInit: 0,
  slabReassign: true,
  slabAutomove: 1,
  slabAutomoveRatio: 0.8,
  slabAutomoveWindow: 10,
  slabChunkMaxBytes: 512 * 1024,
  tailRepairTime: 0,
  lruCrawler: true,
  lruCrawlerSleep: 100,
  lruCrawlerTocrawl: 0,
  lruMaintainer: true,
  lruSegmented: true,
  hotLruPct: 20,
  warmLruPct: 40,
  hotMaxFactor: 0.2,
  warmMaxFactor: 2,
  temporaryTtl: undefined,
  inlineAsciiResponse: false,
}
