// Runs the Python clients' scripts with the system's Python, where Debian's packages are.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PYTHON = '/usr/bin/python3'
const TIMEOUT_MS = 60_000

export interface PythonResult {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export function runPython(script: string, args: readonly string[]): Promise<PythonResult> {
  const path = fileURLToPath(new URL(`python/${script}.py`, import.meta.url))
  return new Promise((resolve, reject) => {
    const child = spawn(PYTHON, ['-B', path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (piece: Buffer) => stdout.push(piece))
    child.stderr.on('data', (piece: Buffer) => stderr.push(piece))
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS)
    child.once('error', reject)
    child.once('close', status => {
      clearTimeout(timer)
      resolve({
        status,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      })
    })
  })
}

/** How many checks passed; throws with the script's own words when one did not. */
export async function countChecks(script: string, args: readonly string[]): Promise<number> {
  const { status, stdout, stderr } = await runPython(script, args)
  if (/ModuleNotFoundError/.test(stderr)) {
    throw new Error(
      'Debian packages are needed: apt-get install python3-pymemcache python3-pylibmc',
    )
  }
  if (status !== 0) throw new Error(`Cannot pass ${script} (status ${status}): ${stderr}`)
  const { checks } = JSON.parse(stdout) as { readonly checks: number }
  return checks
}
