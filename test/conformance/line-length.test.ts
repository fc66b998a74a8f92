// How long a line may be: 2048 bytes for every command, much more for get and gets.

import { closes, conformance, transcript } from '../support/transcript.ts'

const padded = (line: string, size: number): string => `${line.padEnd(size - 2)}\r\n`
const misses = (verb: string, size: number): string =>
  `${`${verb} ${'k '.repeat(size)}`.slice(0, size - 2)}\r\n`

conformance({
  title: 'line length',
  transcripts: [
    transcript('every command may fill 2048 bytes', [
      [`${padded('set a 1 0 1', 2048)}1\r\n`, 'STORED\r\n'],
      [padded('get a', 2048), 'VALUE a 1 1\r\n1\r\nEND\r\n'],
      [padded('incr a 1', 2048), '2\r\n'],
      [padded('touch a 0', 2048), 'TOUCHED\r\n'],
      [padded('gat 0 a', 2048), 'VALUE a 1 1\r\n2\r\nEND\r\n'],
      [padded('delete a', 2048), 'DELETED\r\n'],
      [padded('bogus', 2048), 'ERROR\r\n'],
    ]),
    transcript('2048 bytes without a newline are waited for', [
      [`${'x'.repeat(2046)}\r\n`, 'ERROR\r\n'],
      [`${'x'.repeat(2047)}\n`, 'ERROR\r\n'],
    ]),
    ...['x', 'delete k', 'set a 0 0 1', 'incr a 1', 'gat 0 a', 'getx a'].map(line =>
      transcript(`"${line}" and then no newline within 2048 bytes closes`, [
        [line.padEnd(2049, line === 'x' ? 'x' : ' '), closes()],
      ]),
    ),
    transcript('far too long closes too', [['x'.repeat(60_000), closes()]]),
    transcript('a complete line of 20,000 bytes of another command closes', [
      [padded('delete k', 20_000), closes()],
    ]),
    ...[2047, 2048, 2049, 2050, 4_096, 16_383, 16_384, 16_385, 32_768, 200_000].map(size =>
      transcript(`get and gets of ${size} bytes`, [
        ['set last 1 0 1\r\n1\r\n', 'STORED\r\n'],
        [misses('get', size), 'END\r\n'],
        [misses('gets', size), 'END\r\n'],
        [misses('get', size - 6).replace('\r\n', ' last\r\n'), 'VALUE last 1 1\r\n1\r\nEND\r\n'],
      ]),
    ),
    transcript(
      'a gat of 8,000 bytes that arrives at once is answered',
      [[misses('gat 0', 8_000), 'END\r\n']],
      { rowsOnly: true },
    ),
  ],
})
