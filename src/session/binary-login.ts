/**
 * SASL on the binary protocol: LIST_MECHS, AUTH and STEP (memcached sasl_defs.c, proto_bin.c).
 * Before login only these and VERSION are allowed.
 *
 *   AUTH PLAIN ──▶ verdict                              AUTH SCRAM ──▶ challenge ──STEP──▶ verdict
 *   AUTH PLAIN with nothing ──▶ go on ──STEP──▶ verdict
 *
 * SCRAM's last word to the client comes with the success. A new AUTH ends the login before it.
 */
import {
  type Attempt,
  AttemptKind,
  Mechanism,
  type Verdict,
  VerdictKind,
} from '../auth/authenticator.ts'
import { parsePlain } from '../auth/sasl-plain.ts'
import { SCRAM_MESSAGE_MAX } from '../auth/account.ts'
import { latin1, toLatin1 } from '../base/bytes.ts'
import { putBinary } from '../protocol/binary-encoder.ts'
import { BINARY_HEADER_BYTES, BinaryStatus, Opcode } from '../protocol/binary-layout.ts'
import type { Request } from '../protocol/request.ts'
import type { Session } from './session.ts'

/** In the order in which clients should like them. */
const MECHANISMS: readonly (readonly [name: string, mechanism: number])[] = [
  ['SCRAM-SHA-512', Mechanism.scramSha512],
  ['SCRAM-SHA-256', Mechanism.scramSha256],
  ['PLAIN', Mechanism.plain],
]
const AUTHENTICATED = latin1('Authenticated')
const MECHANISM_MAX = 32
/** Two names and a password, and room to spare. */
const PAYLOAD_MAX = 4096

/** A SCRAM login after its challenge; one by PLAIN that has begun with nothing. */
type Exchange = { mechanism: number; clientFirst: Uint8Array; serverFirst: Uint8Array }

export class BinaryLogin {
  readonly #session: Session
  #exchange: Exchange | undefined

  constructor(session: Session) {
    this.#session = session
  }

  allows(opcode: number): boolean {
    return !this.#session.login.isMissing || this.#isSasl(opcode) || opcode === Opcode.version
  }

  handles(opcode: number): boolean {
    return this.#session.login.isAsked && this.#isSasl(opcode)
  }

  /** One SASL request; the offset behind it, or -1 when it is not whole. */
  request(
    request: Request,
    bytes: Uint8Array,
    at: number,
    end: number,
    keySize: number,
    bodySize: number,
  ): number {
    const { output, login } = this.#session
    const isList = request.opcode === Opcode.saslListMechs
    const isMalformed = isList ? bodySize > 0 : keySize === 0
    if (isMalformed || bodySize > PAYLOAD_MAX) {
      putBinary(output, request, BinaryStatus.invalid)
      this.#session.close()
      return -1
    }
    const bodyAt = at + BINARY_HEADER_BYTES
    if (bodyAt + bodySize > end) return -1
    if (keySize > MECHANISM_MAX) {
      putBinary(output, request, BinaryStatus.invalid)
      return bodyAt + bodySize
    }
    if (isList) {
      const offered = MECHANISMS.filter(([, mechanism]) => (login.mechanisms & mechanism) !== 0)
      putBinary(output, request, BinaryStatus.ok, latin1(offered.map(([name]) => name).join(' ')))
      return bodyAt + bodySize
    }
    const name = toLatin1(bytes, bodyAt, keySize)
    const mechanism = MECHANISMS.find(([known]) => known === name)?.[1] ?? 0
    const payload = bytes.slice(bodyAt + keySize, bodyAt + bodySize)
    const exchange = this.#exchange
    this.#exchange = undefined
    const isFirst = request.opcode === Opcode.saslAuth
    if (isFirst && mechanism === Mechanism.plain && payload.length === 0) {
      this.#exchange = { mechanism, clientFirst: payload, serverFirst: payload }
      putBinary(output, request, BinaryStatus.authContinue, payload)
      return bodyAt + bodySize
    }
    const attempt = isFirst
      ? firstAttempt(mechanism, payload)
      : finalAttempt(exchange, mechanism, payload)
    login.attempt(attempt, verdict => this.#answer(request, attempt, verdict))
    return bodyAt + bodySize
  }

  #answer(request: Request, { kind, mechanism, parts }: Attempt, verdict: Verdict): void {
    const { output } = this.#session
    switch (verdict.kind) {
      case VerdictKind.granted:
        putBinary(
          output,
          request,
          BinaryStatus.ok,
          kind === AttemptKind.plain ? AUTHENTICATED : verdict.reply,
        )
        return
      case VerdictKind.goesOn:
        this.#exchange = { mechanism, clientFirst: parts[0]!, serverFirst: verdict.reply }
        putBinary(output, request, BinaryStatus.authContinue, verdict.reply)
        return
      default:
        putBinary(output, request, BinaryStatus.authError)
    }
  }

  #isSasl(opcode: number): boolean {
    return opcode >= Opcode.saslListMechs && opcode <= Opcode.saslStep
  }
}

/** What cannot be right is an attempt as well: it counts, and costs its sender time. */
const HOPELESS: Attempt = { kind: AttemptKind.plain, mechanism: 0, parts: [] }

function firstAttempt(mechanism: number, payload: Uint8Array): Attempt {
  if (mechanism === Mechanism.plain) {
    const plain = parsePlain(payload)
    if (plain === undefined) return HOPELESS
    return { kind: AttemptKind.plain, mechanism, parts: [plain.name, plain.password] }
  }
  if (mechanism === 0 || payload.length > SCRAM_MESSAGE_MAX) return HOPELESS
  return { kind: AttemptKind.scramFirst, mechanism, parts: [payload] }
}

/** PLAIN that has said all at once is over: a STEP has nothing to go on then. */
function finalAttempt(
  exchange: Exchange | undefined,
  mechanism: number,
  payload: Uint8Array,
): Attempt {
  if (exchange?.mechanism !== mechanism) return HOPELESS
  if (mechanism === Mechanism.plain) return firstAttempt(mechanism, payload)
  if (payload.length > SCRAM_MESSAGE_MAX) return HOPELESS
  const parts = [exchange.clientFirst, exchange.serverFirst, payload]
  return { kind: AttemptKind.scramFinal, mechanism, parts }
}
