/** The flag table of `memring node`: memcached's names, short and long, and its defaults. */
import { Command } from 'commander'
import { COMPATIBLE_VERSION } from '../protocol/compatible-version.ts'
import { collectList, EX_USAGE, sizeInBytes, wholeNumber } from './flags.ts'
import { VERSION } from './version.ts'

const MIB = 1024 * 1024
const MEMORY_MIN_MB = 8
const MEMORY_MAX_MB = 1024 * 1024

export type NodeFlags = {
  port: number
  listen: string[]
  threads: number
  memoryLimit: number
  disableEvictions?: true
  maxItemSize: number
  connLimit: number
  listenBacklog: number
  disableCas?: true
  disableFlushAll?: true
  enableLargepages?: true
  verbose: number
  authFile?: string
  enableSasl?: true
  supervised?: true
}

const EXAMPLES = `
Examples:
  memring node                           port 11211, 64 MB, 4 threads, like memcached
  memring node -p 11311 -l 127.0.0.1 -m 1024
  memring node -S -Y users.txt           SASL PLAIN and ASCII login, users.txt: user:password lines

Memory: the whole process stays within -m plus about 96 MB and 20 MB a thread.`

/** The command without what it does. */
export function nodeFlags(): Command {
  return new Command('node')
    .description('one cache node; takes the place of memcached')
    .option('-p, --port <num>', 'TCP port; -1: any free one', wholeNumber(-1, 65535), 11211)
    .option(
      '-l, --listen <addr>',
      'address to listen on, repeatable (default: all)',
      collectList,
      [],
    )
    .option('-t, --threads <num>', 'data threads', wholeNumber(1, 64), 4)
    .option(
      '-m, --memory-limit <num>',
      'memory for items and index, in megabytes',
      wholeNumber(MEMORY_MIN_MB, MEMORY_MAX_MB),
      64,
    )
    .option('-M, --disable-evictions', 'full: answer an error instead of evicting')
    .option(
      '-I, --max-item-size <num>',
      'largest item: bytes, k or m',
      sizeInBytes(1024, 1024 ** 3),
      MIB,
    )
    .option('-c, --conn-limit <num>', 'most connections at once', wholeNumber(1, 1_000_000), 1024)
    .option('-b, --listen-backlog <num>', 'accept queue', wholeNumber(1, 65535), 1024)
    .option('-C, --disable-cas', 'no cas uniques')
    .option('-F, --disable-flush-all', 'refuse flush_all')
    .option('-L, --enable-largepages', 'memory in large pages that the system has set aside')
    .option('-v, --verbose', 'say more; -vv, -vvv: still more', (_, level: number) => level + 1, 0)
    .option('-Y, --auth-file <file>', 'ASCII login; a line a user: user:password')
    .option('-S, --enable-sasl', 'with -Y: also SASL PLAIN on the binary protocol')
    .option('--supervised', 'configured and watched by "memring up"')
    .version(`memring ${VERSION} (memcached ${COMPATIBLE_VERSION} protocol)`, '-V, --version')
    .addHelpText('after', EXAMPLES)
    .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EX_USAGE))
}
