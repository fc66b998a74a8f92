/** Imported before everything else: an older Node would fail later, and less clearly. */
const wanted = [22, 18] as const
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

if (major < wanted[0] || (major === wanted[0] && minor < wanted[1])) {
  process.stderr.write(
    `memring needs Node ${wanted.join('.')} or newer, this is ${process.versions.node}.\n` +
      'In a checkout use "npm start" or "npm run -s memring -- COMMAND": npm has the right one.\n',
  )
  process.exit(1)
}
