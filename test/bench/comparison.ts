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

/** A subject's figure divided by a peer's, over the pairs. */
export interface Ratios {
  readonly subject: string
  readonly peer: string
  readonly cpuPerRequest: Spread
  readonly throughput: Spread
  readonly p50: Spread
  readonly p99: Spread
  readonly p999: Spread
}

export interface Result {
  /** What was measured. */
  readonly label: string
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

/** The first servers are the subjects, all others their peers. */
export function compare(
  label: string,
  measured: readonly { readonly name: string; readonly slices: readonly Figures[] }[],
  subjectCount = 1,
): Result {
  const servers = measured.map(({ name, slices }) => ({
    name,
    slices,
    median: medianFigures(slices),
  }))
  if (servers.length === 0) throw new Error('Cannot compare: expected at least one server')
  const peers = servers.slice(subjectCount)
  const subjects = servers.slice(0, subjectCount)
  const ratios = subjects.flatMap(subject => peers.map(peer => ratiosOf(subject, peer)))
  return { label, servers, ratios }
}

function ratiosOf(subject: ServerFigures, peer: ServerFigures): Ratios {
  const of = (key: keyof Figures): Spread => {
    const values = (server: ServerFigures): number[] => server.slices.map(slice => slice[key])
    return spread(pairRatios(values(subject), values(peer)))
  }
  return {
    subject: subject.name,
    peer: peer.name,
    cpuPerRequest: of('cpuMicrosPerRequest'),
    throughput: of('requestsPerSecond'),
    p50: of('p50Us'),
    p99: of('p99Us'),
    p999: of('p999Us'),
  }
}

export function formatResult(result: Result): string {
  const heading = [
    `${result.label}, medians`,
    'CPU µs/req',
    'req/s',
    'p50 ms',
    'p99 ms',
    'p99.9 ms',
    'server CPU',
    'load CPU',
  ]
  const rows = result.servers.map(server => figureCells(server.name, server.median))
  const ratioHeading = [
    'ratio, median (least to greatest)',
    'CPU/req',
    'req/s',
    'p50',
    'p99',
    'p99.9',
  ]
  const ratioRows = result.ratios.map(ratios => [
    `${ratios.subject} / ${ratios.peer}, ${ratios.cpuPerRequest.count} pairs`,
    formatSpread(ratios.cpuPerRequest),
    formatSpread(ratios.throughput),
    formatSpread(ratios.p50),
    formatSpread(ratios.p99),
    formatSpread(ratios.p999),
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

function loadBoundNote(result: Result): string[] {
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
