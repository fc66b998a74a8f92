// What every transport does the same way, each asked for by name: connections are dealt to all
// threads in turn, a half-closed peer gets all of its answers, a slow one every byte, an idle one
// its end; and a transport that this machine does not have is refused before anything listens.

import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { uringRefusal } from '../../src/net/uring/probe.ts'
import { TestConnection } from '../support/connection.ts'
import { runMemring } from '../support/processes.ts'
import { readStats } from '../support/stats.ts'
import { DeafClient } from './deaf-client.ts'
import { logLines, nodeFlags, type Program, routerFlags, startProgram } from './program.ts'

const NO_KOFFI = new URL('fixtures/no-koffi.ts', import.meta.url).href
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

async function openedOn(program: Program, count: number): Promise<unknown[]> {
  for (let i = 0; i < 200; i += 1) {
    const lines = logLines(program.stderr()).filter(line => line['msg'] === 'Connection opened')
    if (lines.length >= count) return lines.map(line => line['thread'])
    await sleep(20)
  }
  throw new Error(`Cannot see ${count} connections: ${program.stderr()}`)
}

const hasUring = uringRefusal() === undefined

describe.each([...(hasUring ? ['uring'] : []), 'epoll', 'net'])('--io %s', io => {
  test('says which it is, in the log and in stats settings', async () => {
    const program = await startProgram(nodeFlags(1, '--io', io))
    const client = await TestConnection.open(program)
    expect((await readStats(client, 'stats settings')).get('memring_io')).toBe(io)
    const first = () => logLines(program.stderr())[0]
    await expect.poll(first, { timeout: 5000 }).toMatchObject({ msg: 'Serving', io })
    client.close()
  })

  test('a node deals 4 connections to 4 threads, and 8 more evenly', async () => {
    const program = await startProgram(nodeFlags(4, '--io', io, '-v'))
    const clients: TestConnection[] = []
    for (const count of [4, 12]) {
      while (clients.length < count) clients.push(await TestConnection.open(program))
      const threads = await openedOn(program, count)
      const each = [0, 1, 2, 3].map(index => threads.filter(thread => thread === index).length)
      expect(each).toEqual([count / 4, count / 4, count / 4, count / 4])
    }
    for (const client of clients) client.close()
  })

  test('a router deals to all threads, finds a node by name, and answers a half-closed peer', async () => {
    const node = await startProgram(nodeFlags(1, '--io', io))
    const nodes = [{ address: `localhost:${node.port}` }]
    const program = await startProgram([...routerFlags(2, nodes), '--io', io, '-v'])
    const clients = [await TestConnection.open(program), await TestConnection.open(program)]
    expect((await openedOn(program, 2)).sort((a, b) => Number(a) - Number(b))).toEqual([0, 1])
    for (const [i, client] of clients.entries()) {
      await client.send(`set k${i} 0 0 1\r\n${i}\r\n${`get k${i}\r\n`.repeat(100)}`)
      client.endSending()
    }
    for (const [i, client] of clients.entries()) {
      const answers = `STORED\r\n${`VALUE k${i} 0 1\r\n${i}\r\nEND\r\n`.repeat(100)}`
      expect((await client.receiveEnd()).toString('latin1')).toBe(answers)
    }
  })

  test('a half-closed peer gets all answers, then the end', async () => {
    const program = await startProgram(nodeFlags(1, '--io', io))
    const client = await TestConnection.open(program)
    await client.send(`set k 0 0 3\r\nabc\r\n${'get k\r\n'.repeat(5000)}get half`)
    client.endSending()
    const answers = `STORED\r\n${'VALUE k 0 3\r\nabc\r\nEND\r\n'.repeat(5000)}`
    expect((await client.receiveEnd()).toString('latin1') === answers).toBe(true)
  })

  test('a peer that reads late gets every byte, and others are served meanwhile', async () => {
    const program = await startProgram(nodeFlags(1, '--io', io))
    const client = await TestConnection.open(program)
    const value = Array.from({ length: 5000 }, (_, i) => String(i).padStart(6, '0')).join('')
    expect(await client.ask(`set k 0 0 ${value.length}\r\n${value}`)).toBe('STORED')
    const deaf = await DeafClient.open(program)
    const count = 2000
    deaf.send('get k\r\n'.repeat(count))
    for (let i = 0; i < 20; i += 1) {
      expect(await client.ask('version')).toMatch(/^VERSION/)
      await sleep(5)
    }
    const answer = Buffer.from(`VALUE k 0 ${value.length}\r\n${value}\r\nEND\r\n`)
    let at = 0
    let wrong = 0
    await deaf.readAll(piece => {
      for (let i = 0; i < piece.length; i += 1) {
        if (piece[i] !== answer[(at + i) % answer.length]) wrong += 1
      }
      at += piece.length
      return at >= answer.length * count
    })
    expect([at, wrong]).toEqual([answer.length * count, 0])
    deaf.close()
    client.close()
  })

  test('a client that says nothing for idle_timeout seconds is closed', async () => {
    const program = await startProgram(nodeFlags(1, '--io', io, '-o', 'idle_timeout=1'))
    const client = await TestConnection.open(program)
    expect(await client.ask('version')).toMatch(/^VERSION/)
    const watcher = await TestConnection.open(program)
    expect(await watcher.ask('watch fetchers')).toBe('OK')
    const from = performance.now()
    expect(await client.receiveEnd()).toHaveLength(0)
    expect(performance.now() - from).toBeGreaterThan(500)
    // Counted, once each; who watches has nothing to say, and stays.
    const counting = await TestConnection.open(program)
    expect((await readStats(counting)).get('idle_kicks')).toBe('1')
    expect((await watcher.receiveQuiet(20)).length).toBe(0)
    expect(watcher.ended).toBe(false)
    counting.close()
    watcher.close()
  })

  test('one that does not read either, with replies on their way to it, is closed too', async () => {
    const program = await startProgram(nodeFlags(1, '--io', io, '-o', 'idle_timeout=1'))
    const client = await TestConnection.open(program)
    const value = 'v'.repeat(500_000)
    expect(await client.ask(`set big 0 0 ${value.length}\r\n${value}`)).toBe('STORED')
    const deaf = await DeafClient.open(program)
    deaf.send('get big\r\n'.repeat(100))
    const from = performance.now()
    const current = async () => (await readStats(client)).get('curr_connections')
    await expect.poll(current, { timeout: 1000, interval: 5 }).toBe('2')
    await expect.poll(current, { timeout: 8000, interval: 100 }).toBe('1')
    expect(performance.now() - from).toBeGreaterThan(500)
    client.close()
    deaf.close()
  })
})

describe('a transport that is not there', () => {
  test('a name that is none is refused, from the flag and from the environment', async () => {
    for (const args of [
      ['node', '--io', 'fast'],
      ['router', '--io', 'fast'],
    ]) {
      const ended = await runMemring(args)
      expect(ended.code).toBe(64)
      expect(ended.output).toContain('auto, uring, epoll, net')
    }
    const ended = await runMemring(['node'], { env: { MEMRING_IO: 'fast' } })
    expect(ended.code).toBe(64)
    expect(ended.output).toContain('MEMRING_IO')
  })

  test.each(['node', 'router'])('%s --io epoll without koffi is refused', command => {
    const args = [MAIN, command, ...(command === 'router' ? ['--nodes', '127.0.0.1:1'] : [])]
    const env = { ...process.env, NODE_OPTIONS: `--import ${NO_KOFFI}` }
    const ended = spawnSync(process.execPath, [...args, '--io', 'epoll'], { env, encoding: 'utf8' })
    expect(ended.status).toBe(64)
    expect(ended.stderr).toContain('Cannot use --io epoll: expected Linux with koffi')
  })
})
