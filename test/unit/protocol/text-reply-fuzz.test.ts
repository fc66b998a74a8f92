// Generated streams. 1: what was written is what is read, wherever the stream starts in its buffer.
// 2: on well-formed streams the npm package memcache-parser reads the same. 3: any bytes at all
// end in a unit, NEED_MORE or MALFORMED, with every field inside the bytes.
import * as fc from 'fast-check'
import { MemcacheParser, type ParserPendingData } from 'memcache-parser'
import { describe, expect, it } from 'vitest'
import {
  MALFORMED,
  NEED_MORE,
  readReply,
  Reply,
  ReplyKind,
} from '../../../src/protocol/text-reply.ts'
import { bytesOf, type Unit, unitOf } from './text-reply-support.ts'

type Written = { text: string; unit: Unit }

const key = fc.stringMatching(/^[^ \n\x80-\uffff]{1,250}$/)
const data = fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes).toString('latin1'))
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String)
const uint32 = fc.nat({ max: 4294967295 }).map(String)
const words = fc.stringMatching(/^[a-zA-Z0-9]{1,9}( [a-zA-Z0-9]{1,9}){0,4}$/)

/** Drops empty strings, as `unitOf` does. */
function written(text: string, kind: Unit['kind'], fields: Omit<Unit, 'kind'> = {}): Written {
  const filled = Object.entries(fields).filter(([, value]) => value !== '')
  return { text, unit: { kind, ...Object.fromEntries(filled) } }
}

const bare = fc.constantFrom(
  written('STORED\r\n', ReplyKind.stored),
  written('NOT_STORED\r\n', ReplyKind.notStored),
  written('END\r\n', ReplyKind.end),
  written('DELETED\r\n', ReplyKind.deleted),
  written('EN\r\n', ReplyKind.metaMiss),
  written('MN\r\n', ReplyKind.metaNoop),
)
const value = fc
  .record({ key, flags: uint32, value: data, cas: fc.option(uint64, { nil: '' }) })
  .map(fields => {
    const cas = fields.cas === '' ? '' : ` ${fields.cas}`
    const line = `VALUE ${fields.key} ${fields.flags} ${fields.value.length}${cas}\r\n`
    return written(`${line}${fields.value}\r\n`, ReplyKind.value, fields)
  })
const metaValue = fc.record({ flags: words, value: data }).map(fields => {
  const text = `VA ${fields.value.length} ${fields.flags}\r\n${fields.value}\r\n`
  return written(text, ReplyKind.metaValue, fields)
})
const metaHit = words.map(flags => written(`HD ${flags}\r\n`, ReplyKind.metaHit, { flags }))
const number = uint64.map(digits => written(`${digits}\r\n`, ReplyKind.number, { value: digits }))
const failure = words.map(text => {
  return written(`SERVER_ERROR ${text}\r\n`, ReplyKind.serverError, { value: text })
})
const streams = fc.array(fc.oneof(bare, value, metaValue, metaHit, number, failure), {
  minLength: 1,
  maxLength: 12,
})

function readAll(bytes: Uint8Array, from: number): Unit[] {
  const reply = new Reply(1000)
  const units: Unit[] = []
  let at = from
  while (at < bytes.length) {
    at = readReply(bytes, at, bytes.length, reply)
    if (at < 0) throw new Error(`Cannot read unit ${units.length}: result ${at}`)
    units.push(unitOf(bytes, reply))
  }
  return units
}

describe('readReply() on generated streams', () => {
  it('reads back what was written', () => {
    fc.assert(
      fc.property(streams, fc.nat({ max: 9 }), (stream, from) => {
        const text = '?'.repeat(from) + stream.map(unit => unit.text).join('')
        expect(readAll(bytesOf(text), from)).toEqual(stream.map(unit => unit.unit))
      }),
      { numRuns: 1_000 },
    )
  })

  it('asks for more at every byte that is missing from the last unit', () => {
    fc.assert(
      fc.property(fc.oneof(value, metaValue, metaHit, number), ({ text }) => {
        const bytes = bytesOf(text)
        const reply = new Reply(1000)
        for (let end = 0; end < bytes.length; end += 1) {
          expect(readReply(bytes, 0, end, reply)).toBe(NEED_MORE)
        }
      }),
      { numRuns: 100 },
    )
  })

  it('agrees with memcache-parser on values and lines', () => {
    // The package knows no lines over 512 bytes, no CR in a line, and no meta commands.
    const plainKey = fc.stringMatching(/^[a-zA-Z0-9:_-]{1,250}$/)
    const plainValue = fc.record({ key: plainKey, flags: uint32, value: data }).map(fields => {
      const line = `VALUE ${fields.key} ${fields.flags} ${fields.value.length}\r\n`
      return written(`${line}${fields.value}\r\n`, ReplyKind.value, fields)
    })
    const stream = fc.array(fc.oneof(bare, plainValue, number), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(stream, units => {
        const text = units.map(unit => unit.text).join('')
        const ours = readAll(bytesOf(text), 0).map(asTokens)
        expect(readByPackage(text)).toEqual(ours)
      }),
      { numRuns: 500 },
    )
  })

  it('never throws, never stands still and never points outside, whatever arrives', () => {
    const noise = fc.uint8Array({ maxLength: 80 })
    const pieces = fc.array(
      fc.oneof(
        noise.map(bytes => Buffer.from(bytes).toString('latin1')),
        fc.constantFrom('VALUE ', 'VA ', 'HD ', 'STAT ', 'END', '\r\n', ' ', '0 ', '10', '-1', 'k'),
        fc.oneof(value, metaHit).map(unit => unit.text),
      ),
      { maxLength: 12 },
    )
    fc.assert(
      fc.property(pieces, parts => {
        const bytes = bytesOf(parts.join(''))
        const reply = new Reply(1000)
        let at = 0
        while (at < bytes.length) {
          const next = readReply(bytes, at, bytes.length, reply)
          if (next === NEED_MORE || next === MALFORMED) break
          expect(next).toBe(at + reply.unitSize)
          expect(next).toBeGreaterThan(at)
          expect(next).toBeLessThanOrEqual(bytes.length)
          expectInside(reply, at, next)
          at = next
        }
      }),
      { numRuns: 2_000 },
    )
  })
})

function expectInside(reply: Reply, at: number, next: number): void {
  const fields = [
    [reply.keyAt, reply.keyLength],
    [reply.flagsAt, reply.flagsLength],
    [reply.valueAt, reply.valueLength],
    [reply.casAt, reply.casLength],
  ] as const
  for (const [from, length] of fields) {
    expect(length).toBeGreaterThanOrEqual(0)
    if (length > 0) expect(from).toBeGreaterThan(at - 1)
    if (length > 0) expect(from + length).toBeLessThanOrEqual(next - 2)
  }
  expect(reply.lineEnd).toBeLessThanOrEqual(next - 2)
}

type Tokens = { tokens: string[]; data?: string }

function asTokens(unit: Unit): Tokens {
  if (unit.kind === ReplyKind.number) return { tokens: [unit.value!] }
  if (unit.kind !== ReplyKind.value) return { tokens: [wordOf(unit.kind)] }
  const value = unit.value ?? ''
  return { tokens: ['VALUE', unit.key!, unit.flags!, String(value.length)], data: value }
}

function wordOf(kind: ReplyKind): string {
  const names = new Map<ReplyKind, string>([
    [ReplyKind.stored, 'STORED'],
    [ReplyKind.notStored, 'NOT_STORED'],
    [ReplyKind.end, 'END'],
    [ReplyKind.deleted, 'DELETED'],
    [ReplyKind.metaMiss, 'EN'],
    [ReplyKind.metaNoop, 'MN'],
  ])
  return names.get(kind)!
}

class Collector extends MemcacheParser {
  readonly found: Tokens[] = []

  override processCmd(tokens: string[]): number {
    if (tokens[0] === 'VALUE') this.initiatePending(tokens, Number(tokens[3]))
    else this.found.push({ tokens })
    return tokens.length
  }

  override receiveResult(result: ParserPendingData | string): void {
    if (typeof result === 'string') throw new Error(`Cannot use result "${result}"`)
    const { cmdTokens, data } = result
    this.found.push({ tokens: cmdTokens.map(String), data: data?.toString('latin1') ?? '' })
  }
}

function silent(): void {}

function readByPackage(text: string): Tokens[] {
  const parser = new Collector({ debug: silent, error: silent, info: silent, warn: silent })
  parser.onData(Buffer.from(text, 'latin1'))
  return parser.found
}
