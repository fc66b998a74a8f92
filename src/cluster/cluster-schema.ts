/**
 * The fields of a cluster file, each with what it may hold. Every schema's message is the
 * `expected …` half of an error: what was found, and where, is added by cluster-file.ts.
 */
import { z } from 'zod'
import { PREFIXES_MAX, rightNames } from '../auth/account.ts'
import { optionFields, type Placement, PlacementError, placementOf } from '../ring/placement.ts'
import { isNetwork, parseAddress } from './address.ts'
import { ioNames } from './config.ts'
import type { Path } from './problems.ts'

export const NODE_COUNT_MAX = 500
export const USER_COUNT_MAX = 100
const LISTEN_COUNT_MAX = 16
const MB = 1 << 20
const MEMORY_MB_MAX = 1 << 20
const MS_MAX = 600_000

const name = word(/^[A-Za-z0-9._-]{1,64}$/, '1 to 64 letters, digits, ".", "_" or "-"')
const nodeName = word(
  /^[A-Za-z0-9._:/-]{1,250}$/,
  '1 to 250 letters, digits, ".", ":", "/", "_" or "-"',
)
const userName = word(/^[!-9;-~]{1,250}$/, '1 to 250 printable characters without space or ":"')

const address = z
  .string({ error: 'host:port, port 0 to 65535, IPv6 as [::1]:11211' })
  .transform((text, context) => {
    try {
      return parseAddress(text)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      context.addIssue({ code: 'custom', message: message.replace(/^.*: expected /, '') })
      return z.NEVER
    }
  })

const LISTENER = /^(?:(notls|btls|mtls):)?(.*)$/

/** An address as `-l` takes it: notls:, btls: and mtls: differ from the rule of `router.tls`. */
const listener = z
  .string({ error: 'host:port, or notls:, btls: or mtls: and host:port' })
  .transform((text, context) => {
    const [, prefix, rest = ''] = LISTENER.exec(text) ?? []
    const result = address.safeParse(rest)
    if (result.success) return { ...result.data, prefix }
    for (const { message } of result.error.issues) context.addIssue({ code: 'custom', message })
    return z.NEVER
  })

const FILE = 'a file, relative to the cluster file'
const file = word(/^[^\0]{1,4096}$/, FILE)
const verifyModes = ['none', 'request', 'require'] as const
const tlsVersions = ['1.2', '1.3'] as const

const tls = z.strictObject(
  {
    cert: file,
    key: file,
    ca: file.optional(),
    verify: z.enum(verifyModes, { error: `one of ${verifyModes.join(', ')}` }).default('none'),
    min_version: z
      .preprocess(String, z.enum(tlsVersions, { error: `one of ${tlsVersions.join(', ')}` }))
      .default('1.2'),
    ciphers: z.string({ error: "OpenSSL's list of ciphers" }).optional(),
  },
  mapping(),
)

const nodeTls = z.strictObject(
  {
    ca: file.optional(),
    cert: file.optional(),
    key: file.optional(),
    server_name: word(/^[A-Za-z0-9._:-]{1,253}$/, 'a host name or an address').optional(),
  },
  mapping(),
)

const NETWORKS = 'a list of addresses and networks such as 10.0.0.0/8 or fd00::/8'
const network = z.string({ error: NETWORKS }).refine(isNetwork, { error: NETWORKS })

const WEIGHT = 'a whole number of 1 to 1000'
const io = z.enum(ioNames, { error: `one of ${ioNames.join(', ')}` })

const nodeSettings = {
  memory: size('a size of 8 to 1048576 MB, as a number of MB, "64m" or "1g"', {
    plain: MB,
    min: 8 * MB,
    max: MEMORY_MB_MAX * MB,
    step: MB,
  }).optional(),
  threads: whole(1, 64).optional(),
  max_item_size: size('a size of 1024 bytes to 1 GB, as a number of bytes, "512k" or "1m"', {
    plain: 1,
    min: 1024,
    max: 1024 * MB,
    step: 1,
  }).optional(),
  connections: whole(1, 1_000_000).optional(),
  io: io.optional(),
}

const RIGHTS = `a list of ${rightNames.join(', ')}`
const PREFIX = /^[!-~]{1,60}$/
const PREFIXES = `a list of at most ${PREFIXES_MAX} beginnings of keys, each of 1 to 60 characters`

export const clusterSchema = z.strictObject({
  name: name.default('memring'),
  placement: placement(),
  config_version: whole(1, 2_147_483_647).default(1),
  open: z.boolean({ error: 'true or false' }).default(false),
})

export const defaultsSchema = z.strictObject(nodeSettings)

export const nodeSchema = z.strictObject({
  name: nodeName.optional(),
  address,
  // What it may be depends on the placement (cluster-checks.ts).
  weight: z
    .number({ error: WEIGHT })
    .min(0, { error: WEIGHT })
    .max(1000, { error: WEIGHT })
    .default(1),
  ...nodeSettings,
})

const SRV = 'the name of SRV records, such as _memcached._tcp.cache.example'
const DNS = 'a host name that has A or AAAA records, and port beside it'
const hostName = (error: string) =>
  word(/^[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?$/, error)

/** How its fields go together: cluster-checks.ts. */
export const discoverySchema = z.strictObject(
  {
    srv: hostName(SRV).optional(),
    dns: hostName(DNS).optional(),
    port: whole(1, 65_535).optional(),
    endpoint: address.optional(),
    server: address.optional(),
    interval: whole(100, 3_600_000).default(5000),
  },
  mapping(),
)

const health = {
  timeout: milliseconds(800),
  failures: whole(1, 1000).default(3),
  errors: whole(1, 100).default(50),
  journal: whole(0, 1_000_000).default(10_000),
}

const deadNode = {
  reads: z.enum(['miss', 'error'], { error: '"miss" or "error"' }).default('miss'),
  writes: z.enum(['error', 'discard'], { error: '"error" or "discard"' }).default('error'),
}

export const routerSchema = z.strictObject({
  listen: z
    .array(listener, { error: `a list of 1 to ${LISTEN_COUNT_MAX} addresses` })
    .min(1, { error: `1 to ${LISTEN_COUNT_MAX} addresses` })
    .max(LISTEN_COUNT_MAX, { error: `1 to ${LISTEN_COUNT_MAX} addresses` })
    .default([{ host: '127.0.0.1', port: 11_211, prefix: undefined }]),
  tls: tls.optional(),
  node_tls: nodeTls.optional(),
  threads: whole(1, 64).default(1),
  connections_per_node: whole(1, 64).default(1),
  connections: whole(1, 1_000_000).default(65_000),
  io: io.optional(),
  allow: z.array(network, { error: NETWORKS }).min(1, { error: NETWORKS }).optional(),
  timeouts: z
    .strictObject({ connect: milliseconds(1000), request: milliseconds(1000) }, mapping())
    .prefault({}),
  reconnect: z
    .strictObject({ min: milliseconds(50), max: milliseconds(1000) }, mapping())
    .prefault({}),
  outstanding_per_node: whole(1, 10_000_000).default(65_536),
  coalesce: z.boolean({ error: 'true or false' }).default(true),
  health: z.strictObject(health, mapping()).prefault({}),
  dead_node: z.strictObject(deadNode, mapping()).prefault({}),
})

export const userSchema = z.strictObject({
  name: userName,
  password: z.unknown().optional(),
  password_file: word(/^[^\0]{1,4096}$/, 'a file, relative to the cluster file').optional(),
  rights: z.array(z.enum(rightNames, { error: RIGHTS }), { error: RIGHTS }).optional(),
  prefixes: z
    .array(z.string({ error: PREFIXES }).regex(PREFIX, { error: PREFIXES }), { error: PREFIXES })
    .max(PREFIXES_MAX, { error: PREFIXES })
    .optional(),
})

export type ClusterEntry = z.infer<typeof clusterSchema>
export type Defaults = z.infer<typeof defaultsSchema>
export type NodeEntry = z.infer<typeof nodeSchema>
export type DiscoveryEntry = z.infer<typeof discoverySchema>
export type RouterEntry = z.infer<typeof routerSchema>
export type UserEntry = z.infer<typeof userSchema>

/** The fields that may stand below a path, for did-you-mean. */
export function fieldsBelow(path: Path): readonly string[] {
  const names = path.filter(part => typeof part === 'string').join('.')
  return FIELDS[names] ?? []
}

const SECTIONS = ['defaults', 'nodes', 'discovery', 'router', 'users']
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  '': [...Object.keys(clusterSchema.shape), ...SECTIONS],
  defaults: Object.keys(defaultsSchema.shape),
  nodes: Object.keys(nodeSchema.shape),
  discovery: Object.keys(discoverySchema.shape),
  router: Object.keys(routerSchema.shape),
  placement: ['preset', ...Object.keys(optionFields)],
  'router.timeouts': ['connect', 'request'],
  'router.reconnect': ['min', 'max'],
  'router.health': Object.keys(health),
  'router.dead_node': Object.keys(deadNode),
  'router.tls': Object.keys(tls.shape),
  'router.node_tls': Object.keys(nodeTls.shape),
  users: Object.keys(userSchema.shape),
}

/** A preset's name, or a mapping of `preset` and what is said of it. */
function placement(): z.ZodType<Placement> {
  return z
    .unknown()
    .default('ketama')
    .transform((value, context) => {
      const isName = typeof value !== 'object' || value === null || Array.isArray(value)
      const mapped: Record<string, unknown> = isName ? { preset: value } : { ...value }
      const { preset, ...fields } = mapped
      const unknown = Object.keys(fields).filter(field => !(field in optionFields))
      if (unknown.length > 0) {
        context.addIssue({ code: 'unrecognized_keys', keys: unknown, input: mapped, path: [] })
        return z.NEVER
      }
      try {
        return placementOf(preset, fields)
      } catch (error) {
        if (!(error instanceof PlacementError)) throw error
        const path = isName ? [] : [error.field]
        context.addIssue({ code: 'custom', message: error.expected, path, input: value })
        return z.NEVER
      }
    })
}

function mapping(): { error: string } {
  return { error: 'a mapping of fields' }
}

function word(pattern: RegExp, error: string): z.ZodString {
  return z.string({ error }).regex(pattern, { error })
}

function whole(min: number, max: number): z.ZodInt {
  const error = `a whole number of ${min} to ${max}`
  return z.int({ error }).min(min, { error }).max(max, { error })
}

function milliseconds(fallback: number): z.ZodDefault<z.ZodInt> {
  const error = `a whole number of 1 to ${MS_MAX} milliseconds`
  return z.int({ error }).min(1, { error }).max(MS_MAX, { error }).default(fallback)
}

type SizeRange = {
  /** Bytes that a number without a suffix counts. */
  plain: number
  min: number
  max: number
  step: number
}

/** Bytes; written as a number, or with a suffix k, m or g. */
function size(error: string, range: SizeRange): z.ZodType<number> {
  return z.unknown().transform((value, context) => {
    const bytes = parseSize(value, range.plain)
    if (bytes >= range.min && bytes <= range.max && bytes % range.step === 0) return bytes
    context.addIssue({ code: 'custom', message: error })
    return z.NEVER
  })
}

function parseSize(value: unknown, plain: number): number {
  if (typeof value === 'number') return value * plain
  const match = typeof value === 'string' ? /^(\d{1,10})([kmg])?$/i.exec(value) : null
  if (match === null) return Number.NaN
  const scale = { k: 1024, m: MB, g: 1024 * MB }[match[2]?.toLowerCase() ?? ''] ?? plain
  return Number(match[1]) * scale
}
