// Where a node's CPU time goes under the load of node-bench.ts: perf samples its process, with the
// names that V8 gives to compiled functions. Needs `perf` (Debian: linux-perf).

import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { LoadClient } from './load-client.ts'
import { nodeCommand, startPinned } from './servers.ts'
import { allowedCpus, choosePins } from './support.ts'

const HELP = `Usage: npm run bench:profile -- [options]

  --depth N          requests outstanding on each connection (1)
  --connections N    (50)
  --value-size N     bytes (100)
  --warmup N         seconds of load before the samples (5)
  --seconds N        of samples (5)
  --rows N           functions shown (45)
  --node-args "…"    more flags for the node, split at spaces
`
const SAMPLES_PER_SECOND = 1999
const SYMBOL_CHARS = 96
/** A line for every function that was ever seen. */
const REPORT_BYTES_MAX = 256 * 1024 * 1024

async function main(): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      depth: { ...text, default: '1' },
      connections: { ...text, default: '50' },
      'value-size': { ...text, default: '100' },
      warmup: { ...text, default: '5' },
      seconds: { ...text, default: '5' },
      rows: { ...text, default: '45' },
      'node-args': { ...text, default: '' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  const pins = choosePins(allowedCpus())
  const command = nodeCommand(values['node-args'].split(' ').filter(part => part !== ''))
  const load = new LoadClient(pins.load)
  const args = ['--perf-basic-prof', ...command.args]
  const server = await startPinned({ ...command, args }, pins.server)
  const directory = mkdtempSync(join(tmpdir(), 'memring-profile-'))
  const file = join(directory, 'perf.data')
  try {
    const { name, pid, port } = server
    const workload = { keyCount: 10_000, valueSize: Number(values['value-size']) }
    const [connections, depth] = [Number(values.connections), Number(values.depth)]
    const options = { host: '127.0.0.1', port, connections, depth, workload }
    await load.do({ type: 'open', name, options })
    await load.do({ type: 'preload', name })
    await load.do({ type: 'run', name, pid, seconds: Number(values.warmup), rate: null })
    const sampled = record(pid, file, Number(values.seconds))
    const slice = await load.measure({
      type: 'run',
      name,
      pid,
      seconds: Number(values.seconds),
      rate: null,
    })
    await sampled
    const micros = (slice.serverCpuSeconds / slice.load.total.count) * 1e6
    process.stdout.write(`depth ${depth}: ${micros.toFixed(2)} µs/request under perf\n`)
    process.stdout.write(report(file, Number(values.rows)))
  } finally {
    load.stop()
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
    rmSync(join('/tmp', `perf-${server.pid}.map`), { force: true })
  }
}

async function record(pid: number, file: string, seconds: number): Promise<void> {
  const rate = ['-F', String(SAMPLES_PER_SECOND)]
  const args = ['record', '-q', ...rate, '-p', String(pid), '-o', file, '--', 'sleep', `${seconds}`]
  const perf = spawn('perf', args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const code = await new Promise<unknown>((resolve, reject) => {
    perf.once('error', reject)
    perf.once('close', resolve)
  })
  if (code !== 0) throw new Error(`Cannot sample process ${pid}: perf ended with ${String(code)}`)
}

function report(file: string, rows: number): string {
  const args = ['report', '-i', file, '--stdio', '-q', '--sort', 'dso,symbol']
  const text = execFileSync('perf', args, {
    encoding: 'utf8',
    maxBuffer: REPORT_BYTES_MAX,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const lines = text.split('\n').filter(line => line.trim() !== '')
  const short = lines.map(line => line.replaceAll(/file:\S*\/src\//g, '').slice(0, SYMBOL_CHARS))
  return `${short.slice(0, rows).join('\n')}\n`
}

await main()
