/** What a cache node can be told, in memcached's terms and with its defaults. */
import type { Account } from '../auth/account.ts'
import { LOGIN_WAIT_MS } from '../auth/slow-down.ts'
import type { Io } from '../net/io.ts'
import type { TlsFiles } from '../net/tls-material.ts'
import type { Secure } from '../net/transport.ts'
import { type ExtendedOptions, extendedDefaults } from './extended-options.ts'

/** `-B`. */
export type BindingProtocol = 'auto' | 'ascii' | 'binary'

export type NodeOptions = {
  /** Who this node is: in the log, and to routers that find nodes by their addresses alone. */
  name: string
  /** Addresses to listen on; port 0 = chosen by the kernel. */
  listen: readonly { host: string; port: number; mode?: number; secure?: Secure | undefined }[]
  /** For `stats settings`: what was given with `-l`. */
  interfaces: string
  /** For `stats settings`: what was given with `-s` and `-a`. */
  domainSocket: string
  unixMask: number
  threads: number
  /** `-m`, in bytes. */
  memoryBytes: number
  /** `-M` is false here: refuse instead of evicting. */
  evict: boolean
  /** `-I`, in bytes. */
  itemSizeMax: number
  connectionLimit: number
  backlog: number
  /** `-C` is false here. */
  cas: boolean
  /** `-F` is false here. */
  flush: boolean
  /** `-X` is false here: no cachedump, metadump, mgdump. */
  dump: boolean
  /** `-W` is false here. */
  watch: boolean
  /** `-A`: the command `shutdown`. */
  shutdown: boolean
  /** `-D`: what ends a key's prefix; `detail`: whether prefixes are counted from the start. */
  prefixDelimiter: string
  detail: boolean
  /** `-R`. */
  requestsPerEvent: number
  /** `-B`. */
  protocol: BindingProtocol
  /** `-o`. */
  extended: ExtendedOptions
  /** `-Z`: the files of secure listeners. */
  tls: TlsFiles | undefined
  verbosity: number
  /** Undefined: nobody has to log in. */
  accounts: readonly Account[] | undefined
  /** Networks that connections may come from (`--allow`); undefined: any. */
  allow: readonly string[] | undefined
  /** The longest wait after wrong passwords from one address; 0: none. */
  loginWaitMs: number
  /** With accounts: also SASL on the binary protocol (`-S`), not ASCII authentication alone. */
  sasl: boolean
  /** For `stats settings`: the file of `-Y`, or undefined. */
  authFile: string | undefined
  /** The shared region: `mapped` wants koffi. */
  region: 'mapped' | 'shared'
  /** `-L`: the region in pages that the system has set aside (vm.nr_hugepages), or not at all. */
  largePages: boolean
  /** False: accept as if koffi were not there. */
  useKernel: boolean
  /** The transport; without kernel calls it is `net` anyway. */
  io: Io
  /** Why not a faster one, for the log; '': this is what was wanted. */
  ioReason: string
}

const MIB = 1024 * 1024

export const nodeDefaults: NodeOptions = {
  name: 'node',
  listen: [
    { host: '0.0.0.0', port: 11211 },
    { host: '::', port: 11211 },
  ],
  interfaces: 'NULL',
  domainSocket: 'NULL',
  unixMask: 0o700,
  threads: 4,
  memoryBytes: 64 * MIB,
  evict: true,
  itemSizeMax: MIB,
  connectionLimit: 1024,
  backlog: 1024,
  cas: true,
  flush: true,
  dump: true,
  watch: true,
  shutdown: false,
  prefixDelimiter: ':',
  detail: false,
  requestsPerEvent: 20,
  protocol: 'auto',
  extended: extendedDefaults,
  tls: undefined,
  verbosity: 0,
  accounts: undefined,
  allow: undefined,
  loginWaitMs: LOGIN_WAIT_MS,
  sasl: false,
  authFile: undefined,
  region: 'mapped',
  largePages: false,
  useKernel: true,
  io: 'epoll',
  ioReason: '',
}
