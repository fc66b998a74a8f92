// noreply: the last word of a line, hides every answer of a classic command, errors included.

import { conformance, type Row, transcript } from '../support/transcript.ts'
import { Older, older } from './older.ts'

const FORMAT = 'CLIENT_ERROR bad command line format\r\n'
const ALIVE: Row = ['version\r\n', 'VERSION {version}\r\n']

conformance({
  title: 'noreply',
  transcripts: [
    transcript('noreply on every storage command', [
      ['set a 1 0 1 noreply\r\n1\r\n', ''],
      ['get a\r\n', 'VALUE a 1 1\r\n1\r\nEND\r\n'],
      ['add a 2 0 1 noreply\r\n2\r\n', ''],
      ['add b 2 0 1 noreply\r\n2\r\n', ''],
      ['get a b\r\n', 'VALUE a 1 1\r\n1\r\nVALUE b 2 1\r\n2\r\nEND\r\n'],
      ['replace b 3 0 1 noreply\r\n3\r\n', ''],
      ['replace c 3 0 1 noreply\r\n3\r\n', ''],
      ['append a 0 0 1 noreply\r\n>\r\n', ''],
      ['prepend a 0 0 1 noreply\r\n<\r\n', ''],
      ['append c 0 0 1 noreply\r\n>\r\n', ''],
      ['get a b c\r\n', 'VALUE a 1 3\r\n<1>\r\nVALUE b 3 1\r\n3\r\nEND\r\n'],
      ['cas a 0 0 1 1 noreply\r\nx\r\n', ''],
      ['cas c 0 0 1 1 noreply\r\nx\r\n', ''],
      ['gets a\r\n', 'VALUE a 1 3 {cas:a}\r\n<1>\r\nEND\r\n'],
      ['cas a 5 0 1 {cas:a} noreply\r\nx\r\n', ''],
      ['get a c\r\n', 'VALUE a 5 1\r\nx\r\nEND\r\n'],
    ]),
    transcript('noreply on the others', [
      ['set n 0 0 1\r\n5\r\n', 'STORED\r\n'],
      ['incr n 3 noreply\r\n', ''],
      ['decr n 1 noreply\r\n', ''],
      ['incr missing 1 noreply\r\n', ''],
      ['get n\r\n', 'VALUE n 0 1\r\n7\r\nEND\r\n'],
      ['touch n 100 noreply\r\n', ''],
      ['touch missing 100 noreply\r\n', ''],
      ['delete n noreply\r\n', ''],
      ['delete n noreply\r\n', ''],
      ['delete n 0 noreply\r\n', ''],
      ['get n\r\n', 'END\r\n'],
      ['verbosity 0 noreply\r\n', ''],
      ['set n 0 0 1\r\n5\r\n', 'STORED\r\n'],
      ['flush_all noreply\r\n', ''],
      ['get n\r\n', 'END\r\n'],
      ['set n 0 0 1\r\n5\r\n', 'STORED\r\n'],
      ['flush_all 0 noreply\r\n', ''],
      ['get n\r\n', 'END\r\n'],
      ['flush_all x noreply\r\n', ''],
    ]),
    transcript('noreply hides errors of arguments', [
      ['set n 0 0 1\r\nx\r\n', 'STORED\r\n'],
      ['incr n x noreply\r\n', ''],
      ['incr n 1 noreply\r\n', ''],
      ['touch n x noreply\r\n', ''],
      [`delete ${'k'.repeat(251)} noreply\r\n`, ''],
      [`incr ${'k'.repeat(251)} 1 noreply\r\n`, ''],
      [`touch ${'k'.repeat(251)} 1 noreply\r\n`, ''],
      ALIVE,
    ]),
    transcript('noreply hides errors of a swallowed block', [
      ['set a x 0 5 noreply\r\nbogus\r\n', '', older(Older.swallow, 'ERROR\r\n')],
      ['set a 0 x 5 noreply\r\nbogus\r\n', '', older(Older.swallow, 'ERROR\r\n')],
      ['cas a 0 0 5 x noreply\r\nbogus\r\n', '', older(Older.swallow, 'ERROR\r\n')],
      [`set ${'k'.repeat(251)} 0 0 5 noreply\r\nbogus\r\n`, '', older(Older.swallow, 'ERROR\r\n')],
      ALIVE,
    ]),
    transcript('noreply hides a bad data chunk and an object too large', [
      ['set a 0 0 2 noreply\r\nabxxversion\r\n', 'VERSION {version}\r\n'],
      [`set a 0 0 1100000 noreply\r\n${'x'.repeat(1_100_000)}\r\n`, ''],
      [`add a 0 0 1100000 noreply\r\n${'x'.repeat(1_100_000)}\r\n`, ''],
      ALIVE,
    ]),
    transcript('noreply does not hide errors of the line', [
      ['set a 0 0 x noreply\r\n', FORMAT, older(Older.lineError, '')],
      ['set a 0 0 -1 noreply\r\n', FORMAT, older(Older.lineError, '')],
      ['cas a 0 0 x 1 noreply\r\n', FORMAT, older(Older.lineError, '')],
      ['set a 0 noreply\r\n', FORMAT, older(Older.tooFew, 'ERROR\r\n')],
      ['incr noreply\r\n', FORMAT, older(Older.tooFew, 'ERROR\r\n')],
    ]),
    transcript('version, stats and gat know no noreply', [
      ['version noreply\r\n', 'VERSION {version}\r\n'],
      ['stats noreply\r\n', 'ERROR\r\n'],
      ['gat 0 noreply\r\n', 'END\r\n'],
      ['get noreply\r\n', 'END\r\n'],
      ['gets a noreply\r\n', 'END\r\n'],
    ]),
    transcript('noreply counts only as the last word, and spelled so', [
      ['set a 0 0 1 NOREPLY\r\n1\r\n', 'STORED\r\n'],
      ['delete a 0 \r\n', 'DELETED\r\n'],
      ['incr a 1 noreplyx\r\n', 'NOT_FOUND\r\n'],
      ['touch a 1 noreply  \r\n', ''],
      ['delete noreply\r\n', 'NOT_FOUND\r\n'],
      ALIVE,
    ]),
    transcript(
      'noreply followed by another word is only a surplus argument',
      [
        ['set a 0 0 1 noreply junk\r\n1\r\n', 'STORED\r\n'],
        ['set a 0 0 1 junk noreply\r\n1\r\n', ''],
        ['delete a noreply junk\r\n', 'DELETED\r\n'],
        ['delete a junk noreply\r\n', ''],
        ALIVE,
      ],
      { notOnMemcached: Older.surplus },
    ),
  ],
})
