import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

it('runs under node:test, which tells what passed, was skipped and failed', async () => {
  const folder = join(root, '.node-test') // beside fixtures/, as dist/ is
  try {
    await build({
      configFile: false,
      logLevel: 'silent',
      root,
      ssr: { noExternal: true, resolve: { conditions: ['tenon-source', 'node', 'import'] } },
      build: { ssr: 'src/test-with-node.ts', outDir: folder, rollupOptions: { external: ['koffi', 'onnxruntime-node', 'tokenizers'], output: { entryFileNames: 'suite.mjs' } } },
    })
    const { VITEST: _, NODE_OPTIONS: __, ...environment } = process.env
    const output = await new Promise<string>((resolve) => void execFile(process.execPath, ['--test-reporter=tap', join(folder, 'suite.mjs')], { env: environment }, (_error, stdout, stderr) => resolve(stdout + stderr)))
    expect(output).toMatch(/ok \d+ - that are missing are refused/)
    expect(output).toMatch(/ok \d+ - tril: skipped: no kernel for Trilu # SKIP/)
    expect(output.match(/^ *not ok \d+ - .*/gm)?.filter((line) => !line.includes('contract of a backend') && !line.includes('- probe'))).toEqual([expect.stringContaining('says what is missing, and compile refuses')])
    expect(output).toMatch(/^# fail 1$/m)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}, 60_000)
