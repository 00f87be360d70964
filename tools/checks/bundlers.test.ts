import { execFile } from 'node:child_process'
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build as esbuild, type BuildOptions } from 'esbuild'
import { build as vite } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { install, registryProblem, type Project } from '../installs.mjs'
import { pack } from '../pack.mjs'
import { root } from './consumers.js'

const problem = await registryProblem()
if (problem !== undefined) console.warn(`No bundle is made, since the registry cannot be reached: ${problem}`)

/** What has native code, and a package of data. They stay in node_modules. */
const external = ['koffi', 'onnxruntime-node', 'tokenizers']
const model = '@tenon/model-all-minilm-l6-v2'
const names = ['core', 'checkpoint', 'models', 'backend-onnx', 'task-codegen', 'task-embedding', 'task-qa', 'task-text-generation', 'model-all-minilm-l6-v2'].map((name) => `@tenon/${name}`)

const body = `
const writer = ${JSON.stringify(join(root, 'packages/task-text-generation/fixtures/chat'))}
async function compute(binding) {
  const runtime = createRuntime({ plugins: [files(), onnx({ binding }), ...encoders(), ...decoders(), embedding(), knowledgeBase(), codeGeneration(), textGeneration()] })
  const embed = await runtime.task('embedding', { model: '${model}' })
  const [cat, kitten, saw] = await embed(['a cat', 'a kitten', 'a saw'])
  const similar = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0).toFixed(2)
  const ask = await runtime.task('knowledge-base', { model: '${model}' })
  await ask.add([{ source: 'oak.md', text: '# Oak\\n\\nOak dries for one year for every inch.\\n\\n# Glue\\n\\nHide glue is kept warm.' }])
  const { answer } = await ask('How long does oak dry?')
  const generate = await runtime.task('text-generation', { model: writer })
  const { text } = await generate([{ role: 'user', content: 'Which wood?' }], { schema: { enum: ['oak', 'ash'] } }).result
  const complete = await runtime.task('code-generation', { model: writer })
  const { finishReason } = await complete({ path: 'wood.py', prefix: 'oak = ' }, { maxNewTokens: 1, scope: 'line' }).result
  await runtime.dispose()
  return [similar(cat, kitten), similar(cat, saw), answer, text, finishReason]
}
async function main() {
  if (!isMainThread) return parentPort.postMessage(await compute('native'))
  const worker = new Worker(process.argv[1])
  const fromWorker = new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  const results = [await compute('native'), await fromWorker, await compute('worker')]
  console.log(JSON.stringify(results))
}
main().catch((error) => { console.error(error); process.exit(1) })
`
const modules: [names: string, from: string][] = [
  ['isMainThread, parentPort, Worker', 'node:worker_threads'],
  ['onnx', '@tenon/backend-onnx'],
  ['files', '@tenon/checkpoint'],
  ['createRuntime', '@tenon/core'],
  ['decoders, encoders', '@tenon/models'],
  ['codeGeneration', '@tenon/task-codegen'],
  ['embedding', '@tenon/task-embedding'],
  ['knowledgeBase', '@tenon/task-qa'],
  ['textGeneration', '@tenon/task-text-generation'],
]

/** What each costs when nothing else is in a bundle, in bytes, minified. */
const sizes: Record<string, number> = {}
const measured = {
  nothing: `import '@tenon/core'; import '@tenon/graph'; import '@tenon/graph/ops'; import '@tenon/models'; import '@tenon/task-qa'; import '@tenon/generation'; import '@tenon/task-codegen'; import '@tenon/task-text-generation'; import '@tenon/backend-onnx'; import '@tenon/checkpoint'`,
  error: `export { AbortedError } from '@tenon/core'`,
  runtime: `export { createRuntime } from '@tenon/core'`,
  operator: `export { Relu } from '@tenon/graph/ops'`,
  family: `export { bert } from '@tenon/models/bert'`,
  families: `export { encoders } from '@tenon/models'`,
  completion: `export { codeGeneration } from '@tenon/task-codegen'`,
  chat: `export { textGeneration } from '@tenon/task-text-generation'`,
}

let project: Project
const at = (...path: string[]) => join(project.folder, ...path)

describe.skipIf(problem !== undefined)('an application made into one file', { timeout: 240_000 }, () => {
  beforeAll(async () => {
    const packed = await pack(names)
    project = await install(packed, names)
    writeFileSync(at('app.mjs'), modules.map(([what, from]) => `import { ${what} } from '${from}'\n`).join('') + body)
    writeFileSync(at('app.cjs'), modules.map(([what, from]) => `const { ${what} } = require('${from}')\n`).join('') + body)
    const bundle = (options: BuildOptions) => esbuild({ bundle: true, platform: 'node', target: 'node20', external, absWorkingDir: project.folder, logLevel: 'silent', ...options })
    await bundle({ entryPoints: ['app.mjs'], format: 'esm', outfile: 'esbuild.mjs' })
    await bundle({ entryPoints: ['app.mjs'], format: 'cjs', outfile: 'esbuild.cjs', minify: true })
    await bundle({ entryPoints: ['app.cjs'], format: 'cjs', outfile: 'commonjs.cjs' })
    await vite({
      root: project.folder,
      configFile: false,
      logLevel: 'silent',
      ssr: { noExternal: true, external },
      build: { ssr: 'app.mjs', outDir: at('vite'), target: 'node20', rollupOptions: { output: { entryFileNames: 'vite.mjs' } } },
    })
    for (const [what, contents] of Object.entries(measured)) {
      const { outputFiles } = await esbuild({ stdin: { contents, resolveDir: project.folder }, bundle: true, minify: true, write: false, platform: 'node', format: 'esm', external, logLevel: 'silent' })
      sizes[what] = outputFiles[0]!.contents.length
    }
    // What should be in the bundles shall not be found beside them.
    for (const name of readdirSync(at('node_modules', '@tenon'))) if (`@tenon/${name}` !== model) rmSync(at('node_modules', '@tenon', name), { recursive: true })
  }, 240_000)
  afterAll(() => project?.remove())

  it.each([
    ['esbuild, as an ES module', 'esbuild.mjs'],
    ['esbuild, as minified CommonJS', 'esbuild.cjs'],
    ['esbuild, required as CommonJS', 'commonjs.cjs'],
    ['vite for servers', 'vite/vite.mjs'],
  ])('answers in the main thread and in a worker, with both bindings: %s', async (_, file) => {
    // Elsewhere than the bundle, as a service is started.
    const { stdout } = await promisify(execFile)(process.execPath, [at(file)], { cwd: at('node_modules') })
    const results = JSON.parse(stdout) as [string, string, string, string, string][]
    expect(results).toHaveLength(3)
    for (const [kitten, saw, answer, text, finishReason] of results) {
      expect(Number(kitten)).toBeGreaterThan(0.6)
      expect(Number(saw)).toBeLessThan(0.5)
      expect(answer).toBe('Oak dries for one year for every inch.')
      expect(text).toMatch(/^"(oak|ash)"$/)
      expect(finishReason).toMatch(/^(scope|length|end)$/)
    }
  })

  it('holds little of what it does not use', () => {
    expect(sizes['nothing']).toBe(0)
    expect(sizes['error']).toBeLessThan(2_000)
    expect(sizes['runtime']).toBeLessThan(50_000)
    // The operators are one table, for passes and backends ask for any of them by name: one brings all.
    expect(sizes['operator']).toBeLessThan(120_000)
    expect(sizes['family']).toBeLessThan(200_000)
    expect(sizes['family']).toBeLessThan(0.95 * sizes['families']!)
    expect(sizes['completion']).toBeLessThan(200_000)
    expect(sizes['chat']).toBeLessThan(200_000)
    expect(statSync(at('esbuild.cjs')).size).toBeLessThan(900_000)
  })
})
