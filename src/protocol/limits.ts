/** Limits of the wire, as memcached has them (proto_text.c, proto_bin.c, memcached.h). */
import { assert } from '../base/assert.ts'

export const KEY_MAX = 250
/** A line without its newline may not be longer, unless it is a `get` or `gets`. */
export const LINE_MAX = 2048
/** … and not longer than memcached's read buffer when it arrives whole. */
export const COMPLETE_LINE_MAX = 16384
/** Where a `get` or `gets` line ends all the same: about 4,000 of the longest keys. */
export const RETRIEVAL_LINE_MAX = 1024 * 1024
/** Spaces that may stand before a long `get`. */
export const LEADING_SPACES_MAX = 100
/** The largest `<bytes>` of a storage command: 2^31 - 1 less the two bytes that end the data. */
export const VALUE_MAX = 2147483645
/** Tokens kept of a line; what stands behind them is ignored. */
export const TOKENS_MAX = 24
/** Tokens of a meta command, its verb included. */
export const META_TOKENS_MAX = 20
/** The opaque token of a meta command, its letter included. */
export const OPAQUE_MAX = 32
/** Exptimes above this are unix times, those up to it are seconds from now (30 days). */
export const RELATIVE_EXPTIME_MAX = 2592000
/** The largest body of a binary request. */
export const BINARY_BODY_MAX = 1024 * 1024 * 1024
/** The largest number of 32 bits, which is what client flags and settings are. */
export const U32_MAX = 4294967295

// Invariants
assert(RETRIEVAL_LINE_MAX > LINE_MAX, 'a long get is longer than any other line')
assert(KEY_MAX < 256, 'a key size fits a byte')
assert(META_TOKENS_MAX < TOKENS_MAX, 'one token too many is noticed')
