/**
 * Hashes of keys by name. Each takes `length` bytes at an offset, makes no object, and gives a
 * whole number from 0 to the most that `hashMax` says.
 */
import { hsieh, jenkins, murmur, murmur3 } from './block-hashes.ts'
import {
  crc16,
  crc32,
  crc32a,
  crc32Of31,
  fnv1aOf32,
  fnv1aOf64,
  fnv1Of32,
  fnv1Of64,
  java,
  oneAtATime,
} from './byte-hashes.ts'
import { md5First } from './md5.ts'
import { sha384First } from './sha384.ts'
import { xxh3Low } from './xxh3.ts'

export type KeyHash = (bytes: Uint8Array, at: number, length: number) => number

export const keyHashes = {
  md5: md5First,
  one_at_a_time: oneAtATime,
  fnv1_64: fnv1Of64,
  fnv1a_64: fnv1aOf64,
  fnv1_32: fnv1Of32,
  fnv1a_32: fnv1aOf32,
  crc16,
  crc32,
  crc32a,
  crc32_31: crc32Of31,
  hsieh,
  murmur,
  jenkins,
  murmur3,
  java,
  sha384: sha384First,
  xxh3: xxh3Low,
} as const satisfies Record<string, KeyHash>

export type KeyHashName = keyof typeof keyHashes

export const keyHashNames = Object.keys(keyHashes) as readonly KeyHashName[]

const narrow: Partial<Record<KeyHashName, number>> = {
  crc32: 0x7fff,
  crc32_31: 0x7fffffff,
  // The absolute value of the least number has no sign left to lose.
  java: 0x80000000,
}

export function hashMax(name: KeyHashName): number {
  return narrow[name] ?? 0xffffffff
}
