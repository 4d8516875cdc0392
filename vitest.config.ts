import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'
import { SlowFirst } from './test/slow-first.ts'

export default defineConfig({
  plugins: [vue()],
  test: {
    include: process.env['FLASHPROOF_SOAK'] ? ['test/soak/**/*.test.ts'] : ['test/**/*.test.ts'],
    exclude: process.env['FLASHPROOF_SOAK'] ? [] : ['test/soak/**'],
    // No test sends anything on a real network; the tests of mDNS turn it on inside namespaces of their own.
    env: { FLASHPROOF_DISCOVERY: 'off' },
    pool: 'forks',
    // One more than two cores: many tests wait for a device most of their time.
    maxWorkers: 3,
    sequence: { sequencer: SlowFirst },
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
