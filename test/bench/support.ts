// What every benchmark here shares: which CPUs there are, what CPU time a process has used,
// subjects measured in turn (A B A B …), and the arithmetic of ratios. On shared machines absolute
// times drift by half; what counts is the ratio of two neighbours in time, so ratios are taken
// pair by pair, and their median is shown with the least and the greatest beside it.

import { readFileSync } from 'node:fs'

/** Ticks of /proc/PID/stat in a second: USER_HZ, which is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100
const CPU_INDEX_MAX = 4095

/** The CPUs that this process may run on, ascending. */
export function allowedCpus(): number[] {
  const status = readFileSync('/proc/self/status', 'utf8')
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1]
  if (list === undefined) throw new Error('Cannot read the allowed CPUs: /proc shows no list')
  return parseCpuList(list)
}

/** `0-2,5` is 0, 1, 2, 5: the form of the kernel and of taskset. */
export function parseCpuList(text: string): number[] {
  return text.split(',').flatMap(part => {
    const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? []
    const from = Number(first)
    const to = Number(last ?? first)
    if (first === undefined || from > to || to > CPU_INDEX_MAX) {
      throw new Error(`Cannot parse CPU list "${text}": expected a form like 0-2,5`)
    }
    return Array.from({ length: to - from + 1 }, (_, index) => from + index)
  })
}

/** One CPU for the server and another for the load, as far apart as there are. */
export function choosePins(cpus: readonly number[]): { server: number; load: number } {
  const [server] = cpus
  const load = cpus.at(-1)
  if (server === undefined || load === undefined || server === load) {
    const found = cpus.length === 0 ? 'none' : cpus.join(', ')
    throw new Error(`Cannot pin server and load apart: 2 CPUs expected, found ${found}`)
  }
  return { server, load }
}

/** CPU seconds that a process has used, user and system, over all its threads, dead ones too. */
export function cpuSeconds(pid: number): number {
  return parseCpuSeconds(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}

export function parseCpuSeconds(stat: string): number {
  // The second field is the program's name in parentheses, which may hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  if (!Number.isInteger(ticks)) throw new Error(`Cannot parse /proc stat "${stat.slice(0, 80)}"`)
  return ticks / TICKS_PER_SECOND
}

/**
 * Measures the subjects in turn, `rounds` times: A B A B …, so that neighbours share the weather.
 * @returns for each subject, in the order given, its measurements by round.
 */
export async function inTurn<Subject, Measurement>(
  subjects: readonly Subject[],
  rounds: number,
  measure: (subject: Subject, round: number) => Promise<Measurement>,
): Promise<Measurement[][]> {
  const measured: Measurement[][] = subjects.map(() => [])
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, subject] of subjects.entries()) {
      measured[index]?.push(await measure(subject, round))
    }
  }
  return measured
}

export interface Spread {
  readonly median: number
  readonly least: number
  readonly greatest: number
  readonly count: number
}

export function median(values: readonly number[]): number {
  return spread(values).median
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const least = sorted[0]
  const greatest = sorted.at(-1)
  if (least === undefined || greatest === undefined) {
    throw new RangeError('Cannot take the median of nothing: expected at least one value')
  }
  const middle = sorted.length / 2
  const upper = sorted[Math.floor(middle)]!
  const lower = sorted[Math.ceil(middle) - 1]!
  return { median: (lower + upper) / 2, least, greatest, count: sorted.length }
}

/** The ratio of each pair, in the order in which they were measured. */
export function pairRatios(subject: readonly number[], peer: readonly number[]): number[] {
  if (subject.length !== peer.length) {
    const counts = `${subject.length} and ${peer.length}`
    throw new RangeError(`Cannot pair ${counts} measurements: expected as many of both`)
  }
  return subject.map((value, index) => value / peer[index]!)
}

/** `1.07 (1.02 to 1.11)`. */
export function formatSpread(ratios: Spread, digits = 2): string {
  const { least, greatest } = ratios
  const range = `${least.toFixed(digits)} to ${greatest.toFixed(digits)}`
  return `${ratios.median.toFixed(digits)} (${range})`
}
