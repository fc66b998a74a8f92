/**
 * A ring as an SVG: a bar for each node's share, with a mark where an even share would be, and
 * beside them the continuum as a circle of sectors, if there is one. With a second ring, its bars
 * stand below those of the first. Colours follow the reader's light or dark scheme.
 */
export type PlotNode = {
  readonly name: string
  /** Parts of 1; undefined: not in that ring. */
  readonly share: number | undefined
  readonly shareAfter?: number | undefined
}

const WIDTH = 760
const TOP = 48
const LEFT = 310
const BAR = 9
const ROW = 26
const BARS_RIGHT = 510
const CIRCLE_X = 640
const RADIUS = 105
const SECTORS = 720
/** More rows than anyone reads; the rest is counted. */
const ROWS_MAX = 60
const NAME_MAX = 26
/** Paul Tol's bright scheme, which people who do not see all colours can tell apart. */
const COLOURS = ['#4477aa', '#ee6677', '#228833', '#aa3377', '#66ccee', '#ccbb44', '#bbbbbb']

const STYLE = `
    svg { color: #222; font: 13px system-ui, sans-serif } .page { fill: #fff }
    text { fill: currentColor } .even { stroke: currentColor; stroke-dasharray: 3 3 }
    .after { opacity: .55 } .rest { opacity: .6 }
    @media (prefers-color-scheme: dark) { svg { color: #dde } .page { fill: #16181d } }`

/**
 * @param ownerAt which node has a part of the circle, 0 to 1; undefined: there is no circle.
 */
export function plotRing(
  title: string,
  nodes: readonly PlotNode[],
  ownerAt: ((part: number) => number) | undefined,
): string {
  const shown = nodes.slice(0, ROWS_MAX)
  const height = Math.max(TOP + shown.length * ROW + 40, TOP + 2 * RADIUS + 40)
  const greatest = Math.max(...nodes.flatMap(node => [node.share ?? 0, node.shareAfter ?? 0]))
  const scale = (BARS_RIGHT - LEFT) / Math.max(greatest, Number.MIN_VALUE)
  const even = LEFT + scale / Math.max(1, nodes.filter(node => node.share !== undefined).length)
  const bottom = TOP + shown.length * ROW
  const rest = nodes.length - shown.length
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `  <title>${escape(title)}</title>`,
    `  <style>${STYLE}\n  </style>`,
    `  <rect class="page" width="${WIDTH}" height="${height}"/>`,
    `  <text x="16" y="28">${escape(title)}</text>`,
    ...shown.flatMap((node, at) => rowOf(node, at, scale)),
    `  <path class="even" d="M${even.toFixed(1)} ${TOP - 6}V${bottom}"/>`,
    ...(rest > 0 ? [`  <text class="rest" x="16" y="${bottom + 16}">and ${rest} more</text>`] : []),
    ...(ownerAt === undefined ? [] : sectors(ownerAt)),
    '</svg>',
    '',
  ].join('\n')
}

function rowOf(node: PlotNode, at: number, scale: number): string[] {
  const y = TOP + at * ROW
  const texts = [node.share, node.shareAfter].flatMap(share =>
    share === undefined ? [] : [`${(share * 100).toFixed(1)} %`],
  )
  const label = `${shorten(node.name)}  ${texts.join(' → ')}`
  return [
    `  <text x="${LEFT - 8}" y="${y + 12}" text-anchor="end">${escape(label)}</text>`,
    ...bar('before', node.share, y, at, scale),
    ...bar('after', node.shareAfter, y + BAR + 1, at, scale),
  ]
}

function bar(
  name: string,
  share: number | undefined,
  y: number,
  at: number,
  scale: number,
): string[] {
  if (share === undefined) return []
  const width = (share * scale).toFixed(1)
  return [
    `  <rect class="${name}" x="${LEFT}" y="${y}" width="${width}" height="${BAR}" ` +
      `fill="${colour(at)}"/>`,
  ]
}

/** Neighbours of one node are one sector. */
function sectors(ownerAt: (part: number) => number): string[] {
  const found: string[] = []
  let from = 0
  for (let at = 1; at <= SECTORS; at += 1) {
    const owner = ownerAt(from / SECTORS)
    if (at < SECTORS && ownerAt(at / SECTORS) === owner) continue
    found.push(sector(from / SECTORS, at / SECTORS, owner))
    from = at
  }
  return found
}

function sector(from: number, to: number, owner: number): string {
  // A whole circle would begin and end in one point, and be nothing.
  const end = to - from >= 1 ? to - 1e-6 : to
  const large = end - from > 0.5 ? 1 : 0
  const arc = `A${RADIUS} ${RADIUS} 0 ${large} 1 ${spot(end)}`
  const centre = `${CIRCLE_X} ${TOP + RADIUS}`
  return `  <path d="M${centre}L${spot(from)}${arc}Z" fill="${colour(owner)}"/>`
}

function spot(part: number): string {
  const angle = part * 2 * Math.PI
  const x = CIRCLE_X + RADIUS * Math.sin(angle)
  const y = TOP + RADIUS - RADIUS * Math.cos(angle)
  return `${x.toFixed(2)} ${y.toFixed(2)}`
}

function colour(at: number): string {
  return COLOURS[at % COLOURS.length]!
}

function shorten(name: string): string {
  return name.length > NAME_MAX ? `…${name.slice(1 - NAME_MAX)}` : name
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
