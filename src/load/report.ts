/**
 * The table of a load run, in memtier_benchmark's order of columns. Latencies are milliseconds as
 * there; KB/s counts the bytes of requests and replies in units of 1,024. For JSON, serialise the
 * `LoadResult` itself: it is a plain object.
 */
import type { LoadResult, OperationResult } from './tally.ts'

const HEADINGS = [
  'Type',
  'Ops/sec',
  'Hits/sec',
  'Misses/sec',
  'Avg. ms',
  'p50 ms',
  'p99 ms',
  'p99.9 ms',
  'KB/sec',
] as const
const NONE = '---'

export function formatReport(result: LoadResult): string {
  const { seconds } = result
  const rate = (count: number): string => (seconds > 0 ? (count / seconds).toFixed(2) : NONE)
  const hits = rate(result.hits)
  const misses = rate(result.misses)
  const kilobytes = rate((result.bytesSent + result.bytesReceived) / 1024)
  const rows = [
    HEADINGS,
    row('Sets', result.sets, [NONE, NONE], NONE),
    row('Gets', result.gets, [hits, misses], NONE),
    row('Totals', result.total, [hits, misses], kilobytes),
  ]
  return [formatColumns(rows), '', ...troubleLines(result)].join('\n')
}

/** Columns as wide as they need to be: the first to the left, the others to the right. */
export function formatColumns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const cells of rows) {
    for (const [column, cell] of cells.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length)
    }
  }
  const pad = (cell: string, column: number): string => {
    const width = widths[column] ?? 0
    return column === 0 ? cell.padEnd(width) : cell.padStart(width)
  }
  return rows.map(cells => cells.map(pad).join('  ').trimEnd()).join('\n')
}

function row(
  name: string,
  operation: OperationResult,
  hitsAndMisses: readonly string[],
  kilobytes: string,
): string[] {
  const { meanUs, p50Us, p99Us, p999Us } = operation.latency
  const latencies = [meanUs, p50Us, p99Us, p999Us].map(us =>
    operation.count === 0 ? NONE : (us / 1000).toFixed(3),
  )
  return [name, operation.perSecond.toFixed(2), ...hitsAndMisses, ...latencies, kilobytes]
}

/** One line when all went well, else what did not, so that nobody takes it for a clean run. */
function troubleLines(result: LoadResult): string[] {
  const { total, errors, lost, connectionsLost, complaints } = result
  if (errors + lost + connectionsLost + complaints.length === 0) {
    return [`${total.count} requests in ${result.seconds.toFixed(2)} s, no errors`]
  }
  const requests = `${errors} answered wrongly, ${lost} never answered`
  return [
    `${total.count} requests in ${result.seconds.toFixed(2)} s: ${requests}, ` +
      `${connectionsLost} connections lost`,
    ...complaints.map(({ kind, count, example }) => `  ${count} × ${kind} (first: ${example})`),
  ]
}
