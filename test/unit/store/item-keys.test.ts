import { expect, test } from 'vitest'
import { KeyHash } from '../../../src/store/hash.ts'
import { Items } from '../../../src/store/items.ts'

const ITEM = 8

/** Keys of one size that differ from the first in one byte each. */
function neighbours(size: number): Buffer[] {
  const key = Buffer.alloc(size, 'k')
  const changed = Array.from({ length: size }, (_, at) => {
    const other = Buffer.from(key)
    other[at] = 0x6c
    return other
  })
  return [key, ...changed]
}

test.each([1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 247, 248, 249, 250])(
  'a key of %s bytes is told from its neighbours, whatever its value begins with',
  size => {
    const words = new Uint32Array(128)
    const bytes = new Uint8Array(words.buffer)
    const items = new Items(words, true)
    const hash = new KeyHash(1, 2, 3, 4)
    const [key, ...others] = neighbours(size)
    for (const clientFlags of [0, 7]) {
      const shape = { keySize: size, valueSize: 5, clientFlags, marks: 0 }
      hash.of(key!, 0, size)
      items.write(ITEM, shape, 0, 1)
      items.writeKey(ITEM, hash)
      bytes.fill(0xff, items.valueAt(ITEM), items.valueAt(ITEM) + 5)
      expect(Buffer.from(bytes).subarray(items.keyAt(ITEM), items.valueAt(ITEM))).toEqual(key)
      expect(items.hasKey(ITEM, hash)).toBe(true)
      for (const other of others) {
        hash.of(other, 0, size)
        expect(items.hasKey(ITEM, hash)).toBe(false)
      }
      hash.of(Buffer.alloc(size + 1, 'k'), 0, size + 1)
      expect(items.hasKey(ITEM, hash)).toBe(false)
    }
  },
)
