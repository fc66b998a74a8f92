/**
 * Values made of pieces by append and prepend, from several writers at once:
 *
 *   front … front base … base back … back
 *
 * A writer numbers its pieces of a key, so in what is behind the base its numbers go up one by one,
 * and in front of it down one by one: a piece that is lost, doubled or misplaced shows.
 */
import { crc32 } from 'node:zlib'

export type Place = 'front' | 'base' | 'back'

const PIECE_SIZE = 24
const LETTERS: Readonly<Record<Place, string>> = { front: 'f', base: '=', back: 'b' }

/** 24 bytes: key, place, writer, number, checksum. */
export function joinedPiece(key: string, place: Place, writer: number, number: number): Buffer {
  const index = key.slice(key.indexOf('-') + 1).padStart(2, '0')
  const head = `<${index}${LETTERS[place]}${pad(writer, 3)}${pad(number, 8)}`
  return Buffer.from(`${head}${crc32(head).toString(16).padStart(8, '0')}>`)
}

function pad(number: number, size: number): string {
  return String(number).padStart(size, '0')
}

/** What is wrong with a value; '' for nothing. */
export function joinedFault(key: string, value: Buffer): string {
  if (value.length % PIECE_SIZE !== 0)
    return `${key} holds a part of a piece: ${value.length} bytes`
  const order = { f: 0, '=': 1, b: 2 } as const
  const last = new Map<string, number>()
  let base = ''
  let stage = 0
  for (let at = 0; at < value.length; at += PIECE_SIZE) {
    const piece = value.toString('latin1', at, at + PIECE_SIZE)
    const letter = piece[3] as keyof typeof order
    const place = (['front', 'base', 'back'] as const)[order[letter]]
    const writer = piece.slice(4, 7)
    const number = Number(piece.slice(7, 15))
    const whole = place && joinedPiece(key, place, Number(writer), number).toString()
    if (piece !== whole) return `${key} holds a torn piece: ${piece}`
    if (order[letter] < stage) return `${key}: ${place} after stage ${stage}`
    stage = order[letter]
    if (letter === '=') {
      if (base !== '' && base !== piece) return `${key} has two bases: ${base} ${piece}`
      base = piece
      continue
    }
    const before = last.get(letter + writer)
    const step = letter === 'b' ? 1 : -1
    if (before !== undefined && number !== before + step) {
      return `${key}: ${place} ${number} of writer ${writer} after ${before}`
    }
    last.set(letter + writer, number)
  }
  return base === '' ? `${key} has no base` : ''
}
