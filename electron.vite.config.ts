// The build: everything that Node runs goes into out/, flat, so that a chunk finds its thread entries beside itself.
import { resolve } from 'node:path'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'electron-vite'

export default defineConfig({
  main: {
    build: {
      outDir: 'out',
      target: 'node24',
      minify: false,
      // Everything is bundled but what carries a binary of its own.
      externalizeDeps: false,
      rolldownOptions: {
        external: ['serialport', 'bufferutil', 'utf-8-validate'],
        input: {
          cli: resolve('src/cli/index.ts'),
          main: resolve('src/main/index.ts'),
          worker: resolve('src/worker/index.ts'),
          simulator: resolve('src/simulator/index.ts'),
          'firmware-thread': resolve('src/core/jobs/firmware-thread.ts'),
          'history-thread': resolve('src/core/journal/history-thread.ts'),
          'decode-thread': resolve('src/core/telemetry/backtrace/decode-thread.ts'),
        },
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
      },
    },
  },
  preload: {
    build: {
      outDir: 'out/preload',
      // A sandboxed preload is one CommonJS file.
      externalizeDeps: false,
      rolldownOptions: {
        input: { index: resolve('src/preload/index.ts') },
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: 'src/renderer',
    plugins: [vue()],
    build: {
      outDir: 'out/page',
      minify: true,
      // One script for the one page: it is read from this computer, not over a network.
      chunkSizeWarningLimit: 1_000,
      rolldownOptions: { input: { index: resolve('src/renderer/index.html') } },
    },
  },
})
