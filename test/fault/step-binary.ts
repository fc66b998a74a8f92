// Requests of the binary protocol with the answer that each must have, but for its cas, which is
// masked: quiet and not, keys that text cannot hold, opcodes that are none.

import type { Prng } from '../../src/base/prng.ts'
import { Opcode } from '../../src/protocol/binary-layout.ts'
import { error, reply, request, u32 } from '../unit/session/binary-support.ts'
import { letters, type Model, type Step } from './step-model.ts'
import { counted, put } from './step-text.ts'

const HEADER = 24
const CAS_AT = 16
const STATUS_NOT_FOUND = 1
const STATUS_EXISTS = 2
const STATUS_NOT_STORED = 5
const STATUS_NON_NUMERIC = 6
const STATUS_UNKNOWN = 0x81
const NEVER = 0xffffffff
const EXISTS = 'Data exists for key.'

export function binaryStep(prng: Prng, model: Model): Step {
  const opaque = prng.below(2 ** 31)
  const roll = prng.below(100)
  if (roll < 35) return get(prng, model, opaque)
  if (roll < 60) return store(prng, model, opaque)
  if (roll < 70) return join(prng, model, opaque)
  if (roll < 80) return remove(prng, model, opaque)
  if (roll < 92) return count(prng, model, opaque)
  if (roll < 96)
    return { send: request(Opcode.noop, { opaque }), reply: reply(Opcode.noop, 0, { opaque }) }
  return unknown(opaque)
}

/** Cas uniques as zeros; what is no reply stays as it is, and so differs. */
export function withoutCas(bytes: Buffer): Buffer {
  const masked = Buffer.from(bytes)
  for (let at = 0; at + HEADER <= masked.length; ) {
    masked.fill(0, at + CAS_AT, at + HEADER)
    at += HEADER + masked.readUInt32BE(at + 8)
  }
  return masked
}

function unknown(opaque: number): Step {
  const send = request(0x77, { key: 'k', value: 'flush_all\r\n', opaque })
  return { send, reply: error(0x77, STATUS_UNKNOWN, 'Unknown command', opaque) }
}

const GETS = [Opcode.get, Opcode.getq, Opcode.getk, Opcode.getkq] as const
const GATS = [Opcode.gat, Opcode.gatq, Opcode.gatk, Opcode.gatkq] as const

function get(prng: Prng, model: Model, opaque: number): Step {
  const touches = prng.below(4) === 0
  const form = prng.below(4)
  const opcode = (touches ? GATS : GETS)[form]!
  const key = model.anyKey(prng)
  const extras = touches ? u32(0) : ''
  const send = request(opcode, { key, extras, opaque })
  const item = model.items.get(key)
  const [isQuiet, withKey] = [form % 2 === 1, form >= 2]
  if (item === undefined) {
    if (isQuiet) return { send, reply: '' }
    const missed = withKey
      ? reply(opcode, STATUS_NOT_FOUND, { key, opaque })
      : error(opcode, STATUS_NOT_FOUND, 'Not found', opaque)
    return { send, reply: missed }
  }
  const found = { extras: u32(item.flags), value: item.value, opaque }
  return { send, reply: reply(opcode, 0, withKey ? { ...found, key } : found) }
}

const STORES = [
  ['set', Opcode.set, Opcode.setq, 0, ''],
  ['add', Opcode.add, Opcode.addq, STATUS_EXISTS, EXISTS],
  ['replace', Opcode.replace, Opcode.replaceq, STATUS_NOT_FOUND, 'Not found'],
] as const

function store(prng: Prng, model: Model, opaque: number): Step {
  const [verb, loud, quiet, status, words] = STORES[prng.below(STORES.length)]!
  const isQuiet = prng.below(2) === 0
  const opcode = isQuiet ? quiet : loud
  const key = model.textKey(prng)
  const value = letters(prng)
  const flags = prng.below(1000)
  const send = request(opcode, { key, value, extras: u32(flags, 0), opaque })
  if (!put(model, verb, key, value, flags)) {
    return { send, reply: error(opcode, status, words, opaque) }
  }
  return { send, reply: isQuiet ? '' : reply(opcode, 0, { opaque }) }
}

function join(prng: Prng, model: Model, opaque: number): Step {
  const key = model.textKey(prng)
  if (model.isLong(key)) return remove(prng, model, opaque)
  const isAppend = prng.below(2) === 0
  const isQuiet = prng.below(2) === 0
  const loud = isAppend ? Opcode.append : Opcode.prepend
  const opcode = isQuiet ? (isAppend ? Opcode.appendq : Opcode.prependq) : loud
  const value = letters(prng)
  const send = request(opcode, { key, value, opaque })
  if (!put(model, isAppend ? 'append' : 'prepend', key, value, 0)) {
    return { send, reply: error(opcode, STATUS_NOT_STORED, 'Not stored.', opaque) }
  }
  return { send, reply: isQuiet ? '' : reply(opcode, 0, { opaque }) }
}

function remove(prng: Prng, model: Model, opaque: number): Step {
  const isQuiet = prng.below(2) === 0
  const opcode = isQuiet ? Opcode.deleteq : Opcode.delete
  const key = model.anyKey(prng)
  const send = request(opcode, { key, opaque })
  if (!model.items.delete(key)) {
    return { send, reply: error(opcode, STATUS_NOT_FOUND, 'Not found', opaque) }
  }
  return { send, reply: isQuiet ? '' : reply(opcode, 0, { opaque }) }
}

function count(prng: Prng, model: Model, opaque: number): Step {
  const key = prng.below(4) === 0 ? model.textKey(prng) : model.numberKey(prng)
  const isQuiet = prng.below(2) === 0
  const down = prng.below(2) === 0
  const creates = prng.below(2) === 0
  const delta = 1 + prng.below(9)
  const loud = down ? Opcode.decrement : Opcode.increment
  const opcode = isQuiet ? (down ? Opcode.decrementq : Opcode.incrementq) : loud
  const isText = model.isText(key)
  // A text key that is not there would become a number, and be asked for as text later.
  const exptime = creates && !isText ? 0 : NEVER
  const send = request(opcode, { key, extras: u32(0, delta, 0, 5_000_000, exptime), opaque })
  let result = counted(model, key, down ? -delta : delta)
  if (result === undefined && exptime === 0) {
    result = '5000000'
    model.items.set(key, { value: result, flags: 0 })
  }
  if (result === undefined) {
    return { send, reply: error(opcode, STATUS_NOT_FOUND, 'Not found', opaque) }
  }
  if (isText) {
    const words = 'Non-numeric server-side value for incr or decr'
    return { send, reply: error(opcode, STATUS_NON_NUMERIC, words, opaque) }
  }
  return { send, reply: isQuiet ? '' : reply(opcode, 0, { value: u32(0, Number(result)), opaque }) }
}
