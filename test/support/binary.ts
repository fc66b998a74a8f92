// Frames of the binary protocol, by hand: 24 bytes of header, extras, key, value.
// doc/protocol-binary: magic, opcode, key size, extras size, data type, status, body size, opaque,
// cas, all big-endian.

const HEADER_SIZE = 24

export const Opcode = {
  get: 0x00,
  set: 0x01,
  add: 0x02,
  replace: 0x03,
  delete: 0x04,
  increment: 0x05,
  quit: 0x07,
  flush: 0x08,
  getQuiet: 0x09,
  noop: 0x0a,
  version: 0x0b,
  getKey: 0x0c,
  append: 0x0e,
  stat: 0x10,
  setQuiet: 0x11,
  deleteQuiet: 0x14,
  flushQuiet: 0x18,
  touch: 0x1c,
  getAndTouch: 0x1d,
  saslMechanisms: 0x20,
  saslAuth: 0x21,
  saslStep: 0x22,
} as const
export type Opcode = (typeof Opcode)[keyof typeof Opcode]

export interface Frame {
  readonly key?: string
  readonly extras?: Uint8Array
  readonly value?: string
  readonly opaque?: number
}

export interface Reply {
  readonly opcode: number
  readonly status: number
  readonly opaque: number
  readonly extras: Buffer
  readonly key: string
  readonly value: string
}

export function frame(
  opcode: Opcode,
  { key = '', extras, value = '', opaque = 0 }: Frame = {},
): Buffer {
  const body = Buffer.concat([
    extras ?? Buffer.alloc(0),
    Buffer.from(key, 'latin1'),
    Buffer.from(value, 'latin1'),
  ])
  const header = Buffer.alloc(HEADER_SIZE)
  header[0] = 0x80
  header[1] = opcode
  header.writeUInt16BE(key.length, 2)
  header[4] = extras?.length ?? 0
  header.writeUInt32BE(body.length, 8)
  header.writeUInt32BE(opaque, 12)
  return Buffer.concat([header, body])
}

/** Flags and exptime, the extras of a SET. */
export const STORE_EXTRAS = Buffer.alloc(8)

export function saslPlain(user: string, password: string): Buffer {
  return frame(Opcode.saslAuth, { key: 'PLAIN', value: `\0${user}\0${password}` })
}

/** Whole replies only; throws on anything else, for a test must account for every byte. */
export function parseReplies(bytes: Buffer): Reply[] {
  const replies: Reply[] = []
  let at = 0
  while (at < bytes.length) {
    if (bytes.length - at < HEADER_SIZE || bytes[at] !== 0x81) {
      throw new Error(`Cannot parse a reply: got ${bytes.subarray(at, at + 64).toString('hex')}`)
    }
    const bodyAt = at + HEADER_SIZE
    const keyAt = bodyAt + (bytes[at + 4] ?? 0)
    const valueAt = keyAt + bytes.readUInt16BE(at + 2)
    const end = bodyAt + bytes.readUInt32BE(at + 8)
    if (end > bytes.length)
      throw new Error(`Cannot parse a reply: ${end - bytes.length} bytes short`)
    replies.push({
      opcode: bytes[at + 1] ?? 0,
      status: bytes.readUInt16BE(at + 6),
      opaque: bytes.readUInt32BE(at + 12),
      extras: bytes.subarray(bodyAt, keyAt),
      key: bytes.toString('latin1', keyAt, valueAt),
      value: bytes.toString('latin1', valueAt, end),
    })
    at = end
  }
  return replies
}
