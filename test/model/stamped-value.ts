/**
 * Values that say whose they are: key, writer, version and size, a checksum over all of it, and a
 * payload that only this version has. One that is torn, mixed from two, or another key's gives
 * itself away.
 *
 *   key writer version size checksum payload…
 */
import { crc32 } from 'node:zlib'
import { Prng } from '../../src/base/prng.ts'

export type Stamp = { writer: number; version: number }

const pool = randomBytes(512 * 1024)
const HEADER_MAX = 300

function randomBytes(size: number): Buffer {
  const prng = new Prng(20)
  return Buffer.from(Uint32Array.from({ length: size / 4 }, () => prng.uint32()).buffer)
}

/** `size`: of the payload. */
export function stampedValue(key: string, stamp: Stamp, size: number): Buffer {
  const { writer, version } = stamp
  const from = (version * 8191 + writer * 131) % (pool.length - size)
  const payload = pool.subarray(from, from + size)
  const head = `${key} ${writer} ${version} ${size} `
  const sum = crc32(payload, crc32(head)).toString(16).padStart(8, '0')
  return Buffer.concat([Buffer.from(`${head}${sum} `, 'latin1'), payload])
}

/** Who wrote a value that was found under this key; a text says what is wrong with it. */
export function readStamp(key: string, value: Uint8Array): Stamp | string {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
  const text = bytes.toString('latin1', 0, Math.min(bytes.length, HEADER_MAX))
  const match = /^(\S+) (\d+) (\d+) (\d+) ([0-9a-f]{8}) /.exec(text)
  if (match === null) return `${key} holds no stamped value: ${JSON.stringify(text.slice(0, 60))}`
  const [head, found, writer, version, size, sum] = match
  if (found !== key) return `${key} holds a value of ${found}`
  const payload = bytes.subarray(head.length)
  if (payload.length !== Number(size)) return `${key} holds ${payload.length} bytes, not ${size}`
  const whole = crc32(payload, crc32(head.slice(0, -9)))
  if (whole !== Number(`0x${sum}`)) return `${key} holds a torn value: ${head}`
  return { writer: Number(writer), version: Number(version) }
}
