// Generates what the oracle test sends: steps of commands, right and wrong, with few keys
// so that they meet. Most steps are batches that Debian's memcached and a node must answer with
// the same bytes; where 1.6.18 is known to answer otherwise, a step states both answers.
//
// Left out, because memcached 1.6.18 itself is not of one mind (each is in the transcripts):
//   blank values under incr   it reads on into the memory behind the value
//   minus signs in values      with 2^63 and more it looks for one in the memory behind, too
//   signs on sizes, deltas    it takes them and changes state that a node leaves alone
//   exptimes past 32 bits     it cuts them in touch and gat, and again changes state
//   delayed flush_all         what it flushed comes back to life when the next delay is set
//   incr after a pipelined get  the unsent answer holds the item, so the result is not padded:
//                               the runner waits for all answers before an incr or decr
//   incr of over 512 kB       it refuses chunked items; large values have a key of their own

import * as fc from 'fast-check'
import { Older } from './older.ts'
import { metaCommands } from './oracle-meta.ts'

interface Differs {
  readonly kind: 'differs'
  readonly send: string
  readonly memcached: string
  /** What 1.6.45 answers, if not what a node does. */
  readonly newer?: string
  readonly node: string
  readonly reason: string
}

export type Step =
  | { readonly kind: 'batch'; readonly commands: readonly string[] }
  | Differs
  /** gets, then cas with what it said, give or take `off`. */
  | { readonly kind: 'cas'; readonly key: string; readonly off: number; readonly rest: string }

const FORMAT = 'CLIENT_ERROR bad command line format\r\n'
const ERROR = 'ERROR\r\n'
const BIG_KEY = 'big'

const key = fc.constantFrom('a', 'b', 'c', 'n', 'm', 'k'.repeat(250), 'key\x01\xfe')
const anyKey = fc.oneof({ weight: 8, arbitrary: key }, fc.constantFrom(BIG_KEY, 'missing'))
const flags = fc.constantFrom('0', '0', '1', '7', '65535', '+3', '4294967295', '4294967297')
const exptime = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('0', '0', '0', '1000', '2592000', '+100') },
  fc.constantFrom('-1', '-100', '2592001', '1000000000', '2147483647', '2147483648', '4294967296'),
)
const touchExptime = fc.constantFrom('0', '0', '0', '1000', '-1', '1000000000', '2147483647')
const noreply = fc.constantFrom('', '', '', ' noreply')
/** Between words and at the end of a line. */
const space = fc.constantFrom(' ', ' ', ' ', ' ', '  ', '     ')
const trailing = fc.constantFrom('', '', '', '', ' ', '   ')
const lineEnd = fc.constantFrom('\r\n', '\r\n', '\r\n', '\n')

const number = fc.constantFrom(
  '0',
  '1',
  '5',
  '9',
  '99',
  '100',
  '007',
  ' 5',
  '5 x',
  '18446744073709551615',
  '18446744073709551614',
)
const text = fc.constantFrom(
  '',
  'x',
  '1.0',
  'ab',
  'a\r\nb',
  'END\r\nget a',
  '\x00\xff\x80',
  '99999999999999999999',
)
const run = fc
  .tuple(fc.constantFrom('v', 'w'), fc.integer({ min: 1, max: 3_000 }))
  .map(([one, size]) => one.repeat(size))
const value = fc.oneof(
  { weight: 6, arbitrary: number },
  { weight: 4, arbitrary: text },
  { weight: 1, arbitrary: run },
)
const bigValue = fc
  .constantFrom(16_383, 16_384, 16_385, 40_000, 200_000)
  .map(size => 'B'.repeat(size))

/** Words with odd spacing, then the line end. */
function line(words: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> {
  return fc
    .tuple(fc.tuple(...words), fc.array(space, { minLength: 12, maxLength: 12 }), trailing, lineEnd)
    .map(([parts, gaps, tail, end]) => {
      const shown = parts.filter(part => part !== '').map(part => part.trimStart())
      return shown.map((part, at) => (at === 0 ? '' : gaps[at]) + part).join('') + tail + end
    })
}

const storageVerb = fc.constantFrom('set', 'set', 'set', 'add', 'replace', 'append', 'prepend')

function storage(keys: fc.Arbitrary<string>, values: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return values.chain(data =>
    line([storageVerb, keys, flags, exptime, fc.constant(String(data.length)), noreply]).map(
      head => `${head}${data}\r\n`,
    ),
  )
}

const staleCas = value.chain(data =>
  line([
    fc.constant('cas'),
    key,
    flags,
    exptime,
    fc.constant(String(data.length)),
    fc.constantFrom('0', '18446744073709551615'),
    noreply,
  ]).map(head => `${head}${data}\r\n`),
)

const keys = fc
  .array(anyKey, { minLength: 1, maxLength: 40 })
  .map(list => list.filter((one, at) => one !== BIG_KEY || list.indexOf(one) === at).join(' '))
const retrieval = line([fc.constantFrom('get', 'get', 'gets'), keys])
const getAndTouch = line([fc.constantFrom('gat', 'gats'), touchExptime, keys])
const wrongExptime = line([
  fc.constantFrom('touch', 'gat', 'gats'),
  fc.constant('x'),
  fc.constantFrom('x', '1x', '--1'),
])
const removal = line([fc.constant('delete'), anyKey, fc.constantFrom('', '', '0'), noreply])
const touch = line([fc.constant('touch'), anyKey, touchExptime, noreply])
const delta = fc.constantFrom('0', '1', '1', '9', '90', '1000', '18446744073709551615', '007')
const wrongDelta = fc.constantFrom('x', '-1', '1x', '1.5', '18446744073709551616')
const arithmetic = line([
  fc.constantFrom('incr', 'decr'),
  key,
  fc.oneof({ weight: 9, arbitrary: delta }, wrongDelta),
  noreply,
])
const administration = fc.oneof(
  line([fc.constant('flush_all'), fc.constantFrom('', '0', '-1'), noreply]),
  line([fc.constant('flush_all'), fc.constant('x'), noreply]),
  line([fc.constant('verbosity'), fc.constantFrom('0', 'x', '-1'), noreply]),
)
const unknown = fc.constantFrom(
  'bogus\r\n',
  'GET a\r\n',
  'get\ta\r\n',
  'getx a\r\n',
  'set1 a 0 0 1\r\n',
  'abcd\n',
  'stats bogus\r\n',
)
const badChunk = fc
  .tuple(storageVerb, key, value)
  .map(([verb, one, data]) => `${verb} ${one} 0 0 ${data.length}\r\n${data}~~bogus\r\n`)
const shortBlock = key.map(one => `set ${one} 0 0 6\r\nab\r\nget bogus\r\n`)
const wrongSize = fc
  .tuple(storageVerb, key, fc.constantFrom('x', '-1', '1x', '1.5', '2147483646', '2147483647'))
  .map(([verb, one, size]) => `${verb} ${one} 0 0 ${size}\r\n`)
const longKey = fc
  .constantFrom('delete K', 'incr K 1', 'decr K 1', 'touch K 0', 'delete K noreply')
  .map(form => `${form.replace('K', 'k'.repeat(251))}\r\n`)
const tooLarge = fc
  .constantFrom('set', 'add', 'append')
  .map(verb => `${verb} ${BIG_KEY} 0 0 1048600\r\n${'L'.repeat(1_048_600)}\r\n`)

const ownCommands = fc.oneof(
  { weight: 300, arbitrary: storage(key, value) },
  { weight: 8, arbitrary: storage(fc.constant(BIG_KEY), bigValue) },
  { weight: 30, arbitrary: staleCas },
  { weight: 160, arbitrary: retrieval },
  { weight: 40, arbitrary: getAndTouch },
  { weight: 10, arbitrary: wrongExptime },
  { weight: 60, arbitrary: removal },
  { weight: 40, arbitrary: touch },
  { weight: 120, arbitrary: arithmetic },
  { weight: 10, arbitrary: administration },
  { weight: 15, arbitrary: unknown },
  { weight: 15, arbitrary: badChunk },
  { weight: 8, arbitrary: shortBlock },
  { weight: 15, arbitrary: wrongSize },
  { weight: 8, arbitrary: longKey },
  { weight: 1, arbitrary: tooLarge },
)

function batch(meta: fc.Arbitrary<string>): fc.Arbitrary<Step> {
  const command = fc.oneof({ weight: 8, arbitrary: ownCommands }, { weight: 3, arbitrary: meta })
  return fc
    .array(command, { minLength: 1, maxLength: 24, size: 'max' })
    .map(commands => ({ kind: 'batch', commands }))
}

const cas: fc.Arbitrary<Step> = fc
  .tuple(key, fc.constantFrom(0, 0, 0, -1, 1), flags, exptime, value, noreply)
  .map(([one, off, flag, time, data, quiet]) => ({
    kind: 'cas',
    key: one,
    off,
    rest: `cas ${one} ${flag} ${time} ${data.length} UNIQUE${quiet}\r\n${data}\r\n`,
  }))

/** Where the two answer differently, and what each must say. */
const differences: readonly Step[] = [
  ...['get', 'gets', 'gat', 'set a', 'set a 0 0', 'cas a 0 0', 'incr n', 'touch a', 'delete'].map(
    (send): Step => differs(`${send}\r\n`, ERROR, FORMAT, Older.tooFew),
  ),
  differs('cas a 0 0 1\r\nx\r\n', ERROR + ERROR, FORMAT, Older.tooFew),
  differs('delete noreply\r\n', 'NOT_FOUND\r\n', '', Older.noreplyKey),
  ...['\r\n', '\n', 'a\r\n', ' \n'].map(send => differs(send, ERROR, FORMAT, Older.short)),
  differs('gat 0\r\n', 'END\r\n', FORMAT, Older.gatTooFew),
  differs(' get never\r\n', 'END\r\n', ERROR, Older.leadingSpace),
  ...['set a x 0 5', 'set a 0 x 5', 'cas a 0 0 5 x', `add ${'k'.repeat(251)} 0 0 5`].flatMap(
    (head): Step[] => [
      differs(`${head}\r\nbogus\r\n`, FORMAT + ERROR, FORMAT, Older.swallow),
      differs(`${head} noreply\r\nbogus\r\n`, ERROR, '', Older.swallow),
    ],
  ),
  differs('set a 0 0 x noreply\r\n', '', FORMAT, Older.lineError),
  differs(
    'delete never junk\r\n',
    'CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n',
    'NOT_FOUND\r\n',
    Older.deleteUsage,
  ),
  // Alone: it takes the pipelined answer before it along.
  // (Of a key that nobody stores: memcached has read those before the long one by then.)
  {
    ...differs(`get never ${'k'.repeat(251)}\r\n`, FORMAT, FORMAT, Older.longKey),
    newer: `${FORMAT}\r\n`,
  },
]

function differs(send: string, memcached: string, node: string, reason: string): Differs {
  return { kind: 'differs', send, memcached, node, reason }
}

function stepsWith(meta: fc.Arbitrary<string>): fc.Arbitrary<Step[]> {
  const step = fc.oneof(
    { weight: 20, arbitrary: batch(meta) },
    { weight: 4, arbitrary: cas },
    { weight: 2, arbitrary: fc.constantFrom(...differences) },
  )
  return fc.array(step, { minLength: 20, maxLength: 20, size: 'max' })
}

/** For memcached 1.6.18, and for what has all meta commands. */
export const steps = { older: stepsWith(metaCommands.older), newer: stepsWith(metaCommands.newer) }
