import { UnsupportedOpError, type Backend, type Executable, type Model } from '@tenon/core'
import { verify } from '@tenon/graph'
import { encoders } from '@tenon/models'
import { describe, expect, it } from 'vitest'
import { madeUpModel, MINILM, TINY } from './made-up-model.js'
import { measure } from './measure.js'
import { familyGraphs, familySupport } from './support.js'

describe('a model that is made up', () => {
  it.each(encoders().map((family) => [family.name, family as Model]))('is a valid graph with every weight the family asks for: %s', async (_, family) => {
    const graph = await madeUpModel(family, TINY)
    expect(() => verify(graph)).not.toThrow()
    expect(graph.inputs.map(({ name }) => name)).toEqual(expect.arrayContaining(['input_ids', 'attention_mask']))
    const weights = [...graph.constants.values()].filter(({ inline }) => inline === undefined)
    expect(weights.length).toBeGreaterThan(5)
  })

  it('has weights that differ, and are the same every time', async () => {
    const bytes = async () => Promise.all(Array.from((await madeUpModel(encoders()[0], TINY)).constants.values(), async (constant) => Buffer.from(await constant.bytes()).toString('base64')))
    const once = await bytes()
    expect(new Set(once).size).toBe(once.length)
    expect(await bytes()).toEqual(once)
  })

  it('passes on what a family fails with for another reason', async () => {
    const failing: Model = { kind: 'model', version: 'v1', name: 'x', heads: ['base'], build: () => Promise.reject(new Error('a bug')) }
    await expect(madeUpModel(failing, TINY)).rejects.toThrow('a bug')
  })
})

/** A backend with kernels for all operators but these, and runs as it is told. */
function fake({ without = [], run = async () => undefined, compile }: { without?: readonly string[]; run?: () => Promise<unknown>; compile?: () => Promise<never> } = {}) {
  const live = new Set<Executable>()
  const backend: Backend<string, object> = {
    kind: 'backend', version: 'v1', name: 'fake',
    probe: async () => ({ available: true, devices: [] }),
    supports: ({ op }) => !without.includes(op),
    compile: compile ?? (async ({ inputs }) => {
      const executable: Executable = { inputs, outputs: [], run: async () => (await run(), {}), place: async (tensor) => tensor, async [Symbol.asyncDispose]() { live.delete(executable) } }
      live.add(executable)
      return executable
    }),
  }
  return { ...backend, live }
}

describe('what a backend supports', () => {
  it('is every family where it has kernels for what the others are made of, and the rest is named', async () => {
    const graphs = await familyGraphs()
    const all = familySupport(fake(), graphs)
    expect(all.families.every(({ runs }) => runs)).toBe(true)
    expect(all.operators.lowered).toEqual([])
    const few = familySupport(fake({ without: ['com.microsoft::MultiHeadAttention', 'Range'] }), graphs)
    expect(few.operators).toEqual({ native: all.operators.native - 2, lowered: ['Range', 'com.microsoft::MultiHeadAttention'] })
    expect(few.families.find(({ family }) => family === 'bert')).toEqual({ family: 'bert', runs: true, missing: null })
    expect(few.families.find(({ family }) => family === 'deberta-v2')).toEqual({ family: 'deberta-v2', runs: false, missing: 'Range' })
  })
})

describe('measuring', () => {
  const layer = () => madeUpModel(encoders()[0], MINILM)
  const { signal } = new AbortController()
  const wait = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))

  it('gives the time of one text, and the most operations a second that were reached', async () => {
    const backend = fake({ run: () => wait(20) })
    const speed = await measure(backend, undefined, await layer(), signal)
    if (!speed.ok) throw new Error(speed.error.message)
    expect(speed.milliseconds).toBeGreaterThan(18)
    expect(speed.loadMilliseconds).toBeGreaterThan(18)
    // However many texts, a run takes as long: the rate is of the most texts.
    expect(speed.gigaflops / (0.478 / 0.020)).toBeGreaterThan(30)
    expect(backend.live.size).toBe(0)
  })

  it('tells what a device fails with, and frees what was made of it', async () => {
    const backend = fake({ run: () => Promise.reject(new UnsupportedOpError({ op: 'Erf', node: 'y', backend: 'fake' })) })
    expect(await measure(backend, 'gpu', await layer(), signal)).toMatchObject({ ok: false, error: { code: 'TENON_UNSUPPORTED_OP' } })
    expect(await measure(fake({ compile: () => Promise.reject(new Error('out of memory')) }), 'gpu', await layer(), signal)).toMatchObject({ ok: false, error: { message: 'out of memory' } })
    expect(backend.live.size).toBe(0)
  })

  it('is stopped by an abort', async () => {
    const controller = new AbortController()
    const backend = fake({ run: async () => (controller.abort(), Promise.reject(new Error('aborted'))) })
    await expect(measure(backend, undefined, await layer(), controller.signal)).rejects.toThrow('aborted')
    expect(backend.live.size).toBe(0)
  })
})
