// Meta commands that are wrong: what is said, in which order faults are found, and that the data
// of an ms is swallowed where its size is known.

import { conformance, type Row, transcript } from '../support/transcript.ts'
import { Newer, newer } from './newer.ts'
import { Older, older } from './older.ts'

const FORMAT = 'CLIENT_ERROR bad command line format\r\n'
const ERROR = 'ERROR\r\n'
const TOKEN = 'CLIENT_ERROR bad token in command line format\r\n'
const INVALID = 'CLIENT_ERROR invalid flag\r\n'
const DUPLICATE = 'CLIENT_ERROR duplicate flag\r\n'
const EITHER = 'CLIENT_ERROR invalid or duplicate flag\r\n'
const TOO_MANY = 'CLIENT_ERROR options flags are too long\r\n'
const KEY = 'CLIENT_ERROR error decoding key\r\n'
const OPAQUE = 'CLIENT_ERROR opaque token too long\r\n'
const NON_NUMERIC = 'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n'
const LONG = 'k'.repeat(251)
const MANY_SHORT = 'CLIENT_ERROR options flags too long\r\n'
const OPAQUE_31 = 'o'.repeat(31)

/** Seventeen flags that mean nothing to most, all different. */
const MANY = 'k c f h l s t u v P L I O1 T0 F0 C0 J0'

/** The same rows for a verb of any name. */
function each(verbs: readonly string[], rows: readonly Row[]): Row[] {
  return verbs.flatMap(verb =>
    rows.map(([send, ...rest]): Row => [send.replace('VERB', verb), ...rest]),
  )
}

conformance({
  title: 'meta errors',
  transcripts: [
    transcript('too few words', [
      ['mg\r\n', FORMAT, older(Older.tooFew, ERROR)],
      ['mg \r\n', FORMAT, older(Older.tooFew, ERROR)],
      ['md\r\n', FORMAT, older(Older.tooFew, ERROR)],
      ['ma\r\n', FORMAT, older(Older.tooFew, ERROR)],
      ['ms\r\n', FORMAT, older(Older.tooFew, ERROR)],
      ['me\r\n', FORMAT],
      ['ms a\r\n', FORMAT],
      ['mn\n', FORMAT, older(Older.short, 'MN\r\n')],
    ]),
    transcript('letters', [
      ...each(
        ['mg a'],
        [
          ['VERB a\r\n', INVALID],
          ['VERB z\r\n', INVALID],
          ['VERB A\r\n', INVALID],
          ['VERB 5\r\n', INVALID],
          ['VERB _\r\n', INVALID],
          ['VERB v v\r\n', DUPLICATE],
          ['VERB T1 T2\r\n', DUPLICATE],
          ['VERB Tx z\r\n', INVALID],
          ['VERB %\r\n', FORMAT, older(Older.flagBytes, INVALID)],
          ['VERB ~\r\n', FORMAT, older(Older.flagBytes, INVALID)],
          ['VERB {\r\n', FORMAT, older(Older.flagBytes, INVALID)],
          ['VERB \xe9\r\n', FORMAT, older(Older.flagBytes, DUPLICATE)],
        ],
      ),
      ['md a z\r\n', INVALID, older(Older.deleteErrors, EITHER)],
      ['md a v v\r\n', DUPLICATE, older(Older.deleteErrors, EITHER)],
      ['md a Tx\r\n', TOKEN, older(Older.deleteErrors, EITHER)],
      ['md a ~\r\n', FORMAT, older(Older.flagBytes, EITHER)],
      ['ma a z\r\n', EITHER],
      ['ma a v v\r\n', EITHER],
      ['ma a Dx\r\n', EITHER],
      ['ma a Jx\r\n', EITHER],
      ['ma a T\r\n', EITHER],
      ['ma a *** b\r\n', FORMAT, older(Older.flagBytes, EITHER)],
      [`ma ${LONG}\r\n`, EITHER, older(Older.longArithmeticKey, FORMAT)],
    ]),
    transcript('numbers', [
      ...each(
        ['T', 'N', 'R'],
        [
          ['mg a VERB\r\n', TOKEN],
          ['mg a VERBx\r\n', TOKEN],
          ['mg a VERB1x\r\n', TOKEN],
          ['mg a VERB--1\r\n', TOKEN],
          ['mg a VERB99999999999999999999\r\n', TOKEN],
          ['mg a VERB v\r\n', TOKEN],
        ],
      ),
      ['mg a T+5\r\n', TOKEN, older(Older.numbers, 'EN\r\n')],
      ['mg a T-5\r\n', 'EN\r\n'],
      ['mg a T00000000005\r\n', 'EN\r\n'],
      ['mg a T000000000005\r\n', TOKEN, older(Older.numbers, 'EN\r\n')],
      ['mg a F+5\r\n', FORMAT, older(Older.numbers, 'EN\r\n')],
      ['mg a T2147483648\r\n', TOKEN, older(Older.exptime32, 'EN\r\n')],
      ['mg a C\r\n', TOKEN],
      ['mg a C-1\r\n', TOKEN],
      ['mg a C18446744073709551616\r\n', TOKEN],
      ['mg a C18446744073709551615\r\n', 'EN\r\n'],
      ['mg a C+1\r\n', TOKEN, older(Older.numbers, 'EN\r\n')],
      ['mg a E\r\n', TOKEN, older(Older.explicitCas, INVALID)],
      ['mg a Ex\r\n', TOKEN, older(Older.explicitCas, INVALID)],
      ['mg a F\r\n', FORMAT],
      ['mg a Fx\r\n', FORMAT],
      ['mg a F-1\r\n', FORMAT],
      ['mg a F4294967295\r\n', 'EN\r\n'],
      ['mg a F4294967296\r\n', FORMAT, older(Older.clientFlags32, 'EN\r\n')],
      ['mg a J\r\n', 'CLIENT_ERROR invalid numeric initial value\r\n'],
      ['mg a D-1\r\n', 'CLIENT_ERROR invalid numeric delta value\r\n'],
      ['mg a Dx Tx\r\n', TOKEN],
      ['mg a Tx Jx\r\n', 'CLIENT_ERROR invalid numeric initial value\r\n'],
      ['mg a Jx Fx\r\n', 'CLIENT_ERROR invalid numeric initial value\r\n'],
      ['mg a Fx Tx\r\n', TOKEN],
    ]),
    transcript('too many words', [
      [`mg a ${MANY}\r\n`, 'EN ka O1\r\n'],
      [`mg a ${MANY} q\r\n`, ''],
      [`mg a ${MANY} q D1\r\n`, TOO_MANY],
      [`mg a ${MANY} q D1 M\r\n`, TOO_MANY],
      [`mg a ${MANY} q q q q q q q\r\n`, TOO_MANY],
      [`md a ${MANY} q D1\r\n`, TOO_MANY],
      [`ma a ${MANY} q D1\r\n`, EITHER, older(Older.manyFlags, MANY_SHORT)],
      [
        `ms a 2 ${MANY} q\r\nhi\r\n`,
        TOO_MANY,
        older(Older.manyFlags, MANY_SHORT + MANY_SHORT + ERROR),
      ],
      ['mn\r\n', 'MN\r\n'],
    ]),
    transcript('keys', [
      [`mg ${LONG}\r\n`, FORMAT],
      [`md ${LONG} k\r\n`, FORMAT],
      [`me ${LONG}\r\n`, FORMAT],
      [`ms ${LONG} 2\r\nhi\r\n`, FORMAT, older(Older.swallow, FORMAT + ERROR)],
      [`mg ${'A'.repeat(252)} b\r\n`, FORMAT],
      ['mg foo b\r\n', KEY],
      ['mg Zm9v= b k O1\r\n', KEY],
      ['mg ==== b\r\n', KEY],
      ['mg Z=== b\r\n', KEY],
      ['mg ... b\r\n', KEY],
      ['mg foo b Tx\r\n', TOKEN],
      ['mg foo Tx b\r\n', KEY],
      ['md foo b\r\n', KEY, older(Older.deleteErrors, EITHER)],
      ['ma foo b\r\n', EITHER],
      ['ms foo 2 b\r\nhi\r\n', KEY],
      ['me foo b\r\n', FORMAT, newer(Newer.debugBase64, 'EN\r\n')],
      ['me foo b b\r\n', FORMAT],
    ]),
    transcript('opaque tokens have 31 bytes at most', [
      [`mg a O${OPAQUE_31}\r\n`, `EN O${OPAQUE_31}\r\n`],
      [`mg a O${OPAQUE_31}x\r\n`, OPAQUE],
      [`mg a q O${OPAQUE_31.repeat(50)}\r\n`, OPAQUE],
      [`md a O${OPAQUE_31}x\r\n`, OPAQUE],
      [`ma a O${OPAQUE_31}x\r\n`, OPAQUE],
      [`ms a 2 O${OPAQUE_31}\r\nhi\r\n`, `HD O${OPAQUE_31}\r\n`],
      [`ms a 2 O${OPAQUE_31}x\r\nho\r\n`, OPAQUE],
      ['mg a v\r\n', 'VA 2\r\nhi\r\n'],
      [`md a q O${OPAQUE_31}x\r\n`, OPAQUE],
      ['mg a v\r\n', 'VA 2\r\nhi\r\n'],
    ]),
    transcript('modes', [
      ['ms a 2 MZ\r\nhi\r\n', 'CLIENT_ERROR invalid mode for ms M token\r\n'],
      ['ms a 2 Ms\r\nhi\r\n', 'CLIENT_ERROR invalid mode for ms M token\r\n'],
      [
        'ms a 2 M\r\nhi\r\n',
        'CLIENT_ERROR invalid mode for ms M token\r\n',
        older(Older.modeLength, 'CLIENT_ERROR incorrect length for M token\r\n'),
      ],
      ['ma a MZ\r\n', 'CLIENT_ERROR invalid mode for ma M token\r\n'],
      ['ma a Mi\r\n', 'CLIENT_ERROR invalid mode for ma M token\r\n'],
      [
        'ma a M\r\n',
        'CLIENT_ERROR invalid mode for ma M token\r\n',
        older(Older.modeLength, EITHER),
      ],
      [
        'ms a 2 MSET\r\nhi\r\n',
        'HD\r\n',
        older(Older.modeLength, 'CLIENT_ERROR incorrect length for M token\r\n'),
      ],
      ['mg a MZ\r\n', 'HD\r\n', older(Older.modeLength, 'EN\r\n')],
    ]),
    transcript('the data of a refused ms is swallowed', [
      ...each(
        ['z', 'v v', 'Tx', 'Fx', 'MZ', 'b', `O${OPAQUE_31}x`],
        [['ms foo 4 VERB\r\nmn\r\n\r\n', '']],
      ).map(([send], at): Row => {
        const errors = [INVALID, DUPLICATE, TOKEN, FORMAT]
        const others = ['CLIENT_ERROR invalid mode for ms M token\r\n', KEY, OPAQUE]
        return [send, [...errors, ...others][at]!]
      }),
      ['mg foo\r\n', 'EN\r\n'],
      ['ms a 4 %\r\nmn\r\n\r\n', `${FORMAT}MN\r\n${FORMAT}`, older(Older.flagBytes, INVALID)],
    ]),
    transcript('a size that is none swallows nothing', [
      ['ms a x\r\n', FORMAT],
      ['ms a -1\r\n', FORMAT],
      ['ms a 2147483646\r\n', FORMAT],
      ['ms a S2\r\n', FORMAT],
      ['ms a 1x\r\n', FORMAT],
    ]),
    transcript('data that is too long is an error, quiet or not', [
      ['ms a 2 q\r\nabxxbogus\r\n', `CLIENT_ERROR bad data chunk\r\n${ERROR}`],
      ['mg a\r\n', 'EN\r\n'],
    ]),
    transcript('what is no number cannot be counted', [
      ['ms a 1\r\nx\r\n', 'HD\r\n'],
      ['ma a\r\n', NON_NUMERIC],
      ['ma a q N0 k\r\n', NON_NUMERIC],
      ['ms a 0\r\n\r\n', 'HD\r\n'],
      ['ma a\r\n', NON_NUMERIC],
      ['mg a v\r\n', 'VA 0\r\n\r\n'],
    ]),
    transcript('what is too large takes the old value along, whatever the mode', [
      ['ms a 1\r\nx\r\n', 'HD\r\n'],
      [
        `ms a 1048600 q\r\n${'L'.repeat(1_048_600)}\r\n`,
        'SERVER_ERROR object too large for cache\r\n',
      ],
      ['mg a\r\n', 'EN\r\n'],
      ['ms a 1\r\nx\r\n', 'HD\r\n'],
      [
        `ms a 1048600 ME\r\n${'L'.repeat(1_048_600)}\r\n`,
        'SERVER_ERROR object too large for cache\r\n',
      ],
      ['mg a\r\n', 'EN\r\n'],
    ]),
  ],
})
