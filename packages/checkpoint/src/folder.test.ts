import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  AbortedError,
  DisposedError,
  inlineConstant,
  InvalidFileError,
  InvalidInputError,
  MissingFileError,
} from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { openFolder } from './folder.js'
import { fixture, openDescriptors, temporaryFolder } from './test-support.js'
import { writeSafetensors } from './write-safetensors.js'

const vector = inlineConstant('float32', [2], new Float32Array([1, 2]))

/** Writes files, `true` standing for a safetensors file with one tensor. */
async function folderWith(files: Record<string, string | true>, folder?: string): Promise<string> {
  const root = folder ?? (await temporaryFolder())
  for (const [file, content] of Object.entries(files)) {
    const path = join(root, file)
    await mkdir(dirname(path), { recursive: true })
    await (content === true ? writeSafetensors(path, [['weight', vector]]) : writeFile(path, content))
  }
  return root
}
const config = '{"model_type":"bert","hidden_size":2}'

describe('openFolder', () => {
  it('opens a config, lazy weights and the list of files', async () => {
    const root = await folderWith({
      'config.json': config,
      'model.safetensors': true,
      '1_Pooling/config.json': '{"a":1}',
      '.git/HEAD': '',
      'node_modules/a.js': '',
    })
    await using checkpoint = await openFolder(root)
    expect(checkpoint.reference).toBe(root)
    expect(checkpoint.config).toEqual({ model_type: 'bert', hidden_size: 2 })
    expect(checkpoint.files).toEqual(['1_Pooling/config.json', 'config.json', 'model.safetensors'])
    expect(await checkpoint.path('1_Pooling/config.json')).toBe(join(root, '1_Pooling', 'config.json'))
    expect(await checkpoint.path('./1_Pooling//config.json')).toBe(join(root, '1_Pooling', 'config.json'))
    expect(await checkpoint.json('1_Pooling/config.json')).toEqual({ a: 1 })
    expect(await checkpoint.json('none.json')).toBeUndefined()
    expect(await checkpoint.constants.get('weight')?.bytes()).toHaveLength(8)
  })

  it('opens a folder that holds .onnx files only, without constants', async () => {
    await using checkpoint = await openFolder(await folderWith({ 'config.json': config, 'onnx/model.onnx': '' }))
    expect(checkpoint.constants.size).toBe(0)
  })

  it('opens shards that an index lists', async () => {
    const root = await folderWith({
      'config.json': config,
      'model.safetensors.index.json': '{"weight_map":{"a":"model-1-of-2.safetensors","b":"model-2-of-2.safetensors"}}',
    })
    await writeSafetensors(join(root, 'model-1-of-2.safetensors'), [['a', vector]])
    await writeSafetensors(join(root, 'model-2-of-2.safetensors'), [['b', vector]])
    await using checkpoint = await openFolder(root)
    expect([...checkpoint.constants.keys()]).toEqual(['a', 'b'])
    expect(await checkpoint.constants.get('b')?.bytes()).toHaveLength(8)
  })

  it.each<[string, string, new (...details: never) => Error]>([
    ['no map', '{}', InvalidFileError],
    ['a shard outside the folder', '{"weight_map":{"a":"../model.safetensors"}}', InvalidInputError],
    ['a shard with an absolute path', '{"weight_map":{"a":"/tmp/model.safetensors"}}', InvalidInputError],
    ['a shard that is absent', '{"weight_map":{"a":"none.safetensors"}}', MissingFileError],
    ['a shard without the tensor', '{"weight_map":{"a":"shard.safetensors"}}', InvalidFileError],
    ['a shard that is pickled', '{"weight_map":{"a":"pytorch_model.bin"}}', InvalidFileError],
  ])('refuses an index with %s', async (_, index, kind) => {
    const root = await folderWith({
      'config.json': config,
      'model.safetensors.index.json': index,
      'shard.safetensors': true,
      'pytorch_model.bin': '',
    })
    await expect(openFolder(root)).rejects.toThrow(kind)
  })

  it.each(['../secret', '/etc/passwd', 'a/../../b', 'C:\\windows', '\\\\host\\share', 'a\\..\\..\\b', '', 'a\0b'])(
    'keeps the path %j inside the checkpoint',
    async (file) => {
      await using checkpoint = await openFolder(await folderWith({ 'config.json': config, 'model.safetensors': true }))
      await expect(checkpoint.path(file)).rejects.toThrow(InvalidInputError)
      await expect(checkpoint.json(file)).rejects.toThrow(InvalidInputError)
    },
  )

  it('says which file is missing', async () => {
    const root = await folderWith({ 'config.json': config, 'model.safetensors': true })
    await using checkpoint = await openFolder(root)
    await expect(checkpoint.path('none')).rejects.toThrow(MissingFileError)
    await expect(checkpoint.tokenizer()).rejects.toThrow(/tokenizer\.json does not exist/)
    await expect(openFolder(join(root, 'none'))).rejects.toThrow(MissingFileError)
    await expect(openFolder(await folderWith({ 'model.safetensors': true }))).rejects.toThrow(
      /config\.json does not exist/,
    )
    await expect(openFolder(await folderWith({ 'config.json': config }))).rejects.toThrow(
      /model\.safetensors does not exist, and .*no \.onnx/,
    )
  })

  it.each([['{'], ['[]'], ['{}'], ['{"model_type":3}'], ['null']])('refuses the config %s', async (content) => {
    await expect(openFolder(await folderWith({ 'config.json': content, 'model.safetensors': true }))).rejects.toThrow(
      InvalidFileError,
    )
  })

  it.each(['pytorch_model.bin', 'pytorch_model-00001-of-00002.bin', 'model.pt', 'weights/model.ckpt'])(
    'never reads the pickled %s, and says how to convert it',
    async (file) => {
      const opening = openFolder(await folderWith({ 'config.json': config, [file]: 'pickle' }))
      await expect(opening).rejects.toThrow(InvalidFileError)
      await expect(opening).rejects.toThrow(/safe_serialization=True/)
      await using both = await openFolder(
        await folderWith({ 'config.json': config, [file]: 'pickle', 'model.safetensors': true }),
      )
      expect(both.constants.size).toBe(1)
    },
  )

  it('does not follow links out of the folder', async () => {
    const outside = await folderWith({ 'secret.json': '{}', 'folder/file.json': '{}' })
    const root = await folderWith({ 'config.json': config, 'model.safetensors': true })
    await symlink(join(outside, 'secret.json'), join(root, 'secret.json'))
    await symlink(join(outside, 'folder'), join(root, 'linked'))
    await symlink('config.json', join(root, 'inside.json'))
    await symlink(root, join(root, 'loop'))
    await symlink('nowhere', join(root, 'dangling'))
    await using checkpoint = await openFolder(root)
    expect(checkpoint.files).toEqual(['config.json', 'inside.json', 'model.safetensors'])
    await expect(checkpoint.path('secret.json')).rejects.toThrow(/leaves the checkpoint/)
    expect(await checkpoint.json('secret.json')).toBeUndefined()
  })

  it('follows the links of a Hugging Face cache into the blobs of the same model, and of no other', async () => {
    const cache = await temporaryFolder()
    const snapshot = join(cache, 'models--a--b', 'snapshots', '0123abcd')
    await folderWith(
      { 'models--a--b/blobs/1': config, 'models--a--b/blobs/2': true, 'models--c--d/blobs/3': 'secret' },
      cache,
    )
    await mkdir(snapshot, { recursive: true })
    await symlink('../../blobs/1', join(snapshot, 'config.json'))
    await symlink('../../blobs/2', join(snapshot, 'model.safetensors'))
    await symlink('../../../models--c--d/blobs/3', join(snapshot, 'other.json'))
    await using checkpoint = await openFolder(snapshot)
    expect(checkpoint.files).toEqual(['config.json', 'model.safetensors'])
    expect(await checkpoint.constants.get('weight')?.bytes()).toHaveLength(8)
  })

  it('bounds how deep and how many files it lists', async () => {
    const root = await folderWith({
      'config.json': config,
      'model.safetensors': true,
      [`${'deep/'.repeat(9)}file.json`]: '{}',
      [`${'deep/'.repeat(8)}file.json`]: '{}',
    })
    await using checkpoint = await openFolder(root)
    expect(checkpoint.files).toContain(`${'deep/'.repeat(8)}file.json`)
    expect(checkpoint.files).not.toContain(`${'deep/'.repeat(9)}file.json`)
  })

  it('loads the tokenizer once, and again after a failure', async () => {
    const root = await folderWith({ 'config.json': config, 'model.safetensors': true, 'tokenizer.json': '{' })
    await using checkpoint = await openFolder(root)
    await expect(checkpoint.tokenizer()).rejects.toThrow(InvalidFileError)
    await rm(join(root, 'tokenizer.json'))
    await symlink(fixture('tiny-bert-tokenizer/vocab.txt'), join(root, 'link'))
    await writeFile(
      join(root, 'tokenizer.json'),
      '{"version":"1.0","model":{"type":"WordLevel","vocab":{"u":0},"unk_token":"u"}}',
    )
    expect(await checkpoint.tokenizer()).toBe(await checkpoint.tokenizer())
  })

  it('refuses work after disposal and leaves no file open after 1,000 rounds', async () => {
    const root = await folderWith({ 'config.json': config, 'model.safetensors': true })
    const checkpoint = await openFolder(root)
    await checkpoint[Symbol.asyncDispose]()
    await checkpoint[Symbol.asyncDispose]()
    await expect(checkpoint.constants.get('weight')?.bytes()).rejects.toThrow(DisposedError)
    await expect(checkpoint.tokenizer()).rejects.toThrow(DisposedError)
    await expect(checkpoint.json('config.json')).rejects.toThrow(DisposedError)
    const before = await openDescriptors()
    for (let round = 0; round < 1000; round++) {
      await using opened = await openFolder(root)
      if (round % 2 === 0) await opened.constants.get('weight')?.bytes()
    }
    expect(await openDescriptors()).toBe(before)
  })

  it('stops when it is aborted', async () => {
    await expect(openFolder('.', { signal: AbortSignal.abort() })).rejects.toThrow(AbortedError)
  })
})
