/**
 * Where requests come from: a file, packed or not, or a generator. Every job reads its own from the
 * beginning, so a trace may be of any length and nothing of it is kept.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, type Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { type Generated, generate } from './generated.ts'
import { type TraceFormat, TraceParser } from './trace-parser.ts'
import { SimError, type Visit } from './trace-request.ts'

export type TraceFile = {
  kind: 'file'
  path: string
  /** What it is called in messages. */
  name: string
  format: TraceFormat | 'auto'
  skipBad: boolean
}

/** What can be handed to a thread. */
export type TraceSource = TraceFile | Generated

const PIECE_BYTES = 1 << 18
/** Of what is copied from a pipe: it has to be read more than once, and disks end. */
const SPOOL_BYTES_MAX = 64 * 1024 ** 3

/**
 * Shows every request to `visit`; returns how many lines were skipped.
 * @throws SimError when the trace cannot be read or has a line that is no request.
 */
export async function readTrace(source: TraceSource, visit: Visit): Promise<number> {
  if (source.kind === 'generated') {
    generate(source, visit)
    return 0
  }
  const parser = new TraceParser(source, visit)
  try {
    await pipeline(
      createReadStream(source.path, { highWaterMark: PIECE_BYTES }),
      unpacking(source.path),
      async (pieces: AsyncIterable<Buffer>) => {
        for await (const piece of pieces) parser.push(piece)
      },
    )
  } catch (error) {
    throw asSimError(source.name, error)
  }
  parser.end()
  return parser.badLines
}

/** By the file's name. */
function unpacking(path: string): Transform {
  if (path.endsWith('.gz')) return createGunzip({ chunkSize: PIECE_BYTES })
  if (path.endsWith('.zst')) return createZstdDecompress({ chunkSize: PIECE_BYTES })
  return new PassThrough({ highWaterMark: PIECE_BYTES })
}

function asSimError(name: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  // What the system or the unpacker says; anything else is an error of this program.
  if (typeof code !== 'string') return error
  return new SimError(`${name}: Cannot read the trace: ${message}`, { cause: error })
}

export type Spool = { path: string; remove: () => Promise<void> }

/** Copies a pipe to a file, because every job reads the trace for itself. */
export async function spool(input: Readable, bytesMax = SPOOL_BYTES_MAX): Promise<Spool> {
  const directory = await mkdtemp(join(tmpdir(), 'memring-sim-'))
  const path = join(directory, 'trace')
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true })
  let total = 0
  try {
    await pipeline(
      input,
      async function* (pieces: AsyncIterable<Buffer>) {
        for await (const piece of pieces) {
          total += piece.length
          if (total > bytesMax) {
            throw new SimError(`Cannot keep the trace: expected at most ${bytesMax} bytes`)
          }
          yield piece
        }
      },
      createWriteStream(path),
    )
  } catch (error) {
    await remove()
    throw error
  }
  return { path, remove }
}
