// Makes folders that stand in for Electron's runtime and for the built app, so that packing can be tried without either.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createPackage } from '@electron/asar'

/** Marks the place of the fuses in Electron's executable; then come a version, their number, and one digit each. */
const FUSE_SENTINEL = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX'

/** The state that Electron is delivered with, so that a fuse that nobody sets is seen. */
const DELIVERED_FUSES = '101100011'

/** The names that the build gives its output; chunks and assets carry a hash. */
export const BUILT_FILES = [
  'main.js',
  'worker.js',
  'simulator.js',
  'firmware-thread.js',
  'history-thread.js',
  'decode-thread.js',
  'cli.js',
  'clock-CPQvqv5O.js',
  'preload/index.cjs',
  'page/index.html',
  'page/assets/index-B1x2y3z4.js',
  'page/assets/index-C5a6b7c8.css',
]

/** Writes what electron-builder looks for in an unpacked runtime of Linux. */
export async function writeStandInElectron(folder: string): Promise<void> {
  const executable = Buffer.concat([
    Buffer.from(`#!/bin/sh\nexit 0\n${FUSE_SENTINEL}`),
    Buffer.from([1, DELIVERED_FUSES.length]),
    Buffer.from(DELIVERED_FUSES),
  ])
  write(join(folder, 'electron'), executable, 0o755)
  for (const name of ['chrome-sandbox', 'chrome_crashpad_handler']) write(join(folder, name), '', 0o755)
  for (const name of ['version', 'LICENSE', 'LICENSES.chromium.html']) {
    write(join(folder, name), name)
  }
  for (const language of ['de', 'en-US', 'fr', 'vi']) write(join(folder, 'locales', `${language}.pak`), '')
  write(join(folder, 'default-app/main.js'), '')
  mkdirSync(join(folder, 'resources'))
  await createPackage(join(folder, 'default-app'), join(folder, 'resources/default_app.asar'))
  rmSync(join(folder, 'default-app'), { recursive: true })
}

/** Writes an output of the build with what must not be shipped beside it. */
export function writeStandInOutput(folder: string, files: readonly string[] = BUILT_FILES): void {
  for (const path of files) write(join(folder, path), `// ${path}\n`)
  for (const path of ['main.js.map', 'page/assets/index-B1x2y3z4.js.map']) write(join(folder, path), '{}')
}

function write(path: string, content: string | Buffer, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content, { mode })
}
