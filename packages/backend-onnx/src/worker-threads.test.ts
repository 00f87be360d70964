import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'

let folder: string
beforeAll(async () => {
  // Inside the package, where koffi and onnxruntime-node are found.
  folder = await mkdtemp(join(import.meta.dirname, '../node_modules/.bundle-'))
  await build({
    configFile: false,
    logLevel: 'silent',
    ssr: { noExternal: [/^@tenon\//], external: ['koffi', 'onnxruntime-node'], resolve: { conditions: ['tenon-source', 'node', 'import'] } },
    build: { ssr: fileURLToPath(new URL('testing/test-threads-process.ts', import.meta.url)), outDir: folder, target: 'node20', minify: false, rollupOptions: { output: { entryFileNames: 'bundle.mjs' } } },
  })
})
afterAll(() => rm(folder, { recursive: true }))

async function play(scene: string, more: readonly string[] = [], home?: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'bundle.mjs'), scene, ...more], home === undefined ? {} : { env: { PATH: process.env['PATH'], HOME: home } })
  return JSON.parse(stdout)
}

describe('ONNX Runtime', () => {
  it.each(['alone', 'in a thread', 'in its own threads'])('keeps no events of its use, and survives a long command line, %s', async (scene) => {
    const home = await mkdtemp(join(tmpdir(), 'tenon-home-'))
    onTestFinished(() => rm(home, { recursive: true }))
    expect(await play(scene, ['x'.repeat(60_000)], home)).toEqual([6, 198])
    expect(await readdir(home)).toEqual([])
  })
})

describe('in worker threads', () => {
  it('computes in two of them and in the main thread at once', async () => {
    expect(await play('together')).toEqual([[6, 198], [6, 198], [8, 198]])
  })

  it('computes in one after another has ended', async () => {
    expect(await play('one after the other')).toEqual([[6, 198], [6, 198], [10, 198]])
  })

  it('goes on in the main thread when workers are told to stop in the middle of a run', async () => {
    expect(await play('stopped')).toEqual(['TENON_ABORTED', 'TENON_ABORTED', [14, 198]])
  })

  it('goes on in the main thread when workers end without disposing of anything', async () => {
    expect(await play('forgotten')).toEqual([true, [16, 198]])
  })
})
