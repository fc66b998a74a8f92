/**
 * SASL on the binary protocol: LIST_MECHS, AUTH and STEP, mechanism PLAIN (memcached sasl_defs.c).
 * Before login only these and VERSION are allowed.
 */
import { verifyPlain } from '../auth/sasl-plain.ts'
import { latin1, toLatin1 } from '../base/bytes.ts'
import { putBinary } from '../protocol/binary-encoder.ts'
import { BINARY_HEADER_BYTES, BinaryStatus, Opcode } from '../protocol/binary-layout.ts'
import type { Request } from '../protocol/request.ts'
import type { Session } from './session.ts'

const MECHANISMS = latin1('PLAIN')
const AUTHENTICATED = latin1('Authenticated')
const MECHANISM_MAX = 32
/** Two names and a password, and room to spare. */
const PAYLOAD_MAX = 4096

export class BinaryLogin {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  allows(opcode: number): boolean {
    const { services, user } = this.#session
    if (services.authenticator === undefined || user !== undefined) return true
    return this.#isSasl(opcode) || opcode === Opcode.version
  }

  handles(opcode: number): boolean {
    return this.#isSasl(opcode) && this.#session.services.authenticator !== undefined
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
    const { output } = this.#session
    if (keySize > MECHANISM_MAX || bodySize > PAYLOAD_MAX) {
      putBinary(output, request, BinaryStatus.invalid)
      this.#session.close()
      return -1
    }
    const bodyAt = at + BINARY_HEADER_BYTES
    if (bodyAt + bodySize > end) return -1
    if (request.opcode === Opcode.saslListMechs) {
      putBinary(output, request, BinaryStatus.ok, MECHANISMS)
      return bodyAt + bodySize
    }
    const mechanism = toLatin1(bytes, bodyAt, keySize)
    const payload = bytes.subarray(bodyAt + keySize, bodyAt + bodySize)
    this.#authenticate(request, mechanism, payload)
    return bodyAt + bodySize
  }

  #authenticate(request: Request, mechanism: string, payload: Uint8Array): void {
    const { output, services } = this.#session
    // PLAIN is over in one step: a STEP has nothing to go on.
    const isPlain = request.opcode === Opcode.saslAuth && mechanism === 'PLAIN'
    const user = isPlain ? verifyPlain(payload, services.authenticator!) : undefined
    services.counters.authAttempt(user !== undefined)
    if (user === undefined) {
      putBinary(output, request, BinaryStatus.authError)
      return
    }
    this.#session.user = user
    putBinary(output, request, BinaryStatus.ok, AUTHENTICATED)
  }

  #isSasl(opcode: number): boolean {
    return opcode >= Opcode.saslListMechs && opcode <= Opcode.saslStep
  }
}
