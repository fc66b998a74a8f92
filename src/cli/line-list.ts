/** Files of a line an item, or standard input: bounded, UTF-8, empty lines left out. */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

/** Longer lines hold no key and no node. */
const LINE_MAX = 1024

export class KeyListError extends Error {
  override name = 'KeyListError'
}

/** @throws KeyListError beyond `max` lines or for a line too long. */
export async function readLines(file: string, max: number): Promise<string[]> {
  const input = file === '-' ? process.stdin : createReadStream(file)
  const found: string[] = []
  let size = 0
  // Counted before lines are made of it, so that a file without any is not kept whole.
  input.on('data', (piece: Buffer | string) => {
    size += piece.length
    if (size > max * LINE_MAX) input.destroy(tooMany(file, max))
  })
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    if (line === '') continue
    if (line.length > LINE_MAX) {
      throw new KeyListError(`Cannot use ${file}: a line of ${line.length} characters, ${EXPECTED}`)
    }
    found.push(line)
    if (found.length > max) throw tooMany(file, max)
  }
  return found
}

const EXPECTED = `expected ${LINE_MAX} at most`

function tooMany(file: string, max: number): KeyListError {
  return new KeyListError(`Cannot use ${file}: more than ${max} lines`)
}
