import { describe, expect, it } from 'vitest'
import {
  isReplyPart,
  MALFORMED,
  NEED_MORE,
  readReply,
  Reply,
  REPLY_LINE_SIZE_MAX,
  ReplyKind,
} from '../../../src/protocol/text-reply.ts'
import { bytesOf, unitOf, type Unit } from './text-reply-support.ts'

const VALUE_SIZE_MAX = 1000

const wholeUnits: readonly [string, Unit][] = [
  ['STORED\r\n', { kind: ReplyKind.stored }],
  ['NOT_STORED\r\n', { kind: ReplyKind.notStored }],
  ['EXISTS\r\n', { kind: ReplyKind.exists }],
  ['NOT_FOUND\r\n', { kind: ReplyKind.notFound }],
  ['DELETED\r\n', { kind: ReplyKind.deleted }],
  ['TOUCHED\r\n', { kind: ReplyKind.touched }],
  ['OK\r\n', { kind: ReplyKind.ok }],
  ['END\r\n', { kind: ReplyKind.end }],
  ['RESET\r\n', { kind: ReplyKind.reset }],
  ['0\r\n', { kind: ReplyKind.number, value: '0' }],
  ['18446744073709551615\r\n', { kind: ReplyKind.number, value: '18446744073709551615' }],
  ['VERSION 1.6.45\r\n', { kind: ReplyKind.version, value: '1.6.45' }],
  ['ERROR\r\n', { kind: ReplyKind.error }],
  [
    'ERROR Too many open connections\r\n',
    { kind: ReplyKind.error, value: 'Too many open connections' },
  ],
  ['CLIENT_ERROR bad data chunk\r\n', { kind: ReplyKind.clientError, value: 'bad data chunk' }],
  [
    'SERVER_ERROR object too large for cache\r\n',
    { kind: ReplyKind.serverError, value: 'object too large for cache' },
  ],
  [
    'SERVER_ERROR: shutdown not enabled\r\n',
    { kind: ReplyKind.serverError, value: 'shutdown not enabled' },
  ],
  ['STAT pid 12\r\n', { kind: ReplyKind.stat, key: 'pid', value: '12' }],
  ['STAT x  a b \r\n', { kind: ReplyKind.stat, key: 'x', value: ' a b ' }],
  ['STAT domain_socket \r\n', { kind: ReplyKind.stat, key: 'domain_socket' }],
  ['ITEM k [1 b; 0 s]\r\n', { kind: ReplyKind.item, key: 'k', value: '[1 b; 0 s]' }],
  ['PREFIX a get 1 hit 0\r\n', { kind: ReplyKind.prefix, key: 'a', value: 'get 1 hit 0' }],
  ['BUSY currently processing\r\n', { kind: ReplyKind.refused, value: 'currently processing' }],
  ['NOTSTARTED no items\r\n', { kind: ReplyKind.refused, value: 'no items' }],
  ['MEMLIMIT_TOO_SMALL 8m\r\n', { kind: ReplyKind.refused, value: '8m' }],
  ['HD\r\n', { kind: ReplyKind.metaHit }],
  ['HD f1 kfoo\r\n', { kind: ReplyKind.metaHit, flags: 'f1 kfoo' }],
  ['EN\r\n', { kind: ReplyKind.metaMiss }],
  ['NS Oabc\r\n', { kind: ReplyKind.metaNotStored, flags: 'Oabc' }],
  ['EX\r\n', { kind: ReplyKind.metaExists }],
  ['NF kfoo\r\n', { kind: ReplyKind.metaNotFound, flags: 'kfoo' }],
  ['MN\r\n', { kind: ReplyKind.metaNoop }],
  ['ME k exp=-1 la=2\r\n', { kind: ReplyKind.metaDebug, key: 'k', value: 'exp=-1 la=2' }],
  ['VALUE k 0 0\r\n\r\n', { kind: ReplyKind.value, key: 'k', flags: '0' }],
  [
    'VALUE key 4294967295 5 7\r\na\r\nb\n\r\n',
    { kind: ReplyKind.value, key: 'key', flags: '4294967295', value: 'a\r\nb\n', cas: '7' },
  ],
  // A key may hold anything but a space and a line feed.
  [
    'VALUE \r\x00\xff 1 1\r\nx\r\n',
    { kind: ReplyKind.value, key: '\r\x00\xff', flags: '1', value: 'x' },
  ],
  ['VA 0\r\n\r\n', { kind: ReplyKind.metaValue }],
  ['VA 3 f0 t-1\r\nEND\r\n', { kind: ReplyKind.metaValue, flags: 'f0 t-1', value: 'END' }],
]

describe('readReply() on a whole unit', () => {
  const reply = new Reply(VALUE_SIZE_MAX)

  it.each(wholeUnits)('reads %j', (text, unit) => {
    const bytes = bytesOf(`junk${text}STORED\r\n`)
    expect(readReply(bytes, 4, bytes.length, reply)).toBe(4 + text.length)
    expect(unitOf(bytes, reply)).toEqual(unit)
    expect(reply.unitSize).toBe(text.length)
    expect(bytes[reply.lineEnd]).toBe(0x0d)
  })

  it.each(wholeUnits)('asks for more at every byte of %j', (text, unit) => {
    const bytes = bytesOf(text)
    const lineSize = text.indexOf('\r\n') + 2
    for (let end = 0; end < bytes.length; end += 1) {
      expect(readReply(bytes, 0, end, reply)).toBe(NEED_MORE)
      expect(reply.unitSize).toBe(end < lineSize ? 0 : bytes.length)
      expect(reply.kind).toBe(end < lineSize ? ReplyKind.none : unit.kind)
    }
    expect(readReply(bytes, 0, bytes.length, reply)).toBe(bytes.length)
  })

  it('leaves nothing of the unit before', () => {
    const bytes = bytesOf('VALUE k 1 1 9\r\nx\r\nEND\r\n')
    const next = readReply(bytes, 0, bytes.length, reply)
    expect(readReply(bytes, next, bytes.length, reply)).toBe(bytes.length)
    expect(unitOf(bytes, reply)).toEqual({ kind: ReplyKind.end })
  })
})

describe('readReply() on what memcached does not send', () => {
  it.each([
    ['an empty line', '\r\n'],
    ['a line feed', '\n'],
    ['no carriage return', 'STORED\n'],
    ['an unknown word', 'STORE\r\n'],
    ['a longer word', 'STOREDX\r\n'],
    ['lower case', 'stored\r\n'],
    ['a leading space', ' STORED\r\n'],
    ['a trailing space', 'END \r\n'],
    ['an argument where none belongs', 'STORED x\r\n'],
    ['a word by its separator only', 'VALUE\r\n'],
    ['a tab for a space', 'VALUE\tk\t0\t1\r\nx\r\n'],
    ['no key', 'VALUE  0 1\r\nx\r\n'],
    ['two spaces', 'VALUE k  0 1\r\nx\r\n'],
    ['no size', 'VALUE k 0\r\nx\r\n'],
    ['an empty size', 'VALUE k 0 \r\nx\r\n'],
    ['an empty cas', 'VALUE k 0 1 \r\nx\r\n'],
    ['a token too many', 'VALUE k 0 1 2 3\r\nx\r\n'],
    ['a negative size', 'VALUE k 0 -1\r\nx\r\n'],
    ['a signed size', 'VALUE k 0 +1\r\nx\r\n'],
    ['a size that is no number', 'VALUE k 0 1x\r\nx\r\n'],
    ['a fraction', 'VALUE k 0 1.0\r\nx\r\n'],
    ['a hexadecimal size', 'VALUE k 0 0x1\r\nx\r\n'],
    ['a size far over the limit', 'VALUE k 0 9999999999\r\nx\r\n'],
    ['a size of more digits than any', 'VALUE k 0 00000000001\r\nx\r\n'],
    ['a size past 2^64', 'VALUE k 0 18446744073709551617\r\nx\r\n'],
    ['flags that are no number', 'VALUE k x 1\r\nx\r\n'],
    ['flags of 21 digits', 'VALUE k 000000000000000000001 1\r\nx\r\n'],
    ['a cas that is no number', 'VALUE k 0 1 c\r\nx\r\n'],
    ['data without its end', 'VALUE k 0 1\r\nxyz\r\n'],
    ['data ended by a line feed', 'VALUE k 0 1\r\nx\n\r\n'],
    ['a meta size that is missing', 'VA\r\n'],
    ['a negative meta size', 'VA -1\r\n\r\n'],
    ['a meta size that is no number', 'VA f0 1\r\n\r\n'],
    ['meta data without its end', 'VA 1\r\nxxx\r\n'],
    ['a number with a sign', '-1\r\n'],
    ['a number of 21 digits', '184467440737095516150\r\n'],
    ['a number with padding', '12 \r\n'],
    ['a number with text', '12x\r\n'],
    ['a stat without a name', 'STAT  x\r\n'],
    ['a stat alone', 'STAT\r\n'],
    ['a request', 'get k\r\n'],
    ['a binary reply', '\x81\x00\x00\x00\n\n'],
    ['HTTP', 'HTTP/1.1 400 Bad Request\r\n'],
  ])('refuses %s', (_, text) => {
    const bytes = bytesOf(text)
    const reply = new Reply(VALUE_SIZE_MAX)
    expect(readReply(bytes, 0, bytes.length, reply)).toBe(MALFORMED)
    expect(unitOf(bytes, reply)).toEqual({ kind: ReplyKind.none })
    expect(reply.unitSize).toBe(0)
  })
})

function read(text: string, valueSizeMax = VALUE_SIZE_MAX): number {
  const bytes = bytesOf(text)
  return readReply(bytes, 0, bytes.length, new Reply(valueSizeMax))
}

function versionLine(size: number): string {
  return `VERSION ${'v'.repeat(size - 8)}\r\n`
}

function blockOfKey(size: number): string {
  return `VALUE ${'k'.repeat(size)} 0 1\r\nx\r\n`
}

describe('readReply() limits', () => {
  it('reads a line of the greatest size, and none longer', () => {
    expect(read(versionLine(REPLY_LINE_SIZE_MAX))).toBe(REPLY_LINE_SIZE_MAX + 2)
    expect(read(versionLine(REPLY_LINE_SIZE_MAX + 1))).toBe(MALFORMED)
    expect(read(versionLine(1_000_000))).toBe(MALFORMED)
  })

  it('waits for a line feed as long as the line may still fit, and no longer', () => {
    expect(read('S'.repeat(REPLY_LINE_SIZE_MAX + 1))).toBe(NEED_MORE)
    expect(read('S'.repeat(REPLY_LINE_SIZE_MAX + 2))).toBe(MALFORMED)
    expect(read('S'.repeat(1_000_000))).toBe(MALFORMED)
  })

  it.each(['VALUE k 0 ', 'VA '])('reads %j up to the limit of the value', start => {
    const block = (size: number): string => `${start}${size}\r\n${'x'.repeat(size)}\r\n`
    expect(read(block(VALUE_SIZE_MAX))).toBe(block(VALUE_SIZE_MAX).length)
    expect(read(block(VALUE_SIZE_MAX + 1))).toBe(MALFORMED)
    expect(read(block(VALUE_SIZE_MAX * 1000))).toBe(MALFORMED)
    expect(read(block(0), 0)).toBe(block(0).length)
    expect(read(block(1), 0)).toBe(MALFORMED)
  })

  it('refuses a value over the limit by its line alone, before any data', () => {
    expect(read('VALUE k 0 1001\r\n')).toBe(MALFORMED)
    expect(read('VALUE k 0 1000\r\n')).toBe(NEED_MORE)
  })

  it('reads a key of 250 bytes, and none longer', () => {
    expect(read(blockOfKey(250))).toBe(blockOfKey(250).length)
    expect(read(blockOfKey(251))).toBe(MALFORMED)
    expect(read(blockOfKey(2_000))).toBe(MALFORMED)
  })

  it.each([-1, 0.5, 2 ** 30 + 1, Infinity, Number.NaN])('takes no value limit of %d', limit => {
    expect(() => new Reply(limit)).toThrow(`Cannot limit values to ${limit} bytes: expected 0 to`)
  })

  it('takes a value limit of 1 GiB', () => {
    expect(read('VALUE k 0 1073741824\r\n', 2 ** 30)).toBe(NEED_MORE)
    expect(read('VALUE k 0 1073741825\r\n', 2 ** 30)).toBe(MALFORMED)
  })

  it('touches no byte of a value that is not whole', () => {
    const line = 'VALUE k 0 100000\r\n'
    let readMax = -1
    const bytes = new Proxy(bytesOf(line + 'x'.repeat(99_000)), {
      get(target, name) {
        readMax = Math.max(readMax, Number(name))
        return target[Number(name)]
      },
    })
    expect(readReply(bytes, 0, line.length + 99_000, new Reply(2 ** 30))).toBe(NEED_MORE)
    expect(readMax).toBe(line.length - 1)
  })
})

describe('isReplyPart()', () => {
  it('is true for exactly the units that END follows', () => {
    const parts = Object.values(ReplyKind).filter(isReplyPart)
    const { value, stat, item, prefix } = ReplyKind
    expect(parts).toEqual([value, stat, item, prefix])
  })
})
