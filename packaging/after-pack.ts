/**
 * Completes and checks what was packed, before it is signed: lays out the `flashproof` command for a Node of the computer's own,
 * which cannot look into an asar, and refuses a package that lacks a part, holds what does not belong there, or is too large.
 */
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { extractFile, listPackage, statFile } from '@electron/asar'
import type { AfterPackContext } from 'electron-builder'
import { thirdPartyNotices } from './third-party-notices.ts'

/** What the app starts at run time by name, so that nothing but its absence at a customer's would show that it is missing. */
const REQUIRED_IN_ASAR = [
  'package.json',
  'out/main.js',
  'out/worker.js',
  'out/simulator.js',
  'out/firmware-thread.js',
  'out/history-thread.js',
  'out/decode-thread.js',
  'out/preload/index.cjs',
  'out/page/index.html',
  'node_modules/serialport/package.json',
]

/** Code that only Electron can run. */
const APP_ONLY = /^out\/(main\.js|preload\/)/

const REQUIRED_IN_COMMAND = ['package.json', 'out/cli.js', 'out/worker.js', 'out/page/index.html']

/** Sources, tests and source maps: nobody needs them to flash a board. */
const UNWANTED = /^(out\/)?src\/|(^|\/)(test|tests|__tests__)\/|\.(map|ts|vue|cc|h|gyp)$|\.test\.[cm]?js$/

/** Our own files and `serialport`, without Electron. */
export const LARGEST_OWN_BYTES = 12 * 1024 * 1024

/** Called by electron-builder after it has laid out the app and before it sets the fuses and signs. */
export async function afterPack(context: AfterPackContext): Promise<void> {
  const resourcesFolder = context.packager.getResourcesDir(context.appOutDir)
  const notices = thirdPartyNotices(context.packager.projectDir)
  writeFileSync(join(resourcesFolder, 'documentation', 'third-party-notices.txt'), notices)
  completeAndCheck(resourcesFolder)
}

/**
 * Writes `command/` beside the archive, out of the archive, and checks both.
 * @param resourcesFolder of the packed app
 * @returns the size of everything that is not Electron's
 * @throws an Error that names what is missing, unwanted or too large
 */
export function completeAndCheck(resourcesFolder: string): { ownBytes: number } {
  const archive = join(resourcesFolder, 'app.asar')
  // It stays in a runtime that was given as a folder, and would open whatever it is told to.
  rmSync(join(resourcesFolder, 'default_app.asar'), { force: true })
  const paths = filesOfArchive(archive)
  const command = join(resourcesFolder, 'command')
  for (const path of paths.filter(candidate => !APP_ONLY.test(candidate))) {
    const target = join(command, path)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, extractFile(archive, nativePath(path)))
  }
  const inCommand = filesOfFolder(command)
  const missing = [
    ...REQUIRED_IN_ASAR.filter(path => !paths.includes(path)),
    ...REQUIRED_IN_COMMAND.filter(path => !inCommand.includes(path)).map(path => `command/${path}`),
    ...(paths.some(path => path.endsWith('.node')) ? [] : ['the compiled part of serialport (*.node)']),
  ]
  if (missing.length > 0) throw new Error(`The package lacks ${missing.join(', ')}. Was the app built (npm run build)?`)
  const unwanted = [...paths, ...inCommand].filter(path => UNWANTED.test(path))
  if (unwanted.length > 0) throw new Error(`The package holds what does not belong there: ${unwanted.join(', ')}`)
  const ownBytes = ownSize(resourcesFolder)
  if (ownBytes > LARGEST_OWN_BYTES) {
    throw new Error(`The package holds ${ownBytes} bytes of our own; ${LARGEST_OWN_BYTES} are the limit.`)
  }
  return { ownBytes }
}

/** Paths with forward slashes, files only. */
function filesOfArchive(archive: string): string[] {
  return listPackage(archive, { isPack: false })
    .map(path => path.replaceAll('\\', '/').replace(/^\//, ''))
    .filter(path => !('files' in statFile(archive, nativePath(path))))
}

/** The archive's own functions want the system's separators. */
function nativePath(path: string): string {
  return path.split('/').join(sep)
}

function filesOfFolder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    )
}

function ownSize(resourcesFolder: string): number {
  return filesOfFolder(resourcesFolder)
    .filter(path => /^(app\.asar|app\.asar\.unpacked\/.*|command\/.*|documentation\/.*|icons\/.*|udev\/.*)$/.test(path))
    .reduce((sum, path) => sum + statSync(join(resourcesFolder, path)).size, 0)
}
