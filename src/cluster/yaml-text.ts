/** Reads the text of a YAML file that people write: UTF-8, of a bounded size. */
import { readFileSync, statSync } from 'node:fs'
import { ClusterFileError, type FileKind } from './problems.ts'

const FILE_BYTES_MAX = 1 << 20

/** @throws {ClusterFileError} without problems: it could not be read at all. */
export function readText(path: string, kind: FileKind = 'cluster file'): string {
  try {
    const { size } = statSync(path)
    if (size > FILE_BYTES_MAX) {
      throw new RangeError(`found ${size} bytes, expected at most ${FILE_BYTES_MAX}`)
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch (cause) {
    throw new ClusterFileError(path, [], reasonOf(cause), kind)
  }
}

function reasonOf(cause: unknown): string {
  if (cause instanceof RangeError) return cause.message
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  if (code === 'ENOENT') return 'there is no such file (ENOENT)'
  if (code === 'EISDIR') return 'it is a directory (EISDIR)'
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'found other bytes, expected UTF-8 text'
  return code === '' ? String(cause) : `it cannot be read (${code})`
}
