import { describe, expect, it } from 'vitest'
import { byteLevelTokenizer, qwenTokens, sentencePieceTokenizer } from '../test-support.js'
import { findFormat } from './find-format.js'

const config = (json?: unknown) => ({ json: async (file: string) => (file === 'tokenizer_config.json' ? json : undefined) })

describe('the tokens for filling in', () => {
  it.each([
    ['Qwen2.5-Coder', qwenTokens, '<|fim_prefix|>', '<|file_sep|>', 6],
    ['StarCoder2', ['<fim_prefix>', '<fim_middle>', '<fim_suffix>', '<fim_pad>', '<repo_name>', '<file_sep>'], '<fim_prefix>', '<file_sep>', 6],
    ['StarCoder', ['<fim_prefix>', '<fim_middle>', '<fim_suffix>', '<fim_pad>', '<filename>', '<gh_stars>', '<reponame>'], '<fim_prefix>', '<filename>', 7],
    ['SantaCoder', ['<fim-prefix>', '<fim-middle>', '<fim-suffix>', '<fim-pad>'], '<fim-prefix>', undefined, 4],
    ['DeepSeek-Coder', ['<｜fim▁hole｜>', '<｜fim▁begin｜>', '<｜fim▁end｜>'], '<｜fim▁begin｜>', undefined, 3],
    ['CodeGemma', ['<|fim_prefix|>', '<|fim_middle|>', '<|fim_suffix|>', '<|file_separator|>'], '<|fim_prefix|>', '<|file_separator|>', 4],
    ['Codestral', ['[PREFIX]', '[MIDDLE]', '[SUFFIX]'], '[PREFIX]', undefined, 2],
    ['Seed-Coder', ['<[fim-prefix]>', '<[fim-middle]>', '<[fim-suffix]>'], '<[fim-prefix]>', undefined, 3],
  ])('are found in the vocabulary of %s, and end a completion', async (_family, tokens, prefix, file, stops) => {
    const tokenizer = await byteLevelTokenizer(tokens)
    const format = await findFormat(tokenizer, config())
    expect([format.fim?.prefix, format.files?.file]).toEqual([prefix, file])
    expect(format.stopTokens).toHaveLength(stops)
    for (const id of format.stopTokens) expect(tokens).toContain(tokenizer.tokenOf(id))
  })

  it('are found with the space that SentencePiece writes before them', async () => {
    const tokenizer = await sentencePieceTokenizer(['▁<PRE>', '▁<MID>', '▁<SUF>', '▁<EOT>'])
    const format = await findFormat(tokenizer, config())
    expect(format.fim).toMatchObject({ prefix: '▁<PRE>', suffix: '▁<SUF>', middle: '▁<MID>', order: 'prefix-first' })
    expect(format.stopTokens).toContain(tokenizer.idOf('▁<EOT>'))
  })

  it('are found by what the special tokens of tokenizer_config.json are called, where the set is not known', async () => {
    const tokenizer = await byteLevelTokenizer(['<FIM-PRE>', '<FIM-SUF>', '<FIM-MID>'])
    expect((await findFormat(tokenizer, config())).fim).toBeUndefined()
    const named = config({ additional_special_tokens: ['<FIM-MID>', { content: '<FIM-PRE>' }, '<FIM-SUF>', '<FIM-HOLE>'] })
    expect((await findFormat(tokenizer, named)).fim).toMatchObject({ prefix: '<FIM-PRE>', suffix: '<FIM-SUF>', middle: '<FIM-MID>' })
  })

  it('are none where one of a set is missing', async () => {
    const { fim, files, stopTokens } = await findFormat(await byteLevelTokenizer(['<|endoftext|>', '<|fim_prefix|>', '<repo_name>', '<file_sep>']), config())
    expect(fim).toBeUndefined()
    expect(files?.file).toBe('<file_sep>')
    expect(stopTokens).toHaveLength(2)
  })
})
