/**
 * `memring import FILE`: the configuration of twemproxy or mcrouter as a cluster file, with every
 * key where it was. What cannot be translated is named with its place, and then nothing is written.
 */
import { Command } from 'commander'
import { ClusterFileError, type Problem } from '../cluster/problems.ts'
import { EX_USAGE } from './flags.ts'

type Flags = { pool?: string; from?: string }

const HELP = `
Examples:
  memring import nutcracker.yml > cluster.yaml
  memring import nutcracker.yml --pool alpha | tee cluster.yaml
  memring import mcrouter.json > cluster.yaml
  memring check cluster.yaml

What is left out without moving a key is said on standard error. Exit code 1: something cannot be
translated; each of it is named as file:line:column, and nothing is printed.`

export function importCommand(): Command {
  return new Command('import')
    .description('make a cluster file of twemproxy’s or mcrouter’s configuration')
    .argument('<file>', 'nutcracker.yml or mcrouter.json')
    .option('--pool <name>', 'which pool of twemproxy, where there are several')
    .option('--from <program>', 'nutcracker or mcrouter, where the file’s name does not say')
    .addHelpText('after', HELP)
    .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EX_USAGE))
    .action(async (file: string, flags: Flags, command: Command) => {
      const from = flags.from ?? (/\.json[a-z]*$/i.test(file) ? 'mcrouter' : 'nutcracker')
      if (from !== 'nutcracker' && from !== 'mcrouter') {
        const message = `Cannot import from "${from}": expected nutcracker or mcrouter`
        return command.error(message, { exitCode: EX_USAGE })
      }
      if (from === 'mcrouter' && flags.pool !== undefined) {
        const message = 'Cannot use --pool: mcrouter’s route names the pool'
        return command.error(message, { exitCode: EX_USAGE })
      }
      process.exitCode = await importFile(file, from, flags.pool)
    })
}

async function importFile(
  file: string,
  from: 'nutcracker' | 'mcrouter',
  pool: string | undefined,
): Promise<number> {
  const { readText } = await import('../cluster/yaml-text.ts')
  const { clusterFileText } = await import('../cluster/imported.ts')
  const { importNutcracker } = await import('../cluster/import-nutcracker.ts')
  const { importMcrouter } = await import('../cluster/import-mcrouter.ts')
  try {
    const text = readText(file, 'configuration')
    const { cluster, problems, notes } =
      from === 'mcrouter' ? importMcrouter(text) : importNutcracker(text, pool)
    if (cluster === undefined)
      throw new ClusterFileError(file, problems, undefined, 'configuration')
    for (const note of notes) process.stderr.write(`${noteText(file, note)}\n`)
    process.stdout.write(clusterFileText(cluster, `${file} (${from})`))
    return 0
  } catch (error) {
    if (!(error instanceof ClusterFileError)) throw error
    process.stderr.write(`${error.message}\n`)
    return 1
  }
}

function noteText(file: string, { line, column, field, text }: Problem): string {
  return `${file}:${line}:${column}: ${field} ${text}`
}
