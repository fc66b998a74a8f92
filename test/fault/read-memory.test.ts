// -o read_buf_mem_limit: parts of requests take so much memory and no more, however many connections
// send them.

import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import { readStats } from '../support/stats.ts'
import { complaints, leave, openMany, settled } from './clients.ts'
import { nodeFlags, residentBytes, startProgram } from './program.ts'

const MIB = 1024 * 1024
const REFUSED = 'SERVER_ERROR out of memory reading request\r\n'
const PART = Buffer.from(`get ${'k'.repeat(200)} `.padEnd(8000, 'k '))
/** What one takes: the next power of two. */
const PART_BYTES = 8192
const PLACES = MIB / PART_BYTES

function sendPart(sockets: readonly Socket[]): Promise<unknown> {
  return Promise.all(sockets.map(socket => new Promise(done => socket.write(PART, done))))
}

/** What a client hears until its connection is closed. */
async function lastWords(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (piece: Buffer) => (text += String(piece)))
  await once(socket, 'close')
  return text
}

describe.each([1, 4])('-o read_buf_mem_limit (%i threads)', threads => {
  test('at the limit all are kept, far over it the rest is refused, and memory is flat', async () => {
    const limit = `read_buf_mem_limit=${threads}`
    const program = await startProgram(nodeFlags(threads, '-o', limit, '-c', '4096'))
    const client = await TestConnection.open(program)
    const figure = async (name: string) => Number((await readStats(client)).get(`read_buf_${name}`))
    const before = { bytes: await figure('bytes'), count: await figure('count') }

    const kept = await openMany(program, PLACES * threads)
    await sendPart(kept)
    await expect.poll(() => figure('count')).toBe(before.count + PLACES * threads)
    expect(await figure('bytes')).toBe(before.bytes + threads * MIB)
    expect(await figure('oom')).toBe(0)
    const resident = residentBytes(program.pid)

    const over = await openMany(program, 1000)
    const words = over.map(lastWords)
    await sendPart(over)
    expect(new Set(await Promise.all(words))).toEqual(new Set([REFUSED]))
    expect(await figure('oom')).toBe(1000)
    expect(await figure('bytes')).toBe(before.bytes + threads * MIB)
    // What 1,000 connections come and gone leave to the garbage collector, and no more.
    expect(residentBytes(program.pid) - resident).toBeLessThan((16 + 4 * threads) * MIB)

    const answers = kept.map(socket => once(socket, 'data'))
    for (const socket of kept) socket.write('\r\n')
    for (const [answer] of await Promise.all(answers)) expect(String(answer)).toBe('END\r\n')
    expect((await figure('bytes')) - (await figure('bytes_free'))).toBe(before.bytes)
    for (const socket of kept) leave(socket, 'RST')
    await settled(client, 1)
    expect(complaints(program)).toEqual([])
    client.close()
  })
})
