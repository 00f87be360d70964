import { readdirSync } from 'node:fs'
import { createRuntime, type Model } from '@tenon/core'
import { files } from '@tenon/checkpoint'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { bert } from './bert.js'
import { decoders, encoders } from './index.js'

describe('all encoders, and all decoders', () => {
  it('are every family that has fixtures, once', () => {
    const folders = readdirSync(new URL('../fixtures', import.meta.url), { withFileTypes: true }).filter((each) => each.isDirectory() && !['gguf', 'long'].includes(each.name))
    expect([...encoders(), ...decoders()].map(({ name }) => name).toSorted()).toEqual(folders.map(({ name }) => name).toSorted())
  })

  it('are told apart by their heads', () => {
    expect(encoders().filter(({ heads }) => heads.includes('causal-lm'))).toEqual([])
    expect(decoders().filter(({ heads }) => heads.join() !== 'causal-lm')).toEqual([])
  })

  it('keep their names in types', () => {
    const families = encoders()
    expectTypeOf(families[0]).toEqualTypeOf<Model<'bert'>>()
    expectTypeOf<'roberta' | 'xlm-roberta' | 'camembert' | 'distilbert' | 'albert' | 'deberta-v2' | 'modernbert'>().toExtend<(typeof families)[number]['name']>()
    expectTypeOf<'gpt2'>().not.toExtend<(typeof families)[number]['name']>()
    expectTypeOf<ReturnType<typeof decoders>[number]['name']>().toEqualTypeOf<'gpt2' | 'llama' | 'mistral' | 'qwen2' | 'qwen2_moe' | 'qwen3' | 'starcoder2'>()
  })

  it('go into a runtime together, and a family passed beside them is the same one twice', () => {
    expect(createRuntime({ plugins: [files(), ...encoders(), ...decoders()] }).plugins.models).toHaveLength(encoders().length + decoders().length)
    // @ts-expect-error the same family twice
    expect(() => createRuntime({ plugins: [...encoders(), bert()] })).toThrow(/bert/)
  })
})
