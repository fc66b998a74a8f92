// How a line becomes a command: names, spaces, line ends, too few and surplus arguments.

import { closes, conformance, transcript } from '../support/transcript.ts'
import { Older, older } from './older.ts'

const FORMAT = 'CLIENT_ERROR bad command line format\r\n'
const ERROR = 'ERROR\r\n'
const STORE_A: [string, string] = ['set a 1 0 1\r\n1\r\n', 'STORED\r\n']
const HIT = 'VALUE a 1 1\r\n1\r\nEND\r\n'

conformance({
  title: 'parser',
  transcripts: [
    transcript('a command name is lower case and starts the line', [
      ['GET a\r\n', ERROR],
      ['Get a\r\n', ERROR],
      ['getx a\r\n', ERROR],
      ['ge a\r\n', ERROR],
      ['boguscommand x\r\n', ERROR],
      ['abcd\r\n', ERROR],
      ['versionx\r\n', ERROR],
      ['quitx\r\n', ERROR],
      ['set1 a 0 0 1\r\n', ERROR],
    ]),
    transcript('a space before the command makes it unknown', [
      STORE_A,
      [' get a\r\n', ERROR, older(Older.leadingSpace, HIT)],
      ['  get a\r\n', ERROR, older(Older.leadingSpace, HIT)],
      [' version\r\n', ERROR, older(Older.leadingSpace, 'VERSION {version}\r\n')],
    ]),
    transcript('a tab separates nothing', [
      STORE_A,
      ['\tget a\r\n', ERROR],
      ['get\ta\r\n', ERROR],
      ['get \ta\r\n', 'END\r\n'],
      ['get a\tb\r\n', 'END\r\n'],
    ]),
    transcript('repeated and trailing spaces separate once', [
      ['set  a   1  0    1\r\n1\r\n', 'STORED\r\n'],
      ['get  a\r\n', HIT],
      ['get a \r\n', HIT],
      ['get    a     \r\n', HIT],
      ['set a 1 0 1  \r\n1\r\n', 'STORED\r\n'],
      ['incr  a   1 \r\n', '2\r\n'],
      ['delete   a  \r\n', 'DELETED\r\n'],
    ]),
    transcript('a line may end with a bare newline, a data block may not', [
      ['set a 1 0 1\n1\r\n', 'STORED\r\n'],
      ['get a\n', HIT],
      ['get a \n', HIT],
      ['version\n', 'VERSION {version}\r\n'],
      ['delete a\nget a\n', 'DELETED\r\nEND\r\n'],
      ['set a 1 0 1\r\n1\nget a\r\n', `CLIENT_ERROR bad data chunk\r\n${ERROR}`],
    ]),
    transcript('a carriage return inside a line is part of the word', [
      STORE_A,
      ['get a\rb\r\n', 'END\r\n'],
      ['get a\r\r\n', 'END\r\n'],
      ['version\r\r\n', ERROR],
    ]),
    transcript('lines under 4 bytes', [
      ['\r\n', FORMAT, older(Older.short, ERROR)],
      ['\n', FORMAT, older(Older.short, ERROR)],
      ['a\r\n', FORMAT, older(Older.short, ERROR)],
      [' \n', FORMAT, older(Older.short, ERROR)],
      ['a\n', FORMAT, older(Older.short, ERROR)],
      ['ab\n', FORMAT, older(Older.short, ERROR)],
      ['ab\r\n', ERROR],
      ['abc\n', ERROR],
    ]),
    transcript('too few arguments', [
      ['get\r\n', FORMAT, older(Older.tooFew, ERROR)],
      ['get \r\n', FORMAT, older(Older.tooFew, ERROR)],
      ['gets\r\n', FORMAT, older(Older.tooFew, ERROR)],
      ['gat\r\n', FORMAT, older(Older.tooFew, ERROR)],
      ['gat 0\r\n', FORMAT, older(Older.gatTooFew, 'END\r\n')],
      ['gats 0 \r\n', FORMAT, older(Older.gatTooFew, 'END\r\n')],
      ...['set', 'add', 'replace', 'append', 'prepend', 'cas'].flatMap(
        (verb): [string, string, ReturnType<typeof older>][] => [
          [`${verb}\r\n`, FORMAT, older(Older.tooFew, ERROR)],
          [`${verb} a\r\n`, FORMAT, older(Older.tooFew, ERROR)],
          [`${verb} a 0 0\r\n`, FORMAT, older(Older.tooFew, ERROR)],
        ],
      ),
      ['delete\r\n', FORMAT, older(Older.tooFew, ERROR)],
      ['incr\r\n', FORMAT, older(Older.tooFew, ERROR)],
      ['incr n\r\n', FORMAT, older(Older.tooFew, ERROR)],
      ['decr n \r\n', FORMAT, older(Older.tooFew, ERROR)],
      ['touch\r\n', FORMAT, older(Older.tooFew, ERROR)],
      ['touch a\r\n', FORMAT, older(Older.tooFew, ERROR)],
      ['verbosity\r\n', FORMAT, older(Older.tooFew, ERROR)],
    ]),
    transcript('cas without a unique is too short, and its data is skipped', [
      ['cas a 0 0 4\r\nbogus\r\n', `${FORMAT}${FORMAT}`, older(Older.tooFew, ERROR + ERROR)],
      ['cas a 0 0\r\nbogus\r\n', FORMAT + ERROR, older(Older.tooFew, ERROR + ERROR)],
      ['cas a 0 0 4\r\nquit\r\n', FORMAT, older(Older.tooFew, closes(ERROR))],
    ]),
    transcript('surplus arguments are ignored', [
      ['set a 1 0 1 junk\r\n1\r\n', 'STORED\r\n'],
      ['set a 1 0 1 junk more\r\n1\r\n', 'STORED\r\n', older(Older.surplus, `${ERROR}${ERROR}`)],
      ['get a\r\n', HIT],
      ['delete a 0\r\n', 'DELETED\r\n'],
    ]),
    transcript('surplus arguments beyond what older versions took', [
      STORE_A,
      ['incr a 1 junk\r\n', '2\r\n'],
      ['incr a 1 junk more\r\n', '3\r\n', older(Older.surplus, ERROR)],
      ['touch a 0 junk\r\n', 'TOUCHED\r\n'],
      ['version foo\r\n', 'VERSION {version}\r\n'],
      ['version foo bar\r\n', 'VERSION {version}\r\n'],
      [
        'delete missing junk\r\n',
        'NOT_FOUND\r\n',
        older(
          Older.deleteUsage,
          'CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n',
        ),
      ],
    ]),
    ...[21, 22, 23, 24, 25, 40].map(count =>
      transcript(
        `${count} surplus arguments, beyond the tokens kept`,
        [
          [`set a 1 0 1${' junk'.repeat(count)}\r\n1\r\n`, 'STORED\r\n'],
          ['get a\r\n', HIT],
          [`touch a 0${' junk'.repeat(count)}\r\n`, 'TOUCHED\r\n'],
          [`delete a${' junk'.repeat(count)}\r\n`, 'DELETED\r\n'],
        ],
        { notOn: { older: Older.surplus } },
      ),
    ),
    transcript('a line whose last word starts with HTTP/ closes without a word', [
      ['GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', closes()],
    ]),
    transcript('HTTP/ in a known command, or not last, is nothing special', [
      ['get HTTP/1.1\r\n', 'END\r\n'],
      ['POST HTTP/1.1 x\r\n', ERROR],
    ]),
    transcript('HTTP/ alone is nothing special', [['HTTP/1.1\r\n', ERROR]], {
      notOn: { older: Older.http },
    }),
    transcript('commands sent together are answered in order', [
      [
        'set a 1 0 1\r\n1\r\nget a\r\nincr a 4\r\nbogus\r\ngets b\r\ndelete a\r\nversion\r\nget a\r\n',
        `STORED\r\n${HIT}5\r\n${ERROR}END\r\nDELETED\r\nVERSION {version}\r\nEND\r\n`,
      ],
    ]),
    transcript('500 commands sent together', [
      [
        Array.from({ length: 250 }, (_, at) => `set a 1 0 3\r\n${at + 100}\r\nget a\r\n`).join(''),
        Array.from(
          { length: 250 },
          (_, at) => `STORED\r\nVALUE a 1 3\r\n${at + 100}\r\nEND\r\n`,
        ).join(''),
      ],
    ]),
    transcript('quit answers what came before it and runs nothing after it', [
      STORE_A,
      ['get a\r\nquit\r\ndelete a\r\n', closes(HIT)],
    ]),
    transcript('quit takes any arguments', [['quit now please\r\n', closes()]]),
  ],
})
