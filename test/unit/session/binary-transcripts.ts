/** Conversations of the binary protocol, to the byte (PROTOCOL: opcodes, statuses, quiet forms). */
import { BinaryStatus, Opcode } from '../../../src/protocol/binary-layout.ts'
import { error, reply, request, set, u32 } from './binary-support.ts'
import type { Conversation } from './transcripts.ts'

const { notFound, exists, tooLarge, invalid, unknownCommand } = BinaryStatus
const BIG = 'b'.repeat(70_000)

function get(opcode: number, key: string, opaque = 0): string {
  return request(opcode, { key, opaque })
}

function hit(opcode: number, value: string, fields: { key?: string; cas: number; flags?: number }) {
  const { flags = 0, ...rest } = fields
  return reply(opcode, 0, { extras: u32(flags), value, ...rest })
}

export const binaryConversations: readonly Conversation[] = [
  {
    name: 'binary: set and get with their quiet and key forms',
    send:
      set('a', 'one', { extras: u32(7, 0), opaque: 0xdeadbeef }) +
      get(Opcode.get, 'a') +
      get(Opcode.getq, 'a') +
      get(Opcode.getk, 'a') +
      get(Opcode.getkq, 'a') +
      get(Opcode.get, 'z', 5) +
      get(Opcode.getq, 'z') +
      get(Opcode.getk, 'z', 6) +
      get(Opcode.getkq, 'z') +
      request(Opcode.noop, { opaque: 9 }),
    expected:
      reply(Opcode.set, 0, { opaque: 0xdeadbeef, cas: 2 }) +
      hit(Opcode.get, 'one', { cas: 2, flags: 7 }) +
      hit(Opcode.getq, 'one', { cas: 2, flags: 7 }) +
      hit(Opcode.getk, 'one', { cas: 2, flags: 7, key: 'a' }) +
      hit(Opcode.getkq, 'one', { cas: 2, flags: 7, key: 'a' }) +
      error(Opcode.get, notFound, 'Not found', 5) +
      reply(Opcode.getk, notFound, { key: 'z', opaque: 6 }) +
      reply(Opcode.noop, 0, { opaque: 9 }),
  },
  {
    name: 'binary: add, replace and cas in all three storage commands',
    send:
      request(Opcode.replace, { key: 'a', value: '0', extras: u32(0, 0) }) +
      request(Opcode.add, { key: 'a', value: '1', extras: u32(0, 0) }) +
      request(Opcode.add, { key: 'a', value: '2', extras: u32(0, 0) }) +
      request(Opcode.replace, { key: 'a', value: '3', extras: u32(0, 0) }) +
      set('a', '4', { cas: 2 }) +
      set('a', '5', { cas: 3 }) +
      request(Opcode.add, { key: 'a', value: '6', extras: u32(0, 0), cas: 4 }) +
      set('z', '7', { cas: 9 }) +
      get(Opcode.get, 'a'),
    expected:
      error(Opcode.replace, notFound, 'Not found') +
      reply(Opcode.add, 0, { cas: 2 }) +
      error(Opcode.add, exists, 'Data exists for key.') +
      reply(Opcode.replace, 0, { cas: 3 }) +
      error(Opcode.set, exists, 'Data exists for key.') +
      reply(Opcode.set, 0, { cas: 4 }) +
      reply(Opcode.add, 0, { cas: 5 }) +
      error(Opcode.set, notFound, 'Not found') +
      hit(Opcode.get, '6', { cas: 5 }),
  },
  {
    name: 'binary: quiet storage and delete say only what went wrong',
    send:
      request(Opcode.setq, { key: 'a', value: '1', extras: u32(0, 0) }) +
      request(Opcode.addq, { key: 'a', value: '2', extras: u32(0, 0), opaque: 1 }) +
      request(Opcode.replaceq, { key: 'z', value: '2', extras: u32(0, 0), opaque: 2 }) +
      request(Opcode.deleteq, { key: 'a' }) +
      request(Opcode.deleteq, { key: 'a', opaque: 3 }) +
      request(Opcode.delete, { key: 'a' }) +
      request(Opcode.setq, { key: 'a', value: '1', extras: u32(0, 0) }) +
      request(Opcode.delete, { key: 'a' }) +
      request(Opcode.noop),
    expected:
      error(Opcode.addq, exists, 'Data exists for key.', 1) +
      error(Opcode.replaceq, notFound, 'Not found', 2) +
      error(Opcode.deleteq, notFound, 'Not found', 3) +
      error(Opcode.delete, notFound, 'Not found') +
      reply(Opcode.delete, 0) +
      reply(Opcode.noop, 0),
  },
  {
    name: 'binary: delete with another cas changes nothing',
    send:
      set('a', 'x') +
      request(Opcode.delete, { key: 'a', cas: 99 }) +
      get(Opcode.get, 'a') +
      request(Opcode.delete, { key: 'a', cas: 2 }) +
      get(Opcode.get, 'a'),
    expected:
      reply(Opcode.set, 0, { cas: 2 }) +
      error(Opcode.delete, exists, 'Data exists for key.') +
      hit(Opcode.get, 'x', { cas: 2 }) +
      reply(Opcode.delete, 0) +
      error(Opcode.get, notFound, 'Not found'),
  },
  {
    name: 'binary: large values, too large ones, and empty ones',
    send:
      set('big', BIG) +
      get(Opcode.getk, 'big') +
      set('big', 'x'.repeat(1_048_577)) +
      get(Opcode.get, 'big') +
      set('none', '') +
      get(Opcode.get, 'none'),
    expected:
      reply(Opcode.set, 0, { cas: 2 }) +
      hit(Opcode.getk, BIG, { cas: 2, key: 'big' }) +
      error(Opcode.set, tooLarge, 'Too large.') +
      error(Opcode.get, notFound, 'Not found') +
      reply(Opcode.set, 0, { cas: 3 }) +
      hit(Opcode.get, '', { cas: 3 }),
  },
  {
    name: 'binary: version, and an unknown opcode whose body is swallowed',
    send:
      request(Opcode.version, { opaque: 4 }) +
      request(0x77, { key: 'key', value: 'value', extras: 'ex', opaque: 8 }) +
      request(0x77, { opaque: 9 }) +
      request(Opcode.saslListMechs) +
      request(Opcode.noop),
    expected:
      reply(Opcode.version, 0, { value: '1.6.45', opaque: 4 }) +
      error(0x77, unknownCommand, 'Unknown command', 8) +
      error(0x77, unknownCommand, 'Unknown command', 9) +
      error(Opcode.saslListMechs, unknownCommand, 'Unknown command') +
      reply(Opcode.noop, 0),
  },
  {
    name: 'binary: quit is answered',
    send: set('a', '1') + request(Opcode.quit) + set('a', '2'),
    expected: reply(Opcode.set, 0, { cas: 2 }) + reply(Opcode.quit, 0),
    closes: true,
  },
  {
    name: 'binary: a quiet quit is not',
    send: set('a', '1') + request(Opcode.quitq) + set('a', '2'),
    expected: reply(Opcode.set, 0, { cas: 2 }),
    closes: true,
  },
  {
    name: 'binary: another magic closes in silence',
    send: set('a', '1') + request(Opcode.noop, { magic: 0x81 }),
    expected: reply(Opcode.set, 0, { cas: 2 }),
    closes: true,
  },
  {
    name: 'binary: a key of 251 bytes is a violation',
    send: get(Opcode.get, 'k'.repeat(250)) + get(Opcode.get, 'k'.repeat(251)),
    expected:
      error(Opcode.get, notFound, 'Not found') + error(Opcode.get, invalid, 'Invalid arguments'),
    closes: true,
  },
  {
    name: 'binary: a get without a key is a violation',
    send: request(Opcode.get),
    expected: error(Opcode.get, invalid, 'Invalid arguments'),
    closes: true,
  },
  {
    name: 'binary: a set without its extras is a violation',
    send: request(Opcode.set, { key: 'a', value: '1' }),
    expected: error(Opcode.set, invalid, 'Invalid arguments'),
    closes: true,
  },
  {
    name: 'binary: a get with a value is a violation',
    send: request(Opcode.get, { key: 'a', value: '1' }),
    expected: error(Opcode.get, invalid, 'Invalid arguments'),
    closes: true,
  },
  {
    name: 'binary: key and extras larger than the body are a violation',
    send: request(Opcode.get, { key: 'abc', bodySize: 2 }),
    expected: error(Opcode.get, unknownCommand, 'Unknown command'),
    closes: true,
  },
  {
    name: 'binary: a body over 1 GiB is a violation',
    send: request(Opcode.set, { key: 'abc', extras: u32(0, 0), bodySize: 2 ** 30 + 1 }),
    expected: error(Opcode.set, invalid, 'Invalid arguments'),
    closes: true,
  },
]
