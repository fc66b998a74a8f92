import { describe, expect, it } from 'vitest'
import { madeKeys, movementOf } from '../../../src/ring/movement.ts'
import { plotRing } from '../../../src/ring/plot.ts'
import type { PresetName } from '../../../src/ring/presets.ts'
import { Ring } from '../../../src/ring/ring.ts'
import { hosts } from './support.ts'

const keys = madeKeys(20_000)

function built(preset: PresetName, count: number) {
  const nodes = hosts(count)
  return { ring: Ring.build(preset, nodes), nodes }
}

describe('movementOf()', () => {
  it('counts what comes to a new node, and nothing that does not', () => {
    const { moved, nodes } = movementOf(built('ketama', 4), built('ketama', 5), keys)
    const added = nodes.at(-1)!
    expect(added).toMatchObject({
      label: '10.0.0.5',
      before: 0,
      comes: moved,
      after: moved,
      goes: 0,
    })
    expect(moved / keys.length).toBeGreaterThan(0.15)
    expect(moved / keys.length).toBeLessThan(0.25)
    for (const node of nodes) expect(node.after).toBe(node.before + node.comes - node.goes)
    expect(nodes.reduce((sum, node) => sum + node.goes, 0)).toBe(moved)
  })

  it('sees that modulo moves most keys, and that another order moves none of ketama’s', () => {
    const modulo = movementOf(built('modulo', 4), built('modulo', 5), keys)
    expect(modulo.moved / keys.length).toBeGreaterThan(0.75)
    const nodes = hosts(5).toReversed()
    const turned = { ring: Ring.build('ketama', nodes), nodes }
    expect(movementOf(built('ketama', 5), turned, keys).moved).toBe(0)
  })
})

describe('plotRing()', () => {
  it('draws a bar for each share, the circle, and escapes names', () => {
    const nodes = [
      { name: '<a>', share: 0.25, shareAfter: 0.5 },
      { name: 'b', share: 0.75 },
    ]
    const svg = plotRing('A & B', nodes, part => (part < 0.25 ? 0 : 1))
    expect(svg).toContain('<title>A &amp; B</title>')
    expect(svg).toContain('&lt;a&gt;  25.0 % → 50.0 %')
    expect(svg.match(/<rect class="(before|after)"/g)).toHaveLength(3)
    expect(svg.match(/<path d=/g)).toHaveLength(2)
    // The bar of three quarters is three times that of one.
    const widths = [...svg.matchAll(/class="before" x="310" y="\d+" width="([\d.]+)"/g)]
    expect(Number(widths[1]![1]) / Number(widths[0]![1])).toBeCloseTo(3, 2)
  })

  it('draws one owner of all as a whole circle, and no circle where there is none', () => {
    const one = [{ name: 'a', share: 1 }]
    expect(plotRing('x', one, () => 0).match(/<path d=/g)).toHaveLength(1)
    expect(plotRing('x', one, undefined)).not.toContain('<path d=')
  })

  it.each([
    [60, 60, ''],
    [61, 60, 'and 1 more'],
    [1000, 60, 'and 940 more'],
  ])('of %i nodes shows %i', (count, shown, more) => {
    const nodes = Array.from({ length: count }, (_, i) => ({ name: `n${i}`, share: 1 / count }))
    const svg = plotRing('x', nodes, undefined)
    expect(svg.match(/<rect class="before"/g)).toHaveLength(shown)
    expect(/and \d+ more/.exec(svg)?.[0] ?? '').toBe(more)
  })
})
