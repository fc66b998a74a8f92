/** Numbers and spaces in the lines that go to nodes. */
import { putUint } from '../base/bytes.ts'
import type { Output } from '../protocol/output.ts'

export const SPACE = 0x20
const MINUS = 0x2d
const EXPTIME_MAX = 2147483647

export function putInt(output: Output, value: number): void {
  if (value < 0) {
    output.bytes[output.at] = MINUS
    output.at += 1
  }
  output.at = putUint(output.bytes, output.at, Math.abs(value))
}

/** Binary clients have 32 bits for an exptime, the text protocol 31. */
export function putExptime(output: Output, exptime: number): void {
  putInt(output, Math.min(exptime, EXPTIME_MAX))
}

export function putSpace(output: Output): void {
  output.bytes[output.at] = SPACE
  output.at += 1
}
