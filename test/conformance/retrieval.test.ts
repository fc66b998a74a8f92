// get, gets, gat and gats, with one key and with many.

import { conformance, type Row, transcript } from '../support/transcript.ts'
import { Older, older } from './older.ts'

const many = Array.from({ length: 150 }, (_, index) => `key-${index}`)
const storeMany = many.map(
  (key, index): Row => [`set ${key} ${index} 0 ${key.length}\r\n${key}\r\n`, 'STORED\r\n'],
)
const valueOf = (key: string, index: number): string =>
  `VALUE ${key} ${index} ${key.length}\r\n${key}\r\n`
const allValues = many.map(valueOf).join('')

const EXPTIME = 'CLIENT_ERROR invalid exptime argument\r\n'
const HIT = 'VALUE a 1 1\r\n1\r\nEND\r\n'

conformance({
  title: 'retrieval',
  transcripts: [
    transcript('get of a miss, a hit and both', [
      ['get a\r\n', 'END\r\n'],
      ['set a 1 0 1\r\n1\r\n', 'STORED\r\n'],
      ['set b 2 0 2\r\n22\r\n', 'STORED\r\n'],
      ['get a\r\n', 'VALUE a 1 1\r\n1\r\nEND\r\n'],
      ['get x a y b z\r\n', 'VALUE a 1 1\r\n1\r\nVALUE b 2 2\r\n22\r\nEND\r\n'],
      ['get b a\r\n', 'VALUE b 2 2\r\n22\r\nVALUE a 1 1\r\n1\r\nEND\r\n'],
    ]),
    transcript('get answers a repeated key every time', [
      ['set a 1 0 1\r\n1\r\n', 'STORED\r\n'],
      ['get a a a\r\n', 'VALUE a 1 1\r\n1\r\n'.repeat(3) + 'END\r\n'],
    ]),
    transcript('gets adds the cas unique', [
      ['gets a\r\n', 'END\r\n'],
      ['set a 1 0 1\r\n1\r\n', 'STORED\r\n'],
      ['gets a\r\n', 'VALUE a 1 1 {cas:a}\r\n1\r\nEND\r\n'],
      ['set b 0 0 0\r\n\r\n', 'STORED\r\n'],
      [
        'gets a x b a\r\n',
        'VALUE a 1 1 {cas:a}\r\n1\r\nVALUE b 0 0 {cas:b}\r\n\r\nVALUE a 1 1 {cas:a}\r\n1\r\nEND\r\n',
      ],
    ]),
    transcript('gat and gats answer as get and gets, and set the exptime', [
      ['gat 0 a\r\n', 'END\r\n'],
      ['set a 1 0 1\r\n1\r\n', 'STORED\r\n'],
      ['set b 2 0 1\r\n2\r\n', 'STORED\r\n'],
      ['gat 100 a x b\r\n', 'VALUE a 1 1\r\n1\r\nVALUE b 2 1\r\n2\r\nEND\r\n'],
      ['gats 0 a\r\n', 'VALUE a 1 1 {cas:a}\r\n1\r\nEND\r\n'],
      ['gets a\r\n', 'VALUE a 1 1 {cas:a}\r\n1\r\nEND\r\n'],
      ['gat -1 a\r\n', 'VALUE a 1 1\r\n1\r\nEND\r\n'],
      ['gat 0 a\r\n', 'END\r\n'],
      ['gats 0 b x\r\n', 'VALUE b 2 1 {cas:b}\r\n2\r\nEND\r\n'],
    ]),
    transcript('gat refuses a wrong exptime', [
      ['set a 1 0 1\r\n1\r\n', 'STORED\r\n'],
      ['gat x a\r\n', EXPTIME],
      ['gats 1x a\r\n', EXPTIME],
      ['gat 2147483648 a\r\n', EXPTIME, older(Older.exptime32, HIT)],
      ['gat -2147483649 a\r\n', EXPTIME, older(Older.exptime32, 'END\r\n')],
      ['set a 1 0 1\r\n1\r\n', 'STORED\r\n'],
      ['gat 2147483647 a\r\n', HIT],
      ['get a\r\n', HIT],
    ]),
    transcript('gat does not know noreply: it is a key', [
      ['set noreply 1 0 1\r\n1\r\n', 'STORED\r\n'],
      ['gat 0 a noreply\r\n', 'VALUE noreply 1 1\r\n1\r\nEND\r\n'],
      ['get noreply\r\n', 'VALUE noreply 1 1\r\n1\r\nEND\r\n'],
    ]),
    transcript('a get of 150 keys, all hits, all misses, every second', [
      ...storeMany,
      [`get ${many.join(' ')}\r\n`, `${allValues}END\r\n`],
      [`get ${many.map(key => `no-${key}`).join(' ')}\r\n`, 'END\r\n'],
      [`get ${many.map(key => `${key} no-${key}`).join(' ')}\r\n`, `${allValues}END\r\n`],
      [`gat 0 ${many.join(' ')}\r\n`, `${allValues}END\r\n`],
    ]),
    ...[20, 21, 22, 23, 24, 25, 46, 47, 48].map(count =>
      transcript(`a get of ${count} keys, around the 23 tokens scanned at once`, [
        ['set last 1 0 1\r\n1\r\n', 'STORED\r\n'],
        [`get ${'miss '.repeat(count - 1)}last\r\n`, 'VALUE last 1 1\r\n1\r\nEND\r\n'],
        [`gat 0 ${'miss '.repeat(count - 1)}last\r\n`, 'VALUE last 1 1\r\n1\r\nEND\r\n'],
        [`get last ${'miss '.repeat(count - 1)}\r\n`, 'VALUE last 1 1\r\n1\r\nEND\r\n'],
      ]),
    ),
    transcript('a get of 40 keys of 100 kB each is answered whole', [
      [`set big 1 0 100000\r\n${'b'.repeat(100_000)}\r\n`, 'STORED\r\n'],
      [
        `get ${'big '.repeat(40)}\r\n`,
        `${`VALUE big 1 100000\r\n${'b'.repeat(100_000)}\r\n`.repeat(40)}END\r\n`,
      ],
    ]),
  ],
})
