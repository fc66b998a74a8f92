/**
 * The version that `version` and `stats` answer: the memcached whose protocol this is. `x.y.z`
 * only, because clients parse it.
 */
export const COMPATIBLE_VERSION = '1.6.45'
