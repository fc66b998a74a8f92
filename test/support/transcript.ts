// A protocol test is a transcript: rows of what is sent and what must come back, to the byte.
// Every transcript runs on every target, and in four ways: row by row; everything in one write;
// everything byte by byte; and, if it is short, in two pieces, cut at every byte in turn
// (on the one-thread node only, for time).
//
// In a row, `{version}` stands for the target's version. `{cas:name}` in an answer takes a number
// of any value, and later rows may send or expect it by the same name. A closing row is the last.
// After an open end a `version` must answer at once and alone, so that a surplus byte is found.
//
// Where Debian's memcached ("older"), or the release that a node follows ("newer", MEMCACHED_BIN),
// is known to answer otherwise, the row or the transcript says so with a reason; everything else
// must hold there too, and through a router in front of several nodes or memcacheds
// (router-differences.ts says what does not, and why). Behind a router it depends on the request who
// answers it: where the two differ, rows are run one by one, and either answer will do.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { routerDifferences } from '../conformance/router-differences.ts'
import { TestConnection, toBuffer } from './connection.ts'
import type { ServerProcess } from './processes.ts'
import { routerTargets, type Target, targets } from './targets.ts'

const SPLIT_BYTES_MAX = 400
/** Longer conversations send this much of each end byte by byte, and the middle in one piece. */
const EDGE_BYTES = 1_100
/** Runs of one character from this length on are printed as a count. */
const RUN_MIN = 40
const CLOSED = '{closed}'

export interface Difference {
  readonly reason: string
  /** What Debian's memcached answers instead. */
  readonly older?: string
  /** What the memcached of MEMCACHED_BIN answers instead. */
  readonly newer?: string
}

export type Row = readonly [send: string, expected: string, difference?: Difference]

export interface Transcript {
  readonly name: string
  readonly rows: readonly Row[]
  /** Why this cannot be run against Debian's memcached at all, or against MEMCACHED_BIN. */
  readonly notOn?: { readonly older?: string; readonly newer?: string }
  /** Why one of these is only asked row by row. */
  readonly rowsOnlyOn?: { readonly older?: string; readonly newer?: string }
  /** Nobody is logged in at the end, so `version` is refused. */
  readonly loggedOut?: boolean
  /** The answer depends on how the bytes arrive: only row by row. */
  readonly rowsOnly?: boolean
  /** Seconds are in the answers: one that passes in between is no fault, so there are more tries. */
  readonly timed?: boolean
}

export interface Suite {
  readonly title: string
  readonly flags?: readonly string[]
  /** A new server for every run, where flush_all is refused or not to be trusted. */
  readonly restart?: boolean
  /** Logs in the connection that flushes between runs. */
  readonly login?: string
  /** Debian's memcached cannot be started with these flags. */
  readonly onlyNode?: boolean
  readonly transcripts: readonly Transcript[]
}

/** The peer closes after this answer. */
export function closes(answer = ''): string {
  return answer + CLOSED
}

export function transcript(
  name: string,
  rows: readonly Row[],
  options: Omit<Transcript, 'name' | 'rows'> = {},
): Transcript {
  return { name, rows, ...options }
}

/** Registers one test per transcript and target. */
export function conformance(suite: Suite): void {
  const found = routerDifferences[suite.title]
  const all = typeof found === 'string' ? targets : [...targets, ...routerTargets()]
  const differences = typeof found === 'string' ? undefined : found
  const chosen = all.filter(target => suite.onlyNode !== true || target.kind === 'node')
  describe.each(chosen)(`${suite.title} ($name)`, target => {
    let server: ServerProcess
    const start = async (): Promise<void> => {
      server = await target.start(suite.flags)
    }
    beforeAll(start)
    afterAll(async () => {
      await server.stop()
    })
    for (const item of suite.transcripts) {
      const kind = memcachedOf(target)
      const isOther = target.kind === 'router' && differences?.[item.name] !== undefined
      const skipped = isOther || (kind !== undefined && item.notOn?.[kind] !== undefined)
      const options = { retry: item.timed === true ? 3 : 0 }
      test.skipIf(skipped)(item.name, options, async () => {
        for (const run of runsOf(item, suite, target)) {
          if (suite.restart === true) {
            await server.stop()
            await start()
          } else {
            await flush(server, suite.login)
          }
          await play(run, server)
        }
      })
    }
  })
}

interface Step {
  readonly send: string
  readonly cut: (text: string) => readonly string[]
  readonly expected: string
  /** What will do as well. */
  readonly other?: string | undefined
}

interface Run {
  readonly name: string
  readonly steps: readonly Step[]
  /** What `version` answers after the steps. */
  readonly last: string
}

function runsOf(item: Transcript, suite: Suite, target: Target): Run[] {
  const version = target.version()
  const last =
    item.loggedOut === true ? 'CLIENT_ERROR unauthenticated\r\n' : `VERSION ${version}\r\n`
  const rows = item.rows.map(([send, expected, difference]) => {
    const isMemcached = target.kind === 'older' || target.kind === 'newer'
    const there = isMemcached ? difference?.[target.kind] : undefined
    const other = target.mayBeOlder === true ? difference?.older : undefined
    return { send, expected: (there ?? expected).replaceAll('{version}', version), other }
  })
  checkRows(item, rows)
  const byRow = rows.map(row => ({ ...row, cut: uncut }))
  const runs: Run[] = [{ name: 'row by row', steps: byRow, last }]
  const kind = memcachedOf(target)
  const rowsOnly =
    (kind !== undefined && item.rowsOnlyOn?.[kind] !== undefined) ||
    rows.some(({ other }) => other !== undefined)
  if (rowsOnly || item.rowsOnly === true) return runs
  if (rows.some(row => row.send.includes('{cas:'))) {
    const steps = rows.map(row => ({ ...row, cut: pieces }))
    return [...runs, { name: 'byte by byte in rows', steps, last }]
  }
  const send = rows.map(row => row.send).join('')
  const expected = rows.map(row => row.expected).join('')
  const whole = (name: string, cut: Step['cut']): Run => ({
    name,
    steps: [{ send, cut, expected }],
    last,
  })
  runs.push(whole('in one write', uncut), whole('byte by byte', pieces))
  if (!target.cutEverywhere) return runs
  if (suite.restart === true || send.length > SPLIT_BYTES_MAX) return runs
  for (let at = 1; at < send.length; at += 1) {
    runs.push(whole(`cut at byte ${at}`, text => [text.slice(0, at), text.slice(at)]))
  }
  return runs
}

/** Which memcached may be the one that answers. */
function memcachedOf(target: Target): 'older' | 'newer' | undefined {
  if (target.mayBeOlder === true) return 'older'
  return target.kind === 'older' || target.kind === 'newer' ? target.kind : undefined
}

function uncut(text: string): string[] {
  return [text]
}

function checkRows(item: Transcript, rows: readonly { expected: string }[]): void {
  const early = rows.slice(0, -1).some(row => row.expected.includes(CLOSED))
  if (early) throw new Error(`Cannot run "${item.name}": a closing row must be the last`)
}

/** Every byte on its own; of a long text the middle stays whole. */
function pieces(text: string): string[] {
  if (text.length <= 2 * EDGE_BYTES) return text.split('')
  const middle = text.slice(EDGE_BYTES, -EDGE_BYTES)
  return [...text.slice(0, EDGE_BYTES).split(''), middle, ...text.slice(-EDGE_BYTES).split('')]
}

async function flush(server: ServerProcess, login: string | undefined): Promise<void> {
  const connection = await TestConnection.open(server)
  if (login !== undefined) await connection.ask(login.trimEnd())
  const answer = await connection.ask('flush_all')
  connection.close()
  if (answer !== 'OK') throw new Error(`Cannot flush between runs: got "${answer}"`)
}

async function play(run: Run, server: ServerProcess): Promise<void> {
  const connection = await TestConnection.open(server)
  const names = new Map<string, string>()
  let closed = false
  try {
    for (const { send, cut, expected, other } of run.steps) {
      const pauseMs = run.name.startsWith('cut') ? 1 : 0
      await connection.sendPieces(cut(fill(send, names)), pauseMs)
      closed = expected.endsWith(CLOSED)
      const answer = closed ? expected.slice(0, -CLOSED.length) : expected
      const got = await receive(connection, answer, closed)
      if (other === undefined || got !== fill(other, names)) {
        compare(got, answer, names, () => `${run.name}: ${printable(send)}`)
      }
      if (closed) expect(connection.ended, `${run.name}: connection is closed`).toBe(true)
    }
    if (!closed) {
      const { last } = run
      await connection.send('version\r\n')
      const got = await connection.receiveExpected(last)
      expect(printable(got.toString('latin1')), `${run.name}: at the end`).toBe(printable(last))
    }
  } finally {
    connection.close()
  }
}

async function receive(
  connection: TestConnection,
  answer: string,
  closed: boolean,
): Promise<string> {
  const got = closed
    ? await connection.receiveEnd()
    : answer.includes('{cas:')
      ? await connection.receiveLines(answer.split('\n').length - 1)
      : await connection.receiveExpected(answer)
  return got.toString('latin1')
}

function compare(
  got: string,
  answer: string,
  names: Map<string, string>,
  label: () => string,
): void {
  const expected = answer.replaceAll(/\{cas:(\w+)\}/g, (hole, name: string, at: number) => {
    const known = names.get(name)
    if (known !== undefined) return known
    // The text before this hole is already settled, so the number starts where it would stand.
    const start = fill(answer.slice(0, at), names).length
    const digits = /^\d+/.exec(got.slice(start))?.[0]
    if (digits === undefined) return hole
    names.set(name, digits)
    return digits
  })
  // Compared first as they are: printing values of megabytes for nothing would cost seconds.
  if (got !== expected) expect(printable(got), label()).toBe(printable(expected))
}

function fill(text: string, names: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\{cas:(\w+)\}/g, (hole, name: string) => names.get(name) ?? hole)
}

/** Control characters and 8-bit bytes as escapes, long runs of one character as a count. */
export function printable(text: string): string {
  let short = ''
  let from = 0
  for (let at = 1; at <= text.length; at += 1) {
    if (text[at] === text[from]) continue
    const run = at - from
    short += run < RUN_MIN ? text.slice(from, at) : `${text[from]}{x${run}}`
    from = at
  }
  return JSON.stringify(short).replaceAll(/[^ -~]/g, one => `\\x${toBuffer(one).toString('hex')}`)
}
