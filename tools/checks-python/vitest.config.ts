import { defineConfig } from 'vitest/config'
import everywhere from '../../vitest.config.js'

export default defineConfig({
  ...everywhere,
  root: import.meta.dirname,
  test: { include: ['*.check.ts'], testTimeout: 120_000 },
})
