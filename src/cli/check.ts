/**
 * `memring check FILE`: says whether a cluster file is right, and what it describes, without
 * starting anything. Exit code 0 if it is, 1 if not.
 */
import { Command } from 'commander'
import { formatAddress } from '../cluster/address.ts'
import type { ClusterConfig } from '../cluster/config.ts'
import { ClusterFileError } from '../cluster/problems.ts'
import { formatPlacement } from '../ring/placement.ts'
import { Ring } from '../ring/ring.ts'

type Environment = Readonly<Record<string, string | undefined>>

export type CheckResult = { text: string; isRight: boolean }

export function checkCommand(): Command {
  return new Command('check')
    .description('check a cluster file and say what it describes')
    .argument('<file>', 'cluster file (YAML)')
    .option('--json', 'print one JSON object instead of text')
    .addHelpText('after', HELP)
    .action(async (file: string, options: { json?: true }) => {
      const result = await checkFile(file, process.env, options.json === true)
      // What asks for JSON reads standard output, whatever the answer is.
      const stream = result.isRight || options.json === true ? process.stdout : process.stderr
      stream.write(`${result.text}\n`)
      if (!result.isRight) process.exitCode = 1
    })
}

const HELP = `
Examples:
  memring check cluster-config/local.yaml
  memring check --json cluster.yaml | jq .nodes

Every problem is printed as file:line:column: field: what was found, what was expected.`

export async function checkFile(
  file: string,
  environment: Environment,
  asJson: boolean,
): Promise<CheckResult> {
  const { loadClusterFile } = await import('../cluster/cluster-file.ts')
  try {
    const config = loadClusterFile(file, environment)
    const text = asJson ? JSON.stringify(describe(file, config), null, 2) : summarize(file, config)
    return { text, isRight: true }
  } catch (error) {
    if (!(error instanceof ClusterFileError)) throw error
    const { message, problems } = error
    const report = { file, isRight: false, message: message.split('\n')[0], problems }
    return { text: asJson ? JSON.stringify(report, null, 2) : message, isRight: false }
  }
}

/** What `--json` prints: everything but passwords. */
function describe(file: string, config: ClusterConfig): object {
  const { name, placement, nodes, router, users, open } = config
  const shares = sharesOf(config)
  return {
    file,
    isRight: true,
    name,
    placement: formatPlacement(placement),
    open,
    nodes: nodes.map((node, at) => ({ ...node, share: shares[at] })),
    router,
    users: users.map(user => user.name),
  }
}

function summarize(file: string, config: ClusterConfig): string {
  const { nodes, router, users } = config
  const shares = sharesOf(config)
  const rows = nodes.map((node, at) => [
    node.name,
    formatAddress(node),
    `${((shares[at] ?? 0) * 100).toFixed(1)} % of the keys`,
    `${node.memoryMb} MB`,
    threads(node.threads),
  ])
  const names = users.map(user => user.name).join(', ')
  return [
    `${file} is right: cluster ${config.name}, ${formatPlacement(config.placement)} placement`,
    `nodes: ${nodes.length}`,
    ...table(rows).map(row => `  ${row}`),
    `router: ${router.listen.map(formatAddress).join(', ')}, ${threads(router.threads)}`,
    `users: ${names === '' ? 'none, nobody has to log in' : names}`,
  ].join('\n')
}

/** The part of the keys each node gets on the ring. */
function sharesOf({ placement, nodes }: ClusterConfig): number[] {
  return Ring.build(placement, nodes).shares()
}

function threads(count: number): string {
  return count === 1 ? '1 thread' : `${count} threads`
}

/** Rows with their columns below each other. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  }
  return rows.map(row =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
