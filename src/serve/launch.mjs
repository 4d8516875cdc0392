/**
 * `npm start` in a checkout: the desktop app where Electron's runtime and a display are there, else the browser mode. Plain
 * JavaScript that an old Node can read, because it is what tells that the Node is too old.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const OLDEST_NODE_MAJOR = 24
const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Finds Electron's program without loading the package, which would try to download it.
 * @param {Record<string, string | undefined>} env
 * @param {string} packageFolder where `electron` is installed
 * @returns {string | null}
 */
export function findElectron(env, packageFolder = join(root, 'node_modules', 'electron')) {
  const given = env['ELECTRON_EXEC_PATH']
  if (given) return existsSync(given) ? given : null
  const folder = env['ELECTRON_OVERRIDE_DIST_PATH'] || join(packageFolder, 'dist')
  const names = ['electron', 'electron.exe', join('Electron.app', 'Contents', 'MacOS', 'Electron')]
  return names.map(name => join(folder, name)).find(path => existsSync(path)) ?? null
}

/**
 * @param {Record<string, string | undefined>} env
 * @param {string} platform
 */
export function hasDisplay(env, platform) {
  if (platform === 'win32' || platform === 'darwin') return true
  return Boolean(env['DISPLAY']) || Boolean(env['WAYLAND_DISPLAY'])
}

/**
 * Why there is no window, in one line; null when there can be one.
 * @param {string | null} electron
 * @param {boolean} canShow
 */
export function reasonForBrowser(electron, canShow) {
  if (electron === null) return 'Electron’s runtime is not here'
  return canShow ? null : 'there is no display here'
}

/**
 * Whether a file is missing or older than any of the sources.
 * @param {string} made
 * @param {string} sources
 */
export function isStale(made, sources) {
  if (!existsSync(made)) return true
  const madeMs = statSync(made).mtimeMs
  return readdirSync(sources, { recursive: true, encoding: 'utf8' }).some(
    name => statSync(join(sources, name)).mtimeMs > madeMs && /\.\w+$/.test(name),
  )
}

/**
 * Has the package `electron` fetch its runtime, once; without one, or after ten minutes, there is none. The runtime is
 * compared with the checksums in that package.
 * @param {Record<string, string | undefined>} env
 */
function downloadElectron(env) {
  const installer = join(root, 'node_modules', 'electron', 'install.js')
  const isWanted =
    !env['ELECTRON_SKIP_BINARY_DOWNLOAD'] && !env['ELECTRON_EXEC_PATH'] && !env['ELECTRON_OVERRIDE_DIST_PATH']
  if (!isWanted || !existsSync(installer)) return
  process.stderr.write('Fetching Electron’s runtime (about 120 MB, only the first time)…\n')
  spawnSync(process.execPath, [installer], { stdio: 'ignore', timeout: 600_000 })
}

/**
 * A person’s `npm start` passes what follows `--`.
 * @param {readonly string[]} words
 */
async function launch(words) {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE_MAJOR) {
    process.stderr.write(
      `flashproof: Node ${String(OLDEST_NODE_MAJOR)} or newer is needed, this is ${process.version}; start it with “npm start”, which brings its own.\n`,
    )
    return 2
  }
  const canShow = hasDisplay(process.env, process.platform)
  if (canShow && findElectron(process.env) === null) downloadElectron(process.env)
  const electron = findElectron(process.env)
  const reason = reasonForBrowser(electron, canShow)
  if (reason !== null || electron === null) {
    process.stderr.write(
      `No window: ${reason ?? ''}. The workstation is served to a browser on this computer instead.\n`,
    )
    return await run(process.execPath, [join(root, 'src', 'cli', 'index.ts'), 'serve', ...words])
  }
  if (isStale(join(root, 'out', 'main.js'), join(root, 'src'))) {
    process.stderr.write('Building the desktop app; this takes some seconds.\n')
    const builder = join(root, 'node_modules', 'electron-vite', 'bin', 'electron-vite.js')
    const built = spawnSync(process.execPath, [builder, 'build'], { cwd: root, encoding: 'utf8' })
    if (built.status !== 0) {
      process.stderr.write(`${built.stdout}${built.stderr}\nflashproof: the build failed.\n`)
      return 1
    }
  }
  return await run(electron, [root, ...words])
}

/**
 * Runs a program to its end; Ctrl-C reaches it from the terminal, and its end is ours.
 * @param {string} program
 * @param {readonly string[]} words
 * @returns {Promise<number>}
 */
function run(program, words) {
  const child = spawn(program, words, { cwd: root, stdio: 'inherit' })
  let isAlone = true
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the whole group; an order to end comes to this process alone.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
      isAlone = false
    })
  }
  return new Promise(resolve => {
    child.on('error', error => {
      process.stderr.write(`flashproof: ${program} cannot be started: ${error.message}\n`)
      resolve(1)
    })
    child.on('exit', (code, signal) => {
      resolve(code ?? (signal === null || isAlone ? 1 : 130))
    })
  })
}

const isEntry = process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href
if (isEntry) process.exitCode = await launch(process.argv.slice(2))
