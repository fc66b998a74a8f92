// Keys: up to 250 bytes, any byte but space and newline.

import { conformance, type Row, transcript } from '../support/transcript.ts'
import { Newer } from './newer.ts'
import { Older, older } from './older.ts'

const FORMAT = 'CLIENT_ERROR bad command line format\r\n'
const fits = 'k'.repeat(250)
const tooLong = 'k'.repeat(251)
const farTooLong = 'k'.repeat(1_900)

const refusals = [tooLong, farTooLong].flatMap((key): Row[] => [
  [`get ${key}\r\n`, FORMAT],
  [`gets ${key}\r\n`, FORMAT],
  [`gat 0 ${key}\r\n`, FORMAT],
  [`delete ${key}\r\n`, FORMAT],
  [`incr ${key} 1\r\n`, FORMAT],
  [`decr ${key} 1\r\n`, FORMAT],
  [`touch ${key} 0\r\n`, FORMAT],
])

const everyByte = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).filter(
  one => one !== ' ' && one !== '\n' && one !== '\x00',
)

conformance({
  title: 'keys',
  transcripts: [
    transcript('a key of 250 bytes works everywhere', [
      [`set ${fits} 1 0 1\r\n1\r\n`, 'STORED\r\n'],
      [`get ${fits}\r\n`, `VALUE ${fits} 1 1\r\n1\r\nEND\r\n`],
      [`gat 0 ${fits}\r\n`, `VALUE ${fits} 1 1\r\n1\r\nEND\r\n`],
      [`incr ${fits} 1\r\n`, '2\r\n'],
      [`touch ${fits} 0\r\n`, 'TOUCHED\r\n'],
      [`delete ${fits}\r\n`, 'DELETED\r\n'],
    ]),
    transcript('a longer key is refused everywhere', refusals, {
      rowsOnlyOn: { older: Older.longKey },
      notOn: { newer: Newer.longKey },
    }),
    transcript(
      'a long key anywhere in a multiget refuses all of it',
      [
        ['set a 1 0 1\r\n1\r\n', 'STORED\r\n'],
        [`get a ${tooLong} a\r\n`, FORMAT],
        [`get a a ${tooLong}\r\n`, FORMAT],
        [`get ${'a '.repeat(30)}${tooLong}\r\n`, FORMAT],
        ['get a\r\n', 'VALUE a 1 1\r\n1\r\nEND\r\n'],
      ],
      { rowsOnlyOn: { older: Older.longKey }, notOn: { newer: Newer.longKey } },
    ),
    transcript(
      'every byte but space, newline and NUL may stand in a key',
      everyByte.flatMap((one): Row[] => [
        [`set <${one}> 0 0 1\r\n1\r\n`, 'STORED\r\n'],
        [`get <${one}>\r\n`, `VALUE <${one}> 0 1\r\n1\r\nEND\r\n`],
      ]),
    ),
    transcript(
      'a NUL may stand in a key',
      [
        ['set <\x00> 0 0 1\r\n1\r\n', 'STORED\r\n'],
        ['get <\x00> <\r\n', 'VALUE <\x00> 0 1\r\n1\r\nEND\r\n'],
        ['delete <\r\n', 'NOT_FOUND\r\n'],
        ['delete <\x00>\r\n', 'DELETED\r\n'],
      ],
      { notOn: { older: Older.nul } },
    ),
    transcript('keys that differ in one byte, in length or in case are different keys', [
      ['set k 0 0 1\r\n1\r\n', 'STORED\r\n'],
      ['set K 0 0 1\r\n2\r\n', 'STORED\r\n'],
      ['set kk 0 0 1\r\n3\r\n', 'STORED\r\n'],
      [`set ${'k'.repeat(249)}a 0 0 1\r\n4\r\n`, 'STORED\r\n'],
      [`set ${'k'.repeat(249)}b 0 0 1\r\n5\r\n`, 'STORED\r\n'],
      [
        `get k K kk ${'k'.repeat(249)}a ${'k'.repeat(249)}b ${fits}\r\n`,
        [
          'VALUE k 0 1\r\n1\r\nVALUE K 0 1\r\n2\r\nVALUE kk 0 1\r\n3\r\n',
          `VALUE ${'k'.repeat(249)}a 0 1\r\n4\r\nVALUE ${'k'.repeat(249)}b 0 1\r\n5\r\nEND\r\n`,
        ].join(''),
      ],
    ]),
    transcript(
      'words of the protocol are good keys',
      ['get', 'set', 'noreply', 'END', 'VALUE', 'quit', '0', '-1'].flatMap((key): Row[] => [
        [`set ${key} 0 0 1\r\n1\r\n`, 'STORED\r\n'],
        [`get ${key}\r\n`, `VALUE ${key} 0 1\r\n1\r\nEND\r\n`],
      ]),
    ),
    transcript('a long key of a storage command', [
      [`set ${tooLong} 0 0 5\r\nbogus\r\n`, FORMAT, older(Older.swallow, `${FORMAT}ERROR\r\n`)],
      [
        `append ${farTooLong} 0 0 5\r\nbogus\r\n`,
        FORMAT,
        older(Older.swallow, `${FORMAT}ERROR\r\n`),
      ],
    ]),
  ],
})
