import { readFile } from 'node:fs/promises'
import { InvalidFileError, InvalidOptionError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { fixture } from '../test-support.js'
import { visit } from './test-support.js'

const [whole, first, second, third] = await Promise.all(['qwen2', ...['1', '2', '3'].map((part) => `split/qwen2-0000${part}-of-00003`)].map((file) => readFile(fixture(`gguf/${file}.gguf`))))

/** A repository of GGUF files as quantisers publish it: without a config. */
const repository = { 'README.md': '# GGUF', 'model-Q4_K_M.gguf': whole!, 'model-q8_0-00001-of-00003.gguf': first!, 'model-q8_0-00002-of-00003.gguf': second!, 'model-q8_0-00003-of-00003.gguf': third!, 'mmproj-f16.gguf': 'x' }

describe('GGUF models of the hub', () => {
  it('are chosen by the reference or the variant, and no other is downloaded', async () => {
    const { hub, checkpoint, asked } = await visit()
    hub.publish('owner/name-GGUF', repository)
    const opened = await checkpoint('owner/name-GGUF:q4_k_m')
    expect(opened).toMatchObject({ reference: 'owner/name-GGUF:q4_k_m', config: { model_type: 'qwen2' } })
    expect((await opened.tokenizer()).vocabularySize).toBe(96)
    expect(asked().filter((request) => request.includes('.gguf')).every((request) => request.includes('model-Q4_K_M.gguf'))).toBe(true)
    const split = await checkpoint('owner/name-GGUF@main', { variant: 'Q8_0' })
    expect([...split.constants.keys()].sort()).toEqual([...opened.constants.keys()].sort())
    expect(new Set(asked().flatMap((request) => /model-.*gguf/.exec(request)?.[0] ?? [])).size).toBe(3)
  })

  it('are opened from the cache', async () => {
    const { hub, checkpoint, asked, open } = await visit()
    hub.publish('owner/name-GGUF', repository)
    await checkpoint('owner/name-GGUF:Q8_0')
    asked()
    const opened = await checkpoint('owner/name-GGUF:Q8_0', { offline: true })
    expect(opened.config.model_type).toBe('qwen2')
    expect(await opened.constants.get('model.norm.weight')!.bytes()).toHaveLength(32 * 4)
    expect(asked()).toEqual([])
    await expect(open('owner/name-GGUF:Q4_K_M', { offline: true })).rejects.toThrow(/hf download owner\/name-GGUF model-Q4_K_M.gguf/)
    hub.fault = () => ({ status: 500 })
    expect((await checkpoint('owner/name-GGUF:Q8_0')).config.model_type).toBe('qwen2')
  })

  it('must be named where there are several', async () => {
    const { hub, open } = await visit()
    hub.publish('owner/name-GGUF', repository)
    await expect(open('owner/name-GGUF')).rejects.toThrow(InvalidFileError)
    await expect(open('owner/name-GGUF')).rejects.toThrow(/several GGUF models: model-Q4_K_M.gguf, model-q8_0-00001-of-00003.gguf/)
    await expect(open('owner/name-GGUF:Q9')).rejects.toThrow(InvalidOptionError)
    expect(await open('C:/models/model')).toMatchObject({ notFound: expect.stringContaining('names no model of the hub') })
  })
})
