// The build: everything that Node runs goes into out/, flat, so that a chunk finds its thread entries beside itself.
import { resolve } from 'node:path'
import { defineConfig } from 'electron-vite'

export default defineConfig({
  main: {
    build: {
      outDir: 'out',
      target: 'node24',
      minify: false,
      externalizeDeps: false,
      rolldownOptions: {
        input: {
          cli: resolve('src/cli/index.ts'),
          worker: resolve('src/worker/index.ts'),
          simulator: resolve('src/simulator/index.ts'),
          'firmware-thread': resolve('src/core/jobs/firmware-thread.ts'),
          'history-thread': resolve('src/core/journal/history-thread.ts'),
        },
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
      },
    },
  },
})
