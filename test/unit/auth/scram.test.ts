import { describe, expect, test } from 'vitest'
import type { Account } from '../../../src/auth/account.ts'
import { AccountList, type Finding } from '../../../src/auth/account-list.ts'
import { AttemptKind, Mechanism } from '../../../src/auth/authenticator.ts'
import { Derivations } from '../../../src/auth/derivations.ts'
import { saslPrep } from '../../../src/auth/saslprep.ts'
import { makeScramSecret, parseClientFirst, verifyProof } from '../../../src/auth/scram.ts'
import { makeScramVerifier } from '../../../src/auth/verifier.ts'
import { Prng } from '../../../src/base/prng.ts'
import { answerChallenge, clientFirst, type ScramHash } from '../../support/scram-client.ts'

/** RFC 7677 section 3. */
const rfc = {
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverFirst:
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,' +
    'p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  signature: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
}

function exchangeOf(messages: Partial<typeof rfc> = {}) {
  const { clientFirst: first, serverFirst, clientFinal } = { ...rfc, ...messages }
  const [a, b, c] = [first, serverFirst, clientFinal].map(text => Buffer.from(text, 'latin1'))
  return { clientFirst: a!, serverFirst: b!, clientFinal: c! }
}

const secret = await makeScramSecret(
  'sha256',
  Buffer.from('pencil'),
  Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'),
  4096,
)

describe("RFC 7677's example", () => {
  test('is right, and is signed as there', () => {
    expect(verifyProof(secret, exchangeOf())).toBe(rfc.signature)
  })

  test('the client of these tests makes the same messages', () => {
    const reply = answerChallenge('sha256', 'pencil', rfc.clientFirst, rfc.serverFirst)
    expect(reply).toEqual({ clientFinal: rfc.clientFinal, serverFinal: rfc.signature })
  })

  test('with any one byte changed is wrong', () => {
    for (const field of ['clientFirst', 'serverFirst', 'clientFinal'] as const) {
      const text = rfc[field]
      for (let at = 0; at < text.length; at += 1) {
        const other = String.fromCharCode(text.charCodeAt(at) ^ 1)
        const changed = text.slice(0, at) + other + text.slice(at + 1)
        expect(verifyProof(secret, exchangeOf({ [field]: changed })), changed).toBeUndefined()
      }
    }
  })

  test('cut anywhere, or with something behind it, is wrong', () => {
    for (let size = 0; size < rfc.clientFinal.length; size += 1) {
      const cut = rfc.clientFinal.slice(0, size)
      expect(verifyProof(secret, exchangeOf({ clientFinal: cut }))).toBeUndefined()
    }
    for (const tail of ['=', ',', '\0', ',x=y', '\n']) {
      const long = rfc.clientFinal + tail
      expect(verifyProof(secret, exchangeOf({ clientFinal: long })), tail).toBeUndefined()
    }
  })
})

describe('parseClientFirst()', () => {
  test.each([
    ['n,,n=user,r=abc', '', 'user'],
    ['y,,n=user,r=abc', '', 'user'],
    ['n,a=user,n=user,r=abc', 'user', 'user'],
    ['n,,n=a=2Cb=3Dc,r=abc,x=more', '', 'a,b=c'],
  ])('%j is understood', (text, authzid, name) => {
    expect(parseClientFirst(Buffer.from(text))).toMatchObject({ authzid, name })
  })

  test.each([
    '',
    'n',
    'n,,',
    'n,,n=,r=abc',
    'n,,n=user',
    'n,,n=user,r=',
    'n,,n=user,r=a b',
    'n,,n=us=2cer,r=abc',
    'n,,n=us=er,r=abc',
    'n,,n=us=,r=abc',
    'n,,n=us\0er,r=abc',
    'p=tls-unique,,n=user,r=abc',
    'n,,m=ext,n=user,r=abc',
    'n,b=user,n=user,r=abc',
    `n,,n=user,r=${'x'.repeat(257)}`,
    ' n,,n=user,r=abc',
  ])('%j is not', text => {
    expect(parseClientFirst(Buffer.from(text))).toBeUndefined()
  })

  test('a nonce of 256 characters is', () => {
    expect(parseClientFirst(Buffer.from(`n,,n=u,r=${'x'.repeat(256)}`))).toBeDefined()
  })
})

const hashes = [
  ['sha256', Mechanism.scramSha256],
  ['sha512', Mechanism.scramSha512],
] as const

async function logIn(
  list: AccountList,
  hash: ScramHash,
  name: string,
  password: string,
): Promise<{ finding: Finding; expected: string; challenge: string }> {
  const mechanism = hash === 'sha256' ? Mechanism.scramSha256 : Mechanism.scramSha512
  const first = clientFirst(name, 'fyko+d2lbbFgONRv9qkxdawL')
  const challenge = await list.check(
    {
      kind: AttemptKind.scramFirst,
      mechanism,
      parts: [Buffer.from(first)],
    },
    'here',
  )
  if (challenge.kind !== 'challenge') throw new Error('Cannot go on: there is no challenge')
  const { clientFinal, serverFinal } = answerChallenge(hash, password, first, challenge.reply)
  const parts = [first, challenge.reply, clientFinal].map(text => Buffer.from(text))
  const finding = await list.check({ kind: AttemptKind.scramFinal, mechanism, parts }, 'here')
  return { finding, expected: serverFinal, challenge: challenge.reply }
}

function saltIn(challenge: string): string {
  return /s=([^,]+)/.exec(challenge)?.[1] ?? ''
}

describe.each(hashes)('a SCRAM login with %s', async (hash, mechanism) => {
  const accounts: readonly Account[] = [
    { name: 'bob', password: 'secret' },
    { name: 'eve', verifiers: [await makeScramVerifier(hash, Buffer.from('pässwörd'))] },
  ]
  const list = new AccountList(accounts, new Derivations(), () => 0)

  test.each([
    ['bob', 'secret'],
    ['eve', 'pässwörd'],
  ])('lets %s in, twice, and proves that the server knows', async (name, password) => {
    for (let i = 0; i < 2; i += 1) {
      const { finding, expected } = await logIn(list, hash, name, password)
      expect(finding).toEqual({
        kind: 'right',
        account: accounts.find(one => one.name === name),
        reply: expected,
      })
    }
  })

  test('refuses a wrong password, and somebody unknown looks like somebody known', async () => {
    for (const name of ['bob', 'eve', 'nobody']) {
      const one = await logIn(list, hash, name, 'wrong')
      const two = await logIn(list, hash, name, 'wrong')
      expect(one.finding).toEqual({ kind: 'wrong' })
      expect(saltIn(one.challenge)).toBe(saltIn(two.challenge))
      expect(Buffer.from(saltIn(one.challenge), 'base64').length).toBe(16)
      expect(one.challenge).not.toBe(two.challenge)
    }
  })

  test('acting for somebody else is refused', () => {
    const parts = [Buffer.from('n,a=eve,n=bob,r=abc')]
    expect(list.check({ kind: AttemptKind.scramFirst, mechanism, parts }, 'here')).toEqual({
      kind: 'wrong',
    })
  })

  test('messages of random bytes are wrong, and throw nothing', async () => {
    const prng = new Prng(hash === 'sha256' ? 1 : 2)
    const alphabet = 'nypcrsivma=,+/ABCz09 \0\xff'
    const random = () => {
      let text = ''
      for (let i = prng.below(60); i > 0; i -= 1) text += alphabet[prng.below(alphabet.length)]
      return text
    }
    for (let i = 0; i < 3000; i += 1) {
      const first = prng.below(2) === 0 ? random() : `n,,n=bob,r=abc${random()}`
      const final = prng.below(2) === 0 ? random() : `c=biws,r=abc${random()},p=${random()}`
      const parts = [first, prng.below(2) === 0 ? random() : 'r=abc,s=AAAA,i=4096', final]
      const bytes = parts.map(text => Buffer.from(text, 'latin1'))
      const opening = await list.check(
        { kind: AttemptKind.scramFirst, mechanism, parts: bytes },
        'here',
      )
      expect(opening.kind).not.toBe('right')
      const found = await list.check(
        { kind: AttemptKind.scramFinal, mechanism, parts: bytes },
        'here',
      )
      expect(found).toEqual({ kind: 'wrong' })
    }
  })
})

describe('saslPrep()', () => {
  // RFC 4013 section 3, and what else may be typed.
  test.each([
    ['I\u00adX', 'IX'],
    ['user', 'user'],
    ['USER', 'USER'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
    ['a\u00a0b', 'a b'],
    ['pa\u0308ss', 'päss'],
  ])('%j is %j', (text, prepared) => {
    expect(saslPrep(text)).toBe(prepared)
  })

  test.each(['\u0007', '', '\u00ad', 'a\u0000', '\ue000', '\ufffe', '\ufffd', 'x\u200ey'])(
    '%j is refused',
    text => {
      expect(saslPrep(text)).toBeUndefined()
    },
  )
})
