// delete and touch.

import { conformance, transcript } from '../support/transcript.ts'
import { Older, older } from './older.ts'

const EXPTIME = 'CLIENT_ERROR invalid exptime argument\r\n'

conformance({
  title: 'delete and touch',
  transcripts: [
    transcript('delete removes once', [
      ['delete a\r\n', 'NOT_FOUND\r\n'],
      ['set a 0 0 1\r\na\r\n', 'STORED\r\n'],
      ['delete a\r\n', 'DELETED\r\n'],
      ['delete a\r\n', 'NOT_FOUND\r\n'],
      ['get a\r\n', 'END\r\n'],
      ['set a 0 -1 1\r\na\r\n', 'STORED\r\n'],
      ['delete a\r\n', 'NOT_FOUND\r\n'],
    ]),
    transcript('delete with 0 deletes', [
      ['set a 0 0 1\r\na\r\n', 'STORED\r\n'],
      ['delete a 0\r\n', 'DELETED\r\n'],
    ]),
    transcript('touch answers TOUCHED or NOT_FOUND', [
      ['touch a 0\r\n', 'NOT_FOUND\r\n'],
      ['set a 4 0 1\r\na\r\n', 'STORED\r\n'],
      ['touch a 0\r\n', 'TOUCHED\r\n'],
      ['touch a 100\r\n', 'TOUCHED\r\n'],
      ['get a\r\n', 'VALUE a 4 1\r\na\r\nEND\r\n'],
      ['touch a -1\r\n', 'TOUCHED\r\n'],
      ['get a\r\n', 'END\r\n'],
      ['touch a 0\r\n', 'NOT_FOUND\r\n'],
    ]),
    transcript('touch refuses a wrong exptime, on a miss too', [
      ['touch a x\r\n', EXPTIME],
      ['set a 4 0 1\r\na\r\n', 'STORED\r\n'],
      ['touch a x\r\n', EXPTIME],
      ['touch a 1.5\r\n', EXPTIME],
      ['touch a 2147483648\r\n', EXPTIME, older(Older.exptime32, 'TOUCHED\r\n')],
      ['touch a -2147483649\r\n', EXPTIME, older(Older.exptime32, 'NOT_FOUND\r\n')],
      ['set a 4 0 1\r\na\r\n', 'STORED\r\n'],
      ['touch a 2147483647\r\n', 'TOUCHED\r\n'],
      ['get a\r\n', 'VALUE a 4 1\r\na\r\nEND\r\n'],
    ]),
  ],
})
