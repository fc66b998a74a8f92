// Flags and exptimes: what is a number, what it is cut to, what it means.

import { conformance, type Row, transcript } from '../support/transcript.ts'
import { Older, older } from './older.ts'

const FORMAT = 'CLIENT_ERROR bad command line format\r\n'
const EXPTIME = 'CLIENT_ERROR invalid exptime argument\r\n'
const DELTA = 'CLIENT_ERROR invalid numeric delta argument\r\n'

function flags(sent: string, kept: string): Row[] {
  return [
    [`set a ${sent} 0 1\r\nx\r\n`, 'STORED\r\n'],
    ['get a\r\n', `VALUE a ${kept} 1\r\nx\r\nEND\r\n`],
  ]
}

function exptime(sent: string, alive: boolean): Row[] {
  return [
    [`set a 0 ${sent} 1\r\nx\r\n`, 'STORED\r\n'],
    ['get a\r\n', alive ? 'VALUE a 0 1\r\nx\r\nEND\r\n' : 'END\r\n'],
  ]
}

const nowSeconds = Math.floor(Date.now() / 1000)

conformance({
  title: 'numbers',
  transcripts: [
    transcript('flags are cut to 32 bits', [
      ...flags('0', '0'),
      ...flags('1', '1'),
      ...flags('007', '7'),
      ...flags('+5', '5'),
      ...flags('65536', '65536'),
      ...flags('2147483648', '2147483648'),
      ...flags('4294967295', '4294967295'),
      ...flags('4294967296', '0'),
      ...flags('4294967301', '5'),
      ...flags('18446744073709551615', '4294967295'),
    ]),
    transcript('flags that are no number', [
      ...['x', '-1', '1x', '0x10', '1.0', '18446744073709551616', '99999999999999999999999'].map(
        (text): Row => [
          `set a ${text} 0 5\r\nbogus\r\n`,
          FORMAT,
          older(Older.swallow, `${FORMAT}ERROR\r\n`),
        ],
      ),
      ['get a\r\n', 'END\r\n'],
    ]),
    transcript('exptimes: never, at once, relative and absolute', [
      ...exptime('0', true),
      ...exptime('-1', false),
      ...exptime('-100', false),
      ...exptime('100', true),
      ...exptime('+100', true),
      ...exptime('0100', true),
      ...exptime('2592000', true),
      ...exptime('2592001', false),
      ...exptime('1000000000', false),
      ...exptime(String(nowSeconds - 1000), false),
      ...exptime(String(nowSeconds + 1000), true),
      ...exptime('2147483647', true),
    ]),
    transcript('an exptime is cut to 32 bits with its sign', [
      ...exptime('2147483648', false),
      ...exptime('4294967295', false),
      ...exptime('4294967296', true),
      ...exptime('4294967396', true),
      ...exptime('-2147483648', false),
      ...exptime('-2147483649', true),
      ...exptime('-4294967296', true),
      ...exptime('9223372036854775807', false),
      ...exptime('-9223372036854775808', true),
    ]),
    transcript('exptimes that are no number', [
      ...['x', '1x', '1.5', '--1', '9223372036854775808', '-9223372036854775809'].map(
        (text): Row => [
          `set a 0 ${text} 5\r\nbogus\r\n`,
          FORMAT,
          older(Older.swallow, `${FORMAT}ERROR\r\n`),
        ],
      ),
      ['get a\r\n', 'END\r\n'],
    ]),
    transcript(
      'other numbers are digits alone, and no more than they may need',
      [
        ['set a 0 0 1\r\n5\r\n', 'STORED\r\n'],
        ['set a 0 0 00000000001\r\n5\r\n', 'STORED\r\n'],
        ['set a 0 0 000000000001\r\nbogus\r\n', `${FORMAT}ERROR\r\n`],
        ['touch a 00000000000\r\n', 'TOUCHED\r\n'],
        ['touch a 000000000000\r\n', EXPTIME],
        ['touch a +5\r\n', EXPTIME],
        ['gat 0 a\r\n', 'VALUE a 0 1\r\n5\r\nEND\r\n'],
        ['gat +5 a\r\n', EXPTIME],
        ['gats 000000000000 a\r\n', EXPTIME],
        ['incr a 0000000000000000000001\r\n', '6\r\n'],
        ['incr a 00000000000000000000001\r\n', DELTA],
        ['decr a +1\r\n', DELTA],
        ['cas a 0 0 1 0000000000000000000000\r\n5\r\n', 'EXISTS\r\n'],
        ['cas a 0 0 1 00000000000000000000000\r\n5\r\n', FORMAT],
        ['flush_all +0\r\n', EXPTIME],
        ['flush_all 000000000000\r\n', EXPTIME],
        ['verbosity +1\r\n', FORMAT],
        ['verbosity 4294967295\r\n', 'OK\r\n'],
        ['verbosity 4294967296\r\n', FORMAT],
        ['verbosity 000000000001\r\n', FORMAT],
        ['verbosity 0\r\n', 'OK\r\n'],
      ],
      { notOn: { older: Older.numbers } },
    ),
    transcript('an expired set removes what was there', [
      ['set a 0 0 3\r\nold\r\n', 'STORED\r\n'],
      ['set a 0 -1 3\r\nnew\r\n', 'STORED\r\n'],
      ['get a\r\n', 'END\r\n'],
      ['append a 0 0 1\r\nx\r\n', 'NOT_STORED\r\n'],
      ['cas a 0 0 1 1\r\nx\r\n', 'NOT_FOUND\r\n'],
      ['touch a 0\r\n', 'NOT_FOUND\r\n'],
    ]),
    transcript('every storage command takes an exptime', [
      ['add a 0 -1 1\r\nx\r\n', 'STORED\r\n'],
      ['get a\r\n', 'END\r\n'],
      ['set a 0 0 1\r\nx\r\n', 'STORED\r\n'],
      ['replace a 0 -1 1\r\nx\r\n', 'STORED\r\n'],
      ['get a\r\n', 'END\r\n'],
      ['set a 0 0 1\r\nx\r\n', 'STORED\r\n'],
      ['gets a\r\n', 'VALUE a 0 1 {cas:a}\r\nx\r\nEND\r\n'],
      ['cas a 0 -1 1 {cas:a}\r\nx\r\n', 'STORED\r\n'],
      ['get a\r\n', 'END\r\n'],
    ]),
  ],
})
