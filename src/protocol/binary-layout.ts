/**
 * The binary protocol's header, 24 bytes, big-endian (memcached protocol_binary.h):
 *
 *   0 magic · 1 opcode · 2–3 key size · 4 extras size · 5 data type · 6–7 status (reply)
 *   8–11 body size (extras + key + value) · 12–15 opaque, echoed · 16–23 cas
 */
export const BINARY_HEADER_BYTES = 24

export const Magic = { request: 0x80, reply: 0x81 } as const

export const Opcode = {
  get: 0x00,
  set: 0x01,
  add: 0x02,
  replace: 0x03,
  delete: 0x04,
  increment: 0x05,
  decrement: 0x06,
  quit: 0x07,
  flush: 0x08,
  getq: 0x09,
  noop: 0x0a,
  version: 0x0b,
  getk: 0x0c,
  getkq: 0x0d,
  append: 0x0e,
  prepend: 0x0f,
  stat: 0x10,
  setq: 0x11,
  addq: 0x12,
  replaceq: 0x13,
  deleteq: 0x14,
  incrementq: 0x15,
  decrementq: 0x16,
  quitq: 0x17,
  flushq: 0x18,
  appendq: 0x19,
  prependq: 0x1a,
  touch: 0x1c,
  gat: 0x1d,
  gatq: 0x1e,
  saslListMechs: 0x20,
  saslAuth: 0x21,
  saslStep: 0x22,
  gatk: 0x23,
  gatkq: 0x24,
  configGet: 0x60,
  configGetq: 0x61,
  configGetk: 0x62,
  configGetkq: 0x63,
  configSet: 0x64,
  configSetq: 0x65,
  configDelete: 0x66,
  configDeleteq: 0x67,
} as const

export const BinaryStatus = {
  ok: 0x00,
  notFound: 0x01,
  exists: 0x02,
  tooLarge: 0x03,
  invalid: 0x04,
  notStored: 0x05,
  nonNumeric: 0x06,
  authError: 0x20,
  authContinue: 0x21,
  unknownCommand: 0x81,
  outOfMemory: 0x82,
  temporaryFailure: 0x86,
} as const

export function readU16(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 256 + bytes[at + 1]!
}

export function readU32(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at) * 65536 + readU16(bytes, at + 2)
}

export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value & 0xff
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  writeU16(bytes, at, value >>> 16)
  writeU16(bytes, at + 2, value & 0xffff)
}

export function readU64(bytes: Uint8Array, at: number): bigint {
  return (BigInt(readU32(bytes, at)) << 32n) | BigInt(readU32(bytes, at + 4))
}
