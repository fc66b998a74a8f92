/** Rings on the real kernel for tests, sockets to use them on, and what came out of them. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { loadKernel } from '../../../../src/net/kernel.ts'
import { Op, SqeFlag, SqeWord } from '../../../../src/net/uring/abi.ts'
import { Ring } from '../../../../src/net/uring/ring.ts'
import { loadSystem, type System } from '../../../../src/net/uring/system.ts'

export const system: System = loadSystem()!
export const kernel = loadKernel()!

// include/linux/socket.h
export const MSG_DONTWAIT_NOSIGNAL_WAITALL = 0x40 | 0x4000 | 0x100

export type Completion = { low: number; high: number; result: number; flags: number }

export function openRing(sqEntries: number, cqEntries: number, calls: System = system): Ring {
  const ring = new Ring(calls, sqEntries, cqEntries)
  onTestFinished(() => ring.close())
  return ring
}

export function reaped(ring: Ring): Completion[] {
  const list: Completion[] = []
  const onCompletion = (low: number, high: number, result: number, flags: number): void => {
    list.push({ low, high, result, flags })
  }
  ring.reap({ onCompletion })
  return list
}

export function queueNop(ring: Ring, low: number, high = 0, flags = 0): void {
  const word = ring.sqe()
  ring.words[word + SqeWord.opcode] = Op.nop | (flags << 8)
  ring.words[word + SqeWord.userLow] = low
  ring.words[word + SqeWord.userHigh] = high
}

/** A send that says nothing when it went out whole. */
export function queueSend(
  ring: Ring,
  fd: number,
  memory: Memory,
  user: number,
  size: number,
): void {
  const word = ring.sqe()
  const { words } = ring
  words[word + SqeWord.opcode] = Op.send | (SqeFlag.skipSuccess << 8)
  words[word + SqeWord.fd] = fd
  words[word + SqeWord.addressLow] = memory.address % 2 ** 32
  words[word + SqeWord.addressHigh] = Math.floor(memory.address / 2 ** 32)
  words[word + SqeWord.length] = size
  words[word + SqeWord.opFlags] = MSG_DONTWAIT_NOSIGNAL_WAITALL
  words[word + SqeWord.userLow] = user
}

export type Memory = { address: number; bytes: Uint8Array }

export function mapMemory(sizeBytes: number): Memory {
  const address = system.map(sizeBytes, -1, 0)
  onTestFinished(() => system.unmap(address, sizeBytes))
  return { address, bytes: new Uint8Array(system.view(address, sizeBytes)) }
}

/** A connection: a plain socket, and the descriptor at the other end. */
export async function socketPair(): Promise<{ peer: Socket; fd: number }> {
  const listener = kernel.listen('127.0.0.1', 0, 5)
  const peer = connect({ port: kernel.portOf(listener), host: '127.0.0.1', allowHalfOpen: true })
  peer.on('error', () => peer.destroy())
  await once(peer, 'connect')
  const fd = kernel.accept(listener)
  kernel.close(listener)
  onTestFinished(() => {
    peer.destroy()
    kernel.close(fd)
  })
  return { peer, fd }
}
