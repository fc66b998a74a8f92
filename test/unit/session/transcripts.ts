/**
 * Conversations of one connection, as bytes: each must give the same answer whole, cut anywhere, and
 * to a peer that reads slowly. Cas uniques are exact: the first item of a store gets 2.
 */
export type Conversation = { name: string; send: string; expected: string; closes?: boolean }

const FORMAT = 'CLIENT_ERROR bad command line format\r\n'
const TOO_LARGE = 'SERVER_ERROR object too large for cache\r\n'
const NON_NUMERIC = 'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n'
const KEY = 'k'.repeat(250)

export const textConversations: readonly Conversation[] = [
  {
    name: 'storage commands and gets',
    send:
      'set a 5 0 3\r\nabc\r\nadd a 0 0 1\r\nx\r\nadd b 0 0 1\r\nx\r\nreplace b 4294967295 0 2\r\nyy\r\n' +
      'append a 9 9 2\r\nde\r\nprepend a 9 9 1\r\n_\r\ngets a b nothing a\r\n' +
      'cas b 0 0 1 4\r\nz\r\ncas b 0 0 1 4\r\nz\r\ncas c 0 0 1 4\r\nz\r\nget b\r\n',
    expected:
      'STORED\r\nNOT_STORED\r\nSTORED\r\nSTORED\r\nSTORED\r\nSTORED\r\n' +
      'VALUE a 5 6 6\r\n_abcde\r\nVALUE b 4294967295 2 4\r\nyy\r\nVALUE a 5 6 6\r\n_abcde\r\nEND\r\n' +
      'STORED\r\nEXISTS\r\nNOT_FOUND\r\nVALUE b 0 1\r\nz\r\nEND\r\n',
  },
  {
    name: 'noreply suppresses answers and errors, but not of gat and version',
    send:
      'set a 0 0 1 noreply\r\n1\r\nadd a 0 0 1 noreply\r\n2\r\nincr a 5 noreply\r\nincr a x noreply\r\n' +
      'delete zz noreply\r\ntouch a 0 noreply\r\nset a 0 0 3 noreply\r\nabcd\r\nversion noreply\r\n' +
      'flush_all 0 noreply\r\nverbosity 1 noreply\r\nget a\r\n',
    expected: `${FORMAT}VERSION 1.6.45\r\nEND\r\n`,
  },
  {
    name: 'arithmetic',
    send:
      'set n 3 0 3\r\n100\r\ndecr n 1\r\nget n\r\nincr n 18446744073709551615\r\ndecr n 1000\r\n' +
      'incr n 99999\r\ngets n\r\nincr n -1\r\nincr n 18446744073709551616\r\nincr zz 1\r\n' +
      'set n 0 0 1\r\nx\r\nincr n 1\r\n',
    expected:
      'STORED\r\n99\r\nVALUE n 3 3\r\n99 \r\nEND\r\n98\r\n0\r\n99999\r\nVALUE n 3 5 6\r\n99999\r\nEND\r\n' +
      'CLIENT_ERROR invalid numeric delta argument\r\n'.repeat(2) +
      `NOT_FOUND\r\nSTORED\r\n${NON_NUMERIC}`,
  },
  {
    name: 'keys of 250 and 251 bytes, with control and 8-bit characters',
    send:
      `set ${KEY} 0 0 1\r\n1\r\nget ${KEY}\r\nset ${KEY}x 0 0 1\r\n2\r\nget a ${KEY}x\r\n` +
      'set \x01\xff\r\t 0 0 1\r\n3\r\nget \x01\xff\r\t\r\n',
    expected:
      `STORED\r\nVALUE ${KEY} 0 1\r\n1\r\nEND\r\n${FORMAT}${FORMAT}` +
      'STORED\r\nVALUE \x01\xff\r\t 0 1\r\n3\r\nEND\r\n',
  },
  {
    name: 'lines: too short, unknown, odd spaces, bare line feeds',
    send:
      '\r\na\r\n \nab\r\nboguscommand x\r\nGET a\r\n get a\r\nget  a   b \r\nget a\nget\r\nget \r\n' +
      'delete\r\nincr a\r\ntouch a\r\ngat 0\r\nset a 0 0\r\nversion  foo\r\n',
    expected: `${FORMAT.repeat(3)}${'ERROR\r\n'.repeat(4)}${'END\r\n'.repeat(2)}${FORMAT.repeat(7)}VERSION 1.6.45\r\n`,
  },
  {
    name: 'a bad data chunk takes its bytes and two more',
    send: 'set a 0 0 2\r\nabc\r\nset a 0 0 3\r\nxyzw\nversion\r\nget a\r\n',
    expected:
      `CLIENT_ERROR bad data chunk\r\n${FORMAT}` +
      'CLIENT_ERROR bad data chunk\r\nVERSION 1.6.45\r\nEND\r\n',
  },
  {
    name: 'errors of storage commands swallow the value, a bad size does not',
    send:
      'set a x 0 9\r\nversion\r\n\r\nset a 0 x 9\r\nversion\r\n\r\nset a 0 0 -1\r\nset a 0 0 2147483646\r\n' +
      'set a 0 0 +1\r\nset a -1 0 1\r\n1\r\ncas a 0 0 1 x\r\n1\r\nset a 0 0 9\r\nversion\r\n\r\n',
    expected: `${FORMAT.repeat(7)}STORED\r\n`,
  },
  {
    name: 'a value too large is swallowed and removes the old one on set alone',
    send:
      `set a 0 0 1\r\n1\r\nadd a 0 0 1048577\r\n${'x'.repeat(1048577)}\r\nget a\r\n` +
      `set a 0 0 1048577\r\n${'x'.repeat(1048577)}\r\nget a\r\n`,
    expected: `STORED\r\n${TOO_LARGE}VALUE a 0 1\r\n1\r\nEND\r\n${TOO_LARGE}END\r\n`,
  },
  {
    name: 'values around where they are staged and where segments end',
    send: [0, 1, 16383, 16384, 16385, 32768, 65536, 100000]
      .map(size => `set v${size} 1 0 ${size}\r\n${'v'.repeat(size)}\r\nget v${size}\r\n`)
      .join(''),
    expected: [0, 1, 16383, 16384, 16385, 32768, 65536, 100000]
      .map(size => `STORED\r\nVALUE v${size} 1 ${size}\r\n${'v'.repeat(size)}\r\nEND\r\n`)
      .join(''),
  },
  {
    name: 'touch, gat and exptimes',
    send:
      'set a 0 -1 1\r\n1\r\nget a\r\nset a 0 100 1\r\n1\r\ntouch a 0\r\ntouch zz 0\r\ntouch a x\r\n' +
      'gat 0 a zz\r\ngats 100 a\r\ngat x a\r\ngat 2147483648 a\r\ntouch a -1\r\nget a\r\n',
    expected:
      'STORED\r\nEND\r\nSTORED\r\nTOUCHED\r\nNOT_FOUND\r\nCLIENT_ERROR invalid exptime argument\r\n' +
      'VALUE a 0 1\r\n1\r\nEND\r\nVALUE a 0 1 3\r\n1\r\nEND\r\n' +
      'CLIENT_ERROR invalid exptime argument\r\n'.repeat(2) +
      'TOUCHED\r\nEND\r\n',
  },
  {
    name: 'delete, flush_all, verbosity, stats reset',
    send:
      'set a 0 0 1\r\n1\r\ndelete a\r\ndelete a\r\ndelete a 0\r\nset a 0 0 1\r\n1\r\nflush_all\r\nget a\r\n' +
      'set a 0 0 1\r\n1\r\nget a\r\nflush_all x\r\nverbosity\r\nverbosity x\r\nverbosity 99\r\n' +
      'stats reset\r\nstats nothing\r\n',
    expected:
      'STORED\r\nDELETED\r\nNOT_FOUND\r\nNOT_FOUND\r\nSTORED\r\nOK\r\nEND\r\n' +
      'STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\nCLIENT_ERROR invalid exptime argument\r\n' +
      `${FORMAT.repeat(2)}OK\r\nRESET\r\nERROR\r\n`,
  },
  {
    name: 'quit: earlier replies leave, later commands do not run',
    send: 'set a 0 0 1\r\n1\r\nquit\r\nset a 0 0 1\r\n2\r\nget a\r\n',
    expected: 'STORED\r\n',
    closes: true,
  },
  {
    name: 'a line of HTTP is no client of ours',
    send: 'POST / HTTP/1.1\r\nset a 0 0 1\r\n1\r\n',
    expected: '',
    closes: true,
  },
  {
    name: 'a get of many keys, some of them large',
    send:
      `set big 0 0 70000\r\n${'b'.repeat(70000)}\r\nset s 0 0 10\r\n0123456789\r\n` +
      `get ${'s big nothing '.repeat(12)}\r\nversion\r\n`,
    expected:
      'STORED\r\nSTORED\r\n' +
      `VALUE s 0 10\r\n0123456789\r\nVALUE big 0 70000\r\n${'b'.repeat(70000)}\r\n`.repeat(12) +
      'END\r\nVERSION 1.6.45\r\n',
  },
]
