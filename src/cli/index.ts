#!/usr/bin/env node
/** The bin entry: ends in order from its first moment, checks the Node version, then runs the command line. */
const OLDEST_NODE_MAJOR = 24

let exitCode = 130
// While the command listens it is the one that ends; before and after it nothing is under way, and these end at once.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (process.listenerCount(signal) === 1) process.exit(exitCode)
  })
}

if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE_MAJOR) {
  process.stderr.write(
    `flashproof: Node ${String(OLDEST_NODE_MAJOR)} or newer is needed, this is ${process.version}; in a checkout use “npm run -s cli -- …”, which brings its own.\n`,
  )
  process.exit(2)
}

const [{ runCli }, { createTerminalHost }, { readVersion }] = await Promise.all([
  import('./run.ts'),
  import('./terminal-host.ts'),
  import('../host/version.ts'),
])
const host = createTerminalHost(readVersion())
exitCode = await runCli(process.argv.slice(2), host)
await Promise.all([host.stdout.flushed(), host.stderr.flushed()])
process.exit(exitCode)
