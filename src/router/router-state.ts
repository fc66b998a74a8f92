/**
 * What a router must remember when it is started again, in a file of `--state-dir`; never cached
 * data. A node is `marked` before the first failure of a write that it has missed is answered, and
 * `clean` again once the keys of these writes are deleted there. What is being missed by a marked
 * node is known to the process that marked it alone: after a restart such a node is flushed.
 *
 *   { "version": 1, "id": "16 hexadecimal digits", "generation": 1795275000000,
 *     "nodes": { "<label>": "clean" | "marked" } }
 *
 * The file is replaced whole, and on disk before anybody is told so. Changes that come while it is
 * being written leave with the next write.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'

const FILE = 'router-state.json'
const VERSION = 1
/** Generations that may have been used since the file was written. */
const UNSAVED_MAX = 1_000_000
const FILE_BYTES_MAX = 4 * 1024 * 1024

export type NodeMark = 'clean' | 'marked'

type Content = {
  version: number
  id: string
  generation: number
  nodes: Record<string, NodeMark>
}

/** The directory cannot be used. */
export class StateError extends Error {
  override name = 'StateError'
}

export class RouterState {
  /** How the router names itself to nodes, over all restarts. */
  readonly id: string
  /** Why what was there could not be used; '': it could, or there was nothing. */
  readonly problem: string
  readonly #directory: string | undefined
  readonly #marks: Map<string, NodeMark>
  #generation: number
  /** Counts changes; those up to `#written` are on disk. */
  #changes = 0
  #written = 0
  #writing: Promise<void> | undefined

  private constructor(directory: string | undefined, found: Content | undefined, problem: string) {
    this.#directory = directory
    this.problem = problem
    this.id = found?.id ?? randomBytes(8).toString('hex')
    this.#marks = new Map(Object.entries(found?.nodes ?? {}))
    // Later than any that was used before, even if the clock was put back.
    this.#generation = Math.max(Date.now(), (found?.generation ?? 0) + UNSAVED_MAX)
  }

  /** Nothing is remembered. */
  static none(): RouterState {
    return new RouterState(undefined, undefined, '')
  }

  /** @throws StateError */
  static open(directory: string): RouterState {
    makeDirectory(directory)
    const file = join(directory, FILE)
    let text: string
    try {
      text = readFileSync(file, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        return new RouterState(directory, undefined, '')
      }
      throw new StateError(`Cannot read ${file}: ${messageOf(error)}`)
    }
    const found = parse(text)
    const problem = found === undefined ? `Cannot use ${file}: it is not what a router writes` : ''
    return new RouterState(directory, found, problem)
  }

  get isKept(): boolean {
    return this.#directory !== undefined
  }

  /** Undefined: nothing is known of a node with this label. */
  markOf(label: string): NodeMark | undefined {
    return this.#marks.get(label)
  }

  nextGeneration(): bigint {
    this.#generation += 1
    return BigInt(this.#generation)
  }

  /** Resolves when it is on disk; rejects when it cannot be. */
  set(label: string, mark: NodeMark): Promise<void> {
    this.#marks.set(label, mark)
    return this.#save()
  }

  /** Nothing is known of it any more. */
  forget(label: string): Promise<void> {
    this.#marks.delete(label)
    return this.#save()
  }

  async #save(): Promise<void> {
    this.#changes += 1
    const mine = this.#changes
    if (this.#directory === undefined) return
    while (this.#written < mine) {
      this.#writing ??= this.#write(this.#directory).finally(() => {
        this.#writing = undefined
      })
      await this.#writing
    }
  }

  /** Resolves when everything is on disk that can be. */
  async settle(): Promise<void> {
    // Whoever set it has heard of a failure.
    while (this.#writing !== undefined) await this.#writing.catch(() => undefined)
  }

  async #write(directory: string): Promise<void> {
    const changes = this.#changes
    const content: Content = {
      version: VERSION,
      id: this.id,
      generation: this.#generation,
      nodes: Object.fromEntries(this.#marks),
    }
    await replaceFile(directory, `${JSON.stringify(content)}\n`)
    this.#written = changes
  }
}

/** @throws StateError */
export function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new StateError(`Cannot use ${directory}: ${messageOf(error)}`)
  }
}

async function replaceFile(directory: string, text: string): Promise<void> {
  const file = join(directory, FILE)
  const draft = await open(`${file}.new`, 'w', 0o600)
  try {
    await draft.writeFile(text)
    await draft.sync()
  } finally {
    await draft.close()
  }
  await rename(`${file}.new`, file)
  const folder = await open(directory, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Undefined: not what `RouterState` writes. */
function parse(text: string): Content | undefined {
  if (text.length > FILE_BYTES_MAX) return undefined
  try {
    const content = JSON.parse(text) as Partial<Content> | null
    const { version, id, generation, nodes } = content ?? {}
    if (version !== VERSION || typeof id !== 'string' || !/^[0-9a-f]{16}$/.test(id))
      return undefined
    if (typeof generation !== 'number' || !Number.isSafeInteger(generation)) return undefined
    if (typeof nodes !== 'object' || nodes === null) return undefined
    const isRight = Object.values(nodes).every(mark => mark === 'clean' || mark === 'marked')
    return isRight ? { version, id, generation, nodes } : undefined
  } catch {
    // Cut off, or no JSON: the same as something else.
    return undefined
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
