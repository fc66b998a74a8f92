// Meta commands for the oracle test: flags that Debian's memcached knows, in any order.
//
// 1.6.18 is not asked what it answers otherwise (each is in the transcripts, with its reason in
// older.ts): E, md x, ms s, N with MA and MP, C with mg v, ma with q and N, and wrong flags of md.
// Left out, because every memcached answers otherwise (newer.ts): ma with T or E.
// Left out, because it looks for minus signs behind them: numbers of 2^63 and more.
// Left out, because time decides: T and N in the past with t.

import * as fc from 'fast-check'

const names = ['a', 'b', 'c', 'n', 'm', 'k'.repeat(100), 'key\x01\xfe']
const plain = fc.constantFrom(...names).map(key => ({ key, base64: '' }))
const encoded = fc
  .constantFrom(...names)
  .map(key => ({ key: Buffer.from(key, 'latin1').toString('base64'), base64: 'b' }))
const anyKey = fc.oneof({ weight: 3, arbitrary: plain }, { weight: 1, arbitrary: encoded })
const opaque = fc.constantFrom('O', 'O1', 'Oabc', `O${'o'.repeat(31)}`)
const compare = fc.constantFrom('C0', 'C1', 'C18446744073709551615')
/** Far from what servers count. */
const explicit = fc.constantFrom('9000000000000000001', '9000000000000000002')
const newCas = explicit.map(cas => `E${cas}`)
const compareAny = fc.oneof(
  compare,
  explicit.map(cas => `C${cas}`),
)
const ttl = fc.constantFrom('T0', 'T1000', 'T2592000')
const vivify = fc.constantFrom('N0', 'N1000')
const clientFlags = fc.constantFrom('F0', 'F7', 'F4294967295', 'F003')

function word(text: string): fc.Arbitrary<string> {
  return fc.constant(text)
}

/** Some of these, in any order, the key's own flag among them. */
function line(verb: string, size: string, flags: readonly fc.Arbitrary<string>[]) {
  return fc
    .tuple(anyKey, fc.shuffledSubarray([...flags]), fc.nat(10))
    .chain(([{ key, base64 }, chosen, at]) =>
      fc.tuple(...chosen).map(words => {
        const list = words as string[]
        const place = Math.min(at, list.length)
        const all = [...list.slice(0, place), base64, ...list.slice(place)]
        return [verb, key, size, ...all].filter(text => text !== '').join(' ')
      }),
    )
}

const echoes = [word('k'), opaque]
const get = line('mg', '', [
  ...['v', 's', 'f', 't', 'c', 'h', 'l', 'u', 'q', 'P', 'Lx'].map(word),
  ...echoes,
  ttl,
  vivify,
  fc.constantFrom('R0', 'R30', 'R2000'),
])
const value = fc.constantFrom('', 'x', '1', '99', '922337203685477580', 'a\r\nb', 'v'.repeat(500))
const set = value.chain(data =>
  line('ms', String(data.length), [
    ...echoes,
    word('c'),
    word('q'),
    word('I'),
    ttl,
    clientFlags,
    compare,
    fc.constantFrom('ME', 'MA', 'MP', 'MR', 'MS', 'MS'),
  ]).map(head => `${head}\r\n${data}`),
)
const remove = line('md', '', [...echoes, word('q'), compare, word('I'), ttl])
const arithmetic = line('ma', '', [
  ...['v', 't', 'c'].map(word),
  ...echoes,
  vivify,
  compare,
  fc.constantFrom('MI', 'MD', 'M+', 'M-'),
  fc.constantFrom('D0', 'D1', 'D9', 'D1000', 'D18446744073709551615'),
  fc.constantFrom('J0', 'J5', 'J922337203685477580'),
])
const wrong = fc.constantFrom(
  'mg a z',
  'mg a v v',
  'mg a Tx',
  'mg a C',
  'mg a Dx',
  'mg a b',
  `mg missing Oo${'o'.repeat(31)}`,
  `mg ${'k'.repeat(251)}`,
  'ma a z',
  'ma a MZ',
  'ma a Jx q',
  'ms a x',
  'ms a -1',
  'ms a 2 z\r\nhi',
  'ms a 2 MZ\r\nhi',
  'ms a 2 Tx\r\nhi',
  'ms a 2 q\r\nabXXbogus',
  'mz a',
)
const noop = fc.constantFrom('mn', 'mn x')

const newerGet = line('mg', '', [
  ...['v', 's', 'f', 't', 'c', 'h', 'l', 'u', 'q'].map(word),
  ...echoes,
  ttl,
  vivify,
  compareAny,
  newCas,
])
const newerSet = value.chain(data =>
  line('ms', String(data.length), [
    ...echoes,
    ...['c', 'q', 's', 'I'].map(word),
    ttl,
    vivify,
    clientFlags,
    compareAny,
    newCas,
    fc.constantFrom('ME', 'MA', 'MP', 'MR', 'MS', 'MS', 'MSET', 'MAPPEND'),
  ]).map(head => `${head}\r\n${data}`),
)
const newerRemove = line('md', '', [
  ...echoes,
  ...['q', 'x', 'I'].map(word),
  compareAny,
  newCas,
  ttl,
])
const newerArithmetic = line('ma', '', [
  ...['v', 't', 'c', 'q', 's', 'f'].map(word),
  ...echoes,
  vivify,
  compareAny,
  fc.constantFrom('MI', 'MD', 'MINCR', 'M-'),
  fc.constantFrom('D1', 'D1000', 'D0000000000000000000009'),
  fc.constantFrom('J0', 'J5'),
])
const newerWrong = fc.constantFrom(
  'mg a T+5',
  'mg a T000000000005',
  'mg a F4294967296',
  'mg a %',
  'md a z',
  'md a Tx',
  'md a q q',
  'md a ~',
  'ma a D+1',
  `ma ${'k'.repeat(251)}`,
  'ms a +2',
  'ms a 2 %\r\nhi',
  `ms ${'k'.repeat(251)} 2\r\nhi`,
  'me none',
  'mg',
  'ms a',
  'mg a T2147483648',
)

const older: fc.Arbitrary<string> = fc
  .oneof(
    { weight: 10, arbitrary: get },
    { weight: 8, arbitrary: set },
    { weight: 3, arbitrary: remove },
    { weight: 5, arbitrary: arithmetic },
    { weight: 1, arbitrary: wrong },
    { weight: 1, arbitrary: noop },
  )
  .map(text => `${text}\r\n`)
const newer: fc.Arbitrary<string> = fc
  .oneof(
    { weight: 5, arbitrary: newerGet },
    { weight: 8, arbitrary: newerSet },
    { weight: 4, arbitrary: newerRemove },
    { weight: 5, arbitrary: newerArithmetic },
    { weight: 1, arbitrary: newerWrong },
  )
  .map(text => `${text}\r\n`)

/** Meta commands that memcached 1.6.18 takes as a node does, or that 1.6.45 does. */
export const metaCommands = { older, newer: fc.oneof(older, newer) }

/** Seconds left, in steps too wide for the moment between two servers to show. */
const TTL_STEP = 500

/** A line of a meta answer, its cas as `named`, its times made coarse. */
export function normaliseMeta(row: string, named: (cas: string) => string): string {
  return row
    .replace(/ c(\d+)/, (_, cas: string) => (cas === '0' ? ' c0' : ` c${named(cas)}`))
    .replace(/ t(\d+)/, (_, left: string) => ` t<${Math.ceil(Number(left) / TTL_STEP)}`)
    .replace(/ l\d+/, ' l')
}
