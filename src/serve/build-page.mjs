/** Builds the page into out/page with the settings of the whole build. Run by `serve` in a checkout. */
import { rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = fileURLToPath(new URL('../..', import.meta.url))
process.chdir(root)
const { default: config } = await import(new URL('../../electron.vite.config.ts', import.meta.url).href)
const { renderer } = config
const folder = resolve(root, renderer.build.outDir)
// Built aside: whoever starts at the same moment sees a whole page or none.
const aside = `${folder}.${String(process.pid)}`
try {
  await build({
    ...renderer,
    configFile: false,
    root: resolve(root, renderer.root),
    base: '/',
    logLevel: 'warn',
    build: { ...renderer.build, outDir: aside, emptyOutDir: true },
  })
  await rm(folder, { recursive: true, force: true })
  await rename(aside, folder)
} finally {
  await rm(aside, { recursive: true, force: true })
}
