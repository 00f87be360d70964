import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inlineConstant } from '@tenon/core'
import { writeSafetensors } from '@tenon/checkpoint'

/** Vectors of a few words that say what they are about: an animal, young, wood, a tool. */
const words: Readonly<Record<string, readonly number[]>> = {
  '[PAD]': [0, 0, 0, 0],
  '[UNK]': [0, 0, 0, 0],
  '[CLS]': [0, 0, 0, 0],
  '[SEP]': [0, 0, 0, 0],
  a: [0.1, 0.1, 0.1, 0.1],
  cat: [1, 0, 0, 0.1],
  kitten: [1, 0.3, 0, 0],
  dog: [0.9, 0, 0.1, 0],
  oak: [0, 0, 1, 0.1],
  saw: [0, 0, 0.4, 1],
  chisel: [0, 0.1, 0.3, 1],
}

export const table = Float32Array.from(Object.values(words).flat())
export const idOf = (word: string): number => Object.keys(words).indexOf(word)

const texts = ['a cat', 'a kitten and a saw']
const tokens = [['[CLS]', 'a', 'cat', '[SEP]', '[PAD]', '[PAD]', '[PAD]'], ['[CLS]', 'a', 'kitten', '[UNK]', 'a', 'saw', '[SEP]']]

/** Writes a checkpoint of these words, as the conformance suite of model families reads one: with inputs, and what they give. */
export async function writeWords(folder: string): Promise<void> {
  const write = (name: string, text: string) => writeFile(join(folder, name), text)
  await mkdir(folder, { recursive: true })
  await write('config.json', JSON.stringify({ model_type: 'bag-of-words', vocab_size: idOf('chisel') + 1, hidden_size: 4 }))
  await write('vocab.txt', `${Object.keys(words).join('\n')}\n`)
  await writeSafetensors(join(folder, 'model.safetensors'), [
    ['embeddings.weight', inlineConstant('float32', [Object.keys(words).length, 4], table)],
    ['norm.weight', inlineConstant('float32', [4], Float32Array.of(1, 1, 1, 1))],
    ['norm.bias', inlineConstant('float32', [4], new Float32Array(4))],
  ])
  await write('inputs.json', JSON.stringify({ padded: { input_ids: { shape: [texts.length, 7], data: tokens.flat().map(idOf) } } }))
  await write('expected.json', JSON.stringify({ weights: 'model.safetensors', inputs: 'inputs.json', cases: { padded: { text: { shape: [texts.length, 4], data: tokens.flatMap((text) => vectorOf(text)) } } } }))
}

/** The normalised sum, in plain JavaScript. */
function vectorOf(text: readonly string[]): number[] {
  const sum = [0, 1, 2, 3].map((at) => text.reduce((total, word) => total + words[word]![at]!, 0))
  const mean = sum.reduce((a, b) => a + b) / 4
  const deviation = Math.sqrt(sum.reduce((total, value) => total + (value - mean) ** 2, 0) / 4 + 1e-5)
  return sum.map((value) => (value - mean) / deviation)
}
