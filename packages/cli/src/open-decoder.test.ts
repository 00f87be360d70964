import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openFolder, writeSafetensors } from '@tenon/checkpoint'
import { inlineConstant, viewAs, type Constant } from '@tenon/core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { openDecoder } from './open-decoder.js'
import { run } from './testing/run.js'

const chatModel = fileURLToPath(new URL('../../task-text-generation/fixtures/chat', import.meta.url))

/** A model whose weights lack a layer: it fails as soon as they are looked at. */
let incomplete: string
beforeAll(async () => {
  incomplete = await mkdtemp(join(tmpdir(), 'tenon-cli-'))
  await cp(chatModel, incomplete, { recursive: true })
  await writeFile(join(incomplete, 'config.json'), JSON.stringify({ ...(JSON.parse(await readFile(join(chatModel, 'config.json'), 'utf8')) as object), num_hidden_layers: 3 }))
})
afterAll(() => rm(incomplete, { recursive: true }))

/** The model, its weights in bfloat16. */
async function writeInHalves(folder: string): Promise<void> {
  await cp(chatModel, folder, { recursive: true })
  await using wide = await openFolder(chatModel)
  const halves = async (constant: Constant) => inlineConstant('bfloat16', constant.shape, Uint16Array.from(viewAs('uint32', await constant.bytes()), (word) => word >>> 16))
  await writeSafetensors(join(folder, 'model.safetensors'), await Promise.all(Array.from(wide.constants, async ([name, constant]) => [name, await halves(constant)] as const)))
}

const complete = (model: string, stdin: string, ...options: string[]) => run(['complete', '-', '-m', model, '-n', '4', ...options], { openDecoder, stdin })

describe('a model that writes', () => {
  it('and cannot fill in is refused before its weights are looked at, where there is text behind the cursor', async () => {
    const failed = await complete(incomplete, 'a = 1\nb = 2\n', '--at', '1:5')
    expect(failed).toMatchObject({ code: 1, stdout: '' })
    expect(failed.stderr).toMatch(/^error TENON_NO_INFILLING .*\n {2}Choose a model .* --prefix-only/)
    for (const [stdin, ...options] of [['a = '], ['a = █\n', '--marker', '█'], ['a = 1\n', '--at', '1:5', '--prefix-only']] as const) expect((await complete(incomplete, stdin, ...options)).stderr).toMatch(/^error TENON_WEIGHT_MISMATCH/)
  })

  it('is asked for where one that reads was named', async () => {
    for (const argv of [['chat', 'Hi'], ['complete', '-']]) {
      const failed = await run([...argv, '-m', '@tenon/model-all-minilm-l6-v2'], { openDecoder, ...(argv[0] === 'complete' && { stdin: 'x' }) })
      expect(failed).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^error TENON_NO_SUCH_HEAD @tenon\/model-all-minilm-l6-v2 does not write: .*\n {2}Name a model that does, such as SmolLM2/) })
    }
  })

  it('is laid out once where its weights lie in blocks or in 16 bits, and kept; other floats lie as they are run already', async () => {
    const cache = await mkdtemp(join(tmpdir(), 'tenon-cli-'))
    vi.stubEnv('TENON_CACHE', cache)
    onTestFinished(async () => {
      vi.unstubAllEnvs()
      await rm(cache, { recursive: true })
    })
    const kept = async () => (await readdir(join(cache, 'weights')).catch(() => [])).filter((name) => name.endsWith('.safetensors'))
    expect(await complete(chatModel, 'a = ')).toMatchObject({ code: 0 })
    expect(await kept()).toEqual([])
    const inBlocks = fileURLToPath(new URL('../../checkpoint/fixtures/gguf/gpt2-q8_0.gguf', import.meta.url))
    const inHalves = join(cache, 'halves')
    await writeInHalves(inHalves)
    for (const [before, stored] of [inBlocks, inHalves].entries()) {
      const first = await complete(stored, 'a = ')
      expect(await kept()).toHaveLength(before + 1)
      expect(await complete(stored, 'a = ')).toEqual(first)
      expect([first.code, (await kept()).filter((file) => file.startsWith(`${basename(stored)}-`)).length, (await kept()).length]).toEqual([0, 1, before + 1])
    }
    expect((await complete(inHalves, 'a = ')).stdout).toBe((await complete(inHalves, 'a = ', '--weights', 'fp32')).stdout)
  })

  it("runs on what is quickest for it, where the backend is 'auto'", async () => {
    expect(await complete(chatModel, 'a = ', '--backend', 'auto')).toMatchObject({ code: 0, stderr: expect.stringMatching(/^note 'llama' runs on \S+: .* ms a run of batch 1, sequence \d+, /) })
  })

  it('goes on from the prefix where nothing else is asked', async () => {
    expect(await complete(chatModel, 'a = 1\nb = 2\n', '--at', '1:5', '--prefix-only')).toMatchObject({ code: 0, stderr: '' })
    expect(await complete(chatModel, 'a = \n \n', '--at', '1:5')).toMatchObject({ code: 0, stderr: '' })
  })
})
