/** Network rules: who is not allowed is turned away before anything is read. */
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import { runMemring, type ServerProcess, startNode, startRouter } from '../support/processes.ts'
import { readStats } from '../support/stats.ts'
import { temporaryDirectory } from '../support/users.ts'

const directory = temporaryDirectory()

async function expectRefused(server: ServerProcess, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const connection = await TestConnection.open(server)
    await connection.send('set a 0 0 1\r\nx\r\nget a\r\n')
    expect(String(await connection.receiveEnd())).toBe('')
    connection.close()
  }
  await vi.waitFor(() => expect(server.output()).toContain('not allowed (--allow)'))
}

describe.each(['auto', 'net'])('--allow, --io %s', io => {
  test('an address of the list comes in', async () => {
    const node = await startNode(['-t', '1', '--io', io, '--allow', '10.0.0.0/8,127.0.0.0/8'])
    const connection = await TestConnection.open(node)
    expect(await connection.ask('get a')).toBe('END')
    expect((await readStats(connection)).get('rejected_connections')).toBe('0')
    connection.close()
    await node.stop()
  })

  test('any other is closed without a word, counted and logged', async () => {
    const node = await startNode(['-t', '2', '--io', io, '--allow', '10.0.0.0/8'])
    await expectRefused(node, 5)
    expect(node.output().match(/not allowed/g)!.length).toBeLessThanOrEqual(5)
    await node.stop()
  })
})

test('a router refuses too', async () => {
  const node = await startNode(['-t', '1'])
  const router = await startRouter([node.address], ['--allow', '10.0.0.0/8'])
  await expectRefused(router, 2)
  await router.stop()
  await node.stop()
})

test('a UNIX socket is nobody’s network', async () => {
  const path = join(directory, 'socket')
  const args = ['-s', path, '--allow', '10.0.0.0/8']
  const { spawn } = await import('node:child_process')
  const main = new URL('../../src/cli/main.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [main, 'node', ...args], { stdio: 'ignore' })
  await vi.waitFor(() => expect(existsSync(path)).toBe(true), 15_000)
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(path, () => socket.write('get a\r\n'))
    socket.on('data', data => {
      resolve(String(data))
      socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve('closed'))
  })
  expect(answer).toBe('END\r\n')
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
})

test.each([['10.0.0.0/33'], ['localhost'], ['']])('--allow "%s" is refused', async network => {
  const { code, output } = await runMemring(['node', '-p', '-1', '--allow', network])
  expect(code).toBeGreaterThan(0)
  expect(output).toMatch(/Cannot (?:allow|use)/)
})
