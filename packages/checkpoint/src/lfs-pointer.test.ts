import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InvalidFileError } from '@tenon/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parseJson } from './json.js'
import { openSafetensors } from './safetensors.js'

const pointer = 'version https://git-lfs.example/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 438022601\n'

describe('a clone without its large files', () => {
  it('is told by its weights', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tenon-lfs-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const path = join(folder, 'model.safetensors')
    await writeFile(path, pointer)
    const error = await openSafetensors(path).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidFileError)
    expect(error).toMatchObject({ message: `${path} is a Git LFS pointer, which stands for a file that was not fetched. Fetch the file itself: git lfs pull, in the folder that was cloned.` })
  })

  it('is told by its tokenizer', () => {
    expect(() => parseJson('tokenizer.json', pointer)).toThrow('tokenizer.json is a Git LFS pointer')
    expect(() => parseJson('tokenizer.json', 'version')).toThrow('tokenizer.json is not valid JSON')
  })
})
