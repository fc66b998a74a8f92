/**
 * The opcodes of the binary protocol: what each asks, and what a request must be made of (memcached
 * proto_bin.c, dispatch_bin_command).
 */
import { latin1 } from '../base/bytes.ts'
import { Opcode } from './binary-layout.ts'
import { Command, commands, findCommand, Right } from './command.ts'

export type OpcodeRow = {
  command: Command
  /** The rights it takes: those of the same command in text. */
  needs: number
  /** Bytes of extras … */
  extras: number
  /** … or none. */
  extrasOptional: boolean
  key: 'none' | 'optional' | 'required'
  value: boolean
  /** Answered with silence when all is well, or when there is nothing. */
  quiet: boolean
  /** A hit names its key. */
  withKey: boolean
}

const STORE_EXTRAS = 8
const DELTA_EXTRAS = 20
const EXPTIME_EXTRAS = 4

const bare: OpcodeRow = {
  command: Command.noop,
  needs: Right.none,
  extras: 0,
  extrasOptional: false,
  key: 'none',
  value: false,
  quiet: false,
  withKey: false,
}

const rows: (OpcodeRow | undefined)[] = Array.from({ length: 256 }, () => undefined)

function add(opcode: number, quiet: number, row: Partial<OpcodeRow>): void {
  const verb = commands.find(({ command }) => command === row.command)?.verb
  const inText = verb === undefined ? undefined : findCommand(latin1(verb), 0, verb.length)
  const needs = inText?.needs ?? Right.none
  const whole = { ...bare, needs, ...row }
  rows[opcode] = whole
  if (quiet !== opcode) rows[quiet] = { ...whole, quiet: true }
}

const keyed = { key: 'required' } as const
const stored = { ...keyed, value: true, extras: STORE_EXTRAS } as const
const joined = { ...keyed, value: true } as const
const counted = { ...keyed, extras: DELTA_EXTRAS } as const
const touched = { ...keyed, extras: EXPTIME_EXTRAS } as const
const { get, gat } = Command
add(Opcode.get, Opcode.getq, { ...keyed, command: get })
add(Opcode.getk, Opcode.getkq, { ...keyed, command: get, withKey: true })
add(Opcode.gat, Opcode.gatq, { ...touched, command: gat })
add(Opcode.gatk, Opcode.gatkq, { ...touched, command: gat, withKey: true })
add(Opcode.touch, Opcode.touch, { ...touched, command: Command.touch })
add(Opcode.set, Opcode.setq, { ...stored, command: Command.set })
add(Opcode.add, Opcode.addq, { ...stored, command: Command.add })
add(Opcode.replace, Opcode.replaceq, { ...stored, command: Command.replace })
add(Opcode.append, Opcode.appendq, { ...joined, command: Command.append })
add(Opcode.prepend, Opcode.prependq, { ...joined, command: Command.prepend })
add(Opcode.delete, Opcode.deleteq, { ...keyed, command: Command.delete })
add(Opcode.increment, Opcode.incrementq, { ...counted, command: Command.incr })
add(Opcode.decrement, Opcode.decrementq, { ...counted, command: Command.decr })
add(Opcode.quit, Opcode.quitq, { command: Command.quit })
add(Opcode.flush, Opcode.flushq, {
  command: Command.flushAll,
  extras: EXPTIME_EXTRAS,
  extrasOptional: true,
})
add(Opcode.noop, Opcode.noop, { command: Command.noop })
add(Opcode.version, Opcode.version, { command: Command.version })
add(Opcode.stat, Opcode.stat, { command: Command.stats, key: 'optional' })
add(Opcode.configGet, Opcode.configGetq, { ...keyed, command: Command.config })
add(Opcode.configGetk, Opcode.configGetkq, { ...keyed, command: Command.config, withKey: true })
// Unknown where nobody has to log in, but looked at all the same (session/binary-login.ts).
const { unknown } = Command
add(Opcode.saslListMechs, Opcode.saslListMechs, { command: unknown })
add(Opcode.saslAuth, Opcode.saslAuth, { ...joined, command: unknown })
add(Opcode.saslStep, Opcode.saslStep, { ...joined, command: unknown })

/** Whether an opcode would change what auto discovery tells. */
export function changesConfig(opcode: number): boolean {
  return opcode >= Opcode.configSet && opcode <= Opcode.configDeleteq
}

/** The row of an opcode, or undefined when there is no such command. */
export function findOpcode(opcode: number): OpcodeRow | undefined {
  return rows[opcode]
}

/** Whether extras, key and body are as long as the command wants them. */
export function hasRightSizes(
  row: OpcodeRow,
  keySize: number,
  extrasSize: number,
  bodySize: number,
): boolean {
  const noExtras = extrasSize === 0 && row.extrasOptional
  if (extrasSize !== row.extras && !noExtras) return false
  if (keySize === 0 ? row.key === 'required' : row.key === 'none') return false
  return row.value || bodySize === keySize + extrasSize
}
