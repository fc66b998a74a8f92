// Requests of the text protocol with the one answer that each must have: classic and meta, quiet and
// not, right and malformed. Keys belong to the client that asks, so what it has stored is there.

import type { Prng } from '../../src/base/prng.ts'
import { letters, type Model, type Step } from './step-model.ts'

const NON_NUMERIC = 'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n'
const BAD_FORMAT = 'CLIENT_ERROR bad command line format\r\n'

/** What is wrong in itself; nothing of it reaches a node. */
const MALFORMED: readonly (readonly [send: string, reply: string])[] = [
  ['bogus command\r\n', 'ERROR\r\n'],
  ['get\r\n', BAD_FORMAT],
  ['set a 0 0\r\n', BAD_FORMAT],
  ['set a 0 0 -1\r\n', BAD_FORMAT],
  ['set a b c 3\r\nabc\r\n', BAD_FORMAT],
  [`set ${'k'.repeat(251)} 0 0 3\r\nabc\r\n`, BAD_FORMAT],
  // The data block ends elsewhere than it says.
  ['set a 0 0 3\r\nabcde', 'CLIENT_ERROR bad data chunk\r\n'],
  ['set a 0 0 3 noreply\r\nabcde', ''],
  ['incr a x\r\n', 'CLIENT_ERROR invalid numeric delta argument\r\n'],
  ['touch a x\r\n', 'CLIENT_ERROR invalid exptime argument\r\n'],
  ['ms a x\r\n', BAD_FORMAT],
  ['ms a 3 Z\r\nabc\r\n', 'CLIENT_ERROR invalid flag\r\n'],
  ['ms a 3 q q\r\nabc\r\n', 'CLIENT_ERROR duplicate flag\r\n'],
  ['mg a Z\r\n', 'CLIENT_ERROR invalid flag\r\n'],
  ['md ! b\r\n', 'CLIENT_ERROR error decoding key\r\n'],
  ['ma a Mx\r\n', 'CLIENT_ERROR invalid mode for ma M token\r\n'],
  ['version\r\n', 'VERSION 1.6.45\r\n'],
  ['mn\r\n', 'MN\r\n'],
  ['me\r\n', BAD_FORMAT],
  ['config get nothing\r\n', 'END\r\n'],
]

export function textStep(prng: Prng, model: Model): Step {
  const roll = prng.below(100)
  if (roll < 8) return malformed(prng)
  if (roll < 30) return get(prng, model)
  if (roll < 50) return store(prng, model)
  if (roll < 58) return remove(prng, model)
  if (roll < 64) return count(prng, model)
  if (roll < 68) return touch(prng, model)
  if (roll < 80) return metaGet(prng, model)
  if (roll < 90) return metaSet(prng, model)
  if (roll < 94) return metaDelete(prng, model)
  return metaCount(prng, model)
}

function malformed(prng: Prng): Step {
  const [send, reply] = MALFORMED[prng.below(MALFORMED.length)]!
  return { send, reply }
}

function get(prng: Prng, model: Model): Step {
  const touches = prng.below(4) === 0
  // A line over 2048 bytes is only taken where it begins with get.
  const most = !touches && prng.below(20) === 0 ? 100 : 6
  const keys = Array.from({ length: 1 + prng.below(most) }, () => model.anyKey(prng))
  const hits = keys.map(key => {
    const item = model.items.get(key)
    if (item === undefined) return ''
    return `VALUE ${key} ${item.flags} ${item.value.length}\r\n${item.value}\r\n`
  })
  const verb = touches ? 'gat 0' : 'get'
  return { send: `${verb} ${keys.join(' ')}\r\n`, reply: `${hits.join('')}END\r\n` }
}

const VERBS = ['set', 'set', 'add', 'replace', 'append', 'prepend'] as const
type Verb = (typeof VERBS)[number]

function store(prng: Prng, model: Model): Step {
  const key = model.textKey(prng)
  const verb = model.isLong(key) ? 'set' : VERBS[prng.below(VERBS.length)]!
  const quiet = prng.below(3) === 0
  const { value, flags } = { value: letters(prng), flags: prng.below(1000) }
  const send = `${verb} ${key} ${flags} 0 ${value.length}${quiet ? ' noreply' : ''}\r\n${value}\r\n`
  const isStored = put(model, verb, key, value, flags)
  const reply = isStored ? 'STORED\r\n' : 'NOT_STORED\r\n'
  return { send, reply: quiet ? '' : reply }
}

export function put(model: Model, verb: Verb, key: string, value: string, flags: number): boolean {
  const there = model.items.get(key)
  if (verb === 'set') {
    model.items.set(key, { value, flags })
    return true
  }
  if ((there === undefined) !== (verb === 'add')) return false
  const item = there ?? { value: '', flags }
  const joined = {
    add: value,
    replace: value,
    append: item.value + value,
    prepend: value + item.value,
  }[verb]
  const keeps = verb === 'append' || verb === 'prepend'
  model.items.set(key, { value: joined, flags: keeps ? item.flags : flags })
  return true
}

function remove(prng: Prng, model: Model): Step {
  const quiet = prng.below(3) === 0
  const key = model.anyKey(prng)
  const reply = model.items.delete(key) ? 'DELETED\r\n' : 'NOT_FOUND\r\n'
  return { send: `delete ${key}${quiet ? ' noreply' : ''}\r\n`, reply: quiet ? '' : reply }
}

/** A number that never gets shorter: what is left behind one that does depends on the moment. */
export function counted(model: Model, key: string, delta: number): string | undefined {
  const item = model.items.get(key)
  if (item === undefined) return undefined
  const next = String(Number(item.value) + delta)
  if (!/^[0-9]+$/.test(item.value)) return NON_NUMERIC
  model.items.set(key, { ...item, value: next })
  return next
}

function count(prng: Prng, model: Model): Step {
  const quiet = prng.below(3) === 0
  const key = prng.below(4) === 0 ? model.textKey(prng) : model.numberKey(prng)
  const delta = 1 + prng.below(9)
  const down = prng.below(2) === 0
  const result = counted(model, key, down ? -delta : delta)
  const reply = result === undefined ? 'NOT_FOUND\r\n' : `${result.replace('\r\n', '')}\r\n`
  const send = `${down ? 'decr' : 'incr'} ${key} ${delta}${quiet ? ' noreply' : ''}\r\n`
  return { send, reply: quiet ? '' : reply }
}

function touch(prng: Prng, model: Model): Step {
  const quiet = prng.below(3) === 0
  const key = model.anyKey(prng)
  const reply = model.items.has(key) ? 'TOUCHED\r\n' : 'NOT_FOUND\r\n'
  return { send: `touch ${key} 0${quiet ? ' noreply' : ''}\r\n`, reply: quiet ? '' : reply }
}

/** Some of these flags, in any order. */
function pick(prng: Prng, from: readonly string[]): string[] {
  const chosen: string[] = []
  for (const flag of from) {
    if (prng.below(3) > 0) continue
    chosen.splice(prng.below(chosen.length + 1), 0, flag)
  }
  return chosen
}

function opaque(prng: Prng): string {
  return `O${prng.below(1e6)}`
}

/** A line of a meta command, its key sometimes in base64, and what is echoed of it. */
function metaLine(verb: string, key: string, rest: readonly string[], base64: boolean): string {
  const said = base64 ? Buffer.from(key).toString('base64') : key
  return `${[verb, said, ...rest].join(' ')}\r\n`
}

function echo(flags: readonly string[], key: string): string {
  return flags
    .map(flag => (flag === 'k' ? ` k${key}` : flag.startsWith('O') ? ` ${flag}` : ''))
    .join('')
}

function metaGet(prng: Prng, model: Model): Step {
  const key = model.anyKey(prng)
  const base64 = key.length < 100 && prng.below(5) === 0
  const flags = pick(prng, ['v', 'f', 's', 't', 'q', opaque(prng), ...(base64 ? [] : ['k'])])
  const item = model.items.get(key)
  const send = metaLine('mg', key, base64 ? ['b', ...flags] : flags, base64)
  if (item === undefined) {
    return { send, reply: flags.includes('q') ? '' : `EN${echo(flags, key)}\r\n` }
  }
  const facts = flags.map(flag => {
    if (flag === 'f') return ` f${item.flags}`
    if (flag === 's') return ` s${item.value.length}`
    return flag === 't' ? ' t-1' : echo([flag], key)
  })
  const head = flags.includes('v') ? `VA ${item.value.length}` : 'HD'
  const tail = flags.includes('v') ? `${item.value}\r\n` : ''
  return { send, reply: `${head}${facts.join('')}\r\n${tail}` }
}

const MODES: readonly (readonly [flag: string, verb: Verb])[] = [
  ['MS', 'set'],
  ['ME', 'add'],
  ['MR', 'replace'],
  ['MA', 'append'],
  ['MP', 'prepend'],
]

/** Never in base64: an item that was stored so says its key so from then on. */
function metaSet(prng: Prng, model: Model): Step {
  const key = model.textKey(prng)
  const value = letters(prng)
  const [mode, verb] = MODES[model.isLong(key) ? 0 : prng.below(MODES.length)]!
  const clientFlags = prng.below(1000)
  const flags = pick(prng, ['q', 'k', opaque(prng), 'T0'])
  const line = metaLine('ms', key, [String(value.length), mode, `F${clientFlags}`, ...flags], false)
  const isStored = put(model, verb, key, value, clientFlags)
  const reply = `${isStored ? 'HD' : 'NS'}${echo(flags, key)}\r\n`
  const isHidden = isStored && flags.includes('q')
  return { send: `${line}${value}\r\n`, reply: isHidden ? '' : reply }
}

function metaDelete(prng: Prng, model: Model): Step {
  const key = model.anyKey(prng)
  const flags = pick(prng, ['q', 'k', opaque(prng)])
  const isThere = model.items.delete(key)
  const reply = `${isThere ? 'HD' : 'NF'}${echo(flags, key)}\r\n`
  const send = metaLine('md', key, flags, false)
  return { send, reply: isThere && flags.includes('q') ? '' : reply }
}

function metaCount(prng: Prng, model: Model): Step {
  const key = prng.below(4) === 0 ? model.textKey(prng) : model.numberKey(prng)
  const delta = 1 + prng.below(9)
  const down = prng.below(2) === 0
  const creates = prng.below(2) === 0
  const echoed = pick(prng, ['q', 'k', opaque(prng), 'v'])
  const asked = [down ? 'MD' : 'MI', `D${delta}`, ...(creates ? ['N0', 'J5000000'] : [])]
  const send = metaLine('ma', key, [...asked, ...echoed], false)
  let result = counted(model, key, down ? -delta : delta)
  if (result === NON_NUMERIC) return { send, reply: NON_NUMERIC }
  if (result === undefined && creates) {
    result = '5000000'
    model.items.set(key, { value: result, flags: 0 })
  }
  if (result === undefined) return { send, reply: `NF${echo(echoed, key)}\r\n` }
  if (echoed.includes('q')) return { send, reply: '' }
  const hasValue = echoed.includes('v')
  const head = hasValue ? `VA ${result.length}` : 'HD'
  return { send, reply: `${head}${echo(echoed, key)}\r\n${hasValue ? `${result}\r\n` : ''}` }
}
