/**
 * How a key finds its node. What a lookup needs is plain data in typed arrays (`RingPlan`): made
 * on the main thread, posted to data threads, and turned into a function there by `locator`.
 *
 *   continuum    the point at or above the key's hash (ketama), or at or below it (dalli)
 *   slots        the hash modulo the number of slots, each of which a node owns
 *   rendezvous   the node whose label, hashed with the key, gives the most
 *   tree         mcrouter's Ch3: no table, only a number of places and perhaps weights
 *   jump         Lamping and Veach's jump hash: no table
 */
import { type Continuum, firstAtOrAbove } from './continuum.ts'
import { codePoint, sequenceSize } from './hash/byte-hashes.ts'
import { furc } from './hash/furc.ts'
import { type KeyHash, type KeyHashName, keyHashes } from './hash/key-hashes.ts'
import { spooky32 } from './hash/spooky.ts'
import { addWords, multiply, set, words } from './hash/u64.ts'
import { xxh3 } from './hash/xxh3.ts'

export type Lookup =
  | {
      readonly kind: 'continuum'
      readonly step: 'successor' | 'predecessor'
      readonly continuum: Continuum
    }
  | { readonly kind: 'slots'; readonly owners: Uint16Array }
  | {
      readonly kind: 'rendezvous'
      /** Each label and what stands between it and the key, one behind the other. */
      readonly labels: Uint8Array
      readonly ends: Uint32Array
      /** The place of each label in their order: of equal hashes the last label's counts. */
      readonly ranks: Uint16Array
    }
  | { readonly kind: 'tree'; readonly weights: Float64Array | undefined }
  | { readonly kind: 'jump'; readonly seedLow: number; readonly seedHigh: number }

export type RingPlan = {
  readonly nodeCount: number
  readonly hash: KeyHashName
  /** Two characters: only what stands between them is hashed (twemproxy). '': all is. */
  readonly hashTag: string
  /** Only what stands before it is hashed (mcrouter). '': all is. */
  readonly hashStop: string
  readonly lookup: Lookup
}

/** The index of the node that holds the key of these bytes. */
export type Locate = (bytes: Uint8Array, at: number, length: number) => number

export function locator(plan: RingPlan): Locate {
  const { nodeCount, hashTag, hashStop } = plan
  if (nodeCount === 1) return () => 0
  const find = finder(plan)
  if (hashTag !== '') return withTag(find, hashTag.charCodeAt(0), hashTag.charCodeAt(1))
  if (hashStop !== '') return withStop(find, new TextEncoder().encode(hashStop))
  return find
}

function finder(plan: RingPlan): Locate {
  const { lookup, nodeCount } = plan
  const hash: KeyHash = keyHashes[plan.hash]
  switch (lookup.kind) {
    case 'continuum': {
      const { continuum } = lookup
      return lookup.step === 'successor' ? successor(continuum, hash) : predecessor(continuum, hash)
    }
    case 'slots': {
      const { owners } = lookup
      return (bytes, at, length) => owners[hash(bytes, at, length) % owners.length]!
    }
    case 'rendezvous':
      return rendezvous(lookup, hash)
    case 'tree': {
      const { weights } = lookup
      if (weights === undefined) return (bytes, at, length) => furc(bytes, at, length, nodeCount)
      return weightedTree(weights)
    }
    case 'jump':
      if (plan.hash === 'xxh3') {
        const { seedLow, seedHigh } = lookup
        return (bytes, at, length) => {
          xxh3(bytes, at, length, seedLow, seedHigh)
          return jump(nodeCount)
        }
      }
      return (bytes, at, length) => {
        set(0, hash(bytes, at, length), 0)
        return jump(nodeCount)
      }
  }
}

function successor(continuum: Continuum, hash: KeyHash): Locate {
  const { owners } = continuum
  return (bytes, at, length) => {
    const found = firstAtOrAbove(continuum, hash(bytes, at, length))
    return owners[found === owners.length ? 0 : found]!
  }
}

function predecessor(continuum: Continuum, hash: KeyHash): Locate {
  const { owners } = continuum
  return (bytes, at, length) => {
    const value = hash(bytes, at, length)
    const above = value === 0xffffffff ? owners.length : firstAtOrAbove(continuum, value + 1)
    return owners[above === 0 ? owners.length - 1 : above - 1]!
  }
}

/**
 * pymemcache hashes `${label}-${key}` as text, of each character its lowest eight bits: for a key
 * of other than ASCII that is not its bytes.
 */
function rendezvous(
  { labels, ends, ranks }: Extract<Lookup, { kind: 'rendezvous' }>,
  hash: KeyHash,
): Locate {
  let longest = 0
  ends.forEach((end, node) => {
    longest = Math.max(longest, end - (ends[node - 1] ?? 0))
  })
  // The key stands still, and each label is put before it.
  let scratch = new Uint8Array(longest + 256)
  return (bytes, at, length) => {
    if (longest + length > scratch.length) scratch = new Uint8Array(longest + 2 * length)
    const size = putText(scratch, longest, bytes, at, length)
    let winner = 0
    let most = -1
    for (let node = 0, from = 0; node < ends.length; node += 1) {
      const end = ends[node]!
      const start = longest - (end - from)
      for (let i = from; i < end; i += 1) scratch[start + i - from] = labels[i]!
      from = end
      const score = hash(scratch, start, longest - start + size)
      if (score > most || (score === most && ranks[node]! > ranks[winner]!)) {
        most = score
        winner = node
      }
    }
    return winner
  }
}

/** The low eight bits of each character; answers how many there are. */
function putText(
  target: Uint8Array,
  to: number,
  bytes: Uint8Array,
  at: number,
  length: number,
): number {
  let count = 0
  for (let i = at, end = at + length; i < end; count += 1) {
    const size = bytes[i]! < 0x80 ? 1 : sequenceSize(bytes, i, end)
    target[to + count] = size === 1 ? bytes[i]! : codePoint(bytes, i, size)
    i += size
  }
  return count
}

const CH3_TRIES = 32
const CH3_SEED = 0xface2014
const SALT_ROOM = 2
const U32_MAX = 0xffffffff

/** WeightedCh3HashFunc.cpp: a key that a light node has no room for is salted and placed again. */
function weightedTree(weights: Float64Array): Locate {
  const limits = Float64Array.from(weights, weight => Math.floor(weight * U32_MAX))
  let salted = new Uint8Array(256)
  return (bytes, at, length) => {
    let place = furc(bytes, at, length, limits.length)
    if (spooky32(bytes, at, length, CH3_SEED) < limits[place]!) return place
    if (salted.length < length + SALT_ROOM) salted = new Uint8Array(2 * length + SALT_ROOM)
    for (let i = 0; i < length; i += 1) salted[i] = bytes[at + i]!
    for (let salt = 0; salt < CH3_TRIES - 1; salt += 1) {
      // In decimal, the last digit first.
      const size = length + (salt < 10 ? 1 : 2)
      salted[length] = 0x30 + (salt % 10)
      salted[length + 1] = 0x30 + Math.floor(salt / 10)
      place = furc(salted, 0, size, limits.length)
      if (spooky32(salted, 0, size, CH3_SEED) < limits[place]!) return place
    }
    return place
  }
}

/** Of the 64 bits in register 0. */
function jump(places: number): number {
  let place = -1
  let next = 0
  while (next < places) {
    place = next
    multiply(0, 0x87b0b0fd, 0x27bb2ee6)
    addWords(0, 1, 0)
    next = Math.floor((place + 1) * (0x80000000 / ((words[1]! >>> 1) + 1)))
  }
  return place
}

/** twemproxy: what stands between the first opening and the next closing character, if anything. */
function withTag(find: Locate, open: number, close: number): Locate {
  return (bytes, at, length) => {
    const end = at + length
    const from = indexOf(bytes, open, at, end)
    if (from < end) {
      const to = indexOf(bytes, close, from + 1, end)
      if (to < end && to - from > 1) return find(bytes, from + 1, to - from - 1)
    }
    return find(bytes, at, length)
  }
}

/** Where the byte is; `end` if it is not there. */
function indexOf(bytes: Uint8Array, byte: number, at: number, end: number): number {
  let i = at
  while (i < end && bytes[i] !== byte) i += 1
  return i
}

function withStop(find: Locate, stop: Uint8Array): Locate {
  return (bytes, at, length) => {
    const last = at + length - stop.length
    for (let i = at; i <= last; i += 1) {
      let same = 0
      while (same < stop.length && bytes[i + same] === stop[same]) same += 1
      if (same === stop.length) return find(bytes, at, i - at)
    }
    return find(bytes, at, length)
  }
}
