/**
 * The slab class that memcached would keep an item in, for tools that ask for it: memring has no
 * slabs. Sizes as `itemSize` counts them (slabs.c, growth factor 1.25).
 */
const SMALLEST = 96
const LARGEST = 512 * 1024
const FACTOR = 1.25
/** Sizes up to here are looked up, larger ones searched for. */
const TABLE_MAX = 16 * 1024
const TABLE_UNIT = 8

/** Of class 1, 2, …; every one is a multiple of 8. */
export const chunkSizes: readonly number[] = (() => {
  const sizes: number[] = []
  for (let size = SMALLEST; size <= LARGEST / FACTOR; size = Math.ceil((size * FACTOR) / 8) * 8) {
    sizes.push(size)
  }
  return [...sizes, LARGEST]
})()

export const SLAB_CLASS_MAX = chunkSizes.length

const classBySize = (() => {
  const table = new Uint8Array(TABLE_MAX / TABLE_UNIT + 1)
  for (let i = 0; i < table.length; i += 1) table[i] = search(i * TABLE_UNIT)
  return table
})()

function search(size: number): number {
  const index = chunkSizes.findIndex(chunk => size <= chunk)
  return index < 0 ? chunkSizes.length : index + 1
}

/** 1 for the smallest items, 39 for all that are larger than a chunk may be. */
export function slabClass(size: number): number {
  return size <= TABLE_MAX ? classBySize[(size + TABLE_UNIT - 1) >> 3]! : search(size)
}
