// What the store itself costs, with no protocol and no network: nanoseconds an operation in one
// thread, and how much two threads on one store reach of what they reach on two of their own. The
// private and the shared runs take turns, because the machine's speed drifts.

import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { formatColumns } from '../../src/load/report.ts'
import { type Layout, layoutOf } from '../../src/store/layout.ts'
import { createRegion, type Region } from '../../src/store/region.ts'
import { Store } from '../../src/store/store.ts'
import {
  type KeyChoice,
  newPut,
  newStore,
  PAUSE_MS,
  VALUE_SIZE,
  type StoreOperation,
  type StoreTask,
  type StoreTiming,
  writeKey,
} from './store-thread.ts'
import { formatSpread, median, pairRatios, spread } from './support.ts'

const HELP = `Usage: node test/bench/store-bench.ts [options]

Nanoseconds an operation on the store alone, 16-byte keys and 100-byte values.

  --memory N         MiB of -m (128)
  --keys N           how many there are (400000)
  --operations N     of each thread in one measurement (1000000)
  --rounds N         how many times each is measured (3)
  --only A,B         of hit, miss, set, delete, incr, aside, upload (all)
  --json             one JSON object instead of tables
  --help
`

interface Options {
  readonly memory: number
  readonly keys: number
  readonly operations: number
  readonly rounds: number
  readonly only: readonly StoreOperation[]
  readonly json: boolean
}

interface Measured {
  readonly nanoseconds: number
  readonly contendedPerMillion: number
  readonly waitedPercent: number
  readonly timings: readonly StoreTiming[]
}

interface Subject {
  readonly operation: StoreOperation
  readonly keys: KeyChoice
  readonly valueSize: number
}

interface Row extends Subject {
  readonly one: readonly Measured[]
  readonly shared: readonly Measured[]
  readonly own: readonly Measured[]
}

const MIB = 1024 * 1024
const OPERATIONS = ['hit', 'miss', 'set', 'delete', 'incr', 'aside', 'upload'] as const
const COUNTER_SIZE = 20
const UPLOAD_SIZES = [MIB - 1024, 8 * MIB - 1024] as const
/** What uploads of one measurement come to, in times of all memory. */
const UPLOADED_MEMORIES = 2
/** At least what an item takes, index included. */
const ITEM_BYTES = 145
const SEED = Uint32Array.of(1, 2, 3, 4)
const THREAD = new URL('./store-thread.ts', import.meta.url)
const PAUSE_STEPS_MS = [1, 2, 3, 5, 8, 13] as const

/** Null: help was asked for. */
function readOptions(args: readonly string[]): Options | null {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      memory: { ...text, default: '128' },
      keys: { ...text, default: '400000' },
      operations: { ...text, default: '1000000' },
      rounds: { ...text, default: '3' },
      only: { ...text, default: OPERATIONS.join(',') },
      json: flag,
      help: flag,
    },
  })
  if (values.help) return null
  return {
    memory: wholeNumber('--memory', values.memory, 8, 4096),
    keys: wholeNumber('--keys', values.keys, 1000, 10_000_000),
    operations: wholeNumber('--operations', values.operations, 10_000, 100_000_000),
    rounds: wholeNumber('--rounds', values.rounds, 1, 100),
    only: values.only.split(',').map(operationNamed),
    json: values.json,
  }
}

function wholeNumber(name: string, text: string, least: number, greatest: number): number {
  const value = Number(text)
  if (/^\d{1,9}$/.test(text) && value >= least && value <= greatest) return value
  throw new RangeError(`Cannot read ${name} "${text}": expected ${least} to ${greatest}`)
}

function operationNamed(name: string): StoreOperation {
  const found = OPERATIONS.find(operation => operation === name)
  if (found !== undefined) return found
  throw new RangeError(`Cannot find operation "${name}": expected ${OPERATIONS.join(', ')}`)
}

/**
 * New memory with every key in it: `k…` with values, or `n…` with numbers for `incr`. For `aside`
 * and `upload` it is full, so that every put has room to be made for it: of keys that nobody asks
 * for, or of keys that all have been read.
 */
function refill(region: Region, layout: Layout, operation: StoreOperation, keys: number): void {
  region.bytes.fill(0, 0, layout.totalBytes)
  Store.format(region, layout, SEED)
  const store = newStore(region, layout)
  const isFull = operation === 'aside' || operation === 'upload'
  if (isFull) keys = Math.floor(layout.totalBytes / ITEM_BYTES)
  const put = operation === 'incr' ? newPut(COUNTER_SIZE - 1) : newPut()
  for (let id = 0; id < keys; id += 1) {
    writeKey(put.key, operation === 'incr' ? 'n' : 'k', id)
    store.put(put)
    if (operation === 'upload') readOne(store, put.key)
  }
}

function readOne(store: Store, key: Uint8Array): void {
  const item = store.find(key, 0, key.length)
  if (item !== 0) store.noteRead(item)
  store.unlock()
}

/** One measurement: as many threads as there are regions named, a region named twice is shared. */
async function measure(
  regions: readonly Region[],
  layout: Layout,
  { operation, keys, valueSize }: Subject,
  options: Options,
): Promise<Measured> {
  for (const region of new Set(regions)) refill(region, layout, operation, options.keys)
  const gate = new SharedArrayBuffer(8)
  const threads = regions.length
  let { operations } = options
  if (operation === 'delete') operations = Math.floor(options.keys / threads)
  if (operation === 'upload') {
    operations = Math.ceil((UPLOADED_MEMORIES * layout.totalBytes) / valueSize / threads)
  }
  const running = regions.map((region, thread) => {
    const { handle } = region
    const task = { handle, layout, operation, keys, thread, threads, operations, gate }
    return timingOf({ ...task, valueSize, keyCount: options.keys })
  })
  await release(gate, threads, running)
  const timings = await Promise.all(running)
  const failures = timings.reduce((sum, timing) => sum + timing.failures, 0)
  if (failures > 0) throw new Error(`Cannot use ${operation}: ${failures} failed, expected none`)
  const total = timings.reduce((sum, timing) => sum + timing.milliseconds, 0)
  const contended = timings.reduce((sum, timing) => sum + timing.contended, 0)
  const waited = timings.reduce((sum, timing) => sum + timing.waitedMs, 0)
  return {
    nanoseconds: (total / threads / operations) * 1e6,
    contendedPerMillion: (contended / (operations * threads)) * 1e6,
    waitedPercent: (100 * waited) / total,
    timings,
  }
}

function timingOf(task: StoreTask): Promise<StoreTiming> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(THREAD, { workerData: task })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', code => reject(new Error(`Cannot measure: a thread ended with ${code}`)))
  })
}

/** Lets all threads go once all are ready. */
async function release(
  gate: SharedArrayBuffer,
  threads: number,
  running: readonly Promise<unknown>[],
): Promise<void> {
  const words = new Int32Array(gate)
  const failed = Promise.all(running)
  for (let ready = Atomics.load(words, 0); ready < threads; ready = Atomics.load(words, 0)) {
    const { async, value } = Atomics.waitAsync(words, 0, ready)
    if (async) await Promise.race([value, failed])
  }
  Atomics.store(words, 1, 1)
  Atomics.notify(words, 1)
}

async function measureRow(
  subject: Subject,
  regions: readonly [Region, Region],
  layout: Layout,
  options: Options,
): Promise<Row> {
  const [a, b] = regions
  const one: Measured[] = []
  const own: Measured[] = []
  const shared: Measured[] = []
  for (let round = 0; round < options.rounds; round += 1) {
    one.push(await measure([a], layout, subject, options))
    own.push(await measure([a, b], layout, subject, options))
    shared.push(await measure([a, a], layout, subject, options))
  }
  process.stderr.write(`${nameOf(subject)} ${subject.keys}\n`)
  return { ...subject, one, own, shared }
}

function nameOf({ operation, valueSize }: Subject): string {
  return operation === 'upload' ? `upload ${Math.ceil(valueSize / MIB)} MiB` : operation
}

/** Each key can be deleted once: there is no popular one. Of large values the size counts. */
function subjectsOf(operation: StoreOperation): Subject[] {
  const sizes = operation === 'upload' ? UPLOAD_SIZES : [VALUE_SIZE]
  const isOnce = operation === 'upload' || operation === 'delete'
  const choices: KeyChoice[] = isOnce ? ['disjoint'] : ['disjoint', 'zipf']
  return sizes.flatMap(valueSize => choices.map(keys => ({ operation, keys, valueSize })))
}

function format(rows: readonly Row[]): string {
  const heading = [
    'operation',
    'keys',
    'ns, 1 thread (range)',
    'ns, 2 on one store',
    'ns, 2 on two',
    'throughput, one / two stores',
    'lock held, per million',
    '% of time waiting for locks',
  ]
  const cells = rows.map(({ one, shared, own, ...subject }) => [
    nameOf(subject),
    subject.keys,
    formatSpread(spread(nanoseconds(one)), 0),
    median(nanoseconds(shared)).toFixed(0),
    median(nanoseconds(own)).toFixed(0),
    formatSpread(spread(pairRatios(nanoseconds(own), nanoseconds(shared)))),
    median(shared.map(measured => measured.contendedPerMillion)).toFixed(0),
    median(shared.map(measured => measured.waitedPercent)).toFixed(1),
  ])
  const tables = [formatColumns([heading, ...cells])]
  for (const row of rows) {
    if (row.operation === 'aside' || row.operation === 'upload') tables.push(formatPauses(row))
  }
  return tables.join('\n\n')
}

/**
 * Puts, and pieces of large ones, that took long: eviction, and at times somebody else's turn on
 * the CPU.
 */
function formatPauses(row: Row): string {
  const timings = [...row.one, ...row.shared].flatMap(measured => measured.timings)
  const wall = timings.flatMap(timing => timing.pauses)
  const cpu = timings.flatMap(timing => timing.cpuPauses).filter(pause => pause > PAUSE_MS)
  return formatColumns([
    [`${nameOf(row)}, ${row.keys}, ms over`, ...PAUSE_STEPS_MS.map(String), 'worst'],
    ['by the wall clock', ...countsOf(wall), worstOf(wall)],
    ['by CPU time', ...countsOf(cpu), worstOf(cpu)],
  ])
}

function nanoseconds(measured: readonly Measured[]): number[] {
  return measured.map(one => one.nanoseconds)
}

/** How many pauses lie between each step and the next. */
function countsOf(pauses: readonly number[]): string[] {
  return PAUSE_STEPS_MS.map((from, at) => {
    const to = PAUSE_STEPS_MS[at + 1] ?? Infinity
    return String(pauses.filter(pause => pause > from && pause <= to).length)
  })
}

function worstOf(pauses: readonly number[]): string {
  return pauses.reduce((worst, pause) => Math.max(worst, pause), 0).toFixed(1)
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options === null) {
    process.stdout.write(HELP)
    return
  }
  const layout = layoutOf(options.memory * MIB)
  const regions = [
    createRegion(layout.totalBytes, 'mapped'),
    createRegion(layout.totalBytes, 'mapped'),
  ] as const
  const rows: Row[] = []
  for (const operation of options.only) {
    for (const subject of subjectsOf(operation)) {
      rows.push(await measureRow(subject, regions, layout, options))
    }
  }
  process.stdout.write(`${options.json ? JSON.stringify(rows, null, 2) : format(rows)}\n`)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
