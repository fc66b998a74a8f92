/**
 * What is to be said to a client: where the bytes lie. One object for a thread, overwritten by the
 * next answer, so whoever keeps an answer copies it (`Session.complete` does).
 */
import { copyOf } from '../base/bytes.ts'

export type Said = { bytes: Uint8Array; at: number; length: number }

const NOTHING = new Uint8Array(0)
const said: Said = { bytes: NOTHING, at: 0, length: 0 }

export function saying(bytes: Uint8Array, at: number, length: number): Said {
  said.bytes = bytes
  said.at = at
  said.length = length
  return said
}

/** A quiet request's success, for one. */
export function silence(): Said {
  return saying(NOTHING, 0, 0)
}

/** For an answer that waits. */
export function kept({ bytes, at, length }: Said): Said {
  return { bytes: copyOf(bytes, at, length), at: 0, length }
}
