import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { open } from './runtime.js'
import { folderOf, workshop } from './testing/documents.js'
import { run } from './testing/run.js'

const chatModel = fileURLToPath(new URL('../../task-text-generation/fixtures/chat', import.meta.url))

let folder: Awaited<ReturnType<typeof folderOf>>
beforeAll(async () => {
  folder = await folderOf({ ...workshop })
})
afterAll(() => folder[Symbol.asyncDispose]())

async function deployed(deployment: unknown): Promise<string> {
  const file = join(folder.path, 'deployment.json')
  await writeFile(file, typeof deployment === 'string' ? deployment : JSON.stringify(deployment))
  return file
}
const embed = (...options: string[]) => run(['embed', 'a cat', 'a kitten', '--similarity', '--json', ...options], { open })
const similarity = (stdout: string) => (JSON.parse(stdout) as { similarities: number[][] }).similarities[0]![1]!

describe('what to compute on', () => {
  it('is named by backend and device, and gives much the same numbers on each', async () => {
    const onnx = await embed('--backend', 'onnx', '--device', 'cpu')
    const wasm = await embed('--backend', 'tfjs', '--device', 'wasm')
    expect([onnx.code, wasm.code]).toEqual([0, 0])
    expect(similarity(onnx.stdout)).toBeGreaterThan(0.5)
    expect(similarity(wasm.stdout)).toBeCloseTo(similarity(onnx.stdout), 1) // the model is quantised
  })

  it('comes for each task from a deployment, whose retriever and reader may differ', async () => {
    const file = await deployed({ roles: { embedding: { backend: { name: 'tfjs', device: 'wasm' } }, 'question-answering': { backend: { name: 'onnx', device: 'cpu' } } } })
    const { code, stdout } = await run(['ask', 'How thick should a tenon be?', join(folder.path, 'joints.md'), '--json', '--deployment', file], { open })
    expect(code).toBe(0)
    expect(stdout).toContain('"answer": "It should be one third as thick as the rail."')
  })

  it('is chosen by measuring, and the figures are a note', async () => {
    const file = await deployed({ roles: { embedding: { backend: { name: 'auto', among: [{ name: 'tfjs', device: 'wasm' }, { name: 'onnx', device: 'cpu' }, { name: 'tfjs', device: 'gpu' }] } } } })
    const { stderr, code } = await embed('--deployment', file)
    expect(code).toBe(0)
    expect(stderr).toMatch(/note '.+' runs on (onnx\/cpu|tfjs\/wasm): tfjs\/wasm [\d.]+ m?s, onnx\/cpu [\d.]+ m?s a run of .+; tfjs\/gpu: /)
  })

  it.each<[string, () => Promise<string[]> | string[], number, RegExp]>([
    ['an unknown backend', () => ['--backend', 'onxx'], 1, /TENON_INVALID_DEPLOYMENT.*'default\.backend'.*'onxx'.*\n {2}Choose onnx, tfjs or auto/],
    ['an unknown device', () => ['--device', 'abacus'], 1, /TENON_INVALID_DEPLOYMENT.*'abacus', which is no device of the backend 'onnx'/],
    ['a device and auto', () => ['--backend', 'auto', '--device', 'cpu'], 2, /TENON_USAGE A device was named, and no backend/],
    ['a deployment and a backend', async () => ['--deployment', await deployed({}), '--backend', 'onnx'], 2, /TENON_USAGE The deployment says what to compute on, and --backend does too/],
    ['a deployment that is not there', () => ['--deployment', '/no/such/file.json'], 1, /ENOENT/],
    ['a deployment that is no JSON', async () => ['--deployment', await deployed('{')], 1, /TENON_INVALID_DEPLOYMENT The deployment is no JSON/],
    ['two backends for one role', async () => ['--deployment', await deployed('{ "roles": { "embedding": { "backend": "onnx", "backend": "tfjs" } } }')], 1, /'roles\.embedding\.backend' stands there twice/],
    ['a model that writes, to a command that reads', () => ['--model', chatModel], 1, /TENON_NO_SUCH_FAMILY .*'llama'.*\n {2}Choose a model of another family: ask and embed read with BERT/],
    ['two models', async () => ['--deployment', await deployed({ roles: { embedding: { model: 'a' } } }), '--model', 'b'], 2, /TENON_USAGE --model names b, and the deployment a/],
  ])('is refused with a remedy: %s', async (_, options, code, words) => {
    const failed = await run(['embed', 'a cat', ...(await options())], { open })
    expect(failed).toMatchObject({ code, stdout: '' })
    expect(failed.stderr).toMatch(words)
  })
})
