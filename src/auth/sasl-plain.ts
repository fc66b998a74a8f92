/** SASL PLAIN (RFC 4616): `[authzid] NUL authcid NUL password`; acting for others is refused. */

export type NameAndPassword = { name: Uint8Array; password: Uint8Array }

/** Undefined: not a message of this kind, or something in it is missing. */
export function parsePlain(payload: Uint8Array): NameAndPassword | undefined {
  const first = payload.indexOf(0)
  const second = first < 0 ? -1 : payload.indexOf(0, first + 1)
  if (second < 0) return undefined
  const authzid = payload.subarray(0, first)
  const name = payload.subarray(first + 1, second)
  const password = payload.subarray(second + 1)
  if (name.length === 0 || password.length === 0) return undefined
  if (authzid.length > 0 && Buffer.compare(authzid, name) !== 0) return undefined
  return { name, password }
}
