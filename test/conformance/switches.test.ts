// -C (no cas uniques) and -F (no flush_all).

import { conformance, transcript } from '../support/transcript.ts'

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
