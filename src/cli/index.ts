#!/usr/bin/env node
/** The bin entry: checks the Node version, then runs the command line on this process's streams. */
const OLDEST_NODE_MAJOR = 24

if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE_MAJOR) {
  process.stderr.write(
    `flashproof: Node ${String(OLDEST_NODE_MAJOR)} or newer is needed, this is ${process.version}; in a checkout use “npm run -s cli -- …”, which brings its own.\n`,
  )
  process.exit(2)
}

const [{ runCli }, { createTerminalHost }, { readVersion }] = await Promise.all([
  import('./run.ts'),
  import('./terminal-host.ts'),
  import('./version.ts'),
])
const host = createTerminalHost(readVersion())
const exitCode = await runCli(process.argv.slice(2), host)
await Promise.all([host.stdout.flushed(), host.stderr.flushed()])
process.exit(exitCode)
