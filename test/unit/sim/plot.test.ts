import { describe, expect, test } from 'vitest'
import type { JobResult } from '../../../src/sim/job.ts'
import { formatBytes, plot } from '../../../src/sim/plot.ts'

const MIB = 1024 * 1024

const REST_OF_COUNTS = { gets: 1, misses: 0, getBytes: 0, missBytes: 0, byteMissRatio: 0 }
const NOTHING_ELSE = { ...REST_OF_COUNTS, evictions: 0, items: 0, requests: 0, cpuSeconds: 0 }

function resultOf(label: string, memoryBytes: number | null, missRatio: number): JobResult {
  return {
    label,
    policy: memoryBytes === null ? 'infinite' : label === 'lru' ? 'lru' : 'store',
    memoryBytes,
    missRatio,
    ...NOTHING_ELSE,
  }
}

/** Enough of XML to see that every element is closed, in order, and quoted. */
function elementsOf(svg: string): string[] {
  const open: string[] = []
  const names: string[] = []
  const rest = svg.replace(
    /<(\/?)(\w+)((?: [\w:-]+="[^"<]*")*)(\/?)>/g,
    (_, end, name, __, empty) => {
      if (end) expect(open.pop()).toBe(name)
      else names.push(String(name))
      if (!end && !empty) open.push(String(name))
      return ''
    },
  )
  expect(open).toEqual([])
  expect(rest).not.toMatch(/[<>]/)
  expect(rest).not.toMatch(/&(?!amp;|lt;|gt;|quot;)/)
  return names
}

function pointsOf(svg: string): string[] {
  return [...svg.matchAll(/<polyline[^>]* points="([^"]*)"/g)].map(([, points]) => points!)
}

describe('plot', () => {
  const results = [
    ...[16, 32, 64].map(mib => resultOf('store', mib * MIB, 0.8 - mib / 100)),
    ...[64, 16, 32].map(mib => resultOf('lru', mib * MIB, 0.8)),
    resultOf('infinite', null, 0.2),
  ]

  test('is XML with a line for every curve, its name, and the sizes', () => {
    const svg = plot('A & B <c> "d"\u0001', results)
    const names = elementsOf(svg)
    expect(names.filter(name => name === 'polyline')).toHaveLength(3)
    for (const word of ['store', 'lru', 'infinite', '16m', '32m', '64m', 'memory', 'miss ratio']) {
      expect(svg).toContain(`>${word}</text>`)
    }
    expect(svg).toContain('A &amp; B &lt;c&gt; &quot;d&quot;?')
    expect(svg).toContain('prefers-color-scheme: dark')
  })

  test('memory doubles in equal steps, ratios stand on a line from 0', () => {
    const [store = '', lru = '', infinite = ''] = pointsOf(plot('t', results))
    expect(store).toBe('62.0,116.0 296.0,184.0 530.0,320.0')
    expect(lru).toBe('62.0,48.0 296.0,48.0 530.0,48.0')
    expect(infinite).toBe('62.0,303.0 296.0,303.0 530.0,303.0')
  })

  test.each([
    ['one size', [resultOf('store', 8 * MIB, 0.5), resultOf('infinite', null, 0)]],
    ['no misses at all', [resultOf('store', 8 * MIB, 0), resultOf('store', 9 * MIB, 0)]],
    ['only infinite', [resultOf('infinite', null, 1)]],
    ['nothing', []],
    [
      'many curves with long names',
      Array.from({ length: 40 }, (_, i) => resultOf(`store ${'x'.repeat(90)}${i}`, 8 * MIB, 0.5)),
    ],
  ])('%s: numbers everywhere', (_, some) => {
    const svg = plot('t', some)
    elementsOf(svg)
    expect(svg).not.toMatch(/NaN|Infinity|undefined/)
    for (const [, y] of svg.matchAll(/ y="([\d.]+)"/g)) {
      expect(Number(y)).toBeLessThanOrEqual(Number(/viewBox="0 0 \d+ (\d+)"/.exec(svg)![1]))
    }
  })

  test('sizes that would touch each other are not all named', () => {
    const sizes = Array.from({ length: 32 }, (_, i) => resultOf('store', (64 + i) * MIB, 0.5))
    const named = plot('t', sizes).match(/>\d+m</g) ?? []
    expect(named.length).toBeGreaterThan(5)
    expect(named.length).toBeLessThan(12)
  })
})

test.each([
  [0, '0'],
  [1023, '1023'],
  [1024, '1k'],
  [64 * MIB, '64m'],
  [1536 * MIB, '1.5g'],
  [5000 * 1024 ** 3, '5000g'],
])('%i bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})
