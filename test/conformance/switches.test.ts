// -C (no cas uniques) and -F (no flush_all).

import { conformance, transcript } from '../support/transcript.ts'
import { Newer } from './newer.ts'
import { Older } from './older.ts'

const DENIED = 'CLIENT_ERROR flush_all not allowed\r\n'

conformance({
  title: 'without cas uniques (-C)',
  flags: ['-C'],
  // Debian's memcached with -C loses what is set in the second of a flush.
  restart: true,
  transcripts: [
    transcript('gets shows 0 and cas never matches', [
      ['set a 0 0 1\r\n1\r\n', 'STORED\r\n'],
      ['gets a\r\n', 'VALUE a 0 1 0\r\n1\r\nEND\r\n'],
      ['cas a 0 0 1 0\r\nx\r\n', 'EXISTS\r\n'],
      ['cas a 0 0 1 1\r\nx\r\n', 'EXISTS\r\n'],
      ['cas b 0 0 1 0\r\nx\r\n', 'NOT_FOUND\r\n'],
      ['incr a 1\r\n', '2\r\n'],
      ['gats 0 a\r\n', 'VALUE a 0 1 0\r\n2\r\nEND\r\n'],
    ]),
    transcript('an object may be 8 bytes larger', [
      [`set a 0 0 1048524\r\n${'v'.repeat(1_048_524)}\r\n`, 'STORED\r\n'],
      [
        `set a 0 0 1048525\r\n${'v'.repeat(1_048_525)}\r\n`,
        'SERVER_ERROR object too large for cache\r\n',
      ],
    ]),
  ],
})

conformance({
  title: 'without flush_all (-F)',
  flags: ['-F'],
  restart: true,
  transcripts: [
    transcript('flush_all is refused, whatever its arguments', [
      ['set a 0 0 1\r\n1\r\n', 'STORED\r\n'],
      ['flush_all\r\n', DENIED],
      ['flush_all 0\r\n', DENIED],
      ['flush_all x\r\n', DENIED],
      ['flush_all noreply\r\n', ''],
      ['get a\r\n', 'VALUE a 0 1\r\n1\r\nEND\r\n'],
    ]),
  ],
})

conformance({
  title: 'cas uniques of a server that has just started',
  // The first item ever is what is looked at.
  restart: true,
  transcripts: [
    transcript(
      'count from 2, by one for every item linked and every number changed',
      [
        ['set a 0 0 1\r\n1\r\n', 'STORED\r\n'],
        ['gets a\r\n', 'VALUE a 0 1 2\r\n1\r\nEND\r\n'],
        ['cas a 0 0 1 2\r\n2\r\n', 'STORED\r\n'],
        ['touch a 0\r\n', 'TOUCHED\r\n'],
        ['gets a\r\n', 'VALUE a 0 1 3\r\n2\r\nEND\r\n'],
        ['append a 0 0 1\r\n5\r\n', 'STORED\r\n'],
        ['gats 0 a\r\n', 'VALUE a 0 2 4\r\n25\r\nEND\r\n'],
        ['add b 0 0 1\r\nb\r\n', 'STORED\r\n'],
        ['gets a b\r\n', 'VALUE a 0 2 4\r\n25\r\nVALUE b 0 1 5\r\nb\r\nEND\r\n'],
      ],
      { notOn: { older: Older.firstCas } },
    ),
    transcript(
      'a store that is refused counts nothing',
      [
        ['set a 0 0 1\r\n1\r\n', 'STORED\r\n'],
        ['cas a 0 0 1 3\r\nx\r\n', 'EXISTS\r\n'],
        ['add a 0 0 1\r\nx\r\n', 'NOT_STORED\r\n'],
        ['set a 0 0 1\r\n2\r\n', 'STORED\r\n'],
        ['gets a\r\n', 'VALUE a 0 1 3\r\n2\r\nEND\r\n'],
      ],
      { notOn: { older: Older.firstCas, newer: Newer.failedCas } },
    ),
    transcript(
      'incr counts one',
      [
        ['set n 0 0 1\r\n1\r\n', 'STORED\r\n'],
        ['incr n 1\r\n', '2\r\n'],
        ['decr n 1\r\n', '1\r\n'],
        ['gets n\r\n', 'VALUE n 0 1 4\r\n1\r\nEND\r\n'],
      ],
      { notOn: { older: Older.firstCas } },
    ),
  ],
})
