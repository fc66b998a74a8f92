/** Requests and replies of the binary protocol as text of one byte a character. */
import { Opcode } from '../../../src/protocol/binary-layout.ts'

export type BinaryFields = {
  key?: string
  extras?: string
  value?: string
  opaque?: number
  cas?: number
  /** In place of the right ones. */
  bodySize?: number
  keySize?: number
  magic?: number
}

function header(magic: number, opcode: number, status: number, fields: BinaryFields): string {
  const { key = '', extras = '', value = '', opaque = 0, cas = 0 } = fields
  const bytes = Buffer.alloc(24)
  bytes[0] = fields.magic ?? magic
  bytes[1] = opcode
  bytes.writeUInt16BE(fields.keySize ?? key.length, 2)
  bytes[4] = extras.length
  bytes.writeUInt16BE(status, 6)
  bytes.writeUInt32BE(fields.bodySize ?? extras.length + key.length + value.length, 8)
  bytes.writeUInt32BE(opaque, 12)
  bytes.writeBigUInt64BE(BigInt(cas), 16)
  return bytes.toString('latin1') + extras + key + value
}

export function request(opcode: number, fields: BinaryFields = {}): string {
  return header(0x80, opcode, 0, fields)
}

export function reply(opcode: number, status: number, fields: BinaryFields = {}): string {
  return header(0x81, opcode, status, fields)
}

export function u32(...values: number[]): string {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4)
  return bytes.toString('latin1')
}

/** A SET: client flags and exptime are its extras. */
export function set(key: string, value: string, fields: BinaryFields = {}): string {
  return request(Opcode.set, { key, value, extras: u32(0, 0), ...fields })
}

export function error(opcode: number, status: number, value: string, opaque = 0): string {
  return reply(opcode, status, { value, opaque })
}

export function plain(name: string, password: string, authzid = ''): string {
  const value = `${authzid}\0${name}\0${password}`
  return request(Opcode.saslAuth, { key: 'PLAIN', value })
}

export type BinaryReply = { opcode: number; status: number; key: string; value: string }

/** The replies in a text of one byte a character. */
export function parseReplies(text: string): BinaryReply[] {
  const bytes = Buffer.from(text, 'latin1')
  const replies: BinaryReply[] = []
  for (let at = 0; at < bytes.length; ) {
    const keyAt = at + 24 + bytes[at + 4]!
    const valueAt = keyAt + bytes.readUInt16BE(at + 2)
    const end = at + 24 + bytes.readUInt32BE(at + 8)
    replies.push({
      opcode: bytes[at + 1]!,
      status: bytes.readUInt16BE(at + 6),
      key: text.slice(keyAt, valueAt),
      value: text.slice(valueAt, end),
    })
    at = end
  }
  return replies
}
