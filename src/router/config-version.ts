/**
 * The version that auto discovery tells, remembered in `--state-dir`: clients ignore a list of
 * nodes that is not newer than the one they have, so it is greater whenever the nodes are others,
 * and never goes back. What the cluster file says goes first where it is greater; several routers
 * agree by it alone, because each remembers its own.
 *
 *   { "version": 1, "config": 12, "nodes": ["host:port", …] }
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RouterNode } from './options.ts'

const FILE = 'discovery.json'
const VERSION = 1
/** Some clients keep it in 32 bits with a sign. */
export const CONFIG_VERSION_MAX = 2_147_483_647
const FILE_BYTES_MAX = 1024 * 1024

type Content = { version: number; config: number; nodes: string[] }

export type RememberedVersion = {
  config: number
  /** Why what was there could not be used, or be written; '' if all is well. */
  problem: string
}

/** @param directory exists. */
export function rememberVersion(
  directory: string,
  nodes: readonly Pick<RouterNode, 'host' | 'port'>[],
  ofFile: number,
): RememberedVersion {
  const file = join(directory, FILE)
  const names = nodes.map(({ host, port }) => `${host}:${port}`).toSorted()
  const { found, problem } = readContent(file)
  const isSame = found !== undefined && found.nodes.join(' ') === names.join(' ')
  const next = found === undefined ? ofFile : Math.max(ofFile, found.config + (isSame ? 0 : 1))
  const config = Math.min(next, CONFIG_VERSION_MAX)
  if (isSame && found.config === config) return { config, problem }
  const content: Content = { version: VERSION, config, nodes: names }
  try {
    writeFileSync(`${file}.new`, `${JSON.stringify(content)}\n`, { mode: 0o600, flush: true })
    renameSync(`${file}.new`, file)
  } catch (error) {
    return { config, problem: `Cannot write ${file}: ${String(error)}` }
  }
  return { config, problem }
}

function readContent(file: string): { found: Content | undefined; problem: string } {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const isNone = (error as NodeJS.ErrnoException).code === 'ENOENT'
    return { found: undefined, problem: isNone ? '' : `Cannot read ${file}: ${String(error)}` }
  }
  const found = parse(text)
  const problem = found === undefined ? `Cannot use ${file}: it is not what a router writes` : ''
  return { found, problem }
}

/** Undefined: not what is written here. */
function parse(text: string): Content | undefined {
  if (text.length > FILE_BYTES_MAX) return undefined
  try {
    const content = JSON.parse(text) as Partial<Content> | null
    const { version, config, nodes } = content ?? {}
    if (version !== VERSION || typeof config !== 'number' || !Number.isInteger(config)) {
      return undefined
    }
    if (config < 1 || config > CONFIG_VERSION_MAX || !Array.isArray(nodes)) return undefined
    return nodes.every(node => typeof node === 'string') ? { version, config, nodes } : undefined
  } catch {
    // Cut off, or no JSON: the same as something else.
    return undefined
  }
}
