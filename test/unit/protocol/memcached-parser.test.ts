import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type ParsedReply,
  ReplyParseError,
  ReplyParser,
  type ReplyParserOptions,
} from '../../../src/protocol/memcached-parser.ts'

/** Bytes in latin1, so that any byte can be written in a test. */
function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** As values come: a Uint8Array that is no Buffer. */
function plain(text: string): Uint8Array {
  return new Uint8Array(bytes(text))
}

function valueBlock(size: number): string {
  return `VALUE k 0 ${size}\r\n${'x'.repeat(size)}\r\n`
}

function parse(text: string, options: ReplyParserOptions = {}): ParsedReply[] {
  return new ReplyParser(options).push(bytes(text))
}

function parsePieces(text: string, pieceSize: number): ParsedReply[] {
  const parser = new ReplyParser()
  const replies: ParsedReply[] = []
  for (let at = 0; at < text.length; at += pieceSize) {
    replies.push(...parser.push(bytes(text.slice(at, at + pieceSize))))
  }
  expect(parser.heldSize).toBe(0)
  return replies
}

function errorOf(action: () => unknown): ReplyParseError {
  try {
    action()
  } catch (error) {
    if (error instanceof ReplyParseError) return error
  }
  throw new Error('Expected a ReplyParseError')
}

const transcript: readonly [string, ParsedReply][] = [
  [
    'VALUE key 4294967295 5 18446744073709551615\r\na\r\nb\xff\r\n',
    {
      kind: 'value',
      key: 'key',
      flags: 4294967295,
      value: Uint8Array.of(97, 13, 10, 98, 255),
      cas: 18446744073709551615n,
    },
  ],
  ['VALUE k 0 0\r\n\r\n', { kind: 'value', key: 'k', flags: 0, value: new Uint8Array(0) }],
  ['END\r\n', { kind: 'end' }],
  ['STORED\r\n', { kind: 'stored' }],
  ['NOT_STORED\r\n', { kind: 'notStored' }],
  ['EXISTS\r\n', { kind: 'exists' }],
  ['NOT_FOUND\r\n', { kind: 'notFound' }],
  ['DELETED\r\n', { kind: 'deleted' }],
  ['TOUCHED\r\n', { kind: 'touched' }],
  ['OK\r\n', { kind: 'ok' }],
  ['RESET\r\n', { kind: 'reset' }],
  ['18446744073709551615\r\n', { kind: 'number', number: 18446744073709551615n }],
  ['VERSION 1.6.45\r\n', { kind: 'version', text: '1.6.45' }],
  ['ERROR\r\n', { kind: 'error', text: '' }],
  ['CLIENT_ERROR bad data chunk\r\n', { kind: 'clientError', text: 'bad data chunk' }],
  ['SERVER_ERROR out of memory\r\n', { kind: 'serverError', text: 'out of memory' }],
  ['BUSY now\r\n', { kind: 'refused', text: 'now' }],
  ['STAT pid 12\r\n', { kind: 'stat', key: 'pid', text: '12' }],
  ['ITEM k [1 b; 0 s]\r\n', { kind: 'item', key: 'k', text: '[1 b; 0 s]' }],
  ['PREFIX p get 1\r\n', { kind: 'prefix', key: 'p', text: 'get 1' }],
  [
    'VA 2 f0 kfoo W\r\nhi\r\n',
    { kind: 'metaValue', flags: ['f0', 'kfoo', 'W'], value: plain('hi') },
  ],
  ['VA 0\r\n\r\n', { kind: 'metaValue', flags: [], value: new Uint8Array(0) }],
  ['HD t-1\r\n', { kind: 'metaHit', flags: ['t-1'] }],
  ['EN\r\n', { kind: 'metaMiss', flags: [] }],
  ['NS\r\n', { kind: 'metaNotStored', flags: [] }],
  ['EX\r\n', { kind: 'metaExists', flags: [] }],
  ['NF Oabc\r\n', { kind: 'metaNotFound', flags: ['Oabc'] }],
  ['MN\r\n', { kind: 'metaNoop' }],
  ['ME k exp=-1 la=2\r\n', { kind: 'metaDebug', key: 'k', text: 'exp=-1 la=2' }],
]

describe('ReplyParser.push()', () => {
  it.each(transcript)('reads %j', (text, reply) => {
    expect(parse(text)).toEqual([reply])
  })

  it('reads the whole transcript in pieces of any size', () => {
    const text = transcript.map(([line]) => line).join('')
    const replies = transcript.map(([, reply]) => reply)
    for (let size = 1; size <= text.length; size += 1) {
      expect(parsePieces(text, size)).toEqual(replies)
    }
  })

  it('reads generated streams cut at any places', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 })
    const lines = fc.array(fc.constantFrom(...transcript), { maxLength: 30 })
    fc.assert(
      fc.property(lines, cuts, (stream, sizes) => {
        const rest = stream.map(([line]) => line).join('')
        const parser = new ReplyParser()
        const replies: ParsedReply[] = []
        for (let at = 0, i = 0; at < rest.length; i += 1) {
          const size = sizes[i % sizes.length]!
          replies.push(...parser.push(bytes(rest.slice(at, at + size))))
          at += size
        }
        expect(replies).toEqual(stream.map(([, reply]) => reply))
        expect(parser.heldSize).toBe(0)
      }),
    )
  })

  it('gives values that stay as they are when the chunk is used again', () => {
    const chunk = bytes('VALUE k 0 3\r\nabc\r\n')
    const [reply] = new ReplyParser().push(chunk)
    chunk.fill(0)
    expect(reply).toEqual({ kind: 'value', key: 'k', flags: 0, value: plain('abc') })
  })

  it('gives values that stay as they are when more arrives', () => {
    const parser = new ReplyParser()
    parser.push(bytes('VALUE k 0 3\r\n'))
    const [reply] = parser.push(bytes('abc\r\nVALUE '))
    parser.push(bytes('kkkkkkkkkkkk 0 3\r\nxyz\r\n'))
    expect(reply).toEqual({ kind: 'value', key: 'k', flags: 0, value: plain('abc') })
  })

  it('says how much of a reply it holds', () => {
    const parser = new ReplyParser()
    expect(parser.push(bytes('STORED\r\nVALUE k'))).toEqual([{ kind: 'stored' }])
    expect(parser.heldSize).toBe(7)
    parser.push(bytes(' 0 1\r\nx\r\nEN'))
    expect(parser.heldSize).toBe(2)
    parser.push(bytes('D\r\n'))
    expect(parser.heldSize).toBe(0)
  })

  it('reads keys and texts as UTF-8, or byte by byte', () => {
    const text = Buffer.from('STAT ключ \ufeffзначение\r\n')
    expect(new ReplyParser().push(text)).toEqual([
      { kind: 'stat', key: 'ключ', text: '\ufeffзначение' },
    ])
    expect(parse('VALUE \x80\xff 0 0\r\n\r\n', { encoding: 'latin1' })).toMatchObject([
      { key: '\x80\xff' },
    ])
    expect(parse('HD k\x80\xff\r\n', { encoding: 'latin1' })).toEqual([
      { kind: 'metaHit', flags: ['k\x80\xff'] },
    ])
  })
})

describe('ReplyParser.push() on a stream that is no memcached', () => {
  it('throws, with the replies before it, and never goes on', () => {
    const parser = new ReplyParser()
    const error = errorOf(() => parser.push(bytes('STORED\r\nHTTP/1.1 400\r\nSTORED\r\n')))
    expect(error.message).toBe(
      'Cannot parse reply "HTTP/1.1 400\\r\\n": expected memcached\'s text protocol',
    )
    expect(error.code).toBe('ERR_MALFORMED_REPLY')
    expect(error.replies).toEqual([{ kind: 'stored' }])
    const again = errorOf(() => parser.push(bytes('STORED\r\n')))
    expect(again.message).toBe(error.message)
    expect(again.replies).toEqual([])
  })

  it('throws in whatever pieces it comes', () => {
    const text = 'STORED\r\nVALUE k 0 1\r\nxy\r\n'
    for (let size = 1; size <= text.length; size += 1) {
      expect(() => parsePieces(text, size)).toThrow(ReplyParseError)
    }
  })

  it('shows at most 64 bytes of the line', () => {
    const error = errorOf(() => parse('x'.repeat(100_000)))
    expect(error.message).toContain(`"${'x'.repeat(64)}"`)
  })

  it('refuses client flags that a number cannot hold', () => {
    expect(parse('VALUE k 9007199254740991 0\r\n\r\n')).toMatchObject([
      { flags: Number.MAX_SAFE_INTEGER },
    ])
    expect(errorOf(() => parse('VALUE k 9007199254740992 0\r\n\r\n')).message).toContain(
      'VALUE k 9007199254740992 0',
    )
    expect(() => parse('VALUE k 18446744073709551615 0\r\n\r\n')).toThrow(ReplyParseError)
  })
})

describe('ReplyParser limits', () => {
  it('takes values up to the limit, 1 MiB unless told otherwise', () => {
    expect(parse(valueBlock(1_048_576))).toMatchObject([{ value: { length: 1_048_576 } }])
    expect(() => parse('VALUE k 0 1048577\r\n')).toThrow(ReplyParseError)
    expect(parse(valueBlock(10), { valueSizeMax: 10 })).toHaveLength(1)
    expect(() => parse('VALUE k 0 11\r\n', { valueSizeMax: 10 })).toThrow(ReplyParseError)
    expect(() => parse('VALUE k 0 4000000000\r\n', { valueSizeMax: 10 })).toThrow(ReplyParseError)
  })

  it.each([-1, 1.5, 2 ** 30 + 1, Number.NaN, Infinity])('takes no limit of %d', valueSizeMax => {
    expect(() => new ReplyParser({ valueSizeMax })).toThrow(
      new RangeError(`Cannot limit values to ${valueSizeMax} bytes: expected 0 to 1073741824`),
    )
  })

  it('does not take memory for what was only announced', () => {
    const before = process.memoryUsage().arrayBuffers
    const parsers = Array.from({ length: 100 }, () => {
      const parser = new ReplyParser({ valueSizeMax: 2 ** 30 })
      parser.push(bytes('VALUE k 0 1073741824\r\nx'))
      return parser
    })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 * 2 ** 20)
    expect(parsers.map(parser => parser.heldSize)).toEqual(parsers.map(() => 23))
  })

  it('reads a large value in small chunks', () => {
    const size = 8 * 2 ** 20
    const parser = new ReplyParser({ valueSizeMax: size })
    const chunk = Buffer.alloc(1_000, 'v')
    parser.push(bytes(`VALUE k 0 ${size}\r\n`))
    let sent = 0
    for (; sent + chunk.length < size; sent += chunk.length) {
      expect(parser.push(chunk)).toEqual([])
    }
    const replies = parser.push(bytes(`${'v'.repeat(size - sent)}\r\nEND\r\n`))
    expect(replies).toMatchObject([{ kind: 'value', value: { length: size } }, { kind: 'end' }])
    expect(replies[0]?.kind === 'value' && replies[0].value.every(byte => byte === 118)).toBe(true)
    expect(parser.heldSize).toBe(0)
  })
})
