// Every stream is scanned whole and cut at every byte: the answers must not differ.

import { describe, expect, test } from 'vitest'
import { Outstanding } from '../../../src/load/outstanding.ts'
import { Outcome, ReplyScanner, type ReplySink } from '../../../src/load/reply-scanner.ts'
import { RequestBytes } from '../../../src/load/request-bytes.ts'
import { checkWorkload } from '../../../src/load/workload.ts'

const requests = new RequestBytes(checkWorkload({ keyPrefix: 'k', valueSize: 5 }))
const severalKeys = new RequestBytes(checkWorkload({ keyPrefix: 'k', valueSize: 5, keysPerGet: 3 }))

/** A request that was sent: `g3` is a get of key 3, `s3` a set. */
type Sent = `g${number}` | `s${number}`

interface Scanned {
  readonly outcomes: string
  readonly complaints: readonly string[]
  readonly inStep: boolean
  readonly unanswered: number
}

class Recorder implements ReplySink {
  outcomes = ''
  readonly complaints: string[] = []
  readonly #outstanding: Outstanding

  constructor(outstanding: Outstanding) {
    this.#outstanding = outstanding
  }

  onReply(outcome: Outcome): void {
    this.outcomes += 'hmse'[outcome]
    this.#outstanding.shift()
  }

  onComplaint(kind: string, detail: string): void {
    this.complaints.push(`${kind}: ${detail}`)
  }
}

function scan(sent: readonly Sent[], pieces: readonly Buffer[], bytes = requests): Scanned {
  const outstanding = new Outstanding(8)
  for (const request of sent) {
    outstanding.push(request.startsWith('s'), Number(request.slice(1)), 0)
  }
  const recorder = new Recorder(outstanding)
  const scanner = new ReplyScanner(bytes, outstanding, recorder)
  const inStep = pieces.every(piece => scanner.push(piece, piece.length))
  const { outcomes, complaints } = recorder
  return { outcomes, complaints, inStep, unanswered: outstanding.count }
}

/** Scans the stream whole, in two pieces cut at every byte, and byte by byte. */
function scanEveryWay(sent: readonly Sent[], stream: string, of = requests): Scanned {
  const bytes = Buffer.from(stream, 'latin1')
  const whole = scan(sent, [bytes], of)
  const single = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
  const cuts = Array.from(bytes, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)])
  for (const pieces of [single, ...cuts]) {
    const { complaints, ...rest } = scan(sent, pieces, of)
    const { complaints: wholeComplaints, ...wholeRest } = whole
    expect(rest).toEqual(wholeRest)
    // Where a value is cut decides which of its bytes are named; what went wrong is the same.
    expect(complaints.map(kindOf)).toEqual(wholeComplaints.map(kindOf))
  }
  return whole
}

function kindOf(complaint: string): string {
  return complaint.replace(/: .*/, '')
}

function valueOf(key: number): string {
  const target = Buffer.alloc(requests.setSize)
  requests.putSet(target, 0, key)
  return target.toString('latin1').split('\r\n')[1] ?? ''
}

function hit(key: number, value = valueOf(key)): string {
  return `VALUE k0000000${key} 0 ${value.length}\r\n${value}\r\nEND\r\n`
}

describe('ReplyScanner, right replies', () => {
  const right: [string, Sent[], string, string][] = [
    ['a hit', ['g1'], hit(1), 'h'],
    ['a miss', ['g1'], 'END\r\n', 'm'],
    ['a stored value', ['s1'], 'STORED\r\n', 's'],
    [
      'a pipeline of all',
      ['g1', 's2', 'g3', 'g4', 's5'],
      `${hit(1)}STORED\r\nEND\r\n${hit(4)}STORED\r\n`,
      'hsmhs',
    ],
  ]
  test.each(right)('%s', (_, sent, stream, outcomes) => {
    const clean = { outcomes, complaints: [], inStep: true, unanswered: 0 }
    expect(scanEveryWay(sent, stream)).toEqual(clean)
  })

  test('a reply that is not complete yet counts as nothing', () => {
    for (const part of ['', 'E', 'END', 'END\r', hit(1).slice(0, -1)]) {
      expect(scanEveryWay(['g1'], part)).toMatchObject({ outcomes: '', unanswered: 1 })
    }
  })
})

describe('ReplyScanner, wrong replies after which it goes on', () => {
  const wrong: [string, Sent[], string, RegExp][] = [
    ['another key', ['g1'], hit(2), /^value of another key: "k00000002" instead of "k00000001"$/],
    ['other bytes', ['g1'], hit(1, 'xxxxx'), /^value with other bytes: bytes \d to \d of "k0+1"$/],
    ['a short value', ['g1'], hit(1, 'abc'), /^value of another size: 3 instead of 5 for "k0+1"$/],
    ['an empty value', ['g1'], hit(1, ''), /^value of another size: 0 instead of 5/],
    ['a long value', ['g1'], hit(1, 'x\r\nEND\r\nx'), /^value of another size: 9 instead of 5/],
    ['other flags', ['g1'], hit(1).replace(' 0 5', ' 7 5'), /^value with other flags: 7 for/],
    ['a padded size', ['g1'], hit(1).replace(' 0 5', ' 0 05'), /^value line in another form: "VAL/],
    ['ERROR', ['g1'], 'ERROR\r\n', /^ERROR: answer to get "k00000001"$/],
    [
      'no memory',
      ['s1'],
      'SERVER_ERROR out of memory\r\n',
      /^SERVER_ERROR out of mem.*: answer to/,
    ],
    ['a bad line', ['s1'], 'CLIENT_ERROR bad\r\n', /^CLIENT_ERROR bad: answer to set "k0+1"$/],
    ['NOT_STORED', ['s1'], 'NOT_STORED\r\n', /^NOT_STORED: answer to set/],
    [
      'an error behind a value',
      ['g1'],
      hit(1).replace('END', 'SERVER_ERROR late'),
      /^SERVER_ERROR late: answer to get/,
    ],
  ]
  test.each(wrong)('%s', (_, sent, stream, complaint) => {
    const next: Sent[] = [...sent, 'g3']
    const scanned = scanEveryWay(next, stream + hit(3))
    expect(scanned).toMatchObject({ outcomes: 'eh', inStep: true, unanswered: 0 })
    expect(scanned.complaints).toHaveLength(1)
    expect(scanned.complaints[0]).toMatch(complaint)
  })

  test('two things wrong in one reply are both said, and it is one error', () => {
    const scanned = scanEveryWay(['g1'], hit(2, 'abc'))
    expect(scanned.outcomes).toBe('e')
    expect(scanned.complaints.map(kindOf)).toEqual([
      'value of another key',
      'value of another size',
    ])
  })

  test('every single damaged byte of a hit is noticed', () => {
    const right = Buffer.from(hit(1), 'latin1')
    for (let at = 0; at < right.length; at += 1) {
      const damaged = Buffer.from(right)
      damaged[at]! ^= 4
      const scanned = scan(['g1'], [damaged])
      expect([at, scanned.outcomes === 'h']).toEqual([at, false])
      const noticed = scanned.complaints.length > 0 || scanned.unanswered > 0
      expect([at, noticed]).toEqual([at, true])
    }
  })
})

describe('ReplyScanner, out of step', () => {
  const broken: [string, Sent[], string, string][] = [
    ['STORED for a get', ['g1'], 'STORED\r\n', 'unexpected reply: "STORED" after get "k00000001"'],
    ['END for a set', ['s1'], 'END\r\n', 'unexpected reply: "END" after set "k00000001"'],
    ['a value for a set', ['s1'], hit(1), 'unexpected reply: "VALUE k00000001 0 5" after set'],
    ['NOT_STORED for a get', ['g1'], 'NOT_STORED\r\n', 'unexpected reply: "NOT_STORED" after get'],
    ['an empty line', ['g1'], '\r\n', 'unexpected reply: "" after get "k00000001"'],
    ['nonsense', ['g1'], '\u0000\u00ff\u001b[2J\r\n', 'unexpected reply: "???[2J" after get'],
    ['a reply too many', ['g1'], 'END\r\nEND\r\n', 'reply without a request: "END" after no'],
    ['a bare line feed', ['g1'], 'END\n', 'line without CR LF: "END" after get'],
    [
      'a huge value',
      ['g1'],
      'VALUE k 0 1073741825\r\n',
      'unexpected reply: "VALUE k 0 1073741825"',
    ],
    ['a negative size', ['g1'], 'VALUE k 0 -1\r\n', 'unexpected reply: "VALUE k 0 -1" after get'],
    [
      'two values for one get',
      ['g1'],
      hit(1).replace('END\r\n', hit(1)),
      'unexpected reply: "VALUE k00000001 0 5" after get',
    ],
    [
      'a value longer than announced',
      ['g1'],
      'VALUE k00000001 0 5\r\n1234567\r\nEND\r\n',
      'value without CR LF behind it: "value of "k00000001"" after get',
    ],
  ]
  test.each(broken)('%s', (_, sent, stream, complaint) => {
    const scanned = scanEveryWay(sent, stream)
    expect(scanned.inStep).toBe(false)
    expect(scanned.complaints.at(-1)).toContain(complaint)
  })

  test('a line of 1,024 bytes is read, one byte more or a million more is refused', () => {
    const text = `SERVER_ERROR ${'x'.repeat(1024 - 14)}\r\n`
    expect(text.indexOf('\n')).toBe(1024)
    expect(scanEveryWay(['g1'], text)).toMatchObject({ outcomes: 'e', inStep: true })
    expect(scanEveryWay(['g1'], text.replace('x', 'xx')).complaints).toEqual([
      expect.stringContaining('line without an end: "SERVER_ERROR xxx'),
    ])
    const far = Buffer.from(`ERROR${' '.repeat(1_000_000)}\r\n`)
    const pieces = [far.subarray(0, 700), far.subarray(700)]
    for (const way of [[far], pieces]) expect(scan(['g1'], way).inStep).toBe(false)
  })

  test('`reset()` forgets half a reply', () => {
    const outstanding = new Outstanding(1)
    const recorder = new Recorder(outstanding)
    const scanner = new ReplyScanner(requests, outstanding, recorder)
    for (const half of ['EN', 'VALUE k00000001 0 5\r\nab', 'VALUE k00000002 0 5\r\n']) {
      outstanding.push(false, 1, 0)
      expect(scanner.push(Buffer.from(half), half.length)).toBe(true)
      outstanding.clear()
      scanner.reset()
      outstanding.push(false, 1, 0)
      expect(scanner.push(Buffer.from('END\r\n'), 5)).toBe(true)
    }
    expect(recorder.outcomes).toBe('mmm')
  })
})

describe('a get of several keys', () => {
  const first = 3
  const [a = '', b = '', c = ''] = [0, 1, 2].map(at => {
    const key = severalKeys.keyAt(first, at)
    const set = Buffer.alloc(severalKeys.setSize)
    severalKeys.putSet(set, 0, key)
    const [, value = ''] = set.toString('latin1').split('\r\n')
    return `VALUE ${severalKeys.keyText(key)} 0 5\r\n${value}\r\n`
  })

  test.each([
    ['all there', `${a}${b}${c}`, 'h'],
    ['the first missing', `${b}${c}`, 'm'],
    ['the middle one missing', `${a}${c}`, 'm'],
    ['the last missing', `${a}${b}`, 'm'],
    ['none there', '', 'm'],
  ])('%s', (_, values, outcome) => {
    const sent = [`g${first}`, `g${first}`] as const
    const scanned = scanEveryWay(sent, `${values}END\r\n${a}${b}${c}END\r\n`, severalKeys)
    const expected = { outcomes: `${outcome}h`, complaints: [], inStep: true, unanswered: 0 }
    expect(scanned).toEqual(expected)
  })

  test('values in another order, twice, or one too many are noticed', () => {
    for (const values of [`${b}${a}${c}`, `${a}${a}${c}`]) {
      const { outcomes, complaints } = scanEveryWay([`g${first}`], `${values}END\r\n`, severalKeys)
      expect([outcomes, complaints.map(kindOf)[0]]).toEqual(['e', 'value of another key'])
    }
    const tooMany = scanEveryWay([`g${first}`], `${a}${b}${c}${c}END\r\n`, severalKeys)
    expect([tooMany.inStep, tooMany.complaints.map(kindOf)]).toEqual([false, ['unexpected reply']])
  })
})
