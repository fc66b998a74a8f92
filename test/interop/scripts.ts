// Runs the scripts of clients in other languages, with the interpreters that Debian's packages bring.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const TIMEOUT_MS = 60_000

const languages = {
  python: {
    command: ['/usr/bin/python3', '-B'],
    suffix: '.py',
    absent: /ModuleNotFoundError/,
    packages: 'python3-pymemcache python3-pylibmc python3-django',
  },
  php: {
    command: ['/usr/bin/php'],
    suffix: '.php',
    absent: /Class "Memcached" not found/,
    packages: 'php-cli php-memcached',
  },
} as const
export type Language = keyof typeof languages

export interface ScriptResult {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export function runScript(
  language: Language,
  script: string,
  args: readonly string[],
): Promise<ScriptResult> {
  const { command, suffix, packages } = languages[language]
  const [interpreter, ...options] = command
  const path = fileURLToPath(new URL(`${language}/${script}${suffix}`, import.meta.url))
  return new Promise((resolve, reject) => {
    const child = spawn(interpreter, [...options, path, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (piece: Buffer) => stdout.push(piece))
    child.stderr.on('data', (piece: Buffer) => stderr.push(piece))
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS)
    child.once('error', cause => {
      reject(new Error(`Debian packages are needed: apt-get install ${packages}`, { cause }))
    })
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
export async function countChecks(
  language: Language,
  script: string,
  args: readonly string[],
): Promise<number> {
  const { absent, packages } = languages[language]
  const { status, stdout, stderr } = await runScript(language, script, args)
  if (absent.test(stderr + stdout)) {
    throw new Error(`Debian packages are needed: apt-get install ${packages}`)
  }
  if (status !== 0) {
    throw new Error(`Cannot pass ${script} (status ${status}): ${stderr}${stdout}`)
  }
  const { checks } = JSON.parse(stdout) as { readonly checks: number }
  return checks
}
