// What a lookup costs on the ring of each placement, how long a ring takes to build, and how many
// bytes a thread gets. One process, one thread; keys of 16 bytes at changing offsets.

import { parseArgs } from 'node:util'
import { formatColumns } from '../../src/load/report.ts'
import type { Lookup } from '../../src/ring/lookup.ts'
import { parsePlacement } from '../../src/ring/placement.ts'
import { presetNames } from '../../src/ring/presets.ts'
import { Ring } from '../../src/ring/ring.ts'

const HELP = `Usage: node test/bench/ring-bench.ts [options]

  --nodes N        (500)
  --lookups N      per round; the best of five rounds counts (200000)
  --placements A   placements separated by a space (every preset, and ketama with fast hashes)
  --json
  --help
`
const KEY_BYTES = 16
const KEY_COUNT = 4096
const ROUNDS = 5
const FAST = ['ketama,hash=fnv1a_64', 'ketama,hash=crc32a', 'ketama,hash=xxh3']

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '500' },
    lookups: { type: 'string', default: '200000' },
    placements: { type: 'string', default: [...presetNames, ...FAST].join(' ') },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) process.stdout.write(HELP)
else {
  const nodes = Number(values.nodes)
  const lookups = Number(values.lookups)
  const results = values.placements.split(' ').map(name => measure(name, nodes, lookups))
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ nodes, lookups, results })}\n`
      : `${nodes} nodes, keys of ${KEY_BYTES} bytes, best of ${ROUNDS} rounds of ${lookups}\n\n${table(results)}\n`,
  )
}

type Result = {
  readonly placement: string
  readonly lookupNs: number
  readonly buildMs: number
  readonly bytes: number
  /** Of all owners, so that no work is left away. */
  readonly sum: number
}

function measure(placement: string, nodeCount: number, lookups: number): Result {
  const nodes = Array.from({ length: nodeCount }, (_, i) => ({
    label: `10.0.${i >> 8}.${i & 255}:11211`,
    weight: 1,
  }))
  const start = performance.now()
  const built = Ring.build(parsePlacement(placement), nodes)
  const buildMs = performance.now() - start
  // As a data thread gets it.
  const ring = new Ring(structuredClone(built.plan))
  const keys = Buffer.alloc(KEY_BYTES * KEY_COUNT)
  for (let i = 0; i < KEY_COUNT; i += 1) {
    keys.write(`key:${String(i * 7919).padStart(KEY_BYTES - 4, '0')}`, i * KEY_BYTES)
  }
  let sum = 0
  let lookupNs = Infinity
  for (let round = 0; round < ROUNDS; round += 1) {
    const from = performance.now()
    for (let i = 0; i < lookups; i += 1) {
      sum += ring.locate(keys, (i % KEY_COUNT) * KEY_BYTES, KEY_BYTES)
    }
    lookupNs = Math.min(lookupNs, ((performance.now() - from) * 1e6) / lookups)
  }
  return { placement, lookupNs, buildMs, bytes: bytesOf(built.plan.lookup), sum }
}

function bytesOf(lookup: Lookup): number {
  const parts = lookup.kind === 'continuum' ? lookup.continuum : lookup
  return Object.values(parts).reduce<number>(
    (sum, part) => sum + (ArrayBuffer.isView(part) ? part.byteLength : 0),
    0,
  )
}

function table(results: readonly Result[]): string {
  return formatColumns([
    ['placement', 'lookup ns', 'build ms', 'KiB'],
    ...results.map(({ placement, lookupNs, buildMs, bytes }) => [
      placement,
      lookupNs.toFixed(0),
      buildMs.toFixed(1),
      (bytes / 1024).toFixed(1),
    ]),
  ])
}
