import { describe, expect, test } from 'vitest'
import { Outcome } from '../../../src/load/reply-scanner.ts'
import { formatColumns, formatReport } from '../../../src/load/report.ts'
import { Tally } from '../../../src/load/tally.ts'

function tallyOfTen(): Tally {
  const tally = new Tally()
  tally.addReply(Outcome.stored, true, 1_000, 1_002)
  for (let i = 0; i < 8; i += 1) tally.addReply(Outcome.hit, false, 1_000, 1_000.1)
  tally.addReply(Outcome.miss, false, 1_000, 1_001)
  tally.bytesSent = 3_072
  tally.bytesReceived = 1_024
  return tally
}

describe('Tally', () => {
  test('counts replies and their latencies by kind and in total', () => {
    const result = tallyOfTen().result(2)
    expect(result).toMatchObject({ hits: 8, misses: 1, stored: 1, errors: 0, lost: 0, seconds: 2 })
    expect(result.sets).toMatchObject({ count: 1, perSecond: 0.5 })
    expect(result.sets.latency).toMatchObject({ meanUs: 2_000, p50Us: 2_000, maxUs: 2_000 })
    expect(result.gets).toMatchObject({ count: 9, perSecond: 4.5 })
    expect(result.gets.latency).toMatchObject({ meanUs: 200, p50Us: 100, p99Us: 1_000 })
    expect(result.total.count).toBe(10)
    expect(result.total.latency).toMatchObject({ meanUs: 380, p50Us: 100, p999Us: 2_000 })
    expect(JSON.parse(JSON.stringify(result))).toEqual(result)
  })

  test('a run without requests is all zeros', () => {
    expect(new Tally().result(0).total).toEqual({
      count: 0,
      perSecond: 0,
      latency: { meanUs: 0, p50Us: 0, p99Us: 0, p999Us: 0, maxUs: 0 },
    })
  })

  test('complaints are counted by kind with the first example', () => {
    const tally = new Tally()
    tally.addComplaint('ERROR', 'first')
    tally.addComplaint('ERROR', 'second')
    tally.addComplaint('other', 'third')
    expect(tally.result(1).complaints).toEqual([
      { kind: 'ERROR', count: 2, example: 'first' },
      { kind: 'other', count: 1, example: 'third' },
    ])
  })

  test.each([31, 32, 33, 5_000])('%d kinds of complaint: at most 32 are kept apart', kinds => {
    const tally = new Tally()
    for (let i = 0; i < kinds; i += 1) tally.addComplaint(`kind ${i}`, 'example')
    const { complaints } = tally.result(1)
    expect(complaints).toHaveLength(Math.min(kinds, 32))
    expect(complaints.reduce((sum, { count }) => sum + count, 0)).toBe(kinds)
    if (kinds > 31) {
      const last = { kind: 'other complaints', count: kinds - 31, example: 'kind 31: example' }
      expect(complaints.at(-1)).toEqual(last)
    }
  })
})

describe('formatReport', () => {
  test("a clean run is memtier's table and one line", () => {
    expect(formatReport(tallyOfTen().result(2)).split('\n')).toEqual([
      'Type    Ops/sec  Hits/sec  Misses/sec  Avg. ms  p50 ms  p99 ms  p99.9 ms  KB/sec',
      'Sets       0.50       ---         ---    2.000   2.000   2.000     2.000     ---',
      'Gets       4.50      4.00        0.50    0.200   0.100   1.000     1.000     ---',
      'Totals     5.00      4.00        0.50    0.380   0.100   2.000     2.000    2.00',
      '',
      '10 requests in 2.00 s, no errors',
    ])
  })

  test('what went wrong is said with its example', () => {
    const tally = tallyOfTen()
    tally.addReply(Outcome.error, true, 0, 1)
    tally.addComplaint('SERVER_ERROR out of memory', 'answer to set "k"')
    tally.lost = 3
    tally.connectionsLost = 1
    expect(formatReport(tally.result(1)).split('\n').slice(-2)).toEqual([
      '11 requests in 1.00 s: 1 answered wrongly, 3 never answered, 1 connections lost',
      '  1 × SERVER_ERROR out of memory (first: answer to set "k")',
    ])
  })

  test('a kind of request that never came has no latency', () => {
    const tally = new Tally()
    tally.addReply(Outcome.hit, false, 0, 1)
    const [, sets] = formatReport(tally.result(1)).split('\n')
    expect(sets).toMatch(/^Sets +0\.00( +---){7}$/)
  })
})

describe('formatColumns', () => {
  test('the first column is to the left, the others to the right, short rows are allowed', () => {
    expect(formatColumns([['a', 'bb'], ['ccc', 'd', 'e'], ['f']])).toBe('a    bb\nccc   d  e\nf')
  })
})
