/**
 * Requests towards nodes in the meta protocol; never quiet: every one is answered.
 *
 * Meta clients' requests go on as they came, flag by flag, less what is the router's business: `q`,
 * and the flags that memcached keeps for proxies (L and P). Binary clients' requests become meta
 * commands wherever the classic ones have no words for them: a cas in every answer, a cas to
 * compare with in every write, counters that begin by themselves, keys that are no text.
 */
import { encodeBase64 } from '../base/base64.ts'
import { latin1, putUint, putUint64 } from '../base/bytes.ts'
import { binaryEncoder } from '../protocol/binary-encoder.ts'
import { Command } from '../protocol/command.ts'
import { KEY_MAX } from '../protocol/limits.ts'
import { Flag, type MetaFlags } from '../protocol/meta-flags.ts'
import type { Output } from '../protocol/output.ts'
import type { Request } from '../protocol/request.ts'
import { textEncoder } from '../protocol/text-encoder.ts'
import { endsToken, isTextKey } from '../protocol/text-line.ts'
import { putExptime, putInt, putSpace, SPACE } from './request-numbers.ts'

/** A key that is no text goes as base64, which has a third more bytes. */
const BASE64_KEY_MAX = Math.floor(KEY_MAX / 4) * 3

const VERBS: Readonly<Record<number, Uint8Array>> = {
  [Command.metaGet]: latin1('mg '),
  [Command.metaSet]: latin1('ms '),
  [Command.metaDelete]: latin1('md '),
  [Command.metaArithmetic]: latin1('ma '),
  [Command.metaDebug]: latin1('me '),
}

/** M and a letter, for what `ms` and `ma` do not do by themselves. */
const MODES: Readonly<Record<number, Uint8Array>> = {
  [Command.add]: latin1(' ME'),
  [Command.replace]: latin1(' MR'),
  [Command.append]: latin1(' MA'),
  [Command.prepend]: latin1(' MP'),
  [Command.decr]: latin1(' MD'),
}

const BASE64 = latin1(' b')
const FACTS = latin1(' f c')
const WHOLE = latin1(' v f c')
const NUMBER = latin1(' v c')
const CAS = latin1(' c')

/** Whether a node can be told the key, and can say it again on one line. */
export function isKeySayable(request: Request): boolean {
  const { command, encoder, key, keyAt, keySize } = request
  if (command === Command.metaDebug && endsToken(key, keyAt, keySize)) return false
  if (keySize <= BASE64_KEY_MAX) return true
  return encoder === binaryEncoder ? isTextKey(key, keyAt, keySize) : !hasNul(request)
}

/** Whether words can stand on one line: what a binary client sends may hold anything. */
export function areSayable(words: readonly string[]): boolean {
  const bytes = latin1(words.join(''))
  return bytes.length + words.length <= KEY_MAX && isTextKey(bytes, 0, bytes.length)
}

/** Whether the answer's key is the router's to say: the node might break its line with it. */
export function isKeyKeptBack(request: Request): boolean {
  const { meta, key, keyAt, keySize } = request
  return meta !== undefined && meta.has(Flag.key) && endsToken(key, keyAt, keySize)
}

/** A meta client's request as it goes on. */
export function putMetaLine(output: Output, request: Request): Command {
  const { command } = request
  const meta = request.meta!
  const isDebug = command === Command.metaDebug
  const isText = isTextKey(request.key, request.keyAt, request.keySize)
  // A NUL would end the line of an older memcached, and data behind it be read as commands.
  const needsBase64 = isDebug ? !isText : !isText && hasNul(request)
  const isBase64 = needsBase64 || (!isDebug && meta.has(Flag.base64))
  putStart(output, request, command, isBase64)
  if (needsBase64) output.put(BASE64)
  const keepsKey = isKeyKeptBack(request)
  const isSet = command === Command.metaSet
  for (let i = 0; i < (isDebug ? 0 : meta.count); i += 1) {
    const letter = meta.bytes[i]!
    if (isOurs(letter) || (isSet && !isOfSet(letter))) continue
    if ((keepsKey && letter === Flag.key) || (needsBase64 && letter === Flag.base64)) continue
    putSpace(output)
    output.bytes[output.at] = letter
    output.at += 1
    putArgument(output, request, meta, letter)
  }
  textEncoder.hitTail(output)
  return command
}

export function hasNul({ key, keyAt, keySize }: Request): boolean {
  for (let i = keyAt; i < keyAt + keySize; i += 1) if (key[i] === 0) return true
  return false
}

/**
 * The flags that mean something to `ms`. Others do nothing, but one more than an older memcached
 * can count makes it read the data as commands.
 */
function isOfSet(letter: number): boolean {
  return OF_SET[letter] === 1
}

const OF_SET = new Uint8Array(128)
for (const letter of Buffer.from('bcksOFTIMCEN', 'latin1')) OF_SET[letter] = 1

function isOurs(letter: number): boolean {
  return letter === Flag.quiet || letter === Flag.proxyLog || letter === Flag.proxyPath
}

function putArgument(output: Output, request: Request, meta: MetaFlags, letter: number): void {
  switch (letter) {
    case Flag.opaque:
      // Its letter is the first byte of what was kept.
      output.at -= 1
      output.copy(meta.bytes, meta.opaqueAt, meta.opaqueSize)
      return
    case Flag.mode:
      output.bytes[output.at] = meta.mode
      output.at += 1
      return
    case Flag.newTtl:
      putInt(output, meta.exptime)
      return
    case Flag.vivify:
      putInt(output, meta.vivifyExptime)
      return
    case Flag.recache:
      putInt(output, meta.recacheExptime)
      return
    case Flag.setClientFlags:
      output.at = putUint(output.bytes, output.at, request.clientFlags)
      return
    case Flag.compareCas:
      output.at = putUint64(output.bytes, output.at, request.casLow, request.casHigh)
      return
    case Flag.newCas:
      output.at = putUint64(output.bytes, output.at, meta.newCasLow, meta.newCasHigh)
      return
    case Flag.initial:
      output.put(latin1(request.initial.toString()))
      return
    case Flag.delta:
      output.put(latin1(request.delta.toString()))
      return
    default:
  }
}

/** A binary or classic client's request as a meta command; which one. */
export function putTranslatedLine(output: Output, request: Request): Command {
  const { command } = request
  const verb = translationOf(command)
  const isBase64 = !isTextKey(request.key, request.keyAt, request.keySize)
  putStart(output, request, verb, isBase64)
  if (isBase64) output.put(BASE64)
  switch (command) {
    case Command.get:
    case Command.gets:
      output.put(WHOLE)
      break
    case Command.gat:
    case Command.gats:
      output.put(WHOLE)
      putTtl(output, Flag.newTtl, request.exptime)
      break
    case Command.touch:
      output.put(FACTS)
      putTtl(output, Flag.newTtl, request.exptime)
      break
    case Command.delete:
      break
    case Command.incr:
    case Command.decr:
      output.put(NUMBER)
      putCounter(output, request)
      break
    default:
      output.put(CAS)
      putStored(output, request)
  }
  const mode = MODES[command]
  if (mode) output.put(mode)
  // A read has no cas to compare, whatever its header says.
  const hasCas = request.casLow !== 0 || request.casHigh !== 0
  if (hasCas && verb !== Command.metaGet) putCas(output, request)
  textEncoder.hitTail(output)
  return verb
}

function translationOf(command: Command): Command {
  switch (command) {
    case Command.get:
    case Command.gets:
    case Command.gat:
    case Command.gats:
    case Command.touch:
      return Command.metaGet
    case Command.delete:
      return Command.metaDelete
    case Command.incr:
    case Command.decr:
      return Command.metaArithmetic
    default:
      return Command.metaSet
  }
}

/** Verb and key, and the size of what `ms` stores. */
function putStart(output: Output, request: Request, verb: Command, isBase64: boolean): void {
  const { key, keyAt, keySize } = request
  output.put(VERBS[verb]!)
  if (isBase64) output.at = encodeBase64(output.bytes, output.at, key, keyAt, keySize)
  else output.copy(key, keyAt, keySize)
  if (verb !== Command.metaSet) return
  putSpace(output)
  output.at = putUint(output.bytes, output.at, request.valueSize)
}

function putLetter(output: Output, letter: number): void {
  output.bytes[output.at] = SPACE
  output.bytes[output.at + 1] = letter
  output.at += 2
}

function putTtl(output: Output, letter: number, exptime: number): void {
  putLetter(output, letter)
  putExptime(output, exptime)
}

function putCas(output: Output, { casLow, casHigh }: Request): void {
  putLetter(output, Flag.compareCas)
  output.at = putUint64(output.bytes, output.at, casLow, casHigh)
}

/** What is joined to an item keeps that item's flags and lifetime. */
function putStored(output: Output, { command, clientFlags, exptime }: Request): void {
  if (command === Command.append || command === Command.prepend) return
  putLetter(output, Flag.setClientFlags)
  output.at = putUint(output.bytes, output.at, clientFlags)
  putTtl(output, Flag.newTtl, exptime)
}

function putCounter(output: Output, { delta, creates, initial, exptime }: Request): void {
  putLetter(output, Flag.delta)
  output.put(latin1(delta.toString()))
  if (!creates) return
  putLetter(output, Flag.initial)
  output.put(latin1(initial.toString()))
  putTtl(output, Flag.vivify, exptime)
}
