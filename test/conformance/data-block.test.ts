// The data block of a storage command: how much is read, when it is swallowed, when it is not.

import { conformance, transcript } from '../support/transcript.ts'
import { Older, older } from './older.ts'

const FORMAT = 'CLIENT_ERROR bad command line format\r\n'
const CHUNK = 'CLIENT_ERROR bad data chunk\r\n'
const ERROR = 'ERROR\r\n'
const noSwallow = older(Older.swallow, `${FORMAT}${ERROR}`)
const storageVerbs = ['set', 'add', 'replace', 'append', 'prepend', 'cas'] as const
const tail = (verb: string): string => (verb === 'cas' ? ' 1' : '')

conformance({
  title: 'data block',
  transcripts: [
    transcript('a block that is too long: refused, and the rest is a command', [
      ['set a 0 0 2\r\nabc\r\n', `${CHUNK}${FORMAT}`, older(Older.short, `${CHUNK}${ERROR}`)],
      ['set a 0 0 2\r\nabcdefgh\r\n', `${CHUNK}${ERROR}`],
      ['set a 0 0 0\r\nxversion\r\n', `${CHUNK}${ERROR}`],
      ['set a 0 0 2\r\nabxxversion\r\n', `${CHUNK}VERSION {version}\r\n`],
      ['get a\r\n', 'END\r\n'],
    ]),
    transcript('a block that is too short takes the line after it', [
      ['set a 0 0 6\r\nab\r\nget version\r\n', `${CHUNK}VERSION {version}\r\n`],
      ['set a 0 0 3\r\na\r\nget b\r\n', `${CHUNK}${ERROR}`],
      ['get a\r\n', 'END\r\n'],
    ]),
    transcript('a bad data chunk of every storage command leaves the old value', [
      ['set a 3 0 3\r\nold\r\n', 'STORED\r\n'],
      ...storageVerbs.map((verb): [string, string] => [
        `${verb} a 0 0 2${tail(verb)}\r\nabxxversion\r\n`,
        `${CHUNK}VERSION {version}\r\n`,
      ]),
      ['get a\r\n', 'VALUE a 3 3\r\nold\r\nEND\r\n'],
    ]),
    transcript('a size that is no number: nothing is swallowed', [
      ...storageVerbs.flatMap((verb): [string, string][] => [
        [`${verb} a 0 0 x${tail(verb)}\r\nversion\r\n`, `${FORMAT}VERSION {version}\r\n`],
        [`${verb} a 0 0 -1${tail(verb)}\r\nversion\r\n`, `${FORMAT}VERSION {version}\r\n`],
        [`${verb} a 0 0 1x${tail(verb)}\r\nversion\r\n`, `${FORMAT}VERSION {version}\r\n`],
        [`${verb} a 0 0 1.5${tail(verb)}\r\nversion\r\n`, `${FORMAT}VERSION {version}\r\n`],
        [`${verb} a 0 0 2147483646${tail(verb)}\r\nversion\r\n`, `${FORMAT}VERSION {version}\r\n`],
        [`${verb} a 0 0 2147483647${tail(verb)}\r\nversion\r\n`, `${FORMAT}VERSION {version}\r\n`],
      ]),
      ['get a\r\n', 'END\r\n'],
    ]),
    transcript(
      'a size with a plus sign or beyond 32 bits is no number',
      [
        ['set a 0 0 +1\r\nversion\r\n', `${FORMAT}VERSION {version}\r\n`],
        ['set a 0 0 4294967296\r\nversion\r\n', `${FORMAT}VERSION {version}\r\n`],
        ['set a 0 0 4294967297\r\nversion\r\n', `${FORMAT}VERSION {version}\r\n`],
        ['set a 0 0 99999999999999999999\r\nversion\r\n', `${FORMAT}VERSION {version}\r\n`],
        ['get a\r\n', 'END\r\n'],
      ],
      { notOn: { older: Older.numbers } },
    ),
    transcript('a size with leading zeros is a number', [
      ['set a 0 0 003\r\nabc\r\n', 'STORED\r\n'],
      ['get a\r\n', 'VALUE a 0 3\r\nabc\r\nEND\r\n'],
    ]),
    transcript('wrong flags, exptime, unique and key: refused, and the block is swallowed', [
      ['set a x 0 5\r\nbogus\r\n', FORMAT, noSwallow],
      ['set a -1 0 5\r\nbogus\r\n', FORMAT, noSwallow],
      ['set a 18446744073709551616 0 5\r\nbogus\r\n', FORMAT, noSwallow],
      ['set a 0 x 5\r\nbogus\r\n', FORMAT, noSwallow],
      ['set a 0 1.5 5\r\nbogus\r\n', FORMAT, noSwallow],
      ['cas a 0 0 5 x\r\nbogus\r\n', FORMAT, noSwallow],
      ['cas a 0 0 5 -1\r\nbogus\r\n', FORMAT, noSwallow],
      ['cas a 0 0 5 18446744073709551616\r\nbogus\r\n', FORMAT, noSwallow],
      [`set ${'k'.repeat(251)} 0 0 5\r\nbogus\r\n`, FORMAT, noSwallow],
      [`add ${'k'.repeat(300)} 0 0 5\r\nbogus\r\n`, FORMAT, noSwallow],
      ['get a\r\n', 'END\r\n'],
    ]),
    transcript(
      'what is swallowed is exactly the size and two, whatever it holds',
      [
        ['set a x 0 8\r\nversion\r\r\nversion\r\n', `${FORMAT}VERSION {version}\r\n`],
        ['set a x 0 0\r\n\r\nversion\r\n', `${FORMAT}VERSION {version}\r\n`],
        [
          `set a x 0 100000\r\n${'version\r\n'.repeat(11_200).slice(0, 100_000)}\r\nversion\r\n`,
          `${FORMAT}VERSION {version}\r\n`,
        ],
        ['set a 3 0 3\r\nold\r\n', 'STORED\r\n'],
        ['set a x 0 3\r\nnew\r\n', FORMAT],
        ['get a\r\n', 'VALUE a 3 3\r\nold\r\nEND\r\n'],
      ],
      { notOn: { older: Older.swallow } },
    ),
    transcript('a swallowed block need not end with a line end', [
      [
        `set a 0 0 2000000\r\n${'x'.repeat(2_000_000)}xxversion\r\n`,
        'SERVER_ERROR object too large for cache\r\nVERSION {version}\r\n',
      ],
    ]),
  ],
})
