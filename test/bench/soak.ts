// `npm run soak`: ten minutes of full load on a node, with connections that open and close all the
// time; prints what the node held over time, and whether all of it came back. Ends with 1 if not.

import { parseArgs } from 'node:util'
import { nodeCommand, startPinned } from './servers.ts'
import { runSoak, type Sample, type SoakReport } from './soak-run.ts'
import { allowedCpus } from './support.ts'

const HELP = `Usage: npm run soak -- [options]

  --io MODE          auto, uring, epoll or net (auto)
  --threads N        of the node (2)
  --seconds N        of load (600)
  --connections N    at any time (64)
  --memory-limit N   of the node, in MiB (64)
  --seed N           of all that is random (1)
  --growth N         most that resident memory may grow from the middle to the end, in % (2)
`
const MIB = 1024 * 1024

function text(fallback: string) {
  return { type: 'string', default: fallback } as const
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      io: text('auto'),
      threads: text('2'),
      seconds: text('600'),
      connections: text('64'),
      'memory-limit': text('64'),
      seed: text('1'),
      growth: text('2'),
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const { io, threads, 'memory-limit': memory } = values
  const flags = ['--io', io, '-t', threads, '-m', memory, '-c', '4096']
  const server = await startPinned(nodeCommand(flags), allowedCpus().join(','))
  try {
    process.stdout.write(`${HEADINGS.map(name => name.padStart(12)).join('')}\n`)
    const report = await runSoak({
      pid: server.pid,
      port: server.port,
      seconds: Number(values.seconds),
      connections: Number(values.connections),
      memoryMib: Number(memory),
      seed: Number(values.seed),
      growthMax: Number(values.growth),
      onSample: sample => process.stdout.write(`${rowOf(sample)}\n`),
    })
    process.stdout.write(summaryOf(report))
    return report.faults.length === 0 ? 0 : 1
  } finally {
    await server.stop()
  }
}

const HEADINGS = [
  'seconds',
  'requests/s',
  'opened/s',
  'resident MB',
  'descriptors',
  'connections',
  'items',
  'evictions',
]

function rowOf(sample: Sample): string {
  const cells = [
    sample.atSeconds.toFixed(0),
    sample.requestsPerSecond.toFixed(0),
    sample.connectionsPerSecond.toFixed(0),
    (sample.resident / MIB).toFixed(1),
    sample.descriptors,
    sample.connections,
    sample.items,
    sample.evictions,
  ]
  return cells.map(cell => String(cell).padStart(12)).join('')
}

function summaryOf(report: SoakReport): string {
  const { counts, descriptors, fitted, growth, indexGrowth } = report
  const lines = [
    `${counts.requests} requests, ${counts.hits} values checked, ` +
      `${counts.connections} connections, ${counts.refusals} refused for want of memory`,
    `descriptors: ${descriptors.before} before, ${descriptors.after} after`,
    `resident memory from the middle to the end: ${growth.toFixed(2)} %`,
    `values of 100 KB that fit: ${fitted.join(', ')} (new, after flush_all, after the soak); ` +
      `the index grew by ${indexGrowth} bytes`,
    ...report.faults.map(fault => `FAULT ${fault}`),
  ]
  return `\n${lines.join('\n')}\n`
}

process.exitCode = await main()
