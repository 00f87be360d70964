import { createRuntime, DisposedError, InvalidInputError, InvalidOptionError, NoSuchTaskError } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { files } from '@tenon/checkpoint'
import { directory as model } from '@tenon/model-all-minilm-l6-v2'
import { bert } from '@tenon/models/bert'
import { afterAll, describe, expect, it } from 'vitest'
import { embedding, sentenceSimilarity } from './index.js'
import { cosine, modelFolder } from './test-support.js'

const runtime = createRuntime({ plugins: [files(), onnx({ threads: 2 }), bert(), embedding(), sentenceSimilarity()] })
afterAll(() => runtime.dispose())

describe('the similarity of sentences', () => {
  it('is highest for those that mean the same', async () => {
    await using similarity = await runtime.task('sentence-similarity', { model })
    const sentences = ['Stocks fell sharply on Monday.', 'A kitten is asleep on a couch.', 'Rust checks who owns memory.']
    const scores = await similarity('The cat naps on the sofa.', sentences)
    expect(scores.indexOf(Math.max(...scores))).toBe(1)
    expect(scores.every((score) => score >= -1 && score <= 1)).toBe(true)
  })

  it('is the cosine of embeddings, which the model need not have normalised', async () => {
    const folder = await modelFolder('mean/new')
    await using similarity = await runtime.task('sentence-similarity', { model: folder })
    await using embed = await runtime.task('embedding', { model: folder })
    const [a, b, c] = await embed(['the cat', 'a dog', 'the cat'])
    const norm = Math.hypot(...a!)
    expect(Math.abs(norm - 1)).toBeGreaterThan(0.01)
    const scores = await similarity('the cat', ['a dog', 'the cat'])
    for (const [index, other] of [b!, c!].entries()) expect(scores[index]).toBeCloseTo(cosine(a!, other), 6)
    expect(similarity.maxLength).toBe(embed.maxLength)
  })

  it('of no sentences is none', async () => {
    await using similarity = await runtime.task('sentence-similarity', { model })
    expect(await similarity('A cat', [])).toEqual([])
  })

  it('refuses what is no text, and options it does not know', async () => {
    await using similarity = await runtime.task('sentence-similarity', { model })
    await expect(similarity(1 as unknown as string, ['a'])).rejects.toThrow(InvalidInputError)
    await expect(similarity('a', 'b' as unknown as string[])).rejects.toThrow('The texts are string')
    await expect(similarity('a', ['b'], { sginal: 1 } as object)).rejects.toThrow(InvalidOptionError)
    await expect(runtime.task('sentence-similarity', { model, maxLenght: 3 } as { model: string })).rejects.toThrow("Did you mean 'maxLength'?")
  })

  it('frees its embedder', async () => {
    const similarity = await runtime.task('sentence-similarity', { model })
    await similarity.dispose()
    await expect(similarity('a', ['b'])).rejects.toThrow(DisposedError)
  })

  it('needs the task of embedding', async () => {
    await using without = createRuntime({ plugins: [files(), onnx({ threads: 2 }), bert(), sentenceSimilarity()] })
    await expect(without.task('sentence-similarity', { model })).rejects.toThrow(NoSuchTaskError)
  })
})
