/**
 * SASLprep (RFC 4013) as far as it changes what people type: other spaces become a space, what has
 * no width goes, letters are composed (NFKC), and control characters, private use and what is no
 * character at all are refused. Unassigned code points and the order of right-to-left text are not
 * looked at: both ends would have to agree on an old version of Unicode for that.
 */

/** RFC 3454 table C.1.2: spaces other than U+0020. */
const SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu
/** Table B.1: commonly mapped to nothing. */
const NOTHING = classOf([
  String.raw`\u00ad\u1806\u200c\u200d\u2060\ufeff`,
  String.raw`\u034f\u180b-\u180d\ufe00-\ufe0f`,
])
/** Tables C.2 to C.9. */
const PROHIBITED = classOf([
  String.raw`\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}`,
  String.raw`\u06dd\u070f\u180e\u2028\u2029\u206a-\u206f\ufff9-\ufffd\u2ff0-\u2ffb`,
  String.raw`\u0340\u0341\u200e\u200f\u202a-\u202e`,
  String.raw`\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}`,
])

function classOf(ranges: readonly string[]): RegExp {
  return new RegExp(`[${ranges.join('')}]`, 'gu')
}

/** Undefined: refused, or nothing is left. */
export function saslPrep(text: string): string | undefined {
  const prepared = text.replace(SPACES, ' ').replace(NOTHING, '').normalize('NFKC')
  return prepared === '' || prepared.search(PROHIBITED) >= 0 ? undefined : prepared
}

/**
 * The bytes that a password derives keys from: prepared if it can be, as it is if not (so does
 * PostgreSQL, and clients that skip this step agree on the rest).
 */
export function passwordBytes(password: Uint8Array): Uint8Array {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(password)
  } catch {
    // Not UTF-8: nothing to prepare.
    return password
  }
  const prepared = saslPrep(text)
  return prepared === undefined ? password : Buffer.from(prepared)
}
