/** Builds the page into out/page with the settings of the whole build. Run by `serve` in a checkout. */
import { rename, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = fileURLToPath(new URL('../..', import.meta.url))
process.chdir(root)
const { default: config } = await import(new URL('../../electron.vite.config.ts', import.meta.url).href)
const { renderer } = config
const folder = resolve(root, renderer.build.outDir)
// Built aside: whoever starts at the same moment sees a whole page or none.
const aside = `${folder}.${String(process.pid)}`
const startedMs = Date.now()
try {
  await build({
    ...renderer,
    configFile: false,
    root: resolve(root, renderer.root),
    base: '/',
    logLevel: 'warn',
    build: { ...renderer.build, outDir: aside, emptyOutDir: true },
  })
  // One that another starter finished meanwhile is as new, and may be being read at this moment.
  if ((await madeMs()) < startedMs) {
    await rm(folder, { recursive: true, force: true })
    try {
      await rename(aside, folder)
    } catch (thrown) {
      // Two finished at once, and the other one was a moment faster.
      if ((await madeMs()) < startedMs) throw thrown
    }
  }
} finally {
  await rm(aside, { recursive: true, force: true })
}

/** When the page in place was made; 0 when there is none. */
async function madeMs() {
  return await stat(join(folder, 'index.html')).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  )
}
