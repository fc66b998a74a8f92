import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Account } from '../../../src/auth/account.ts'
import {
  AttemptKind,
  type LoginClient,
  Mechanism,
  type Verdict,
  VerdictKind,
} from '../../../src/auth/authenticator.ts'
import { LoginDesk } from '../../../src/auth/login-desk.ts'
import { LoginRing } from '../../../src/auth/login-ring.ts'
import { RingAuthenticator } from '../../../src/auth/ring-authenticator.ts'
import { makeScramVerifier } from '../../../src/auth/verifier.ts'
import { Right } from '../../../src/protocol/command.ts'

class TestClient implements LoginClient {
  readonly peer: string
  verdicts: Verdict[] = []
  revoked = 0
  constructor(peer = '127.0.0.1:1') {
    this.peer = peer
  }
  onVerdict(verdict: Verdict): void {
    this.verdicts.push(verdict)
  }
  onRevoked(): void {
    this.revoked += 1
  }
  get kinds(): number[] {
    return this.verdicts.map(({ kind }) => kind)
  }
}

const accounts: readonly Account[] = [
  { name: 'bob', password: 'secret' },
  { name: 'eve', password: 'other', rights: ['read'], prefixes: ['e:'] },
]

function open(given = accounts, waitMaxMs = 0, threads = 1) {
  let now = 0
  const errors: unknown[] = []
  const woken = new Set<number>()
  const desk = new LoginDesk({
    threads,
    accounts: given,
    waitMaxMs,
    now: () => performance.now(),
    wake: thread => woken.add(thread),
    onError: error => errors.push(error),
  })
  const authenticators = Array.from({ length: threads }, (_, thread) => {
    // As another thread would: only the buffer is shared.
    return new RingAuthenticator(new LoginRing(desk.ring.handle), thread, () => now)
  })
  const stops = [...authenticators.map(one => one.listen()), () => desk.stop()]
  onTestFinished(() => stops.forEach(stop => stop()))
  const advance = (ms: number) => {
    now += ms
  }
  return { desk, authenticator: authenticators[0]!, authenticators, errors, woken, advance }
}

function plain(name: string, password: string) {
  const parts = [Buffer.from(name), Buffer.from(password)]
  return { kind: AttemptKind.plain, mechanism: Mechanism.plain, parts }
}

const { granted, refused, turnedAway } = VerdictKind

describe('LoginDesk', () => {
  test('lets in, refuses, and tells what a user may do', async () => {
    const { authenticator } = open()
    const clients = [new TestClient(), new TestClient(), new TestClient()]
    authenticator.login(clients[0]!, plain('bob', 'secret'))
    authenticator.login(clients[1]!, plain('eve', 'other'))
    authenticator.login(clients[2]!, plain('eve', 'secret'))
    await vi.waitFor(() => expect(clients.every(one => one.verdicts.length === 1)).toBe(true))
    expect(clients.map(one => one.kinds[0])).toEqual([granted, granted, refused])
    expect(clients[0]!.verdicts[0]).toMatchObject({ user: 'bob', rights: undefined })
    const { user, rights } = clients[1]!.verdicts[0]!
    expect(user).toBe('eve')
    expect(rights!.allows(Right.read)).toBe(true)
    expect(rights!.allows(Right.write)).toBe(false)
    expect(rights!.allowsKey(Buffer.from('e:1'), 0, 3)).toBe(true)
    expect(rights!.allowsKey(Buffer.from('f:1'), 0, 3)).toBe(false)
  })

  test('a thousand at once, over two threads, all get their verdict', async () => {
    const { authenticators, woken } = open(accounts, 0, 2)
    const clients = Array.from({ length: 1000 }, () => new TestClient())
    clients.forEach((client, i) => {
      authenticators[i % 2]!.login(client, plain('bob', i % 3 === 0 ? 'wrong' : 'secret'))
    })
    await vi.waitFor(() => expect(clients.every(one => one.verdicts.length === 1)).toBe(true))
    clients.forEach((client, i) => expect(client.kinds).toEqual([i % 3 === 0 ? refused : granted]))
    expect(woken).toEqual(new Set([0, 1]))
  })

  test('names and passwords that nobody can have are refused, whatever their size', async () => {
    const { authenticator } = open()
    const attempts = [
      plain('bob', 'x'.repeat(1024)),
      plain('bob', 'x'.repeat(1025)),
      plain('b'.repeat(251), 'secret'),
      plain('bob', 'x'.repeat(16_384)),
      plain('', ''),
    ]
    for (const attempt of attempts) {
      const client = new TestClient()
      authenticator.login(client, attempt)
      await vi.waitFor(() => expect(client.kinds).toEqual([refused]))
    }
  })

  test('a client that has gone hears nothing, and its slot is free again', async () => {
    const { authenticator } = open()
    const gone = Array.from({ length: 200 }, () => new TestClient())
    for (const client of gone) authenticator.login(client, plain('bob', 'secret'))
    for (const client of gone) authenticator.forget(client)
    await sleep(20)
    expect(gone.flatMap(one => one.verdicts)).toEqual([])
    const clients = Array.from({ length: 200 }, () => new TestClient())
    for (const client of clients) authenticator.login(client, plain('bob', 'secret'))
    await vi.waitFor(() => expect(clients.every(one => one.kinds[0] === granted)).toBe(true))
  })

  test('who waits half a minute is turned away, once', async () => {
    const { authenticator, desk, advance } = open()
    desk.stop()
    const client = new TestClient()
    authenticator.login(client, plain('bob', 'secret'))
    advance(29_999)
    authenticator.check()
    expect(client.kinds).toEqual([])
    advance(1)
    authenticator.check()
    authenticator.check()
    expect(client.kinds).toEqual([turnedAway])
  })

  test('an address that fails on and on waits; nobody else does', async () => {
    const { authenticator } = open(accounts, 400)
    const guesser = new TestClient('10.0.0.1:1')
    const started = performance.now()
    for (let i = 0; i < 7; i += 1) {
      authenticator.login(guesser, plain('bob', `wrong ${i}`))
      await vi.waitFor(() => expect(guesser.verdicts.length).toBe(i + 1))
    }
    expect(performance.now() - started).toBeGreaterThan(290)
    const many = Array.from({ length: 20 }, () => new TestClient('10.0.0.1:2'))
    for (const one of many) authenticator.login(one, plain('bob', 'wrong'))
    const other = new TestClient('10.0.0.2:1')
    const asked = performance.now()
    authenticator.login(other, plain('bob', 'secret'))
    await vi.waitFor(() => expect(other.kinds).toEqual([granted]))
    expect(performance.now() - asked).toBeLessThan(300)
    const turned = many.filter(one => one.kinds[0] === turnedAway)
    expect(turned.length).toBe(12)
  })

  test('other accounts: who is as before stays, everybody else goes', async () => {
    const { authenticator, desk } = open()
    const stays = new TestClient()
    const goes = new TestClient()
    authenticator.login(stays, plain('bob', 'secret'))
    authenticator.login(goes, plain('eve', 'other'))
    await vi.waitFor(() => expect([...stays.kinds, ...goes.kinds]).toEqual([granted, granted]))
    const changed = { ...accounts[1]!, rights: ['read', 'write'] as const }
    desk.replace([accounts[0]!, changed, { name: 'new', password: 'n' }])
    await vi.waitFor(() => expect(goes.revoked).toBe(1))
    expect(stays.revoked).toBe(0)
    const newcomer = new TestClient()
    authenticator.login(newcomer, plain('new', 'n'))
    await vi.waitFor(() => expect(newcomer.kinds).toEqual([granted]))
    desk.replace([{ name: 'bob', password: 'other' }])
    await vi.waitFor(() => expect([stays.revoked, newcomer.revoked]).toEqual([1, 1]))
    authenticator.login(stays, plain('bob', 'secret'))
    await vi.waitFor(() => expect(stays.kinds).toEqual([granted, refused]))
    expect(goes.revoked).toBe(1)
  })

  test('accounts that are wrong change nothing', async () => {
    const { authenticator, desk } = open()
    const client = new TestClient()
    authenticator.login(client, plain('bob', 'secret'))
    await vi.waitFor(() => expect(client.kinds).toEqual([granted]))
    const wrong: readonly (readonly Account[])[] = [
      [{ name: 'bob' }],
      [{ name: 'x', verifiers: ['scrypt$1$1$1$x$x'] }],
      Array.from({ length: 1025 }, (_, i) => ({ name: `u${i}`, password: 'x' })),
    ]
    for (const list of wrong) expect(() => desk.replace(list)).toThrow(RangeError)
    await sleep(20)
    expect(client.revoked).toBe(0)
    authenticator.login(client, plain('bob', 'secret'))
    await vi.waitFor(() => expect(client.kinds).toEqual([granted, granted]))
  })

  test('1024 users come and go as often as you like', async () => {
    const { desk, authenticator } = open()
    for (let round = 0; round < 5; round += 1) {
      const list = Array.from({ length: 1024 }, (_, i) => ({
        name: `${round}-${i}`,
        password: 'x',
      }))
      desk.replace(list)
    }
    const client = new TestClient()
    authenticator.login(client, plain('4-1023', 'x'))
    await vi.waitFor(() => expect(client.kinds).toEqual([granted]))
    desk.replace(accounts)
    await vi.waitFor(() => expect(client.revoked).toBe(1))
  })

  test('an account that goes while its password is checked is refused', async () => {
    const verifier = await makeScramVerifier('sha256', Buffer.from('secret'))
    const { desk, authenticator } = open([{ name: 'bob', verifiers: [verifier] }])
    const client = new TestClient()
    authenticator.login(client, plain('bob', 'secret'))
    await new Promise(resolve => setImmediate(resolve))
    desk.replace(accounts)
    await vi.waitFor(() => expect(client.kinds).toEqual([refused]))
  })
})
