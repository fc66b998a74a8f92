// From the slices that were measured to the figures that are shown: the medians of each server,
// the ratios pair by pair, the table and the JSON. A slice that is not clean (an error, a miss, a
// lost request) has no figures: it is refused, because its requests were not the ones asked for.

import { formatColumns } from '../../src/load/report.ts'
import type { Slice } from './load-process.ts'
import { formatSpread, median, pairRatios, type Spread, spread } from './support.ts'

/** Busier than this, and the process is what limits the throughput. */
const BUSY_PERCENT = 95

export interface Figures {
  readonly cpuMicrosPerRequest: number
  readonly requestsPerSecond: number
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
  /** Of its one CPU. */
  readonly serverBusyPercent: number
  readonly loadBusyPercent: number
}

export interface ServerFigures {
  readonly name: string
  readonly median: Figures
  readonly slices: readonly Figures[]
}

/** The subject's figure divided by the peer's, over the pairs. */
export interface Ratios {
  readonly peer: string
  readonly cpuPerRequest: Spread
  readonly throughput: Spread
  readonly p50: Spread
  readonly p99: Spread
}

export interface DepthResult {
  readonly depth: number
  readonly servers: readonly ServerFigures[]
  readonly ratios: readonly Ratios[]
}

/** @throws when the slice is not clean. */
export function figuresOf(name: string, slice: Slice): Figures {
  const { load, serverCpuSeconds, loadCpuSeconds } = slice
  const { misses, errors, lost, connectionsLost } = load
  if (misses + errors + lost + connectionsLost > 0 || load.total.count === 0) {
    const counts = `${misses} misses, ${errors} errors, ${lost} lost`
    const [complaint] = load.complaints
    const example = complaint === undefined ? '' : `; ${complaint.kind}: ${complaint.example}`
    throw new Error(
      `Cannot use a slice of ${name}: ${load.total.count} requests, ${counts}, expected none` +
        ` of these, ${connectionsLost} connections lost${example}`,
    )
  }
  const { p50Us, p99Us, p999Us } = load.total.latency
  return {
    cpuMicrosPerRequest: (serverCpuSeconds * 1e6) / load.total.count,
    requestsPerSecond: load.total.perSecond,
    p50Us,
    p99Us,
    p999Us,
    serverBusyPercent: (100 * serverCpuSeconds) / load.seconds,
    loadBusyPercent: (100 * loadCpuSeconds) / load.seconds,
  }
}

export function medianFigures(slices: readonly Figures[]): Figures {
  const of = (key: keyof Figures): number => median(slices.map(slice => slice[key]))
  return {
    cpuMicrosPerRequest: of('cpuMicrosPerRequest'),
    requestsPerSecond: of('requestsPerSecond'),
    p50Us: of('p50Us'),
    p99Us: of('p99Us'),
    p999Us: of('p999Us'),
    serverBusyPercent: of('serverBusyPercent'),
    loadBusyPercent: of('loadBusyPercent'),
  }
}

/** The first server is the subject, all others are its peers. */
export function compare(
  depth: number,
  measured: readonly { readonly name: string; readonly slices: readonly Figures[] }[],
): DepthResult {
  const servers = measured.map(({ name, slices }) => ({
    name,
    slices,
    median: medianFigures(slices),
  }))
  const [subject, ...peers] = servers
  if (subject === undefined) throw new Error('Cannot compare: expected at least one server')
  const ratios = peers.map(peer => ratiosOf(subject, peer))
  return { depth, servers, ratios }
}

function ratiosOf(subject: ServerFigures, peer: ServerFigures): Ratios {
  const of = (key: keyof Figures): Spread => {
    const values = (server: ServerFigures): number[] => server.slices.map(slice => slice[key])
    return spread(pairRatios(values(subject), values(peer)))
  }
  return {
    peer: peer.name,
    cpuPerRequest: of('cpuMicrosPerRequest'),
    throughput: of('requestsPerSecond'),
    p50: of('p50Us'),
    p99: of('p99Us'),
  }
}

export function formatDepth(result: DepthResult): string {
  const heading = [
    `depth ${result.depth}, medians`,
    'CPU µs/req',
    'req/s',
    'p50 ms',
    'p99 ms',
    'p99.9 ms',
    'server CPU',
    'load CPU',
  ]
  const rows = result.servers.map(server => figureCells(server.name, server.median))
  const [subject] = result.servers
  const ratioHeading = ['ratio, median (least to greatest)', 'CPU/req', 'req/s', 'p50', 'p99']
  const ratioRows = result.ratios.map(ratios => [
    `${subject?.name} / ${ratios.peer}, ${ratios.cpuPerRequest.count} pairs`,
    formatSpread(ratios.cpuPerRequest),
    formatSpread(ratios.throughput),
    formatSpread(ratios.p50),
    formatSpread(ratios.p99),
  ])
  const tables = [formatColumns([heading, ...rows])]
  if (ratioRows.length > 0) tables.push(formatColumns([ratioHeading, ...ratioRows]))
  return [...tables, ...loadBoundNote(result)].join('\n')
}

function milliseconds(us: number): string {
  return (us / 1000).toFixed(3)
}

function figureCells(name: string, figures: Figures): string[] {
  return [
    name,
    figures.cpuMicrosPerRequest.toFixed(2),
    figures.requestsPerSecond.toFixed(0),
    milliseconds(figures.p50Us),
    milliseconds(figures.p99Us),
    milliseconds(figures.p999Us),
    `${figures.serverBusyPercent.toFixed(0)} %`,
    `${figures.loadBusyPercent.toFixed(0)} %`,
  ]
}

function loadBoundNote(result: DepthResult): string[] {
  const bound = result.servers.filter(
    ({ median: { serverBusyPercent, loadBusyPercent } }) =>
      serverBusyPercent < BUSY_PERCENT && loadBusyPercent >= BUSY_PERCENT,
  )
  if (bound.length === 0) return []
  const names = bound.map(server => server.name).join(', ')
  return [
    `The load is the limit for ${names}: throughput and latency are the load's there, and the`,
    'server, not saturated, batches less than it could. CPU per request is what to compare.',
  ]
}
