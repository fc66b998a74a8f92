// Objects at, over and far over `-I`. An item counts 48 bytes, 8 for its cas unique, the key and
// one, 4 for flags that are not 0, the value and two.

import { conformance, type Row, transcript } from '../support/transcript.ts'

const TOO_LARGE = 'SERVER_ERROR object too large for cache\r\n'

interface Stored {
  readonly verb?: string
  readonly key?: string
  readonly flags?: number
  readonly size: number
}

function request({ verb = 'set', key = 'a', flags = 0, size }: Stored): string {
  const unique = verb === 'cas' ? ' 1' : ''
  return `${verb} ${key} ${flags} 0 ${size}${unique}\r\n${'v'.repeat(size)}\r\n`
}

function fits(item: Stored): Row[] {
  const { key = 'a', flags = 0, size } = item
  const value = `VALUE ${key} ${flags} ${size}\r\n${'v'.repeat(size)}\r\nEND\r\n`
  return [
    [request(item), 'STORED\r\n'],
    [`get ${key}\r\n`, value],
  ]
}

function tooLarge(item: Stored): Row[] {
  return [
    [`set ${item.key ?? 'a'} 0 0 3\r\nold\r\n`, 'STORED\r\n'],
    [request(item), TOO_LARGE],
    [`get ${item.key ?? 'a'}\r\n`, 'END\r\n'],
  ]
}

/** The largest value of a one-byte key with flags 0. */
const largest = (itemSizeMax: number): number => itemSizeMax - 60

function sizes(itemSizeMax: number): Row[] {
  const size = largest(itemSizeMax)
  const longKey = 'k'.repeat(250)
  return [
    ...fits({ size }),
    ...tooLarge({ size: size + 1 }),
    ...tooLarge({ size: itemSizeMax }),
    ...fits({ size: size - 4, flags: 5 }),
    ...tooLarge({ size: size - 3, flags: 5 }),
    ...fits({ size: size - 249, key: longKey }),
    ...tooLarge({ size: size - 248, key: longKey }),
  ]
}

conformance({
  title: 'object size, default of 1 MiB',
  transcripts: [
    transcript('at the limit and one over', sizes(1_048_576)),
    transcript('far over the limit: swallowed, and the connection goes on', [
      ...tooLarge({ size: 8_000_000 }),
      ...fits({ size: 10 }),
    ]),
    transcript('only a set that is too large removes the old value', [
      ['set a 3 0 3\r\nold\r\n', 'STORED\r\n'],
      ...['add', 'replace', 'append', 'prepend', 'cas'].flatMap((verb): Row[] => [
        [request({ verb, size: 1_100_000 }), TOO_LARGE],
        ['get a\r\n', 'VALUE a 3 3\r\nold\r\nEND\r\n'],
      ]),
      [request({ size: 1_100_000 }), TOO_LARGE],
      ['get a\r\n', 'END\r\n'],
    ]),
    transcript('append and prepend that would grow past the limit', [
      ['set a 3 0 3\r\nold\r\n', 'STORED\r\n'],
      [request({ verb: 'append', size: largest(1_048_576) - 4 - 3 }), 'STORED\r\n'],
      ['append a 0 0 1\r\nx\r\n', 'NOT_STORED\r\n'],
      ['prepend a 0 0 1\r\nx\r\n', 'NOT_STORED\r\n'],
      ['append a 0 0 500000\r\n'.concat('x'.repeat(500_000), '\r\n'), 'NOT_STORED\r\n'],
      ['get a\r\n', `VALUE a 3 1048512\r\nold${'v'.repeat(1_048_509)}\r\nEND\r\n`],
    ]),
    transcript('what is pipelined after a large object is read as commands again', [
      [
        `${request({ size: 1_048_517 })}version\r\n${request({ size: 1_048_516 })}version\r\n`,
        `${TOO_LARGE}VERSION {version}\r\nSTORED\r\nVERSION {version}\r\n`,
      ],
    ]),
  ],
})

conformance({
  title: 'object size, -I 512k',
  flags: ['-I', '512k'],
  transcripts: [transcript('at the limit and one over', sizes(524_288))],
})

conformance({
  title: 'object size, -I 2m',
  flags: ['-I', '2m'],
  transcripts: [transcript('at the limit and one over', sizes(2_097_152))],
})

conformance({
  title: 'object size, -I 1024',
  flags: ['-I', '1024'],
  // A slab chunk may not be larger than the item, and so small a one stops Debian's memcached.
  onlyNode: true,
  transcripts: [transcript('at the limit and one over', sizes(1_024))],
})
