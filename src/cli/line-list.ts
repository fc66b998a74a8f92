/** Files of a line an item, or standard input: bounded, UTF-8, empty lines left out. */
import { createReadStream } from 'node:fs'

/** Longer lines hold no key and no node. */
const LINE_MAX = 1024

export class KeyListError extends Error {
  override name = 'KeyListError'
}

/** @throws KeyListError beyond `max` lines or for a line too long. */
export async function readLines(file: string, max: number): Promise<string[]> {
  const input = file === '-' ? process.stdin : createReadStream(file)
  const decoder = new TextDecoder()
  const found: string[] = []
  let rest = ''
  const take = (line: string): void => {
    const text = line.replace(/\r$/, '')
    if (text.length > LINE_MAX) {
      const expected = `expected ${LINE_MAX} characters at most`
      throw new KeyListError(`Cannot use ${file}: found a longer line, ${expected}`)
    }
    if (text === '') return
    if (found.length >= max) throw new KeyListError(`Cannot use ${file}: more than ${max} lines`)
    found.push(text)
  }
  for await (const piece of input as AsyncIterable<Uint8Array>) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    lines.forEach(take)
    // What has no end yet is not kept for ever.
    if (rest.length > LINE_MAX + 1) take(rest)
  }
  take(rest + decoder.decode())
  return found
}
