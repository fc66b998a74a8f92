/** Runs once before every test: says clearly that the tests want the locked Node. */
export default function requireLockedNode(): void {
  const major = Number(process.versions.node.split('.')[0])
  if (major >= 26) return
  throw new Error(
    `Tests run on Node 26 from node_modules, found ${process.versions.node}: use "npm test" or "npm run …"`,
  )
}
