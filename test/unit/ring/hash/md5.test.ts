import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { md5First, md5Word } from '../../../../src/ring/hash/md5.ts'

function expectSameDigest(bytes: Uint8Array, at: number, length: number): void {
  const digest = createHash('md5')
    .update(bytes.subarray(at, at + length))
    .digest()
  const actual = [md5First(bytes, at, length), md5Word(1), md5Word(2), md5Word(3)]
  expect(actual).toEqual([0, 4, 8, 12].map(from => digest.readUInt32LE(from)))
}

describe('md5First()', () => {
  it('equals node:crypto for every length around the block borders, at any offset', () => {
    const bytes = Uint8Array.from({ length: 320 }, (_, i) => (i * 167 + 13) & 255)
    for (let length = 0; length <= 300; length += 1) {
      expectSameDigest(bytes, length % 17, length)
    }
  })

  it('equals node:crypto for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat({ max: 20 }), (bytes, at) => {
        const from = Math.min(at, bytes.length)
        expectSameDigest(bytes, from, bytes.length - from)
      }),
    )
  })
})
