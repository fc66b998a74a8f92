// Start lines as people have them for memcached, run with memcached itself and with the name
// replaced: daemon and pid file, user, unix socket, several addresses, port file, signals.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { chmodSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const isRoot = process.getuid?.() === 0
const USER = 'nobody'

type Program = {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
}

const node: Program = { name: 'node', command: process.execPath, args: [MAIN, 'node'] }
const memcached: Program = {
  name: 'memcached',
  command: 'memcached',
  args: isRoot ? ['-u', USER] : [],
}

let directory = ''
let pids: number[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'memring-start-'))
  // For the user that a process becomes.
  chmodSync(directory, 0o777)
  pids = []
})

afterEach(async () => {
  for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  rmSync(directory, { recursive: true, force: true })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
}

type Run = { pid: number; output: () => string; ended: Promise<number | string | null> }

function run({ command, args }: Program, flags: readonly string[], env = {}): Run {
  const child = spawn(command, [...args, ...flags], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stdout.on('data', (piece: Buffer) => {
    said += piece.toString()
  })
  child.stderr.on('data', (piece: Buffer) => {
    said += piece.toString()
  })
  const ended = new Promise<number | string | null>(resolve => {
    child.once('exit', (code, signal) => resolve(code ?? signal))
  })
  const pid = child.pid ?? 0
  pids.push(pid)
  return { pid, output: () => said, ended }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** The answer to `version`, from an address or a path; undefined when nobody listens. */
async function ask(where: { host: string; port: number } | { path: string }): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(where, () => socket.write('version\r\n'))
    socket.once('data', (piece: Buffer) => {
      resolve(piece.toString())
      socket.destroy()
    })
    socket.once('error', reject)
  })
}

async function untilServed(
  where: { host: string; port: number } | { path: string },
): Promise<void> {
  await expect
    .poll(() => ask(where).catch((error: NodeJS.ErrnoException) => error.code), { timeout: 10_000 })
    .toMatch(/^VERSION 1\.6\.\d+\r\n$/)
}

async function untilGone(pid: number): Promise<void> {
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
}

describe.each([node, memcached])('$name', program => {
  test('-d -P: a daemon with a pid file, gone when it ends', async () => {
    const port = await freePort()
    const pidfile = join(directory, 'pid')
    const flags = ['-d', '-P', pidfile, '-p', String(port), '-l', '127.0.0.1', '-t', '1']
    const started = run(program, flags)
    expect(await started.ended).toBe(0)
    await untilServed({ host: '127.0.0.1', port })
    const pid = Number(readFileSync(pidfile, 'utf8'))
    pids.push(pid)
    expect(readFileSync(pidfile, 'utf8')).toBe(`${pid}\n`)
    expect(pid).not.toBe(started.pid)
    expect(started.output()).toBe('')
    process.kill(pid, 'SIGTERM')
    await untilGone(pid)
    expect(existsSync(pidfile)).toBe(false)
  })

  test('-s -a: a unix socket with its mode, in place of TCP; a stale one is replaced', async () => {
    const path = join(directory, 'socket')
    const port = await freePort()
    for (const [mask, mode] of [
      ['0700', 0o700],
      ['777', 0o777],
    ] as const) {
      const { pid } = run(program, ['-s', path, '-a', mask, '-p', String(port), '-t', '2'])
      await untilServed({ path })
      expect(lstatSync(path).mode & 0o777).toBe(mode)
      await expect(ask({ host: '127.0.0.1', port })).rejects.toThrow('ECONNREFUSED')
      // Without a chance to tidy up.
      process.kill(pid, 'SIGKILL')
      await untilGone(pid)
      expect(lstatSync(path).isSocket()).toBe(true)
    }
  })

  test('-l lists with ports of their own, and the port file', async () => {
    const [first, second] = [await freePort(), await freePort()]
    const file = join(directory, 'ports')
    const flags = ['-l', `127.0.0.1,127.0.0.2:${second}`, '-p', String(first), '-t', '1', '-U', '0']
    const { pid, ended } = run(program, flags, { MEMCACHED_PORT_FILENAME: file })
    await untilServed({ host: '127.0.0.1', port: first })
    await untilServed({ host: '127.0.0.2', port: second })
    expect(readFileSync(file, 'utf8')).toBe(`TCP INET: ${first}\nTCP INET: ${second}\n`)
    process.kill(pid, 'SIGINT')
    expect(await ended).toBe(0)
  })

  test('-vv speaks, SIGHUP is survived, SIGUSR1 ends gracefully', async () => {
    const port = await freePort()
    const flags = ['-vv', '-p', String(port), '-l', '127.0.0.1', '-m', '64', '-c', '100']
    const { pid, output, ended } = run(program, flags)
    await untilServed({ host: '127.0.0.1', port })
    await expect.poll(output).not.toBe('')
    process.kill(pid, 'SIGHUP')
    await untilServed({ host: '127.0.0.1', port })
    process.kill(pid, 'SIGUSR1')
    expect(await ended).toBe(0)
  })

  test('a user that is not there is refused with 67, a path that cannot be with 71', async () => {
    if (isRoot) {
      const unknown = run({ ...program, args: program === node ? [MAIN, 'node'] : [] }, [
        '-u',
        'no-such-user',
      ])
      expect(await unknown.ended).toBe(67)
      expect(unknown.output()).toContain("can't find the user no-such-user to switch to")
    }
    const path = run(program, ['-s', join(directory, 'none', 'socket')])
    expect(await path.ended).toBe(71)
  })
})

test.runIf(isRoot)('-u: the whole process is another user’s, and serves', async () => {
  const port = await freePort()
  const { pid, output } = run(node, ['-u', USER, '-p', String(port), '-l', '127.0.0.1', '-t', '2'])
  const uid = Number(spawnSync('id', ['-u', USER], { encoding: 'utf8' }).stdout)
  await expect
    .poll(() => ask({ host: '127.0.0.1', port }).catch(() => output()), { timeout: 10_000 })
    .toMatch(/^VERSION/)
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  expect(status).toMatch(new RegExp(`^Uid:\\t${uid}\\t${uid}\\t${uid}\\t${uid}$`, 'm'))
  expect(/^Groups:\t(.*)$/m.exec(status)?.[1]?.split(' ')).not.toContain('0')
})

test('a daemon that cannot start says why, with the exit code of it', async () => {
  const port = await freePort()
  const taken = createServer()
  await new Promise<void>(resolve => taken.listen(port, '127.0.0.1', resolve))
  const pidfile = join(directory, 'pid')
  const flags = ['-d', '-P', pidfile, '-p', String(port), '-l', '127.0.0.1']
  const { ended, output } = run(node, flags)
  expect(await ended).toBe(71)
  expect(output()).toContain(`port ${port} is in use`)
  expect(existsSync(pidfile)).toBe(false)
  taken.close()
})

test('a file in the place of the unix socket stays, and the start is refused', async () => {
  const path = join(directory, 'file')
  writeFileSync(path, 'precious')
  const { ended, output } = run(node, ['-s', path])
  expect(await ended).toBe(71)
  expect(output()).toContain(`Cannot listen on ${path}: it is in use`)
  expect(readFileSync(path, 'utf8')).toBe('precious')
})

test('an open listener is said once, a closed one is not', async () => {
  const open = run(node, ['-p', '-1', '-t', '1'])
  await expect.poll(open.output, { timeout: 10_000 }).toContain('Serving')
  expect(open.output().split('Open to everybody').length).toBe(2)
  const closed = run(node, ['-p', '-1', '-t', '1', '-l', '127.0.0.1,::1'])
  await expect.poll(closed.output, { timeout: 10_000 }).toContain('Serving')
  expect(closed.output()).not.toContain('Open to everybody')
})
