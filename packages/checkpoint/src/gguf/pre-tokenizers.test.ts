import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openFolder } from '../folder.js'
import { temporaryFolder } from '../test-support.js'
import { preTokenizers } from './pre-tokenizers.js'
import { ggufBytes, tinyMetadata, type TestValue } from './test-gguf.js'

/** The characters that stand for bytes in byte-level vocabularies (GPT-2's bytes_to_unicode). */
const bytes = (() => {
  const plain = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(plain(byte) ? byte : next++))
})()

/** Opens a vocabulary of bytes alone, so that what a text is split into can be seen. */
async function tokenizerOf(...metadata: (readonly [string, TestValue])[]) {
  const path = join(await temporaryFolder(), 'model.gguf')
  await writeFile(path, ggufBytes({ metadata: [...tinyMetadata.slice(1), ['tokenizer.ggml.model', 'gpt2'], ['tokenizer.ggml.tokens', ['string', bytes]], ...metadata] }))
  const checkpoint = await openFolder(path)
  onTestFinished(() => checkpoint[Symbol.asyncDispose]())
  return checkpoint.tokenizer()
}

async function wordsOf(text: string, pre: string | undefined, architecture = 'llama'): Promise<string[]> {
  const named: (readonly [string, TestValue])[] = pre === undefined ? [] : [['tokenizer.ggml.pre', pre]]
  const sizes = tinyMetadata.slice(1).map(([key, value]): readonly [string, TestValue] => [key.replace('llama', architecture), value])
  const tokenizer = await tokenizerOf(['general.architecture', architecture], ...(architecture === 'llama' ? [] : sizes), ...named)
  const { ids, wordIds } = await tokenizer.encode(text, { addSpecialTokens: false })
  const words: number[][] = []
  for (const [index, id] of ids.entries()) (words[wordIds[index]!] ??= []).push(id)
  return words.map((word) => Buffer.from(word).toString())
}

const text = "it's I'M 12345 x=(y);\n\n  naïve  "

describe('the way in which texts are split', () => {
  it.each([
    ['gpt-2', ['it', "'s", ' I', "'", 'M', ' 12345', ' x', '=(', 'y', ');', '\n\n ', ' naïve', '  ']],
    ['smollm', ['it', "'s", ' I', "'", 'M', ' ', '1', '2', '3', '4', '5', ' x', '=(', 'y', ');', '\n\n ', ' naïve', '  ']],
    ['starcoder', ['it', "'s", ' I', "'", 'M', ' ', '1', '2', '3', '4', '5', ' x', '=(', 'y', ');', '\n\n ', ' naïve', '  ']],
    ['llama-bpe', ['it', "'s", ' I', "'M", ' ', '123', '45', ' x', '=(', 'y', ');\n\n', ' ', ' naïve', '  ']],
    ['qwen2', ['it', "'s", ' I', "'M", ' ', '1', '2', '3', '4', '5', ' x', '=(', 'y', ');\n\n', ' ', ' naïve', '  ']],
    ['deepseek-coder', ['it', "'", 's', ' I', "'", 'M', ' ', '1', '2', '3', '4', '5', ' x', '=', '(', 'y', ');', '\n', '\n', ' ', ' naïve', '  ']],
    ['tekken', ['it', "'s", ' I', "'M", ' ', '1', '2', '3', '4', '5', ' x', '=(', 'y', ');\n\n', ' ', ' naïve', '  ']],
  ])('%s is that of the models it was named for', async (pre, words) => {
    expect(await wordsOf(text, pre)).toEqual(words)
  })

  it('tells upper case within a word only where Mistral does', async () => {
    expect(await wordsOf('HelloWorld', 'tekken')).toEqual(['Hello', 'World'])
    expect(await wordsOf('HelloWorld', 'qwen2')).toEqual(['HelloWorld'])
  })

  it('is known for every name, and gives back every text', async () => {
    for (const name of preTokenizers.keys()) {
      const words = await wordsOf(text, name)
      expect(words.join('')).toBe(text)
      expect(words.length).toBeGreaterThan(10)
    }
  })

  it("is the architecture's own where the file names none, or none in particular", async () => {
    for (const pre of [undefined, 'default']) {
      expect(await wordsOf(text, pre, 'qwen2')).toEqual(await wordsOf(text, 'qwen2'))
      expect(await wordsOf(text, pre, 'starcoder2')).toEqual(await wordsOf(text, 'starcoder'))
      expect(await wordsOf(text, pre, 'llama')).toEqual(await wordsOf(text, 'gpt-2'))
    }
  })

  it('normalises characters for Qwen, as its own tokenizer does, and for no other', async () => {
    expect(await wordsOf('e\u0301', 'qwen2')).toEqual(['é'])
    expect((await wordsOf('e\u0301', 'gpt-2')).join('')).toBe('e\u0301')
  })
})
