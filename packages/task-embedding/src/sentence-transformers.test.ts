import { InvalidFileError, MissingFileError, TenonError, type Checkpoint } from '@tenon/core'
import { openFolder } from '@tenon/checkpoint'
import { describe, expect, it, onTestFinished } from 'vitest'
import { readSentenceTransformer } from './sentence-transformers.js'
import { modelFolder } from './test-support.js'

async function open(folder: string): Promise<Checkpoint> {
  const checkpoint = await openFolder(folder)
  onTestFinished(() => checkpoint[Symbol.asyncDispose]())
  return checkpoint
}

const read = async (files: Readonly<Record<string, unknown>> = {}, over?: string) => readSentenceTransformer(await open(await modelFolder(over, files)))
const modules = (...types: readonly (readonly [type: string, path?: unknown])[]) => types.map(([type, path], idx) => ({ idx, name: String(idx), path: path ?? '', type: `sentence_transformers.models.${type}` }))
const pooling = modules(['Transformer'], ['Pooling', '1_Pooling'])
const dense = modules(['Transformer'], ['Pooling', '1_Pooling'], ['Dense', '2_Dense'])
const withPooling = (config: unknown) => read({ 'modules.json': pooling, '1_Pooling/config.json': config })
const mean = { pooling_mode_mean_tokens: true }

describe('a sentence-transformers folder', () => {
  it.each(['cls', 'mean-normalize', 'mean-and-max-and-cls', 'mean-dense-tanh-normalize'])('is read the same in the old spelling and in the new: %s', async (mode) => {
    expect((await read({}, `${mode}/new`)).modules).toEqual((await read({}, `${mode}/old`)).modules)
  })

  it('tells its modules in their order', async () => {
    expect(await read({}, 'mean-dense-tanh-normalize/new')).toEqual({
      modules: [{ kind: 'pooling', modes: ['mean'], includePrompt: true }, { kind: 'dense', path: '2_Dense', inputs: 32, outputs: 16, bias: true, activation: 'Tanh' }, { kind: 'normalize' }],
      maxLength: undefined,
      lowerCase: false,
      prompt: '',
    })
  })

  it('is pooled by the mean where it says nothing at all', async () => {
    expect((await read()).modules).toEqual([{ kind: 'pooling', modes: ['mean'], includePrompt: true }])
  })

  it('is pooled by the mean where no flag is set, and where a list of modes is empty', async () => {
    expect((await withPooling({ pooling_mode_mean_tokens: false })).modules).toMatchObject([{ modes: ['mean'] }])
    expect((await withPooling({ pooling_mode: [] })).modules).toMatchObject([{ modes: ['mean'] }])
  })

  it('concatenates the modes of flags in their fixed order, those of a list in its own', async () => {
    expect((await withPooling({ pooling_mode_lasttoken: true, pooling_mode_mean_tokens: true, pooling_mode_cls_token: true })).modules).toMatchObject([{ modes: ['cls', 'mean', 'lasttoken'] }])
    expect((await withPooling({ pooling_mode: ['mean', 'cls'] })).modules).toMatchObject([{ modes: ['mean', 'cls'] }])
  })

  it('says how much is read, in which case, and after which prompt', async () => {
    const files = { 'modules.json': pooling, '1_Pooling/config.json': mean, 'sentence_bert_config.json': { max_seq_length: 256, do_lower_case: true } }
    expect(await read({ ...files, 'config_sentence_transformers.json': { prompts: { query: 'query: ' }, default_prompt_name: 'query' } })).toMatchObject({ maxLength: 256, lowerCase: true, prompt: 'query: ' })
  })

  it.each([
    [{ max_seq_length: null }, undefined],
    [{ max_seq_length: 0 }, undefined],
    [{ max_seq_length: '256' }, undefined],
    [{}, undefined],
  ])('has no longest input of its own with %j', async (config, maxLength) => {
    expect((await read({ 'modules.json': pooling, '1_Pooling/config.json': mean, 'sentence_bert_config.json': config })).maxLength).toBe(maxLength)
  })

  it.each([
    [{ prompts: { query: 'query: ' } }],
    [{ prompts: { query: 'query: ' }, default_prompt_name: null }],
    [{ prompts: { query: 'query: ' }, default_prompt_name: 'document' }],
    [{ prompts: { query: 'query: ' }, default_prompt_name: 'constructor' }],
    [{ prompts: { query: 7 }, default_prompt_name: 'query' }],
    [{ prompts: null, default_prompt_name: 'query' }],
  ])('has no prompt with %j', async (config) => {
    expect((await read({ 'config_sentence_transformers.json': config })).prompt).toBe('')
  })
})

describe('an odd folder', () => {
  const refused = async (files: Readonly<Record<string, unknown>>) => read(files).catch((error: unknown) => error)

  it.each(['LSTM', 'CNN', 'WeightedLayerPooling', 'toString', '__proto__'])('is refused for the module %s, and told which there are', async (type) => {
    const error = await refused({ 'modules.json': [...pooling, ...modules([type, '2'])], '1_Pooling/config.json': mean, '2/config.json': {} })
    expect(error).toBeInstanceOf(InvalidFileError)
    expect(error).toMatchObject({ message: expect.stringContaining(`modules.json lists the module 'sentence_transformers.models.${type}'. Known are Transformer, Pooling, Dense and Normalize`) })
  })

  it.each(['median', null, 3, ['mean', 'median']])('is refused for the pooling %j, and told which there are', async (mode) => {
    const error = await withPooling({ pooling_mode: mode }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidFileError)
    expect(error).toMatchObject({ message: expect.stringMatching(/1_Pooling\/config\.json names the pooling '.*'\. Known are: cls, max, mean/) })
  })

  it.each([[{}], ['all'], [null], [[null]], [['Pooling']], [3]])('is refused where its modules.json is %j', async (content) => {
    const error = await refused({ 'modules.json': JSON.stringify(content) })
    expect(error).toBeInstanceOf(InvalidFileError)
    expect(error).toMatchObject({ message: expect.stringContaining('modules.json is no list of modules') })
  })

  it.each([[[]], [modules(['Transformer'])], [modules(['Transformer'], ['Normalize', '1_Normalize'])]])('is refused where it lists no pooling: %j', async (listed) => {
    await expect(refused({ 'modules.json': listed })).resolves.toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringContaining('lists no Pooling') })
  })

  it.each([undefined, null, 3, ''])('is refused where a module has the path %j', async (path) => {
    const listed = [{ type: 'sentence_transformers.models.Pooling', path }]
    await expect(refused({ 'modules.json': listed })).resolves.toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringContaining("gives no path for the module 'Pooling'") })
  })

  it('is refused where a pooling has no config, rather than pooled by a guess', async () => {
    const error = await refused({ 'modules.json': pooling })
    expect(error).toBeInstanceOf(MissingFileError)
    expect(error).toMatchObject({ message: expect.stringContaining('1_Pooling/config.json does not exist, and modules.json lists it') })
  })

  it.each(['../outside', '1_Pooling/../../outside', '/outside', 'C:\\outside', '..\\outside'])('is refused where a module lies outside of it, at %s', async (path) => {
    const folder = await modelFolder(undefined, { 'modules.json': modules(['Transformer'], ['Pooling', path]) })
    const error = await readSentenceTransformer(await open(folder)).catch((thrown: unknown) => thrown)
    expect(TenonError.isInstance(error)).toBe(true)
    expect(error).toMatchObject({ message: expect.stringContaining('is no path inside the checkpoint') })
  })

  it.each([[{}], [{ in_features: 32 }], [{ in_features: 32, out_features: '16' }]])('is refused where a dense layer has no sizes: %j', async (config) => {
    await expect(refused({ 'modules.json': dense, '1_Pooling/config.json': mean, '2_Dense/config.json': config })).resolves.toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringContaining('2_Dense/config.json lacks in_features or out_features') })
  })

  it.each(['modules.json', 'sentence_bert_config.json', 'config_sentence_transformers.json', '1_Pooling/config.json'])('is refused where %s is no JSON', async (file) => {
    await expect(refused({ 'modules.json': pooling, '1_Pooling/config.json': mean, [file]: '{ not json' })).resolves.toBeInstanceOf(InvalidFileError)
  })

  it.each(['sentence_bert_config.json', 'config_sentence_transformers.json', '1_Pooling/config.json'])('is refused where %s is no object', async (file) => {
    await expect(refused({ 'modules.json': pooling, '1_Pooling/config.json': mean, [file]: '[1]' })).resolves.toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringContaining('is no JSON object') })
  })
})
