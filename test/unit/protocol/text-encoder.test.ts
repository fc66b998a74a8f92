import { describe, expect, test } from 'vitest'
import { binaryEncoder } from '../../../src/protocol/binary-encoder.ts'
import { Opcode } from '../../../src/protocol/binary-layout.ts'
import { findOpcode } from '../../../src/protocol/binary-request.ts'
import {
  Command,
  CommandClass,
  commands,
  findCommand,
  isRetrieval,
  isStorage,
} from '../../../src/protocol/command.ts'
import { Status } from '../../../src/protocol/encoder.ts'
import { Output } from '../../../src/protocol/output.ts'
import { Request } from '../../../src/protocol/request.ts'
import { putStat, textEncoder, TextLine } from '../../../src/protocol/text-encoder.ts'

function encode(write: (output: Output, request: Request) => void, fields = {}): string {
  const output = new Output(new Uint8Array(2000).fill(0x5a), 500, 1500)
  const request = Object.assign(new Request(), fields)
  write(output, request)
  return Buffer.from(output.bytes.slice(500, output.at)).toString('latin1')
}

function sayNumber(output: Output, request: Request): void {
  textEncoder.number(output, request, 2n ** 64n - 1n)
}

function sayError(output: Output, request: Request): void {
  textEncoder.serverError(output, request, 'n1 is down')
}

const lines: readonly [keyof typeof Status, string][] = [
  ['stored', 'STORED'],
  ['notStored', 'NOT_STORED'],
  ['exists', 'EXISTS'],
  ['notFound', 'NOT_FOUND'],
  ['deleted', 'DELETED'],
  ['touched', 'TOUCHED'],
  ['ok', 'OK'],
  ['tooLarge', 'SERVER_ERROR object too large for cache'],
  ['noMemory', 'SERVER_ERROR out of memory storing object'],
  ['noMemoryForDelta', 'SERVER_ERROR out of memory'],
  ['noMemoryForReply', 'SERVER_ERROR out of memory writing get response'],
  ['nonNumeric', 'CLIENT_ERROR cannot increment or decrement non-numeric value'],
  ['flushNotAllowed', 'CLIENT_ERROR flush_all not allowed'],
  ['unknownCommand', 'ERROR'],
]

describe('textEncoder', () => {
  test.each(lines)('status %s is %j, and nothing when quiet', (name, line) => {
    const say = (output: Output, request: Request) =>
      textEncoder.status(output, request, Status[name])
    expect(encode(say)).toBe(`${line}\r\n`)
    expect(encode(say, { quiet: true })).toBe('')
  })

  test('every status has bytes in both protocols', () => {
    for (const status of Object.values(Status)) {
      expect(encode((output, request) => textEncoder.status(output, request, status))).not.toBe('')
      expect(
        encode((output, request) => binaryEncoder.status(output, request, status)).length,
      ).toBeGreaterThanOrEqual(24)
    }
  })

  const hit = { clientFlags: 4294967295, casLow: 4294967295, casHigh: 4294967295, valueSize: 10 }
  const key = { key: Buffer.from('xkey'), keyAt: 1, keySize: 3 }
  test.each([
    [Command.get, 'VALUE key 4294967295 10\r\n'],
    [Command.gets, 'VALUE key 4294967295 10 18446744073709551615\r\n'],
    [Command.gat, 'VALUE key 4294967295 10\r\n'],
    [Command.gats, 'VALUE key 4294967295 10 18446744073709551615\r\n'],
  ])('the head of a hit for command %i is %j', (command, expected) => {
    const fields = { ...key, command }
    expect(encode((output, request) => textEncoder.hitHead(output, request, hit), fields)).toBe(
      expected,
    )
  })

  test('the smallest hit, a miss, numbers, version, errors, statistics', () => {
    const none = { clientFlags: 0, casLow: 0, casHigh: 0, valueSize: 0 }
    const head = encode(
      (output, request) => {
        textEncoder.hitHead(output, request, none)
        textEncoder.hitTail(output)
      },
      { ...key, command: Command.gets },
    )
    expect(head).toBe('VALUE key 0 0 0\r\n\r\n')
    expect(encode((output, request) => textEncoder.miss(output, request))).toBe('')
    expect(encode(sayNumber)).toBe('18446744073709551615\r\n')
    expect(encode(sayNumber, { quiet: true })).toBe('')
    const version = Buffer.from('1.6.45')
    const say = (output: Output, request: Request) => textEncoder.version(output, request, version)
    expect(encode(say, { quiet: true })).toBe('VERSION 1.6.45\r\n')
    expect(encode(sayError)).toBe('SERVER_ERROR n1 is down\r\n')
    expect(encode(sayError, { quiet: true })).toBe('')
    expect(encode(output => putStat(output, 'pid', 5))).toBe('STAT pid 5\r\n')
  })

  test('lines of the protocol itself end in CRLF', () => {
    for (const line of Object.values(TextLine)) {
      expect(Buffer.from(line).toString()).toMatch(/^[^\r\n]+\r\n$/)
    }
  })
})

describe('the table of commands', () => {
  test('finds every verb, exactly', () => {
    for (const row of commands) {
      const text = Buffer.from(`x${row.verb} `)
      const size = row.verb.length
      expect(findCommand(text, 1, size)?.command).toBe(row.command)
      expect(findCommand(text, 1, size - 1)?.command).not.toBe(row.command)
      expect(findCommand(Buffer.from(row.verb.toUpperCase()), 0, size)).toBeUndefined()
      const other = Buffer.from(row.verb)
      other[size - 1] = other[size - 1]! ^ 1
      expect(findCommand(other, 0, size)?.command).not.toBe(row.command)
    }
    expect(findCommand(Buffer.from(' get'), 0, 0)).toBeUndefined()
    expect(findCommand(Buffer.from('get_all'), 0, 7)).toBeUndefined()
  })

  test('no two rows are one verb or one command, and classes agree with the ranges', () => {
    expect(new Set(commands.map(({ verb }) => verb)).size).toBe(commands.length)
    expect(new Set(commands.map(({ command }) => command)).size).toBe(commands.length)
    for (const row of commands) {
      expect(isRetrieval(row.command), row.verb).toBe(row.class === CommandClass.retrieval)
      const hasValue = row.class === CommandClass.storage || row.verb === 'ms'
      expect(isStorage(row.command), row.verb).toBe(hasValue)
    }
  })

  test('noreply is for what memcached takes it for', () => {
    const without = commands
      .filter(row => !row.noreply && row.class !== CommandClass.meta)
      .map(({ verb }) => verb)
    const list = 'get gets gat gats stats version watch refresh_certs fence config quit'
    expect(without).toEqual(list.split(' '))
  })
})

test('quiet opcodes are exactly those that end in a q', () => {
  for (const [name, opcode] of Object.entries(Opcode)) {
    // Refused whatever they say (router/discovery.ts).
    if (/^config(Set|Delete)/.test(name)) continue
    const isQ = /[a-z]q$/.test(name)
    expect(findOpcode(opcode)?.quiet ?? false, name).toBe(isQ)
  }
})

test('an output keeps to its part of a buffer', () => {
  const output = new Output(new Uint8Array(30).fill(9), 10, 10)
  expect([output.length, output.room]).toEqual([0, 10])
  output.put(Uint8Array.of(1, 2, 3))
  output.copy(Uint8Array.of(7, 8, 9, 4, 5), 3, 2)
  expect([output.length, output.room]).toEqual([5, 5])
  expect([...output.bytes.subarray(9, 16)]).toEqual([9, 1, 2, 3, 4, 5, 9])
  output.clear()
  expect([output.length, output.room]).toEqual([0, 10])
})
