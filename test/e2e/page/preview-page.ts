/** Builds the page on its fake station and serves it under the policy of the real one, for tests that want many states. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { build, preview } from 'vite'
import { catalogPlugin } from './catalog-plugin.ts'

/** The page's own, and what the schemas of the fake station try out; the page itself carries none. */
const POLICY = "default-src 'self'; script-src 'self' 'unsafe-eval'"

export interface PreviewPage {
  readonly url: string
  stop(): Promise<void>
}

export async function startPreviewPage(): Promise<PreviewPage> {
  const root = fileURLToPath(new URL('../../renderer/preview', import.meta.url))
  const folder = mkdtempSync(join(tmpdir(), 'flashproof-preview-'))
  await build({
    configFile: false,
    root,
    publicDir: '../../../src/renderer/public',
    plugins: [vue(), catalogPlugin()],
    logLevel: 'error',
    build: { outDir: folder, emptyOutDir: true, minify: false },
  })
  const server = await preview({
    configFile: false,
    root,
    logLevel: 'error',
    build: { outDir: folder },
    preview: { host: '127.0.0.1', port: 0, headers: { 'content-security-policy': POLICY } },
  })
  return {
    url: server.resolvedUrls?.local[0] ?? '',
    async stop() {
      await server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
