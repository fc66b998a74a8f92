/** The flag table of `memring node`: memcached's names, short and long, and its defaults. */
import { hostname } from 'node:os'
import { Command, type CommanderError, Option } from 'commander'
import { LOGIN_WAIT_MS } from '../auth/slow-down.ts'
import { COMPATIBLE_VERSION } from '../protocol/compatible-version.ts'
import type { IoChoice } from '../net/io.ts'
import { type ExtendedOptions, extendedDefaults } from '../server/extended-options.ts'
import type { BindingProtocol } from '../server/options.ts'
import { parseExtended } from './extended-flags.ts'
import {
  collectList,
  collectNetworks,
  EX_USAGE,
  FlagError,
  ioOption,
  itemSize,
  wholeNumber,
} from './flags.ts'
import { VERSION } from '../base/version.ts'

const MIB = 1024 * 1024
const MEMORY_MIN_MB = 8
const MEMORY_MAX_MB = 1024 * 1024
const I32_MAX = 2147483647

export type NodeFlags = {
  port: number
  udpPort: number
  unixSocket?: string
  unixMask: number
  listen: string[]
  connLimit: number
  listenBacklog: number
  maxReqsPerEvent: number
  protocol: BindingProtocol
  threads: number
  memoryLimit: number
  disableEvictions?: true
  maxItemSize: number
  enableLargepages?: true
  lockMemory?: true
  daemon?: true
  pidfile?: string
  user?: string
  verbose: number
  enableShutdown?: true
  disableCas?: true
  disableFlushAll?: true
  disableDumping?: true
  disableWatch?: true
  D?: string
  io: IoChoice
  authFile?: string
  enableSasl?: true
  enableSsl?: true
  users?: string
  allow?: string[]
  loginWait: number
  extended: ExtendedOptions
  supervised?: true
  nodeName: string
}

const EXAMPLES = `
Examples:
  memring node                           port 11211, 64 MB, 4 threads, like memcached
  memring node -p 11311 -l 127.0.0.1 -m 1024
  memring node -S -Y users.txt           SASL and ASCII login, users.txt: user:password lines
  memring node --users users.yaml        the same, users made by "memring user add"
  memring node -Z -o ssl_chain_cert=server.crt,ssl_key=server.key
  memring node -d -P /run/memring.pid -u nobody

-o takes memcached's list of options, such as -o idle_timeout=60,track_sizes. Those that tune
slabs, LRU lists and the hash table are taken and do nothing; ext_* and proxy_* are refused.

TLS: -Z -o ssl_chain_cert=FILE,ssl_key=FILE[,ssl_ca_cert=FILE,ssl_verify_mode=0..3,
ssl_min_version=2..3,ssl_ciphers=LIST]. An address of -l may begin with notls:, btls: (no client
certificate is asked for) or mtls: (one is required). "refresh_certs" and SIGHUP read
the files again.

Memory: the whole process stays within -m plus about 96 MB and 20 MB a thread.`

const LICENSE = `memring ${VERSION}
Published under the MIT license.
`

/** In the order of memcached's own help. */
export function nodeFlags(): Command {
  const node = new Command('node')
    .description('one cache node; takes the place of memcached')
    .option('-p, --port <num>', 'TCP port; -1: any free one', parsePort, 11211)
    .option('-U, --udp-port <num>', 'UDP is not served: 0 only', parseUdpPort, 0)
    .option('-s, --unix-socket <file>', 'listen on a UNIX socket instead of TCP')
    .option('-a, --unix-mask <mask>', 'access mask of the UNIX socket, octal', parseMask, 0o700)
    .option('-A, --enable-shutdown', 'obey the command "shutdown"')
    .option(
      '-l, --listen <addr>',
      'address to listen on, repeatable (default: all)',
      collectList,
      [],
    )
    .option('-d, --daemon', 'run as a daemon')
    .option('-r, --enable-coredumps', 'taken, and does nothing')
    .option('-u, --user <user>', 'assume the identity of a user (when run as root)')
    .option(
      '-m, --memory-limit <num>',
      'memory for items and index, in megabytes',
      wholeNumber(MEMORY_MIN_MB, MEMORY_MAX_MB),
      64,
    )
    .option('-M, --disable-evictions', 'full: answer an error instead of evicting')
    .option(
      '-c, --conn-limit <num>',
      'most connections at once',
      wholeNumber(1, 1_000_000, refusal('Maximum connections must be greater than 0')),
      1024,
    )
    .option('-k, --lock-memory', 'taken, and does nothing')
    .option('-v, --verbose', 'say more; -vv, -vvv: still more', (_, level: number) => level + 1, 0)
    .option('-i, --license', 'say the license and end')
    .option('-P, --pidfile <file>', 'write the process id into a file')
    .option('-f, --slab-growth-factor <num>', 'taken, and does nothing', parseFactor)
    .option(
      '-n, --slab-min-size <bytes>',
      'taken, and does nothing',
      wholeNumber(1, 1024 ** 3, refusal('Chunk size must be greater than 0')),
    )
    .option('-L, --enable-largepages', 'memory in large pages that the system has set aside')
    .option('-D <char>', 'delimiter of key prefixes; turns "stats detail" on')
    .option(
      '-t, --threads <num>',
      'data threads',
      wholeNumber(1, 64, refusal('Number of threads must be greater than 0')),
      4,
    )
    .option(
      '-R, --max-reqs-per-event <num>',
      'requests of one connection before the others get their turn',
      wholeNumber(1, I32_MAX, refusal('Number of requests per event must be greater than 0')),
      20,
    )
    .option('-C, --disable-cas', 'no cas uniques')
    .option('-b, --listen-backlog <num>', 'accept queue', wholeNumber(1, 65535), 1024)
    .option('-B, --protocol <name>', 'ascii, binary or auto', parseProtocol, 'auto')
    .option(
      '-I, --max-item-size <num>',
      'largest item: bytes, k or m (default: 1m, min: 1k, max: 1024m)',
      itemSize(1024, 1024 ** 3),
      MIB,
    )
    .option('-S, --enable-sasl', 'SASL on the binary protocol; without -Y nothing else')
    .option('-F, --disable-flush-all', 'refuse flush_all')
    .option('-X, --disable-dumping', 'refuse stats cachedump and lru_crawler metadump')
    .option('-W, --disable-watch', 'refuse watch')
    .option('-Y, --auth-file <file>', 'ASCII login; a line a user: user:password')
    .option('-e, --memory-file <file>', 'refused: the cache lives in memory only', parseMemoryFile)
    .option('-Z, --enable-ssl', 'TLS on every address, see below')
    .option('-o, --extended <list>', 'more options, see below', parseExtended, extendedDefaults)
    .option(
      '-N, --napi-ids <num>',
      'taken, and does nothing',
      wholeNumber(1, I32_MAX, refusal('Maximum number of NAPI IDs must be greater than 0')),
    )
    .addOption(ioOption())
    .option(
      '--allow <cidr>',
      'network that connections may come from, repeatable (default: any)',
      collectNetworks,
    )
    .option('--users <file>', 'users file ("memring user" makes it): SASL and ASCII login')
    .option(
      '--login-wait <ms>',
      'longest wait after wrong passwords from one address; 0: none',
      wholeNumber(0, 60_000),
      LOGIN_WAIT_MS,
    )
    .addOption(
      new Option('--node-name <name>', 'its label on a ring that finds nodes by address')
        .default(hostname(), 'the host name')
        .env('MEMRING_NODE_NAME')
        .argParser(parseName),
    )
    .option('--supervised', 'configured and watched by "memring up"')
    .version(`memring ${VERSION} (memcached ${COMPATIBLE_VERSION} protocol)`, '-V, --version')
    .addHelpText('after', EXAMPLES)
    .exitOverride(error => process.exit(exitCodeOf(error)))
  node.on('option:license', () => {
    process.stdout.write(LICENSE)
    process.exit(0)
  })
  return node
}

/** As memcached ends: 1 for what getopt does not know, otherwise what the flag's refusal says. */
function exitCodeOf({ exitCode, code }: CommanderError): number {
  if (code === 'commander.unknownOption' || code === 'commander.optionMissingArgument') return 1
  return code === 'commander.excessArguments' ? EX_USAGE : exitCode
}

function refusal(said: string): { said: string; exitCode: number } {
  return { said, exitCode: 1 }
}

const NODE_NAME = /^[A-Za-z0-9._:-]{1,250}$/

function parseName(text: string): string {
  if (NODE_NAME.test(text)) return text
  const expected = '1 to 250 letters, digits, ".", ":", "_" or "-"'
  throw new FlagError(`Cannot use the name ${JSON.stringify(text)}: expected ${expected}`, EX_USAGE)
}

function parsePort(text: string): number {
  const port = /^-?\d{1,6}$/.test(text) ? Number(text) : Number.NaN
  if (port >= -1 && port <= 65535) return port
  const expected = 'expected 1 to 65535, 0 for none or -1 for any'
  throw new FlagError(`ERROR: Invalid port number ${text}. (${expected})`, EX_USAGE)
}

function parseUdpPort(text: string): number {
  const port = parsePort(text)
  if (port === 0) return 0
  throw new FlagError(`Cannot use UDP port ${text}: UDP is not served, expected 0`, EX_USAGE)
}

function parseMask(text: string): number {
  if (/^[0-7]{1,4}$/.test(text)) return Number.parseInt(text, 8)
  throw new FlagError(`Cannot use mask "${text}": expected octal digits, 0 to 7777`, EX_USAGE)
}

function parseFactor(text: string): number {
  const factor = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : 0
  if (factor > 1) return factor
  throw new FlagError(`Factor must be greater than 1 ("${text}")`, 1)
}

function parseProtocol(text: string): BindingProtocol {
  if (text === 'auto' || text === 'ascii' || text === 'binary') return text
  const said = `Invalid value for binding protocol: ${text}\n`
  throw new FlagError(`${said} -- should be one of auto, binary, or ascii`, EX_USAGE)
}

function parseMemoryFile(path: string): never {
  throw new FlagError(`Cannot keep items in "${path}": the cache lives in memory only`, EX_USAGE)
}
