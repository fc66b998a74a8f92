import { describe, expect, test } from 'vitest'
import { Outcome } from '../../../src/load/reply-scanner.ts'
import { type LoadResult, Tally } from '../../../src/load/tally.ts'
import { compare, type Figures, figuresOf, formatResult } from '../../bench/comparison.ts'
import type { Slice } from '../../bench/load-process.ts'

/** 1,000 hits of 300 µs in two seconds. */
function sliceWith(changes: Partial<LoadResult> = {}): Slice {
  const tally = new Tally()
  for (let i = 0; i < 1_000; i += 1) tally.addReply(Outcome.hit, false, 100, 100.3)
  return { load: { ...tally.result(2), ...changes }, serverCpuSeconds: 0.5, loadCpuSeconds: 2 }
}

const figures: Figures = {
  cpuMicrosPerRequest: 6,
  requestsPerSecond: 100_000,
  p50Us: 400,
  p99Us: 1_000,
  p999Us: 2_500,
  serverBusyPercent: 60,
  loadBusyPercent: 99,
}

/** Slices with these CPU times per request, and all else the same. */
function slicesOf(cpuMicros: readonly number[], other: Partial<Figures> = {}): Figures[] {
  return cpuMicros.map(cpuMicrosPerRequest => ({ ...figures, ...other, cpuMicrosPerRequest }))
}

function formatted(other: Partial<Figures>): string {
  return formatResult(
    compare('depth 16', [
      { name: 'node', slices: slicesOf([6, 9], other) },
      { name: 'memcached', slices: slicesOf([6, 6], other) },
    ]),
  )
}

describe('figuresOf', () => {
  test('divides CPU time by requests and by wall time', () => {
    expect(figuresOf('node', sliceWith())).toEqual({
      cpuMicrosPerRequest: 500,
      requestsPerSecond: 500,
      p50Us: 300,
      p99Us: 300,
      p999Us: 300,
      serverBusyPercent: 25,
      loadBusyPercent: 100,
    })
  })

  test.each([{ misses: 1 }, { errors: 1 }, { lost: 1 }, { connectionsLost: 1 }])(
    'a slice with %j has no figures',
    change => {
      const complaints = [{ kind: 'ERROR', count: 1, example: 'answer to get "k"' }]
      expect(() => figuresOf('node', sliceWith({ ...change, complaints }))).toThrow(
        /^Cannot use a slice of node: 1000 requests, .*expected none.*ERROR: answer to get "k"$/,
      )
    },
  )

  test('a slice without requests has no figures', () => {
    const load = new Tally().result(2)
    const slice = { load, serverCpuSeconds: 0, loadCpuSeconds: 0 }
    expect(() => figuresOf('node', slice)).toThrow('Cannot use a slice of node: 0 requests')
  })
})

describe('compare', () => {
  test('takes the median of the ratios, not the ratio of the medians', () => {
    const { servers, ratios } = compare('depth 16', [
      { name: 'node', slices: slicesOf([6, 10, 7]) },
      { name: 'memcached', slices: slicesOf([5, 20, 7]) },
      { name: 'other', slices: slicesOf([3, 5, 7]) },
    ])
    expect(servers.map(({ median }) => median.cpuMicrosPerRequest)).toEqual([7, 7, 5])
    expect(ratios.map(({ peer }) => peer)).toEqual(['memcached', 'other'])
    expect(ratios[0]?.cpuPerRequest).toEqual({ median: 1, least: 0.5, greatest: 1.2, count: 3 })
    expect(ratios[1]?.cpuPerRequest).toEqual({ median: 2, least: 1, greatest: 2, count: 3 })
    expect(ratios[0]?.throughput).toEqual({ median: 1, least: 1, greatest: 1, count: 3 })
  })

  test('every subject is compared with every peer', () => {
    const names = ['node uring', 'node epoll', 'memcached', 'other']
    const slices = slicesOf([6], { p999Us: 10 })
    const measured = names.map(name => ({ name, slices }))
    const { ratios } = compare('depth 1', measured, 2)
    expect(ratios.map(({ subject, peer }) => `${subject} / ${peer}`)).toEqual([
      'node uring / memcached',
      'node uring / other',
      'node epoll / memcached',
      'node epoll / other',
    ])
    expect(ratios[0]?.p999).toEqual({ median: 1, least: 1, greatest: 1, count: 1 })
  })

  test('nothing to compare is an error', () => {
    expect(() => compare('depth 1', [])).toThrow('expected at least one server')
  })
})

describe('formatResult', () => {
  test('shows medians, ratios with their spread, and how busy both sides were', () => {
    expect(formatted({ loadBusyPercent: 80 }).split('\n')).toEqual([
      'depth 16, medians  CPU µs/req   req/s  p50 ms  p99 ms  p99.9 ms  server CPU  load CPU',
      'node                     7.50  100000   0.400   1.000     2.500        60 %      80 %',
      'memcached                6.00  100000   0.400   1.000     2.500        60 %      80 %',
      expect.stringMatching(
        /^ratio, median \(least to greatest\) +CPU\/req +req\/s +p50 +p99 +p99\.9$/,
      ),
      expect.stringMatching(/^node \/ memcached, 2 pairs +1\.25 \(1\.00 to 1\.50\) +1\.00 \(/),
    ])
  })

  test('says so when the load and not the server was the limit', () => {
    expect(formatted({})).toContain('The load is the limit for node, memcached')
    expect(formatted({ serverBusyPercent: 96 })).not.toContain('The load is the limit')
  })
})
