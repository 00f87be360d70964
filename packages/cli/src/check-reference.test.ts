import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkReference } from './check-reference.js'
import { folderOf } from './testing/documents.js'
import { run } from './testing/run.js'

const files = { 'notes.txt': 'Oak', 'w/model.safetensors': '', 'm/config.json': '{}', 'm.gguf': '', 'g/a.GGUF': '', 'e/notes.md': '' }

describe('a reference that is a path', () => {
  it.each([
    ['notes.txt', /notes\.txt is a file, and no model.*Name a folder with config\.json/],
    ['w/model.safetensors', /model\.safetensors is a file, and no model.*Name the folder that it lies in: .*w/],
    ['w', /The folder .*w holds no model: there is no config\.json and no \.gguf file/],
    ['none', /There is nothing at .*none.*Check the path/],
    ['none.gguf', /There is nothing at .*none\.gguf/],
  ])('that leads to no model says what is there: %s', async (name, message) => {
    await using folder = await folderOf(files)
    for (const reference of [join(folder.path, name), `./${relative(process.cwd(), join(folder.path, name))}`]) await expect(checkReference(reference)).rejects.toMatchObject({ code: 'TENON_MODEL_NOT_FOUND', message: expect.stringMatching(message) })
  })

  it('may be written without a dot where it names a file', async () => {
    await using folder = await folderOf(files)
    const here = relative(process.cwd(), folder.path)
    await expect(checkReference(join(here, 'notes.txt'))).rejects.toThrow(/is a file, and no model/)
    await expect(checkReference('package.json')).rejects.toThrow(/package\.json is a file, and no model/)
    await expect(checkReference('none.gguf')).rejects.toThrow(/There is nothing at .*none\.gguf/)
    await expect(checkReference('~/models/a')).rejects.toThrow(/There is nothing at ~\/models\/a: within quotes, ~ is not the home folder/)
  })

  it('that leads to a model, and what may be a name of the hub or of a package, are left to the sources', async () => {
    await using folder = await folderOf(files)
    for (const name of ['m', 'm.gguf', 'g']) await expect(checkReference(join(folder.path, name))).resolves.toBeUndefined()
    for (const name of ['gpt2', 'Qwen/Qwen2.5-Coder-0.5B', 'owner/model.gguf', 'owner/name:Q4_K_M', 'owner/name@main', '@tenon/model-all-minilm-l6-v2', 'packages']) await expect(checkReference(name)).resolves.toBeUndefined()
  })

  it('is looked at by every command that opens one', async () => {
    await using folder = await folderOf(files)
    const path = join(folder.path, 'notes.txt')
    for (const argv of [['chat', 'Hi', '-m', path], ['chat', 'Hi', '-m', join(folder.path, 'm.gguf'), '--draft', path], ['inspect', path], ['prepare', path], ['export', path, '--to', join(folder.path, 'new')]]) {
      const { code, stderr } = await run(argv)
      expect([code, stderr]).toEqual([1, expect.stringContaining(`${path} is a file, and no model`)])
    }
  })
})
