import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [vue()],
  test: {
    include: process.env['FLASHPROOF_SOAK'] ? ['test/soak/**/*.test.ts'] : ['test/**/*.test.ts'],
    exclude: process.env['FLASHPROOF_SOAK'] ? [] : ['test/soak/**'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
