/**
 * The slab class that memcached would keep an item in, for tools that ask for it: memring has no
 * slabs. Sizes as `itemSize` counts them (slabs.c, growth factor 1.25).
 */
const SMALLEST = 96
const LARGEST = 512 * 1024
const FACTOR = 1.25

const CHUNK_SIZES: readonly number[] = (() => {
  const sizes: number[] = []
  for (let size = SMALLEST; size <= LARGEST / FACTOR; size = Math.ceil((size * FACTOR) / 8) * 8) {
    sizes.push(size)
  }
  return [...sizes, LARGEST]
})()

/** 1 for the smallest items, 39 for all that are larger than a chunk may be. */
export function slabClass(size: number): number {
  const index = CHUNK_SIZES.findIndex(chunk => size <= chunk)
  return index < 0 ? CHUNK_SIZES.length : index + 1
}
