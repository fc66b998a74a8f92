// Raw clients for the fault tests: opened in large numbers, left in the middle of a request, or read
// against what they must have got.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { type Address, TestConnection } from '../support/connection.ts'
import { readStats } from '../support/stats.ts'
import type { DeafClient } from './deaf-client.ts'
import { descriptorsOf, logLines, type Program, residentBytes } from './program.ts'

const AT_ONCE = 250

export type Leaving = 'FIN' | 'RST'

export async function open(address: Address): Promise<Socket> {
  const socket = connect({ host: address.host, port: address.port })
  socket.on('error', () => socket.destroy())
  await once(socket, 'connect')
  return socket
}

export async function openMany(address: Address, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const size = Math.min(AT_ONCE, count - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: size }, () => open(address)))))
  }
  return sockets
}

export function leave(socket: Socket, way: Leaving): void {
  if (way === 'RST') socket.resetAndDestroy()
  else socket.destroy()
}

/** Opens connections, sends each a piece of a request, and leaves. */
export async function halfSend(
  address: Address,
  pieces: readonly Buffer[],
  way: Leaving,
  count: number,
): Promise<void> {
  for (let done = 0; done < count; done += AT_ONCE) {
    const sockets = await openMany(address, Math.min(AT_ONCE, count - done))
    await Promise.all(
      sockets.map((socket, at) => {
        return new Promise(resolve => socket.write(pieces[at % pieces.length]!, resolve))
      }),
    )
    // Every other lot stays long enough for the server to have read it all.
    if ((done / AT_ONCE) % 2 === 0) await sleep(50)
    for (const socket of sockets) leave(socket, way)
  }
}

/** Waits until the server counts no connections but these. */
export async function settled(client: TestConnection, connections: number): Promise<void> {
  const current = async () => (await readStats(client)).get('curr_connections')
  await expect.poll(current, { timeout: 5000, interval: 10 }).toBe(String(connections))
}

export function held(program: Program): { descriptors: number; resident: number } {
  return { descriptors: descriptorsOf(program.pid), resident: residentBytes(program.pid) }
}

/** How many have been told that there is no memory for what they are sending. */
export async function refusals(sockets: readonly Socket[]): Promise<number> {
  let refused = 0
  for (const socket of sockets) {
    socket.on('data', (piece: Buffer) => {
      if (String(piece) === 'SERVER_ERROR out of memory storing object\r\n') refused += 1
      else throw new Error(`Cannot be answered ${JSON.stringify(String(piece))} to half a value`)
    })
  }
  await sleep(400)
  return refused
}

/** What a server says to a client that says nothing, until it closes. */
export async function greeting(address: Address): Promise<string> {
  const connection = await TestConnection.open(address)
  const text = String(await connection.receiveEnd())
  connection.close()
  return text
}

export async function speaks(address: Address): Promise<boolean> {
  const connection = await TestConnection.open(address)
  try {
    return (await connection.ask('version')).startsWith('VERSION')
  } finally {
    connection.close()
  }
}

/** Lines of the log that say that something is wrong; it is not that routers here keep no state. */
export function complaints(program: Program): unknown[] {
  return logLines(program.stderr()).filter(line => {
    return Number(line['level']) >= 40 && !String(line['msg']).startsWith('Without --state-dir ')
  })
}

/** Where what it reads differs from `answer` over and over again; -1 for nowhere. */
export async function readRepeated(
  client: DeafClient,
  answer: Buffer,
  count: number,
): Promise<number> {
  const size = answer.length * count
  let received = 0
  let wrongAt = -1
  await client.readAll(piece => {
    for (let at = 0; at < piece.length && wrongAt < 0; ) {
      const from = (received + at) % answer.length
      const length = Math.min(piece.length - at, answer.length - from)
      const same = piece.compare(answer, from, from + length, at, at + length) === 0
      if (!same) wrongAt = received + at
      at += length
    }
    received += piece.length
    return received >= size || wrongAt >= 0
  })
  if (received > size) return size
  return wrongAt
}

/** A request of the binary protocol (memcached doc/protocol-binary.txt). */
export function binary(opcode: number, key: string, value: string | Buffer, extras = 0): Buffer {
  const header = Buffer.alloc(24 + extras)
  header[0] = 0x80
  header[1] = opcode
  header.writeUInt16BE(key.length, 2)
  header[4] = extras
  header.writeUInt32BE(extras + key.length + value.length, 8)
  return Buffer.concat([header, Buffer.from(key), Buffer.from(value)])
}
