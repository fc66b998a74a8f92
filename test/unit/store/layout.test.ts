import { describe, expect, test } from 'vitest'
import { layoutOf, type Layout, MEMORY_MIN_BYTES } from '../../../src/store/layout.ts'
import { segmentsWithin, SuperWord } from '../../../src/store/layout.ts'

const MIB = 1024 * 1024
const GIB = 1024 * MIB

/** What must hold for every size: parts in order, apart from each other, all inside `-m`. */
function check(memoryBytes: number, layout: Layout): void {
  const { directoryWord, overflowWord, metaWord, segmentsWord, segmentBytes, segmentCount } = layout
  const label = `-m ${memoryBytes}`
  expect(layout.totalBytes, label).toBeLessThanOrEqual(memoryBytes)
  // The superblock ends with the chains: four words each.
  expect(directoryWord, label).toBeGreaterThanOrEqual(SuperWord.chains + layout.chainCount * 4)
  expect(directoryWord + segmentCount, label).toBeLessThanOrEqual(overflowWord)
  expect(overflowWord + segmentCount, label).toBeLessThanOrEqual(metaWord)
  expect(metaWord * 4 + segmentCount * 64, label).toBeLessThanOrEqual(segmentsWord * 4)
  expect(segmentsWord * 4 + segmentCount * segmentBytes, label).toBe(layout.totalBytes)
  expect(layout.segmentWords * 4, label).toBe(segmentBytes)
  // Metadata of a segment is one cache line; a segment of an item is a division away.
  expect((metaWord * 4) % 64, label).toBe(0)
  expect((segmentsWord * 4) % segmentBytes, label).toBe(0)
  expect(layout.bucketsPerSegment * 64, label).toBe(segmentBytes)
  expect(Number.isInteger(Math.log2(segmentBytes)), label).toBe(true)
  expect(segmentBytes, label).toBeGreaterThanOrEqual(32 * 1024)
  expect(segmentBytes, label).toBeLessThanOrEqual(256 * 1024)
  expect(layout.ttlBucketCount, label).toBeGreaterThanOrEqual(8)
  expect(layout.ttlBucketCount, label).toBeLessThanOrEqual(64)
  expect(layout.chainCount, label).toBe(2 * layout.ttlBucketCount)
  // Segments that chains may keep open leave nearly all memory to what is full.
  expect(layout.chainCount * 4, label).toBeLessThanOrEqual(segmentCount)
  // A location comes out of 40 bits of words.
  expect(layout.totalBytes / 4, label).toBeLessThan(2 ** 40)
  // Little of the memory goes elsewhere: what is left for items is what -m is for.
  expect((segmentCount * segmentBytes) / memoryBytes, label).toBeGreaterThan(0.98)
}

describe('layoutOf()', () => {
  test('holds for every power of two from 8 MB to 1 TB, and a byte beside each', () => {
    for (let bytes = 8 * MIB; bytes <= 1024 * GIB; bytes *= 2) {
      check(bytes, layoutOf(bytes))
      check(bytes + 1, layoutOf(bytes + 1))
      if (bytes > 8 * MIB) check(bytes - 1, layoutOf(bytes - 1))
    }
  })

  test('holds for every megabyte to 2 GB, every gigabyte to 64 GB, and odd numbers of bytes', () => {
    for (let megabytes = 8; megabytes <= 2048; megabytes += 1) {
      check(megabytes * MIB, layoutOf(megabytes * MIB))
    }
    for (let gigabytes = 2; gigabytes <= 64; gigabytes += 1) {
      check(gigabytes * GIB, layoutOf(gigabytes * GIB))
    }
    for (let i = 0; i < 2000; i += 1) {
      const bytes = Math.floor(8 * MIB * 1.0049 ** i) + i
      if (bytes < 1024 * GIB) check(bytes, layoutOf(bytes))
    }
  })

  test('segments are about a 1024th of memory between 32 and 256 KiB', () => {
    const sizes = [8, 32, 64, 128, 256, 1024, 65536].map(mb => layoutOf(mb * MIB).segmentBytes)
    expect(sizes.map(size => size / 1024)).toEqual([32, 32, 64, 128, 256, 256, 256])
  })

  test('with a reserve has the same segments to start with, and address space for more', () => {
    for (const memoryBytes of [8 * MIB, 64 * MIB, 1000 * MIB, 64 * GIB]) {
      const plain = layoutOf(memoryBytes)
      for (const factor of [1, 2, 4, 128]) {
        const layout = layoutOf(memoryBytes, { reserveBytes: memoryBytes * factor })
        const { segmentCount, segmentCountMax, segmentBytes, segmentsWord } = layout
        expect(segmentCount).toBe(plain.segmentCount)
        expect(segmentBytes).toBe(plain.segmentBytes)
        expect(segmentCountMax).toBe(segmentsWithin(memoryBytes * factor, segmentBytes))
        expect(layout.directoryWord + segmentCountMax).toBeLessThanOrEqual(layout.overflowWord)
        expect(layout.overflowWord + segmentCountMax).toBeLessThanOrEqual(layout.metaWord)
        expect(layout.metaWord * 4 + segmentCountMax * 64).toBeLessThanOrEqual(segmentsWord * 4)
        expect(layout.totalBytes).toBe(segmentsWord * 4 + segmentCountMax * segmentBytes)
        expect(layout.totalBytes).toBeLessThanOrEqual(memoryBytes * factor)
      }
    }
    expect(() => layoutOf(16 * MIB, { reserveBytes: 8 * MIB })).toThrow(
      'the reserve holds what the store starts',
    )
  })

  test('refuses less than 8 MiB', () => {
    expect(MEMORY_MIN_BYTES).toBe(8 * MIB)
    expect(() => layoutOf(8 * MIB - 1)).toThrow('a store has at least 8 MiB')
    expect(() => layoutOf(0)).toThrow('a store has at least 8 MiB')
  })

  test('no two words of the superblock are the same, and 64-bit ones do not overlap', () => {
    const sizes: Record<string, number> = { cas: 2, seed: 4, sequence: 2, flushedUpTo: 2 }
    const taken = new Set<number>()
    for (const [name, word] of Object.entries(SuperWord)) {
      for (let i = 0; i < (sizes[name] ?? 1); i += 1) {
        expect(taken.has(word + i), `${name} + ${i}`).toBe(false)
        taken.add(word + i)
      }
    }
  })
})
