import { InvalidOptionError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { adamW, type AdamWOptions } from './adamw.js'
import { classification, fixture, graphOf } from './test-support.js'
import { trainingStep } from './training-step.js'

/** The parameters that a step multiplies by what is left of them after the decay. */
async function decayedOf(family: string, checkpoint: string, options: AdamWOptions): Promise<Readonly<Record<string, boolean>>> {
  const step = trainingStep(await graphOf(family, checkpoint), { loss: classification, optimizer: adamW(options) })
  const readers = new Map(Array.from(step.graph.updates!, ([output, input]) => [input, step.graph.nodes.find(({ outputs }) => outputs.includes(output))!]))
  return Object.fromEntries(Array.from(step.parameters.keys(), (name) => [name, !readers.get(name)!.inputs.includes(name)]))
}

const families = { bert: 'sequence-classification', distilbert: 'token-classification', roberta: 'masked-lm', albert: 'sequence-classification', modernbert: 'token-classification', 'deberta-v2': 'sequence-classification' }

describe('adamW', () => {
  it.each(Object.entries(families))('lets those parameters of %s decay that the Trainer of transformers does', async (family, checkpoint) => {
    const expected = (await fixture<Readonly<Record<string, unknown>>>('decayed.json'))[family]
    expect(await decayedOf(family, checkpoint, {})).toEqual(expected)
  })

  it('lets decay what it is told, and nothing where there is no decay', async () => {
    const chosen = await decayedOf('bert', 'sequence-classification', { decays: (name) => name === 'classifier.weight' })
    expect(Object.entries(chosen).filter(([, decays]) => decays)).toEqual([['classifier.weight', true]])
    expect(Object.values(await decayedOf('bert', 'sequence-classification', { weightDecay: 0 }))).not.toContain(true)
  })

  it.each([{ beta1: 1 }, { beta2: -0.1 }, { epsilon: -1 }, { weightDecay: Infinity }, { beta1: NaN }])('refuses %o', (options) => {
    expect(() => adamW(options)).toThrow(InvalidOptionError)
  })

  it('refuses an option that it does not know, and says which may be meant', () => {
    expect(() => adamW({ weight_decay: 0.1 } as object)).toThrow(expect.objectContaining({ code: 'TENON_INVALID_OPTION', remedy: expect.stringContaining("'weightDecay'") }))
  })
})
