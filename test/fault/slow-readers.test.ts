// Clients of a router that ask for much and read nothing: the router's memory stays within what it
// holds at most for replies, nodes stay admitted, and who reads is served as before.

import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { TestConnection } from '../support/connection.ts'
import { readStats } from '../support/stats.ts'
import { DeafClient } from './deaf-client.ts'
import { nodeFlags, residentBytes, routerFlags, startProgram } from './program.ts'

const MIB = 1024 * 1024
const KEYS = 60
const VALUE_BYTES = 1_000_000
const DEAF_CLIENTS = 40
const ROUNDS = 3
const SLOW_CLIENTS = 6
/** Short of being cut off for reading nothing. */
const SLOW_MS = 600
/** Held replies of one thread, and what is on its way through: pieces, garbage, buffers. */
const GROWTH_MAX = (64 + 40) * MIB
const WAIT_MAX_MS = 1000

function mib(bytes: number): number {
  return Math.round(bytes / MIB)
}

/** Each key has its own. */
function valueOf(name: string): string {
  return `${name} `.repeat(Math.ceil(VALUE_BYTES / (name.length + 1))).slice(0, VALUE_BYTES)
}

function blockOf(name: string): string {
  return `VALUE ${name} 0 ${VALUE_BYTES}\r\n${valueOf(name)}\r\n`
}

/** Asks for all keys and reads late; what of the answer is neither a whole value nor a miss. */
async function readSlowly({ port }: { port: number }, names: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`get ${names.join(' ')}\r\n`)
  await sleep(SLOW_MS)
  const pieces: Buffer[] = []
  let isWhole = false
  for await (const piece of socket as AsyncIterable<Buffer>) {
    pieces.push(piece)
    isWhole = piece.subarray(-5).equals(END)
    if (isWhole) break
  }
  let rest = Buffer.concat(pieces).toString('latin1')
  for (const name of names) {
    const block = blockOf(name)
    if (rest.startsWith(block)) rest = rest.slice(block.length)
  }
  // Who was cut off has the beginning of what came next.
  const isCut = !isWhole && names.some(name => blockOf(name).startsWith(rest))
  return rest === 'END\r\n' || isCut ? '' : `${rest.length} bytes, ${rest.slice(0, 60)}`
}

const END = Buffer.from('END\r\n')

test('clients that read nothing cost bounded memory, and nobody else', async () => {
  const nodes = [1, 2, 3].map(() => startProgram(nodeFlags(1, '-m', '128')))
  const router = await startProgram(routerFlags(1, await Promise.all(nodes)))
  const client = await TestConnection.open(router)
  const names = Array.from({ length: KEYS }, (_, i) => `k${i}`)
  for (const name of names) {
    const set = `set ${name} 0 0 ${VALUE_BYTES}\r\n${valueOf(name)}`
    expect(await client.ask(set)).toBe('STORED')
  }
  expect(await client.ask('set small 0 0 1\r\n1')).toBe('STORED')
  const before = residentBytes(router.pid)
  let peak = before
  let longestMs = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    const deaf = await Promise.all(
      Array.from({ length: DEAF_CLIENTS }, () => DeafClient.open(router)),
    )
    for (const one of deaf) one.send(`get ${names.join(' ')}\r\n`)
    const slow = Promise.all(Array.from({ length: SLOW_CLIENTS }, () => readSlowly(router, names)))
    const endsAt = performance.now() + 1500
    while (performance.now() < endsAt) {
      const askedAt = performance.now()
      await client.send('get small\r\n')
      expect(String(await client.receiveUntil('END\r\n'))).toBe('VALUE small 0 1\r\n1\r\nEND\r\n')
      longestMs = Math.max(longestMs, performance.now() - askedAt)
      peak = Math.max(peak, residentBytes(router.pid))
      await sleep(5)
    }
    const block = blockOf(`k${round}`)
    await client.send(`get k${round}\r\n`)
    const reply = String(await client.receiveUntil('END\r\n'))
    // While memory is short a read may be answered as a miss; never with anything else.
    const isRight = reply === 'END\r\n' || reply === `${block}END\r\n`
    expect(isRight, `${reply.length} bytes, ${reply.slice(0, 60)}`).toBe(true)
    for (const one of deaf) one.close()
    for (const wrong of await slow) expect(wrong).toBe('')
    await sleep(300)
  }
  const after = residentBytes(router.pid)
  const figures = `${mib(before)} → ${mib(peak)} → ${mib(after)} MiB, ${Math.round(longestMs)} ms`
  expect(peak - before, figures).toBeLessThan(GROWTH_MAX)
  expect(after - before, figures).toBeLessThan(GROWTH_MAX / 2)
  expect(longestMs, figures).toBeLessThan(WAIT_MAX_MS)
  console.log(figures)
  const stats = await readStats(client, 'stats proxy')
  expect(stats.get('nodes_up')).toBe('3')
  expect(router.stderr()).not.toContain('Node is down')
  client.close()
}, 60_000)
