/** SASL PLAIN (RFC 4616): `[authzid] NUL authcid NUL password`; acting for others is refused. */
import type { Authenticator } from './authenticator.ts'

export function verifyPlain(payload: Uint8Array, authenticator: Authenticator): string | undefined {
  const first = payload.indexOf(0)
  const second = first < 0 ? -1 : payload.indexOf(0, first + 1)
  if (second < 0) return undefined
  const authzid = payload.subarray(0, first)
  const name = payload.subarray(first + 1, second)
  const password = payload.subarray(second + 1)
  if (name.length === 0 || password.length === 0) return undefined
  if (authzid.length > 0 && Buffer.compare(authzid, name) !== 0) return undefined
  return authenticator.verify(name, password)
}
