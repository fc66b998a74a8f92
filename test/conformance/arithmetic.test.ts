// incr and decr: 64 bits, in place where the result is not longer, padded with spaces.

import { conformance, type Row, transcript } from '../support/transcript.ts'
import { Newer } from './newer.ts'

const NOT_A_DELTA = 'CLIENT_ERROR invalid numeric delta argument\r\n'
const NOT_A_NUMBER = 'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n'

conformance({
  title: 'arithmetic',
  transcripts: [
    transcript('incr and decr count, and keep the flags', [
      ['incr n 1\r\n', 'NOT_FOUND\r\n'],
      ['decr n 1\r\n', 'NOT_FOUND\r\n'],
      ['set n 7 0 1\r\n5\r\n', 'STORED\r\n'],
      ['incr n 1\r\n', '6\r\n'],
      ['incr n 0\r\n', '6\r\n'],
      ['incr n 94\r\n', '100\r\n'],
      ['get n\r\n', 'VALUE n 7 3\r\n100\r\nEND\r\n'],
      ['decr n 0\r\n', '100\r\n'],
      ['decr n 1\r\n', '99\r\n'],
      ['get n\r\n', 'VALUE n 7 3\r\n99 \r\nEND\r\n'],
      ['incr n 1\r\n', '100\r\n'],
      ['get n\r\n', 'VALUE n 7 3\r\n100\r\nEND\r\n'],
    ]),
    transcript('decr stops at 0, incr wraps at 2^64', [
      ['set n 0 0 2\r\n10\r\n', 'STORED\r\n'],
      ['decr n 11\r\n', '0\r\n'],
      ['get n\r\n', 'VALUE n 0 2\r\n0 \r\nEND\r\n'],
      ['set n 0 0 20\r\n18446744073709551615\r\n', 'STORED\r\n'],
      ['incr n 1\r\n', '0\r\n'],
      ['get n\r\n', `VALUE n 0 20\r\n${'0'.padEnd(20)}\r\nEND\r\n`],
      ['incr n 18446744073709551615\r\n', '18446744073709551615\r\n'],
      ['incr n 18446744073709551615\r\n', '18446744073709551614\r\n'],
      ['decr n 18446744073709551615\r\n', '0\r\n'],
    ]),
    transcript('the result is padded to the length that the value had', [
      ['set n 0 0 10\r\n1000000000\r\n', 'STORED\r\n'],
      ['decr n 999999999\r\n', '1\r\n'],
      ['get n\r\n', 'VALUE n 0 10\r\n1         \r\nEND\r\n'],
      ['append n 0 0 1\r\n5\r\n', 'STORED\r\n'],
      ['incr n 1\r\n', '2\r\n'],
      ['get n\r\n', 'VALUE n 0 11\r\n2          \r\nEND\r\n'],
    ]),
    transcript('a longer result makes the value longer', [
      ['set n 3 0 1\r\n9\r\n', 'STORED\r\n'],
      ['incr n 1\r\n', '10\r\n'],
      ['get n\r\n', 'VALUE n 3 2\r\n10\r\nEND\r\n'],
      ['incr n 99999999999999990\r\n', '100000000000000000\r\n'],
      ['get n\r\n', 'VALUE n 3 18\r\n100000000000000000\r\nEND\r\n'],
    ]),
    transcript('delta is digits only, up to 2^64 - 1', [
      ['set n 0 0 1\r\n5\r\n', 'STORED\r\n'],
      ['incr n x\r\n', NOT_A_DELTA],
      ['incr n -1\r\n', NOT_A_DELTA],
      ['incr n 18446744073709551616\r\n', NOT_A_DELTA],
      ['incr n 1x\r\n', NOT_A_DELTA],
      ['decr n 1.5\r\n', NOT_A_DELTA],
      ['decr n 99999999999999999999999999\r\n', NOT_A_DELTA],
      ['incr missing x\r\n', NOT_A_DELTA],
      ['incr n 001\r\n', '6\r\n'],
      ['get n\r\n', 'VALUE n 0 1\r\n6\r\nEND\r\n'],
    ]),
    transcript('values that count as numbers', [
      ['set n 0 0 3\r\n007\r\n', 'STORED\r\n'],
      ['incr n 1\r\n', '8\r\n'],
      ['get n\r\n', 'VALUE n 0 3\r\n8  \r\nEND\r\n'],
      ['set n 0 0 2\r\n 5\r\n', 'STORED\r\n'],
      ['incr n 1\r\n', '6\r\n'],
      ['set n 0 0 3\r\n5 x\r\n', 'STORED\r\n'],
      ['incr n 1\r\n', '6\r\n'],
      ['get n\r\n', 'VALUE n 0 3\r\n6  \r\nEND\r\n'],
    ]),
    transcript(
      'values that do not',
      ['', '-1', '1.0', 'x', '18446744073709551616', '1x'].flatMap((value): Row[] => [
        [`set n 0 0 ${value.length}\r\n${value}\r\n`, 'STORED\r\n'],
        ['incr n 1\r\n', NOT_A_NUMBER],
        ['decr n 1\r\n', NOT_A_NUMBER],
        ['get n\r\n', `VALUE n 0 ${value.length}\r\n${value}\r\nEND\r\n`],
      ]),
    ),
    transcript(
      'a value of nothing but spaces is no number',
      [
        ['set n 0 0 1\r\n \r\n', 'STORED\r\n'],
        ['incr n 1\r\n', NOT_A_NUMBER],
      ],
      { notOn: { older: Newer.blank, newer: Newer.blank } },
    ),
    transcript('incr and decr change the cas unique', [
      ['set n 0 0 2\r\n10\r\n', 'STORED\r\n'],
      ['gets n\r\n', 'VALUE n 0 2 {cas:one}\r\n10\r\nEND\r\n'],
      ['incr n 1\r\n', '11\r\n'],
      ['cas n 0 0 1 {cas:one}\r\nx\r\n', 'EXISTS\r\n'],
      ['gets n\r\n', 'VALUE n 0 2 {cas:two}\r\n11\r\nEND\r\n'],
      ['incr n 989\r\n', '1000\r\n'],
      ['cas n 0 0 1 {cas:two}\r\nx\r\n', 'EXISTS\r\n'],
      ['gets n\r\n', 'VALUE n 0 4 {cas:three}\r\n1000\r\nEND\r\n'],
      ['cas n 0 0 1 {cas:three}\r\nx\r\n', 'STORED\r\n'],
    ]),
    transcript('incr of an expired item', [
      ['set n 0 -1 2\r\n10\r\n', 'STORED\r\n'],
      ['incr n 1\r\n', 'NOT_FOUND\r\n'],
      ['decr n 1\r\n', 'NOT_FOUND\r\n'],
    ]),
  ],
})
