import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidOptionError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { hub } from './hub.js'
import { gitId, sha256 } from './test-hub.js'
import { config, tokenizer, visit, weights } from './test-support.js'

describe('hub', () => {
  it('downloads config, tokenizer and weights into the layout of huggingface_hub, and nothing else', async () => {
    const { hub, cache, checkpoint, events } = await visit()
    const model = weights()
    const commit = hub.publish('owner/name', {
      '.gitattributes': '',
      'README.md': '# name',
      '1_Pooling/config.json': '{"pooling_mode_mean_tokens":true}',
      'config.json': config,
      'flax_model.msgpack': 'flax',
      'model.safetensors': model,
      'onnx/model.onnx': 'graph',
      'openvino/openvino_model.bin': 'openvino',
      'openvino/config.json': '{}',
      'pytorch_model.bin': 'pickle',
      'pytorch_model.bin.index.json': '{}',
      'tf_model.h5': 'tf',
      'tokenizer.json': tokenizer,
      'trainer_state.json': '{}',
      'vocab.txt': 'u',
    })
    const opened = await checkpoint('owner/name')
    expect(opened).toMatchObject({ reference: 'owner/name', config: { model_type: 'bert' }, graph: undefined })
    expect(await opened.constants.get('weight')?.bytes()).toEqual(model.slice(-16))
    expect((await opened.tokenizer()).vocabularySize).toBe(1)
    expect(opened.files).toContain('pytorch_model.bin')
    expect(opened.files).toHaveLength(15)

    const folder = join(cache, 'models--owner--name')
    const snapshot = join(folder, 'snapshots', commit)
    expect((await readdir(snapshot, { recursive: true })).toSorted()).toEqual(['1_Pooling', '1_Pooling/config.json', 'config.json', 'model.safetensors', 'tokenizer.json', 'vocab.txt'])
    expect(await readlink(join(snapshot, '1_Pooling/config.json'))).toBe(`../../../blobs/${gitId(Buffer.from('{"pooling_mode_mean_tokens":true}'))}`)
    expect(await readlink(join(snapshot, 'model.safetensors'))).toBe(`../../blobs/${sha256(model)}`)
    expect(await readFile(join(folder, 'refs/main'), 'utf8')).toBe(commit)
    expect(await readdir(join(folder, 'blobs'))).toHaveLength(5) // no partial file, no temporary one
    expect(await readdir(join(cache, '.locks/models--owner--name'))).toEqual([])
    expect(JSON.parse(await readFile(join(folder, `trees/${commit}.json`), 'utf8'))).toMatchObject({
      format_version: 1,
      files: { 'config.json': { size: config.length, blob_id: gitId(Buffer.from(config)) }, 'model.safetensors': { lfs_sha256: sha256(model), lfs_size: model.byteLength } },
    })

    const progress = events.filter(({ type }) => type === 'progress')
    expect(progress.at(-1)).toEqual({ type: 'progress', stage: 'downloading owner/name', done: model.byteLength, total: model.byteLength, unit: 'bytes' })
  })

  it('asks once whether a revision has moved, and never about a commit', async () => {
    const { hub, checkpoint, asked } = await visit()
    const commit = hub.publish('owner/name', { 'config.json': config, 'model.safetensors': weights(), 'tokenizer.json': tokenizer })
    await checkpoint('owner/name')
    expect(asked()).toHaveLength(1 + 2 + 2) // the listing, two small files, and the way to the weights
    await (await checkpoint('owner/name')).tokenizer()
    expect(asked()).toEqual(['GET hub /api/models/owner/name/revision/main?blobs=true'])
    await (await checkpoint(`owner/name@${commit}`)).tokenizer()
    expect(asked()).toEqual([])

    const next = hub.publish('owner/name', { 'config.json': config, 'model.safetensors': weights(), 'tokenizer.json': `${tokenizer} ` })
    const moved = await checkpoint('owner/name')
    expect(await moved.path('config.json')).toContain(next)
    expect(asked()).toEqual(['GET hub /api/models/owner/name/revision/main?blobs=true', `GET hub /owner/name/resolve/${next}/tokenizer.json`])
  })

  it('takes branches, tags, pull requests and commits, of the reference before those of the options', async () => {
    const { hub, cache, checkpoint, open } = await visit()
    const files = (content: string) => ({ 'config.json': `{"model_type":"${content}"}`, 'model.safetensors': weights() })
    const commit = hub.publish('name', files('main'))
    hub.publish('name', files('v1'), { revision: 'v1.0' })
    const pull = hub.publish('name', files('pull'), { revision: 'refs/pr/1' })
    expect((await checkpoint('name')).config.model_type).toBe('main')
    expect((await checkpoint('name', { revision: 'v1.0' })).config.model_type).toBe('v1')
    expect((await checkpoint('name@refs/pr/1', { revision: 'v1.0' })).config.model_type).toBe('pull')
    expect((await checkpoint(`name@${commit}`)).config.model_type).toBe('main')
    expect(await readFile(join(cache, 'models--name/refs/refs/pr/1'), 'utf8')).toBe(pull)
    await expect(open('name@v2')).rejects.toMatchObject({ code: 'TENON_NO_SUCH_REVISION', message: expect.stringContaining("'name' has no revision 'v2'") })
    await expect(open(`name@${'0'.repeat(40)}`)).rejects.toMatchObject({ code: 'TENON_NO_SUCH_REVISION' })
  })

  it.each(['./folder', '/tmp/model', '../up', 'a/b/c', '@scope/package', 'C:\\models', 'file:///tmp', '', 'a..b/c', 'a--b', '-a/b', 'a/b.git', 'a/b@', 'a/b@../c', 'a/b@/c', 'a/b@c d', 'a/b@.hidden', 'x'.repeat(97)])('asks no hub about %j', async (reference) => {
    const { open, asked } = await visit()
    expect(await open(reference)).toEqual({ notFound: expect.stringContaining('names no model of the hub') })
    expect(asked()).toEqual([])
  })

  it('follows a repository that was renamed', async () => {
    const { hub, checkpoint } = await visit()
    hub.publish('owner/new', { 'config.json': config, 'model.safetensors': weights() })
    hub.rename('owner/old', 'owner/new')
    expect((await checkpoint('owner/old')).constants.size).toBe(1)
  })

  it('fetches any other file when it is asked for, once', async () => {
    const { hub, checkpoint, asked } = await visit()
    hub.publish('owner/name', { 'README.md': '# name', 'config.json': config, 'model.safetensors': weights(), '2_Dense/model.safetensors': weights(8), 'extra/data.json': '{"a":1}' })
    const opened = await checkpoint('owner/name')
    asked()
    expect(await Promise.all([opened.path('README.md'), opened.path('README.md')]).then(([path]) => readFile(path!, 'utf8'))).toBe('# name')
    expect(asked()).toHaveLength(1)
    expect((await stat(await opened.path('2_Dense/model.safetensors'))).size).toBe(weights(8).byteLength)
    expect(await opened.json('extra/data.json')).toEqual({ a: 1 })
    expect(await opened.json('none.json')).toBeUndefined()
    await expect(opened.path('none')).rejects.toThrow(/none does not exist, and owner\/name has no such file at main/)
    await expect(opened.path('../none')).rejects.toThrow(/no path inside the checkpoint/)
  })

  it('notes in the cache what a commit has not', async () => {
    const { hub, cache, checkpoint } = await visit()
    const commit = hub.publish('owner/name', { 'config.json': config, 'model.safetensors': weights() })
    await (await checkpoint('owner/name')).json('generation_config.json')
    expect(await readdir(join(cache, 'models--owner--name/.no_exist', commit))).toEqual(['generation_config.json'])
  })

  it('fetches the shards that an index lists, and no others', async () => {
    const { hub, cache, checkpoint } = await visit()
    const commit = hub.publish('owner/name', {
      'config.json': config,
      'model.safetensors.index.json': '{"weight_map":{"weight":"model-00001-of-00002.safetensors"}}',
      'model-00001-of-00002.safetensors': weights(),
      'model-00002-of-00002.safetensors': weights(8),
      'model.fp16.safetensors': weights(4),
    })
    expect((await checkpoint('owner/name')).constants.size).toBe(1)
    expect((await readdir(join(cache, 'models--owner--name/snapshots', commit))).toSorted()).toEqual(['config.json', 'model-00001-of-00002.safetensors', 'model.safetensors.index.json'])
  })

  it('takes the graph of the variant asked for, with the files that hold its weights', async () => {
    const { hub, cache, checkpoint, open } = await visit()
    const graphs = { 'onnx/model.onnx': 'fp32', 'onnx/model.onnx_data': '0', 'onnx/model.onnx_data_1': '1', 'onnx/model_fp16.onnx': 'fp16', 'onnx/model_quantized.onnx': 'q8', 'onnx/model_q4.onnx': 'q4', 'onnx/model_q4.onnx_data': '4' }
    const fetched = async (id: string) => (await readdir(join(cache, `models--${id}/snapshots`), { recursive: true })).filter((file) => file.includes('.onnx') || file.endsWith('.safetensors')).map((file) => file.slice(41)).toSorted()

    hub.publish('both', { 'config.json': config, 'model.safetensors': weights(), ...graphs })
    expect(await checkpoint('both', { variant: 'q4' })).toMatchObject({ graph: 'onnx/model_q4.onnx', constants: new Map() })
    expect(await fetched('both')).toEqual(['onnx/model_q4.onnx', 'onnx/model_q4.onnx_data'])
    expect((await checkpoint('both')).graph).toBeUndefined()
    expect(await fetched('both')).toContain('model.safetensors')

    hub.publish('graphs', { 'config.json': config, ...graphs })
    expect((await checkpoint('graphs')).graph).toBe('onnx/model.onnx')
    expect(await fetched('graphs')).toEqual(['onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/model.onnx_data_1'])
    await expect(open('graphs', { variant: 'bnb4' })).rejects.toThrow(/model_bnb4\.onnx does not exist, and the variants here are fp32, q8, fp16, q4\. Ask for/)
  })

  it('refuses pickled weights before it downloads anything', async () => {
    const { hub, open, asked } = await visit()
    hub.publish('owner/name', { 'config.json': config, 'pytorch_model.bin': weights(), 'tokenizer.json': tokenizer })
    await expect(open('owner/name')).rejects.toThrow(/pytorch_model\.bin holds pickled weights.*safe_serialization=True/)
    expect(asked()).toEqual(['GET hub /api/models/owner/name/revision/main?blobs=true'])
  })

  it.each([
    ['no config', { 'model.safetensors': weights() }, /config\.json does not exist/],
    ['a config without model_type', { 'config.json': '{}', 'model.safetensors': weights() }, /has no 'model_type'/],
    ['no model', { 'config.json': config }, /model\.safetensors does not exist/],
  ])('refuses a repository with %s before it downloads anything large', async (_, files, message) => {
    const { hub, open, asked } = await visit()
    hub.publish('owner/name', files as Record<string, string>)
    await expect(open('owner/name')).rejects.toThrow(message)
    expect(asked().filter((request) => request.includes('cdn'))).toEqual([])
  })

  it.each(['../escape', '/etc/passwd', 'a/../../b', 'C:\\windows', 'a\\b', 'a//b', './a', 'a\0b'])('refuses a listing with the file %j', async (name) => {
    const { hub, cache, open } = await visit()
    hub.publish('owner/name', { 'config.json': config, 'model.safetensors': weights(), [name]: 'x' })
    await expect(open('owner/name')).rejects.toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringContaining('leads out of the repository') })
    expect(await readdir(cache)).toEqual([])
  })

  it('works with a server that tells neither sizes nor hashes, by asking for each file', async () => {
    const { hub, cache, checkpoint, asked } = await visit()
    hub.tellsHashes = false
    hub.publish('owner/name', { 'config.json': config, 'model.safetensors': weights() })
    await checkpoint('owner/name')
    expect(asked().filter((request) => request.startsWith('HEAD'))).toHaveLength(2)
    expect((await readdir(join(cache, 'models--owner--name/blobs'))).toSorted()).toEqual([gitId(Buffer.from(config)), sha256(weights())].toSorted())
    expect(existsSync(join(cache, 'models--owner--name/trees'))).toBe(false)
  })

  it.each(['"../../escape"', '""', '"a/b"', '"a\\b"'])('keeps nothing under the etag %s', async (etag) => {
    const { hub, open } = await visit()
    hub.tellsHashes = false
    hub.publish('owner/name', { 'config.json': config, 'model.safetensors': weights() })
    hub.fault = ({ method }) => (method === 'HEAD' ? { headers: { etag } } : undefined)
    await expect(open('owner/name')).rejects.toMatchObject({ code: 'TENON_INVALID_FILE' })
  })

  it('takes the length of a redirect for that of no file', async () => {
    const { hub, open } = await visit()
    hub.tellsHashes = false
    hub.publish('owner/name', { 'config.json': config, 'model.safetensors': weights() })
    hub.fault = ({ method }) => (method === 'HEAD' ? { redirect: 'http://127.0.0.1:9/file', headers: { 'x-linked-etag': `"${sha256(weights())}"` }, body: 'Found' } : undefined)
    await expect(open('owner/name')).rejects.toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringContaining('has no length') })
  })

  it('copies where links are impossible', async () => {
    const { hub, cache, checkpoint, asked } = await visit()
    const options = { environment: { HF_HUB_DISABLE_SYMLINKS: '1' } }
    const files = { 'config.json': config, 'model.safetensors': weights() }
    const commit = hub.publish('owner/name', files)
    await checkpoint('owner/name', {}, options)
    expect((await stat(join(cache, 'models--owner--name/snapshots', commit, 'config.json'))).isFile()).toBe(true)
    asked()
    expect((await checkpoint('owner/name', {}, options)).constants.size).toBe(1)
    expect(asked()).toHaveLength(1)
    await writeFile(join(cache, 'models--owner--name/blobs', sha256(weights(8))), weights(8)) // another program's
    const next = hub.publish('owner/name', { ...files, 'model.safetensors': weights(8) })
    await checkpoint('owner/name', {}, options)
    expect(await readFile(join(cache, 'models--owner--name/snapshots', next, 'model.safetensors'))).toEqual(Buffer.from(weights(8)))
    expect((await readdir(join(cache, 'models--owner--name/blobs'))).toSorted()).toEqual([sha256(weights(8))])
  })

  it('replaces a file of the wrong length in the cache', async () => {
    const { hub, cache, checkpoint } = await visit()
    hub.publish('owner/name', { 'config.json': config, 'model.safetensors': weights() })
    const blobs = join(cache, 'models--owner--name/blobs')
    await mkdir(blobs, { recursive: true })
    await writeFile(join(blobs, sha256(weights())), 'cut')
    expect((await checkpoint('owner/name')).constants.size).toBe(1)
  })

  it('opens from a cache that may not be written', async () => {
    const { hub, cache, checkpoint, open } = await visit()
    hub.publish('owner/name', { 'config.json': config, 'model.safetensors': weights() })
    await checkpoint('owner/name')
    // In the stead of permissions, which root ignores: files where folders would be needed.
    await rm(join(cache, '.locks'), { recursive: true })
    await writeFile(join(cache, '.locks'), '')
    await rm(join(cache, 'models--owner--name/refs'), { recursive: true })
    await writeFile(join(cache, 'models--owner--name/refs'), '')
    expect((await checkpoint('owner/name')).constants.size).toBe(1)
    hub.publish('owner/name', { 'config.json': config, 'model.safetensors': weights(8) })
    await expect(open('owner/name')).rejects.toMatchObject({ code: 'TENON_DOWNLOAD', message: expect.stringMatching(/cannot be kept in .*models--owner--name: .*HF_HUB_CACHE/) })
  })

  it('refuses options it does not know', () => {
    expect(hub()).toMatchObject({ kind: 'source', version: 'v1', name: 'hub' })
    expect(() => hub({ varient: 'q8' } as never)).toThrow(/Did you mean 'variant'/)
    expect(() => hub({ variant: 'q5' as never })).toThrow(InvalidOptionError)
    expect(() => hub({ revision: '../x' })).toThrow(InvalidOptionError)
  })

  it('refuses an endpoint that is no address', async () => {
    const { open } = await visit()
    await expect(open('a/b', { endpoint: 'ftp://host' })).rejects.toThrow(InvalidOptionError)
    await expect(open('a/b', {}, { environment: { HF_ENDPOINT: 'host' } })).rejects.toThrow(/from HF_ENDPOINT/)
  })

  it('has no file of a repository that does not exist', async () => {
    const { open } = await visit()
    expect(await open('owner/none')).toEqual({ notFound: expect.stringMatching(/there is no model 'owner\/none', or it is private and needs a token/) })
    expect(await open('owner/none', { token: 'hf_x' })).toEqual({ notFound: expect.stringMatching(/or the token may not read it/) })
  })
})
