import { defaultServerConditions } from 'vite'
import { defineConfig } from 'vitest/config'

// Workspace packages resolve to each other's sources, so tests need no build.
const conditions = ['tenon-source', ...defaultServerConditions]

// One config for every package and for tools/: patterns and paths are relative to the folder vitest is started in.
// Type tests (*.test-d.ts) are checked by `tsc`, in each package's typecheck.
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['**/src/**/*.test.ts', '**/checks/**/*.test.ts'],
    passWithNoTests: true,
    // Some tests load a model or spawn a process, on machines with two busy cores.
    testTimeout: 30_000,
    reporters: ['default', 'json'],
    outputFile: { json: '.reports/vitest.json' },
  },
})
