// set, add, replace, append, prepend and cas: what is stored, what is answered.

import { conformance, type Row, transcript } from '../support/transcript.ts'

const sizes = [1, 2, 1023, 1024, 4095, 4096, 16_383, 16_384, 16_385, 100_000]

conformance({
  title: 'storage',
  transcripts: [
    transcript('set stores and overwrites', [
      ['set a 5 0 3\r\nabc\r\n', 'STORED\r\n'],
      ['get a\r\n', 'VALUE a 5 3\r\nabc\r\nEND\r\n'],
      ['set a 0 0 5\r\nhello\r\n', 'STORED\r\n'],
      ['get a\r\n', 'VALUE a 0 5\r\nhello\r\nEND\r\n'],
    ]),
    transcript('set stores an empty value', [
      ['set a 7 0 0\r\n\r\n', 'STORED\r\n'],
      ['get a\r\n', 'VALUE a 7 0\r\n\r\nEND\r\n'],
    ]),
    transcript('set stores any byte, line ends included', [
      ['set a 0 0 9\r\na\r\nb\nEND\x00\r\n', 'STORED\r\n'],
      ['get a\r\n', 'VALUE a 0 9\r\na\r\nb\nEND\x00\r\nEND\r\n'],
      ['set b 0 0 6\r\nget a\n\r\n', 'STORED\r\n'],
      ['get b\r\n', 'VALUE b 0 6\r\nget a\n\r\nEND\r\n'],
    ]),
    transcript('add stores only a new key', [
      ['add a 1 0 1\r\n1\r\n', 'STORED\r\n'],
      ['add a 2 0 1\r\n2\r\n', 'NOT_STORED\r\n'],
      ['get a\r\n', 'VALUE a 1 1\r\n1\r\nEND\r\n'],
    ]),
    transcript('add stores over an expired item', [
      ['set a 0 -1 1\r\n1\r\n', 'STORED\r\n'],
      ['add a 0 0 1\r\n2\r\n', 'STORED\r\n'],
      ['get a\r\n', 'VALUE a 0 1\r\n2\r\nEND\r\n'],
    ]),
    transcript('replace stores only over an item', [
      ['replace a 1 0 1\r\n1\r\n', 'NOT_STORED\r\n'],
      ['get a\r\n', 'END\r\n'],
      ['set a 1 0 1\r\n1\r\n', 'STORED\r\n'],
      ['replace a 2 0 2\r\n22\r\n', 'STORED\r\n'],
      ['get a\r\n', 'VALUE a 2 2\r\n22\r\nEND\r\n'],
      ['set a 1 -1 1\r\n1\r\n', 'STORED\r\n'],
      ['replace a 2 0 2\r\n22\r\n', 'NOT_STORED\r\n'],
    ]),
    transcript('append and prepend keep flags and exptime', [
      ['append a 1 0 1\r\n1\r\n', 'NOT_STORED\r\n'],
      ['prepend a 1 0 1\r\n1\r\n', 'NOT_STORED\r\n'],
      ['set a 9 0 3\r\nmid\r\n', 'STORED\r\n'],
      ['append a 1 -1 4\r\n-end\r\n', 'STORED\r\n'],
      ['get a\r\n', 'VALUE a 9 7\r\nmid-end\r\nEND\r\n'],
      ['prepend a 2 -1 6\r\nstart-\r\n', 'STORED\r\n'],
      ['get a\r\n', 'VALUE a 9 13\r\nstart-mid-end\r\nEND\r\n'],
    ]),
    transcript('append and prepend of nothing', [
      ['set a 0 0 0\r\n\r\n', 'STORED\r\n'],
      ['append a 0 0 0\r\n\r\n', 'STORED\r\n'],
      ['prepend a 0 0 2\r\nxy\r\n', 'STORED\r\n'],
      ['append a 0 0 0\r\n\r\n', 'STORED\r\n'],
      ['get a\r\n', 'VALUE a 0 2\r\nxy\r\nEND\r\n'],
    ]),
    transcript('append, prepend and touch: who changes the cas unique', [
      ['set a 0 0 1\r\na\r\n', 'STORED\r\n'],
      ['gets a\r\n', 'VALUE a 0 1 {cas:first}\r\na\r\nEND\r\n'],
      ['touch a 0\r\n', 'TOUCHED\r\n'],
      ['gets a\r\n', 'VALUE a 0 1 {cas:first}\r\na\r\nEND\r\n'],
      ['append a 0 0 1\r\nb\r\n', 'STORED\r\n'],
      ['cas a 0 0 1 {cas:first}\r\nx\r\n', 'EXISTS\r\n'],
      ['gets a\r\n', 'VALUE a 0 2 {cas:second}\r\nab\r\nEND\r\n'],
      ['cas a 0 0 1 {cas:second}\r\nx\r\n', 'STORED\r\n'],
      ['cas a 0 0 1 {cas:second}\r\ny\r\n', 'EXISTS\r\n'],
      ['get a\r\n', 'VALUE a 0 1\r\nx\r\nEND\r\n'],
    ]),
    transcript('cas of a missing key, with 0 and with a stale unique', [
      ['cas a 0 0 1 1\r\na\r\n', 'NOT_FOUND\r\n'],
      ['set a 3 0 1\r\na\r\n', 'STORED\r\n'],
      ['cas a 0 0 1 0\r\nb\r\n', 'EXISTS\r\n'],
      ['cas a 0 0 1 18446744073709551615\r\nb\r\n', 'EXISTS\r\n'],
      ['get a\r\n', 'VALUE a 3 1\r\na\r\nEND\r\n'],
    ]),
    transcript('gets and cas after a miss, a delete and a new value', [
      ['set a 0 0 1\r\na\r\n', 'STORED\r\n'],
      ['gets a\r\n', 'VALUE a 0 1 {cas:one}\r\na\r\nEND\r\n'],
      ['delete a\r\n', 'DELETED\r\n'],
      ['cas a 0 0 1 {cas:one}\r\nb\r\n', 'NOT_FOUND\r\n'],
      ['set a 0 0 1\r\na\r\n', 'STORED\r\n'],
      ['cas a 0 0 1 {cas:one}\r\nb\r\n', 'EXISTS\r\n'],
      ['get a\r\n', 'VALUE a 0 1\r\na\r\nEND\r\n'],
    ]),
    transcript(
      'values of 1 byte to 100 kB come back whole',
      sizes.flatMap((size): Row[] => {
        const value = `${size}|`.padEnd(size, 'v').slice(0, size)
        return [
          [`set k${size} ${size} 0 ${size}\r\n${value}\r\n`, 'STORED\r\n'],
          [`get k${size}\r\n`, `VALUE k${size} ${size} ${size}\r\n${value}\r\nEND\r\n`],
        ]
      }),
    ),
    transcript('a small item grows by append past every copying limit', [
      ['set a 1 0 1\r\n<\r\n', 'STORED\r\n'],
      [`append a 0 0 20000\r\n${'m'.repeat(20_000)}\r\n`, 'STORED\r\n'],
      [`prepend a 0 0 20000\r\n${'n'.repeat(20_000)}\r\n`, 'STORED\r\n'],
      ['get a\r\n', `VALUE a 1 40001\r\n${'n'.repeat(20_000)}<${'m'.repeat(20_000)}\r\nEND\r\n`],
      ['set a 0 0 2\r\nok\r\n', 'STORED\r\n'],
      ['get a\r\n', 'VALUE a 0 2\r\nok\r\nEND\r\n'],
    ]),
  ],
})
