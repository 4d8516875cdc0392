/**
 * Builds the app and its installers: `npm run package`, further words go to electron-builder (`-- --linux AppImage`, `-- --dir`).
 * Needs the network once, for Electron's runtime and the packagers' tools; says so where it has none.
 */
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const require = createRequire(import.meta.url)

process.exitCode = await main(process.argv.slice(2))

/** @param {string[]} argv for electron-builder; by default this system's installers */
async function main(argv) {
  const built = await run('electron-vite', 'bin/electron-vite.js', ['build'])
  if (built.exitCode !== 0) return built.exitCode
  const packed = await run('electron-builder', 'cli.js', [
    '--config',
    'electron-builder.config.ts',
    '--publish',
    'never',
    ...argv,
  ])
  if (packed.exitCode !== 0 && /ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|fetch failed/.test(packed.output)) {
    process.stderr.write(
      'Electron’s runtime or a packager’s tool could not be downloaded, so there is no installer. Build on a computer that reaches\n' +
        'github.com, or give a runtime with “-- --dir -c.electronDist=FOLDER”; docs/shipping.md lists what each installer needs.\n',
    )
  }
  return packed.exitCode
}

/** Runs a tool of node_modules with this Node; shows what it prints and keeps the end of it. */
function run(packageName, file, argv) {
  const script = join(dirname(require.resolve(`${packageName}/package.json`)), file)
  const child = spawn(process.execPath, [script, ...argv], { cwd: root, stdio: ['inherit', 'pipe', 'pipe'] })
  let output = ''
  const show = (stream, chunk) => {
    stream.write(chunk)
    output = (output + String(chunk)).slice(-100_000)
  }
  child.stdout.on('data', chunk => show(process.stdout, chunk))
  child.stderr.on('data', chunk => show(process.stderr, chunk))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve({ exitCode: code ?? 1, output }))
  })
}
