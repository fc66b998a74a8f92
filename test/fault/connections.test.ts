// Clients that misbehave: they go away in the middle of everything, come in too large numbers, or do
// not read. What they held is given back, and nobody else notices.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { TestConnection } from '../support/connection.ts'
import { readStats } from '../support/stats.ts'
import {
  binary,
  complaints,
  greeting,
  halfSend,
  held,
  leave,
  openMany,
  readRepeated,
  refusals,
  settled,
  speaks,
} from './clients.ts'
import { DeafClient } from './deaf-client.ts'
import {
  descriptorsOf,
  logLines,
  nodeFlags,
  processorMs,
  residentBytes,
  routerFlags,
  startProgram,
} from './program.ts'

const MIB = 1024 * 1024
const REFUSAL = 'ERROR Too many open connections\r\n'

/** What a client has sent when it goes. */
const halves: Readonly<Record<string, Buffer>> = {
  'half a line': Buffer.from('get half-of-a-k'),
  'a line without its newline, over 1 KiB': Buffer.from(`get ${'k'.repeat(1500)}`),
  'half a value of 100 bytes': Buffer.from(`set half 0 0 100\r\n${'x'.repeat(50)}`),
  'half a value of 10 KB': Buffer.from(`set half 0 0 10000\r\n${'x'.repeat(5000)}`),
  'half a value of 100 KB': Buffer.from(`set half 0 0 100000\r\n${'x'.repeat(50_000)}`),
  'half an append of 100 KB': Buffer.from(`append kept 0 0 100000\r\n${'x'.repeat(50_000)}`),
  'half a binary header': Buffer.from([0x80, 0x01, 0, 3, 8, 0, 0, 0, 0, 0]),
  'half a binary set': binary(0x01, 'half', 'x'.repeat(40_000), 8).subarray(0, 20_000),
  'nothing at all': Buffer.alloc(0),
}
const pieces = Object.values(halves)
const CLIENTS = 1000

describe.each([1, 4])('clients that go away (%i threads)', threads => {
  for (const way of ['FIN', 'RST'] as const) {
    test(`${CLIENTS} half-sent requests ended by ${way} leak nothing`, async () => {
      const program = await startProgram(nodeFlags(threads, '-m', '64'))
      const client = await TestConnection.open(program)
      expect(await client.ask('set kept 0 0 4\r\nkept')).toBe('STORED')
      await halfSend(program, pieces, 'RST', 50)
      await settled(client, 1)
      const before = held(program)
      await halfSend(program, pieces, way, CLIENTS)
      await settled(client, 1)
      const after = held(program)
      expect(after.descriptors).toBeLessThanOrEqual(before.descriptors)
      // Buffers that the process keeps for next time are bounded; a leak would be tens of MB.
      expect(after.resident - before.resident).toBeLessThan((64 + 24 * threads) * MIB)
      expect(await client.ask('set after 0 0 5\r\nafter')).toBe('STORED')
      await client.send('get kept after half\r\n')
      const kept = 'VALUE kept 0 4\r\nkept\r\nVALUE after 0 5\r\nafter\r\nEND\r\n'
      expect(String(await client.receiveExpected(kept))).toBe(kept)
      expect(complaints(program)).toEqual([])
      client.close()
    })
  }

  test('memory that half-sent values had taken is there again', async () => {
    const program = await startProgram(nodeFlags(threads, '-m', '16', '-M'))
    const client = await TestConnection.open(program)
    for (let round = 0; round < 4; round += 1) {
      const half = await openMany(program, 40)
      for (const socket of half) {
        socket.write(`set half 0 0 500000\r\n${'x'.repeat(250_000)}`)
      }
      const refused = await refusals(half)
      // Half-sent values may take half of the memory: some got their place, some were refused.
      expect(refused).toBeGreaterThan(0)
      expect(refused).toBeLessThan(half.length)
      for (const [at, socket] of half.entries()) {
        leave(socket, at % 2 === 0 ? 'RST' : 'FIN')
      }
      await settled(client, 1)
    }
    // Without eviction, this many fit only if every chain has been given back.
    const value = 'v'.repeat(500_000)
    for (let at = 0; at < 20; at += 1) {
      expect(await client.ask(`set whole${at} 0 0 500000\r\n${value}`)).toBe('STORED')
    }
    client.close()
  })

  test('staging memory of half-sent values is there again', async () => {
    const program = await startProgram(nodeFlags(threads, '-c', '4096'))
    const client = await TestConnection.open(program)
    for (let round = 0; round < 2; round += 1) {
      // 16 KiB each: 12 MiB a thread is enough for 768.
      const half = await openMany(program, 860 * threads)
      for (const socket of half) socket.write(`set half 0 0 16000\r\n${'x'.repeat(8000)}`)
      const refused = await refusals(half)
      expect(refused).toBeGreaterThanOrEqual(50 * threads)
      expect(refused).toBeLessThan(110 * threads)
      for (const socket of half) socket.resetAndDestroy()
      await settled(client, 1)
    }
    client.close()
  })

  test('half a login ended by FIN or RST leaks nothing', async () => {
    const file = passwordFile()
    const program = await startProgram(nodeFlags(threads, '-S', '-Y', file))
    const client = await TestConnection.open(program)
    expect(await client.ask('set login 0 0 11\r\nuser secret')).toBe('STORED')
    const login = binary(0x21, 'PLAIN', '\0user\0secret')
    const logins = [login.subarray(0, 10), login.subarray(0, 26), login.subarray(0, 33)]
    logins.push(Buffer.from('set login 0 0 11\r\nuser'))
    let before = 0
    for (const way of ['FIN', 'RST', 'FIN', 'RST'] as const) {
      const sockets = await openMany(program, 200)
      for (const [at, socket] of sockets.entries()) socket.write(logins[at % logins.length]!)
      await sleep(50)
      for (const socket of sockets) leave(socket, way)
      await settled(client, 1)
      // The threads' event loops open what they need when they first have something to do.
      before ||= descriptorsOf(program.pid)
    }
    expect(descriptorsOf(program.pid)).toBeLessThanOrEqual(before)
    expect(complaints(program)).toEqual([])
    client.close()
  })
})

describe.each([1, 4])('too many clients (%i threads)', threads => {
  test('at the limit, one over it and far over it', async () => {
    const limit = 100
    const program = await startProgram(nodeFlags(threads, '-c', String(limit)))
    const clients = await Promise.all(
      Array.from({ length: limit }, () => TestConnection.open(program)),
    )
    for (const client of clients) expect(await client.ask('version')).toMatch(/^VERSION/)
    const over = await TestConnection.open(program)
    expect(String(await over.receiveEnd())).toBe(REFUSAL)
    const many = await Promise.all(Array.from({ length: 500 }, () => greeting(program)))
    expect(many.filter(text => text !== REFUSAL)).toEqual([])
    for (const client of clients) expect(await client.ask('version')).toMatch(/^VERSION/)
    const stats = await readStats(clients[0]!)
    expect(stats.get('curr_connections')).toBe(String(limit))
    expect(stats.get('rejected_connections')).toBe('501')
    expect(stats.get('total_connections')).toBe(String(limit))
    clients.pop()!.close()
    await expect.poll(async () => await speaks(program)).toBe(true)
    const said = () => logLines(program.stderr()).filter(line => Number(line['level']) >= 40).length
    // Main logs what it finds in the ring now and then.
    await expect.poll(said).toBeGreaterThan(0)
    expect(said()).toBeLessThan(20)
    for (const client of clients) client.close()
  })

  test('out of descriptors: it neither dies nor spins, and recovers', async () => {
    const program = await startProgram(nodeFlags(threads, '-c', '1000'), { descriptors: 120 })
    const clients = await openMany(program, 200)
    await sleep(300)
    const before = processorMs(program.pid)
    await sleep(1000)
    expect(processorMs(program.pid) - before).toBeLessThan(300)
    let served = 0
    for (const socket of clients) {
      socket.on('data', () => {
        served += 1
      })
      socket.write('version\r\n')
    }
    await expect.poll(() => served).toBeGreaterThan(30)
    expect(served).toBeLessThan(120)
    for (const socket of clients) socket.destroy()
    await expect.poll(async () => await speaks(program), { timeout: 5000 }).toBe(true)
    const client = await TestConnection.open(program)
    await settled(client, 1)
    client.close()
  })
})

describe.each([1, 4])('clients that do not read (%i threads)', threads => {
  test('cost bounded memory, keep nobody waiting, and get every byte in the end', async () => {
    const program = await startProgram(nodeFlags(threads, '-m', '64', '-I', '2m'))
    const client = await TestConnection.open(program)
    const value = pattern(MIB)
    await client.send(`set big 0 0 ${MIB}\r\n`)
    await client.send(value)
    expect(await client.ask('')).toBe('STORED')
    const before = residentBytes(program.pid)
    const deaf = await Promise.all(Array.from({ length: 4 }, () => DeafClient.open(program)))
    const gets = 100
    for (const one of deaf) one.send('get big\r\n'.repeat(gets))
    await sleep(300)
    let slowest = 0
    for (let i = 0; i < 200; i += 1) {
      const from = performance.now()
      expect(await client.ask('set small 0 0 1\r\nx')).toBe('STORED')
      slowest = Math.max(slowest, performance.now() - from)
    }
    expect(slowest).toBeLessThan(3000)
    // Each is owed 100 MiB.
    expect(residentBytes(program.pid) - before).toBeLessThan((24 + 8 * threads) * MIB)
    const answer = Buffer.concat([
      Buffer.from(`VALUE big 0 ${MIB}\r\n`),
      value,
      Buffer.from('\r\nEND\r\n'),
    ])
    const wrong = await Promise.all(deaf.map(one => readRepeated(one, answer, gets)))
    expect(wrong).toEqual(deaf.map(() => -1))
    expect(await client.ask('delete big')).toBe('DELETED')
    for (const one of deaf) one.close()
    client.close()
  })

  test('that ask for small values cost bounded memory too', async () => {
    const program = await startProgram(nodeFlags(threads))
    const client = await TestConnection.open(program)
    const value = 'v'.repeat(10_000)
    expect(await client.ask(`set k 0 0 10000\r\n${value}`)).toBe('STORED')
    const before = residentBytes(program.pid)
    const gets = 20_000
    const deaf = await Promise.all(Array.from({ length: 4 }, () => DeafClient.open(program)))
    for (const one of deaf) one.send('get k\r\n'.repeat(gets))
    await sleep(500)
    expect(await client.ask('version')).toMatch(/^VERSION/)
    expect(residentBytes(program.pid) - before).toBeLessThan((24 + 8 * threads) * MIB)
    const answer = Buffer.from(`VALUE k 0 10000\r\n${value}\r\nEND\r\n`)
    expect(await readRepeated(deaf[0]!, answer, gets)).toBe(-1)
    for (const one of deaf) one.reset()
    await settled(client, 1)
    expect(complaints(program)).toEqual([])
    client.close()
  })

  test('and go away in the middle give back what they held', async () => {
    const program = await startProgram(nodeFlags(threads, '-m', '16'))
    const client = await TestConnection.open(program)
    const value = 'v'.repeat(MIB - 1000)
    let before = 0
    for (let round = 0; round < 10; round += 1) {
      expect(await client.ask(`set big 0 0 ${value.length}\r\n${value}`)).toBe('STORED')
      const deaf = await Promise.all(Array.from({ length: 4 }, () => DeafClient.open(program)))
      for (const one of deaf) one.send('get big\r\nget big\r\n')
      expect(await client.ask('version')).toMatch(/^VERSION/)
      await sleep(20)
      // Overwritten and deleted while it is being read.
      expect(await client.ask('delete big')).toBe('DELETED')
      for (const [at, one] of deaf.entries()) {
        if (at % 2 === 0) one.reset()
        else one.close()
      }
      await settled(client, 1)
      before ||= descriptorsOf(program.pid)
    }
    // Pins that were left would refuse this reply for want of memory.
    expect(await client.ask(`set big 0 0 ${value.length}\r\n${value}`)).toBe('STORED')
    await client.send('get big\r\n')
    const expected = `VALUE big 0 ${value.length}\r\n${value}\r\nEND\r\n`
    expect(String(await client.receiveExpected(expected)) === expected).toBe(true)
    expect(descriptorsOf(program.pid)).toBeLessThanOrEqual(before)
    expect(complaints(program)).toEqual([])
    client.close()
  })
})

describe('a router', () => {
  test(`${CLIENTS} half-sent requests ended by FIN and RST leak nothing`, async () => {
    const nodes = [await startProgram(nodeFlags(1)), await startProgram(nodeFlags(1))]
    const router = await startProgram(routerFlags(2, nodes))
    const client = await TestConnection.open(router)
    expect(await client.ask('set kept 0 0 4\r\nkept')).toBe('STORED')
    await halfSend(router, pieces, 'RST', 100)
    await settled(client, 1)
    const before = held(router)
    for (const way of ['FIN', 'RST'] as const) {
      await halfSend(router, pieces, way, CLIENTS / 2)
      await settled(client, 1)
    }
    const after = held(router)
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors)
    expect(after.resident - before.resident).toBeLessThan(96 * MIB)
    await client.send('get kept half\r\n')
    const kept = 'VALUE kept 0 4\r\nkept\r\nEND\r\n'
    expect(String(await client.receiveExpected(kept))).toBe(kept)
    for (const program of [router, ...nodes]) expect(complaints(program)).toEqual([])
    client.close()
  })

  test('clients that do not read cost bounded memory, and keep nobody waiting', async () => {
    const nodes = [await startProgram(nodeFlags(1)), await startProgram(nodeFlags(1))]
    const router = await startProgram(routerFlags(1, nodes))
    const client = await TestConnection.open(router)
    const value = 'v'.repeat(MIB - 200)
    expect(await client.ask(`set big 0 0 ${value.length}\r\n${value}`)).toBe('STORED')
    const before = held(router)
    const deaf = await Promise.all(Array.from({ length: 3 }, () => DeafClient.open(router)))
    for (const one of deaf) one.send('get big\r\n'.repeat(100))
    await sleep(500)
    for (let i = 0; i < 100; i += 1) {
      const from = performance.now()
      expect(await client.ask(`set small${i} 0 0 1\r\nx`)).toBe('STORED')
      expect(performance.now() - from).toBeLessThan(3000)
    }
    // Each is owed 100 MiB.
    const owed = held(router).resident - before.resident
    console.log(`router: ${(owed / MIB).toFixed(0)} MiB for 3 clients that do not read`)
    expect(owed).toBeLessThan(150 * MIB)
    const answer = Buffer.from(`VALUE big 0 ${value.length}\r\n${value}\r\nEND\r\n`)
    const wrong = await Promise.all(deaf.map(one => readRepeated(one, answer, 100)))
    expect(wrong).toEqual(deaf.map(() => -1))
    for (const one of deaf) one.close()
    client.close()
  })
})

function pattern(size: number): Buffer {
  const prng = new Prng(7)
  const words = Uint32Array.from({ length: size / 4 }, () => prng.uint32())
  return Buffer.from(words.buffer)
}

function passwordFile(): string {
  const directory = mkdtempSync(join(tmpdir(), 'memring-users-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'users')
  writeFileSync(file, 'user:secret\n', { mode: 0o600 })
  return file
}
