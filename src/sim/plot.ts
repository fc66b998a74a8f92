/**
 * Miss-ratio curves as an SVG: memory on a logarithmic axis, miss ratio from 0, a line for every
 * curve. Colours follow the reader's light or dark scheme.
 */
import type { JobResult } from './job.ts'

const WIDTH = 760
const HEIGHT = 440
const LEFT = 62
const RIGHT = 230
const TOP = 48
const BOTTOM = 52
const LEGEND_LINE = 20
const LEGEND_LETTERS = 28
const TICKS_Y = [0.05, 0.1, 0.2]
const TICK_COUNT_MAX = 8
/** Room for as many numbers as do not touch each other. */
const TICK_GAP = 44
/** Paul Tol's bright scheme, which people who do not see all colours can tell apart. */
const COLOURS = ['#4477aa', '#ee6677', '#228833', '#aa3377', '#66ccee', '#ccbb44', '#bbbbbb']
const DASHES: Readonly<Record<string, string>> = { lru: '7 4', fifo: '2 4', infinite: '1 5' }

const STYLE = `
    svg { color: #222; font: 13px system-ui, sans-serif } .page { fill: #fff }
    text { fill: currentColor } .grid { stroke: currentColor; stroke-opacity: .15 }
    .axis { stroke: currentColor } .curve { fill: none; stroke-width: 2 }
    @media (prefers-color-scheme: dark) { svg { color: #dde } .page { fill: #16181d } }`

type Curve = { label: string; policy: string; points: readonly JobResult[] }

/** @param results in the order of the legend; those of a curve from small to large. */
export function plot(title: string, results: readonly JobResult[]): string {
  const curves = curvesOf(results)
  const sizes = [...new Set(results.flatMap(({ memoryBytes }) => memoryBytes ?? []))]
  sizes.sort((a, b) => a - b)
  const top = ceilingOf(results)
  const x = scaleOf(sizes)
  const y = (ratio: number): number => HEIGHT - BOTTOM - (ratio / top) * (HEIGHT - TOP - BOTTOM)
  const height = Math.max(HEIGHT, TOP + curves.length * LEGEND_LINE + BOTTOM)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `  <title>${escape(title)}</title>`,
    `  <style>${STYLE}\n  </style>`,
    `  <rect class="page" width="${WIDTH}" height="${height}"/>`,
    text(LEFT, TOP - 20, title, 'start'),
    ...ticksY(top).map(ratio => tickY(ratio, y(ratio))),
    ...spaced(sizes, x).map(size => tickX(size, x(size))),
    line('axis', [LEFT, TOP, LEFT, HEIGHT - BOTTOM]),
    line('axis', [LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM]),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, 'memory', 'middle'),
    `  <text transform="translate(16 ${HEIGHT / 2}) rotate(-90)" ` +
      'text-anchor="middle">miss ratio</text>',
    ...curves.flatMap((curve, at) => [
      path(curve, at, pointsOf(curve, sizes, x, y)),
      legend(curve, at),
    ]),
    '</svg>',
    '',
  ].join('\n')
}

function curvesOf(results: readonly JobResult[]): Curve[] {
  const curves = new Map<string, JobResult[]>()
  for (const result of results) {
    const points = curves.get(result.label) ?? []
    points.push(result)
    curves.set(result.label, points)
  }
  return [...curves].map(([label, points]) => ({ label, policy: points[0]!.policy, points }))
}

/** A whole number of ticks above the greatest ratio. */
function ceilingOf(results: readonly JobResult[]): number {
  const greatest = Math.max(0.01, ...results.map(({ missRatio }) => missRatio))
  const step = stepOf(greatest)
  return Math.min(1, Math.ceil(greatest / step) * step)
}

function stepOf(greatest: number): number {
  return TICKS_Y.find(step => greatest / step <= TICK_COUNT_MAX) ?? TICKS_Y.at(-1)!
}

function ticksY(top: number): number[] {
  const step = stepOf(top)
  return Array.from({ length: Math.round(top / step) + 1 }, (_, at) => at * step)
}

function scaleOf(sizes: readonly number[]): (bytes: number) => number {
  const first = Math.log2(sizes[0] ?? 1)
  const span = Math.log2(sizes.at(-1) ?? 1) - first
  const width = WIDTH - LEFT - RIGHT
  if (span === 0) return () => LEFT + width / 2
  return bytes => LEFT + ((Math.log2(bytes) - first) / span) * width
}

function spaced(sizes: readonly number[], x: (bytes: number) => number): number[] {
  let last = Number.NEGATIVE_INFINITY
  return sizes.filter(size => {
    if (x(size) - last < TICK_GAP) return false
    last = x(size)
    return true
  })
}

/** An infinite cache is the same at every size. */
function pointsOf(
  { points }: Curve,
  sizes: readonly number[],
  x: (bytes: number) => number,
  y: (ratio: number) => number,
): [number, number][] {
  return points.flatMap(({ memoryBytes, missRatio }): [number, number][] => {
    if (memoryBytes !== null) return [[x(memoryBytes), y(missRatio)]]
    if (sizes.length < 2) {
      return [
        [LEFT, y(missRatio)],
        [WIDTH - RIGHT, y(missRatio)],
      ]
    }
    return sizes.map(size => [x(size), y(missRatio)])
  })
}

function path({ policy }: Curve, at: number, points: readonly [number, number][]): string {
  const sorted = [...points].sort(([a], [b]) => a - b)
  const list = sorted.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join(' ')
  const colour = COLOURS[at % COLOURS.length]!
  const marks = sorted.map(([px, py]) => {
    return `<circle cx="${px.toFixed(1)}" cy="${py.toFixed(1)}" r="3" fill="${colour}"/>`
  })
  const curve = `  <polyline class="curve" ${stroke(policy, colour)} points="${list}"/>`
  return policy === 'infinite' ? curve : `${curve}${marks.join('')}`
}

function legend({ label, policy }: Curve, at: number): string {
  const left = WIDTH - RIGHT + 14
  const middle = TOP + 8 + at * LEGEND_LINE
  const ends = `x1="${left}" y1="${middle}" x2="${left + 28}" y2="${middle}"`
  const sample = `  <line class="curve" ${stroke(policy, COLOURS[at % COLOURS.length]!)} ${ends}/>`
  return `${sample}\n${text(left + 34, middle + 4, shortened(label), 'start')}`
}

function shortened(label: string): string {
  return label.length <= LEGEND_LETTERS ? label : `${label.slice(0, LEGEND_LETTERS - 1)}…`
}

function stroke(policy: string, colour: string): string {
  const dash = DASHES[policy]
  return `stroke="${colour}"${dash === undefined ? '' : ` stroke-dasharray="${dash}"`}`
}

function tickY(ratio: number, y: number): string {
  const label = text(LEFT - 8, y + 4, ratio.toFixed(2), 'end')
  return `${line('grid', [LEFT, y, WIDTH - RIGHT, y])}\n${label}`
}

function tickX(bytes: number, x: number): string {
  const label = text(x, HEIGHT - BOTTOM + 20, formatBytes(bytes), 'middle')
  return `${line('grid', [x, TOP, x, HEIGHT - BOTTOM])}\n${label}`
}

function line(kind: string, [x1, y1, x2, y2]: readonly [number, number, number, number]): string {
  const [left, top, right, bottom] = [x1, y1, x2, y2].map(n => n.toFixed(1))
  return `  <line class="${kind}" x1="${left}" y1="${top}" x2="${right}" y2="${bottom}"/>`
}

function text(x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end'): string {
  const at = `x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}"`
  return `  <text ${at}>${escape(words)}</text>`
}

function escape(words: string): string {
  const names: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot' }
  return words
    .replace(/[&<>"]/g, sign => `&${names[sign]!};`)
    .replace(/[\p{Cc}\p{Cs}\u{fffe}\u{ffff}]/gu, '?')
}

/** As `--memory` takes it, as short as it is exact enough: 64m, 1.5g, 300k. */
export function formatBytes(bytes: number): string {
  const units = ['', 'k', 'm', 'g']
  let unit = 0
  let value = bytes
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${Number(value.toFixed(1))}${units[unit]!}`
}
