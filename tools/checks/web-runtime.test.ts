import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { main } from '../../packages/cli/src/main.js'
import { sink } from '../../packages/cli/src/testing/run.js'
import { tinyBert } from '../../packages/cli/src/testing/tiny-bert.js'

/** What is used of a runtime's JavaScript interface: that of onnxruntime-common. */
interface Runtime {
  readonly env: { readonly wasm: { numThreads?: number } }
  readonly Tensor: new (type: 'int64', data: BigInt64Array, dims: readonly number[]) => unknown
  readonly InferenceSession: {
    create(model: Uint8Array, options: { executionProviders: string[]; externalData: { path: string; data: Uint8Array }[] }): Promise<{
      run(feeds: Record<string, unknown>): Promise<Record<string, { readonly data: Float32Array }>>
      release(): Promise<void>
    }>
  }
}

/** The runtime of browsers, WebAssembly, comes with what the benchmarks compare with: it is too large for every checkout. */
async function webRuntime(): Promise<Runtime | undefined> {
  try {
    const peers = createRequire(new URL('../../bench/peers/package.json', import.meta.url))
    const { resolve } = createRequire(peers.resolve('@huggingface/transformers'))
    return (await import(pathToFileURL(join(resolve('onnxruntime-web'), '..', 'ort.wasm.min.mjs')).href)) as Runtime
  } catch {
    return undefined
  }
}

const web = await webRuntime()
if (web === undefined) console.warn('What is exported is not run in WebAssembly, since onnxruntime-web is not installed: npm run bench installs it')

const IDS = [2, 17, 4, 31, 60, 3]

let model: Awaited<ReturnType<typeof tinyBert>>
beforeAll(async () => {
  model = await tinyBert()
})
afterAll(() => model[Symbol.asyncDispose]())

async function exported(...options: string[]): Promise<string> {
  const to = join(model.path, options.join('') || 'plain')
  const stderr = sink()
  const code = await main({ argv: ['export', model.path, '--to', to, '--head', 'base', '--quiet', ...options], stdout: sink(), stderr, env: {}, signal: new AbortController().signal })
  expect(stderr.text()).toBe('')
  expect(code).toBe(0)
  return join(to, 'onnx')
}

/** Runs an exported graph as a browser does: with every byte handed over. */
async function run({ env, Tensor, InferenceSession }: Runtime, folder: string): Promise<Float32Array> {
  env.wasm.numThreads = 1
  const files = await readdir(folder)
  const read = async (file: string) => new Uint8Array(await readFile(join(folder, file)))
  const externalData = await Promise.all(files.filter((file) => !file.endsWith('.onnx')).map(async (path) => ({ path, data: await read(path) })))
  const session = await InferenceSession.create(await read(files.find((file) => file.endsWith('.onnx'))!), { executionProviders: ['wasm'], externalData })
  const feed = (values: readonly number[]) => new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])
  const { last_hidden_state: states } = await session.run({ input_ids: feed(IDS), attention_mask: feed(IDS.map(() => 1)), token_type_ids: feed(IDS.map(() => 0)) })
  await session.release()
  return states!.data
}

const apart = (a: Float32Array, b: Float32Array) => (a.length === b.length ? Math.max(...a.map((value, index) => Math.abs(value - b[index]!))) : Infinity)

describe.skipIf(web === undefined)('an exported model in WebAssembly', () => {
  it('computes the same in every form that it is exported in', async () => {
    const plain = await run(web!, await exported())
    expect(plain.length).toBe(IDS.length * 64)
    expect(apart(await run(web!, await exported('--link')), plain)).toBe(0)
    expect(apart(await run(web!, await exported('--portable')), plain)).toBeLessThan(1e-4)
    const quantized = await run(web!, await exported('--compress', 'int8'))
    expect(apart(quantized, plain)).toBeGreaterThan(0)
    expect(apart(quantized, plain)).toBeLessThan(0.1)
    expect(apart(await run(web!, await exported('--compress', 'int8', '--portable')), quantized)).toBeLessThan(1e-4)
  })
})
