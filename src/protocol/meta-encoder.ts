/**
 * Replies of the meta commands: a code of two letters, then what the request's flags ask for, in
 * their order (memcached proto_parser.c). What is said of the item comes with the flags
 * (MetaFlags). Errors are lines of the text protocol.
 */
import { encodeBase64 } from '../base/base64.ts'
import { latin1, putUint, putUint64 } from '../base/bytes.ts'
import { Command } from './command.ts'
import { type Encoder, type Hit, Status } from './encoder.ts'
import { Flag, type MetaFlags } from './meta-flags.ts'
import type { Output } from './output.ts'
import type { Request } from './request.ts'
import { textEncoder } from './text-encoder.ts'
import { endsToken } from './text-line.ts'

const SPACE = 0x20
const ZERO = 0x30
const ONE = 0x31
const FOREVER = latin1('-1')
const WON = 0x57
const STALE = 0x58
const TOKEN_SENT = 0x5a

const HIT = latin1('HD')
const VALUE = latin1('VA ')
const MISS = latin1('EN')

const CODES: readonly (Uint8Array | undefined)[] = (() => {
  const codes: (Uint8Array | undefined)[] = []
  codes[Status.stored] = HIT
  codes[Status.deleted] = HIT
  codes[Status.notStored] = latin1('NS')
  codes[Status.exists] = latin1('EX')
  codes[Status.notFound] = latin1('NF')
  return codes
})()

function putFlag(output: Output, letter: number): void {
  output.bytes[output.at] = SPACE
  output.bytes[output.at + 1] = letter
  output.at += 2
}

function putNumber(output: Output, letter: number, value: number): void {
  putFlag(output, letter)
  output.at = putUint(output.bytes, output.at, value)
}

function putCas(output: Output, low: number, high: number): void {
  putFlag(output, Flag.cas)
  output.at = putUint64(output.bytes, output.at, low, high)
}

/** A raw key with a space or a line end in it would break the line: it goes as base64 too. */
function putKey(output: Output, { key, keyAt, keySize }: Request, isBinary: boolean): void {
  putFlag(output, Flag.key)
  if (!isBinary && !endsToken(key, keyAt, keySize)) {
    output.copy(key, keyAt, keySize)
    return
  }
  output.at = encodeBase64(output.bytes, output.at, key, keyAt, keySize)
  putFlag(output, Flag.base64)
}

function putOpaque(output: Output, meta: MetaFlags): void {
  output.bytes[output.at] = SPACE
  output.at += 1
  output.copy(meta.bytes, meta.opaqueAt, meta.opaqueSize)
}

function putTtl(output: Output, exptime: number, now: number): void {
  putFlag(output, Flag.ttl)
  if (exptime === 0) output.put(FOREVER)
  else output.at = putUint(output.bytes, output.at, Math.max(0, exptime - now))
}

/** What every answer may be asked for: the key and the opaque token, as the request gave them. */
function putEcho(output: Output, request: Request, meta: MetaFlags, letter: number): void {
  if (letter === Flag.key) putKey(output, request, meta.has(Flag.base64))
  else if (letter === Flag.opaque) putOpaque(output, meta)
}

/** A code without an item: only `ms` has a cas and a size to show. */
function putOutcome(output: Output, request: Request, code: Uint8Array): void {
  const meta = request.meta!
  output.put(code)
  const isSet = request.command === Command.metaSet
  for (let i = 0; i < meta.count; i += 1) {
    const letter = meta.bytes[i]!
    if (isSet && letter === Flag.cas) putCas(output, request.casLow, request.casHigh)
    else if (isSet && letter === Flag.size) putNumber(output, letter, request.valueSize)
    else putEcho(output, request, meta, letter)
  }
  textEncoder.hitTail(output)
}

/** Everything of a get that lasts longer than its line: who has won, and who had before. */
function putMarks(output: Output, meta: MetaFlags): void {
  if (meta.isTokenSent) putFlag(output, TOKEN_SENT)
  if (meta.isStale) putFlag(output, STALE)
  if (meta.isWon) putFlag(output, WON)
}

/** The flags of a get's hit, or of an arithmetic, which has fewer. */
function putItem(output: Output, request: Request, hit: Hit): void {
  const meta = request.meta!
  const isGet = request.command === Command.metaGet
  let exptime = meta.isCreated ? 0 : meta.itemExptime
  for (let i = 0; i < meta.count; i += 1) {
    const letter = meta.bytes[i]!
    if (letter === Flag.newTtl) exptime = meta.exptime
    else if (letter === Flag.vivify && meta.isCreated) exptime = meta.vivifyExptime
    else if (letter === Flag.ttl) putTtl(output, exptime, meta.now)
    else if (letter === Flag.cas) putCas(output, hit.casLow, hit.casHigh)
    else if (letter === Flag.key && isGet) putKey(output, request, meta.isBinaryKey)
    else if (isGet) putOfGet(output, request, hit, letter)
    else putEcho(output, request, meta, letter)
  }
  if (isGet) putMarks(output, meta)
}

function putOfGet(output: Output, request: Request, hit: Hit, letter: number): void {
  const meta = request.meta!
  if (letter === Flag.size) {
    putNumber(output, letter, hit.valueSize)
  } else if (letter === Flag.clientFlags) {
    putNumber(output, letter, hit.clientFlags)
  } else if (letter === Flag.lastAccess) {
    putNumber(output, letter, meta.idleSeconds)
  } else if (letter === Flag.hit) {
    putFlag(output, letter)
    output.bytes[output.at] = meta.isFetched ? ONE : ZERO
    output.at += 1
  } else {
    putEcho(output, request, meta, letter)
  }
}

export const metaEncoder: Encoder = {
  status(output: Output, request: Request, status: Status): void {
    const code = CODES[status]
    if (code === undefined) textEncoder.status(output, request, status)
    else if (code !== HIT || !request.meta!.has(Flag.quiet)) putOutcome(output, request, code)
  },

  /** Without `v` the line is all there is: neither value nor tail follow. */
  hitHead(output: Output, request: Request, hit: Hit): void {
    if (request.meta!.wantsValue) {
      output.put(VALUE)
      output.at = putUint(output.bytes, output.at, hit.valueSize)
    } else {
      output.put(HIT)
    }
    putItem(output, request, hit)
    textEncoder.hitTail(output)
  },

  hitTail(output: Output): void {
    textEncoder.hitTail(output)
  },

  miss(output: Output, request: Request): void {
    if (!request.meta!.has(Flag.quiet)) putOutcome(output, request, MISS)
  },

  number(output: Output, request: Request, value: bigint): void {
    const meta = request.meta!
    if (meta.has(Flag.quiet)) return
    const digits = latin1(value.toString())
    const { casLow, casHigh } = request
    metaEncoder.hitHead(output, request, {
      clientFlags: 0,
      casLow,
      casHigh,
      valueSize: digits.length,
    })
    if (!meta.wantsValue) return
    output.put(digits)
    textEncoder.hitTail(output)
  },

  version(output: Output, request: Request, version: Uint8Array): void {
    textEncoder.version(output, request, version)
  },

  serverError(output: Output, request: Request, text: string): void {
    textEncoder.serverError(output, request, text)
  },
}
