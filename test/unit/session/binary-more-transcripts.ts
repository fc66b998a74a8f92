/** The rest of the binary protocol: joining, counting, touching, flushing, statistics. */
import { BinaryStatus, Opcode } from '../../../src/protocol/binary-layout.ts'
import { error, reply, request, set, u32 } from './binary-support.ts'
import type { Conversation } from './transcripts.ts'

const { notFound, exists, invalid, notStored, nonNumeric, unknownCommand } = BinaryStatus
const NEVER = 0xffffffff

function counted(opcode: number, key: string, delta: number, fields: object = {}): string {
  const { initial = 0, exptime = 0, ...rest } = fields as { initial?: number; exptime?: number }
  return request(opcode, { key, extras: u32(0, delta, 0, initial, exptime), ...rest })
}

function number(opcode: number, value: number, cas: number): string {
  return reply(opcode, 0, { value: u32(0, value), cas })
}

export const moreBinaryConversations: readonly Conversation[] = [
  {
    name: 'binary: append and prepend, with and without a cas, quiet and not',
    send:
      request(Opcode.append, { key: 'a', value: 'x', opaque: 1 }) +
      request(Opcode.prependq, { key: 'a', value: 'x', opaque: 2 }) +
      set('a', 'b', { extras: u32(7, 0) }) +
      request(Opcode.append, { key: 'a', value: 'cd' }) +
      request(Opcode.prependq, { key: 'a', value: '_' }) +
      request(Opcode.append, { key: 'a', value: 'e', cas: 3 }) +
      request(Opcode.appendq, { key: 'a', value: 'f', cas: 4 }) +
      request(Opcode.get, { key: 'a' }),
    expected:
      error(Opcode.append, notStored, 'Not stored.', 1) +
      error(Opcode.prependq, notStored, 'Not stored.', 2) +
      reply(Opcode.set, 0, { cas: 2 }) +
      reply(Opcode.append, 0, { cas: 3 }) +
      error(Opcode.append, exists, 'Data exists for key.') +
      reply(Opcode.get, 0, { extras: u32(7), value: '_bcdf', cas: 5 }),
  },
  {
    name: 'binary: incr and decr make what is not there, unless told not to',
    send:
      counted(Opcode.increment, 'n', 1, { exptime: NEVER }) +
      counted(Opcode.decrementq, 'n', 1, { exptime: NEVER, opaque: 4 }) +
      counted(Opcode.increment, 'n', 5, { initial: 10 }) +
      counted(Opcode.increment, 'n', 5, { initial: 10 }) +
      counted(Opcode.decrement, 'n', 100) +
      counted(Opcode.incrementq, 'n', 3) +
      counted(Opcode.increment, 'n', 1, { cas: 4 }) +
      counted(Opcode.increment, 'n', 1, { cas: 5 }) +
      counted(Opcode.decrementq, 'm', 1, { initial: 7 }) +
      request(Opcode.get, { key: 'm' }) +
      set('t', 'x') +
      counted(Opcode.increment, 't', 1),
    expected:
      error(Opcode.increment, notFound, 'Not found') +
      error(Opcode.decrementq, notFound, 'Not found', 4) +
      number(Opcode.increment, 10, 2) +
      number(Opcode.increment, 15, 3) +
      number(Opcode.decrement, 0, 4) +
      error(Opcode.increment, exists, 'Data exists for key.') +
      number(Opcode.increment, 4, 6) +
      reply(Opcode.get, 0, { extras: u32(0), value: '7', cas: 7 }) +
      reply(Opcode.set, 0, { cas: 8 }) +
      error(Opcode.increment, nonNumeric, 'Non-numeric server-side value for incr or decr'),
  },
  {
    name: 'binary: touch, gat and their quiet and key forms',
    send:
      set('a', 'one', { extras: u32(9, 0) }) +
      request(Opcode.touch, { key: 'a', extras: u32(100) }) +
      request(Opcode.touch, { key: 'z', extras: u32(100), opaque: 3 }) +
      request(Opcode.gat, { key: 'a', extras: u32(0) }) +
      request(Opcode.gatq, { key: 'a', extras: u32(0) }) +
      request(Opcode.gatk, { key: 'a', extras: u32(0) }) +
      request(Opcode.gatkq, { key: 'z', extras: u32(0) }) +
      request(Opcode.gatq, { key: 'z', extras: u32(0) }) +
      request(Opcode.gatk, { key: 'z', extras: u32(0) }) +
      request(Opcode.gat, { key: 'z', extras: u32(0) }) +
      request(Opcode.gatkq, { key: 'a', extras: u32(1) }),
    expected:
      reply(Opcode.set, 0, { cas: 2 }) +
      reply(Opcode.touch, 0, { extras: u32(9), cas: 2 }) +
      error(Opcode.touch, notFound, 'Not found', 3) +
      reply(Opcode.gat, 0, { extras: u32(9), value: 'one', cas: 2 }) +
      reply(Opcode.gatq, 0, { extras: u32(9), value: 'one', cas: 2 }) +
      reply(Opcode.gatk, 0, { extras: u32(9), key: 'a', value: 'one', cas: 2 }) +
      reply(Opcode.gatk, notFound, { key: 'z' }) +
      error(Opcode.gat, notFound, 'Not found') +
      reply(Opcode.gatkq, 0, { extras: u32(9), key: 'a', value: 'one', cas: 2 }),
  },
  {
    name: 'binary: flush, with and without a time, quiet and not',
    send:
      set('a', '1') +
      request(Opcode.flush, { opaque: 5 }) +
      request(Opcode.get, { key: 'a' }) +
      set('a', '1') +
      request(Opcode.flushq, { extras: u32(0) }) +
      request(Opcode.getk, { key: 'a' }) +
      request(Opcode.quitq),
    expected:
      reply(Opcode.set, 0, { cas: 2 }) +
      reply(Opcode.flush, 0, { opaque: 5 }) +
      error(Opcode.get, notFound, 'Not found') +
      reply(Opcode.set, 0, { cas: 3 }) +
      reply(Opcode.getk, notFound, { key: 'a' }),
    closes: true,
  },
  {
    name: 'binary: statistics that are none or have no rows, and verbosity',
    send:
      request(Opcode.stat, { key: 'reset', opaque: 6 }) +
      request(Opcode.stat, { key: 'nothing' }) +
      request(0x1b, { extras: u32(1) }) +
      request(Opcode.noop),
    expected:
      reply(Opcode.stat, 0, { opaque: 6 }) +
      error(Opcode.stat, notFound, 'Not found') +
      error(0x1b, unknownCommand, 'Unknown command') +
      reply(Opcode.noop, 0),
  },
  ...[
    request(Opcode.append, { key: 'a', extras: u32(0), value: 'x' }),
    request(Opcode.touch, { key: 'a' }),
    request(Opcode.gat, { extras: u32(0) }),
    request(Opcode.gat, { key: 'a', extras: u32(0), value: 'x' }),
    request(Opcode.increment, { key: 'a', extras: u32(0) }),
    request(Opcode.flush, { extras: u32(0, 0) }),
    request(Opcode.flush, { key: 'a' }),
    request(Opcode.stat, { extras: u32(0) }),
    request(Opcode.saslListMechs, { key: 'a' }),
    request(Opcode.saslAuth),
    request(0x77, { key: 'k'.repeat(251) }),
  ].map((send, at) => ({
    name: `binary: wrong sizes, ${at}`,
    send: send + request(Opcode.noop),
    expected: error(send.charCodeAt(1), invalid, 'Invalid arguments'),
    closes: true,
  })),
]
