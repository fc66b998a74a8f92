// Cluster files for tests: written into a directory of their own that is removed afterwards.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { loadClusterFile } from '../../../src/cluster/cluster-file.ts'
import type { ClusterConfig } from '../../../src/cluster/config.ts'
import { ClusterFileError } from '../../../src/cluster/problems.ts'

export type Files = Readonly<Record<string, string | Uint8Array>>
export type Environment = Readonly<Record<string, string>>

/** Writes the files and returns the path of `cluster.yaml`. */
export function writeCluster(yaml: string | Uint8Array, others: Files = {}): string {
  const directory = mkdtempSync(join(tmpdir(), 'memring-cluster-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'cluster.yaml')
  writeFileSync(file, yaml)
  for (const [name, text] of Object.entries(others)) writeFileSync(join(directory, name), text)
  return file
}

export function load(yaml: string, environment: Environment = {}, others?: Files): ClusterConfig {
  return loadClusterFile(writeCluster(yaml, others), environment)
}

/** The problems of a file that must not load, as `line:column: field: text`. */
export function problemsOf(
  yaml: string | Uint8Array,
  environment: Environment = {},
  others?: Files,
): string[] {
  const file = writeCluster(yaml, others)
  try {
    loadClusterFile(file, environment)
  } catch (error) {
    if (!(error instanceof ClusterFileError)) throw error
    return error.message
      .split('\n')
      .slice(error.problems.length === 0 ? 0 : 1)
      .map(line => line.replace(`${file}:`, ''))
  }
  throw new Error('Cannot list problems: the file was accepted')
}
