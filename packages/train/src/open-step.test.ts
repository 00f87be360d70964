import { AbortedError, DisposedError, inlineConstant, InvalidInputError, InvalidOptionError, isHostTensor, tensor, type Executable, type Graph, type Tensor } from '@tenon/core'
import { memory } from '@tensorflow/tfjs-core'
import { afterAll, describe, expect, it } from 'vitest'
import { adamW } from './adamw.js'
import { openStep, type StepRunner } from './open-step.js'
import { apart, classification, compile, cleanUp, feedsOf, fixture, floats, graphOf, hostTensors, outputsOf, tensorsIn, updatingBackends, type AnyBackend, type Written } from './test-support.js'
import { trainingStep, type TrainingStep } from './training-step.js'

afterAll(cleanUp)

interface Run {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
  readonly maxGradientNorm: number | null
  readonly losses: readonly number[]
  readonly gradientNorms: readonly number[]
}

interface Reference {
  readonly family: string
  readonly checkpoint: string
  readonly batches: readonly Readonly<Record<string, Written>>[]
  readonly learningRates: readonly number[]
  readonly runs: Readonly<Record<string, Run>>
}

const reference: Reference = await fixture('adamw.json')
const batches = reference.batches.map(feedsOf)

async function stepOf({ beta1, beta2, epsilon, weightDecay, maxGradientNorm }: Run): Promise<TrainingStep> {
  const model = await graphOf(reference.family, reference.checkpoint)
  return trainingStep(model, { loss: classification, optimizer: adamW({ beta1, beta2, epsilon, weightDecay }), ...(maxGradientNorm !== null && { maxGradientNorm }) })
}

/** A run's step on a backend, compiled once for all tests. */
async function compiled(backend: AnyBackend, run: Run): Promise<{ readonly step: TrainingStep; readonly executable: Executable }> {
  const known = executables.get(backend)?.get(run)
  if (known !== undefined) return known
  const making = stepOf(run).then(async (step) => ({ step, executable: await compile(backend, step.graph) }))
  executables.set(backend, (executables.get(backend) ?? new Map<Run, typeof making>()).set(run, making))
  return making
}
const executables = new Map<AnyBackend, Map<Run, ReturnType<typeof compiled>>>()

/** Runs the reference's steps from one to another, and returns the losses and the norms of the gradients. */
async function train(runner: StepRunner, from = 0, to = reference.learningRates.length) {
  const results = []
  for (let index = from; index < to; index++) results.push(await runner.run(batches[index % 2]!, { learningRate: reference.learningRates[index]! }))
  return { losses: results.map(({ loss }) => loss), norms: results.map(({ gradientNorm }) => gradientNorm) }
}

/** Nothing depends on the bias of an attention's keys, so that its gradient is rounding, which AdamW makes into steps. */
const matters = (name: string) => !name.endsWith('.key.bias')

/** The same executable, which counts the tensors that it gave and were not disposed of. */
function counting(executable: Executable): Executable & { readonly alive: () => number } {
  const alive = new Set<Tensor>()
  const counted = (given: Tensor): Tensor => {
    const dispose = given[Symbol.dispose].bind(given)
    alive.add(given)
    // Not wrapped, since backends know their own tensors.
    return Object.assign(given, { [Symbol.dispose]: () => void (alive.delete(given), dispose()) })
  }
  return {
    inputs: executable.inputs,
    outputs: executable.outputs,
    alive: () => alive.size,
    place: async (host) => counted(await executable.place(host)),
    run: async (feeds, options) => Object.fromEntries(Object.entries(await executable.run(feeds, options)).map(([name, output]) => [name, counted(output)])),
    [Symbol.asyncDispose]: () => executable[Symbol.asyncDispose](),
  }
}

describe.each(Object.entries(reference.runs))('twenty steps of AdamW, %s', (name, run) => {
  it.each(updatingBackends)("have PyTorch's losses and leave PyTorch's parameters, on $on", async ({ backend }) => {
    const { step, executable } = await compiled(backend, run)
    await using runner = await openStep(executable, step)
    const { losses, norms } = await train(runner)
    expect(apart(losses, run.losses)).toBeLessThan(1e-5)
    expect(apart(norms, run.gradientNorms)).toBeLessThan(1e-4)
    const expected = await tensorsIn(`adamw-${name}.safetensors`)
    expect([...runner.parameters.keys()].toSorted()).toEqual([...expected.keys()].toSorted())
    const away = await Promise.all(Array.from(expected, async ([parameter, values]) => [parameter, apart(await floats(runner.parameters.get(parameter)!), values)] as const))
    expect(away.filter(([parameter, distance]) => matters(parameter) && !(distance < 1e-5))).toEqual([])
  })
})

describe.each(updatingBackends)('a run on $on', ({ on, backend }) => {
  const { plain } = reference.runs as { plain: Run }

  it('writes over the placed tensors themselves, and returns two numbers', async () => {
    const { step, executable } = await compiled(backend, plain)
    expect(executable.outputs.map(({ name }) => name)).toEqual(['loss', 'gradient_norm'])
    const placed: Record<string, Tensor> = {}
    for (const [name, host] of Object.entries(await hostTensors(new Map([...step.parameters, ...step.state])))) placed[name] = await executable.place(host)
    const before = await floats(step.parameters.get('classifier.weight')!)
    const outputs = await executable.run({ ...batches[0], ...placed, learning_rate: tensor('float32', [], Float32Array.of(0.001)) })
    expect(Object.keys(outputs)).toEqual(['loss', 'gradient_norm'])
    const after = (await placed['classifier.weight']!.data()) as Float32Array
    // The first step of Adam is as long as the learning rate, whatever the gradient.
    expect(apart(after.map((value, index) => Math.abs(value - before[index]!)), new Float32Array(after.length).fill(0.001))).toBeLessThan(2e-5)
    expect((await placed['correction1']!.data())[0]).toBeCloseTo(0.1, 6)
    for (const each of [...Object.values(placed), ...Object.values(outputs)]) each[Symbol.dispose]()
  })

  it('gives what updates made aside do, over twenty steps', async () => {
    const { step, executable } = await compiled(backend, plain)
    const { updates, ...aside } = step.graph
    const apartFrom = await compile(backend, aside as Graph)
    await using runner = await openStep(executable, step)
    const inPlace = await train(runner)
    let state: Readonly<Record<string, Tensor>> = await hostTensors(new Map([...step.parameters, ...step.state]))
    const losses: number[] = []
    for (const [index, learningRate] of reference.learningRates.entries()) {
      const outputs = await outputsOf(apartFrom, { ...batches[index % 2]!, ...state, learning_rate: tensor('float32', [], Float32Array.of(learningRate)) })
      losses.push(outputs['loss']![0]!)
      state = Object.fromEntries(Array.from(updates!, ([output, input]) => [input, tensor('float32', state[input]!.shape, outputs[output]!)]))
    }
    expect(losses).toEqual(inPlace.losses)
    for (const [parameter, constant] of [...runner.parameters, ...runner.state]) expect([parameter, apart(await floats(constant), await state[parameter]!.data() as Float32Array)]).toEqual([parameter, 0])
  })

  it('leaves no tensor behind', async () => {
    const { step, executable: plainly } = await compiled(backend, plain)
    const executable = counting(plainly)
    const runner = await openStep(executable, step)
    const placed = executable.alive()
    expect(placed).toBe(step.parameters.size + step.state.size)
    await train(runner, 0, 4)
    const { numTensors, numBytes } = memory() // of TensorFlow.js, inside the runs as well
    expect(numTensors >= placed).toBe(on.startsWith('TensorFlow'))
    await train(runner, 4, 20)
    expect(memory()).toMatchObject({ numTensors, numBytes })
    expect(executable.alive()).toBe(placed)
    await runner[Symbol.asyncDispose]()
    expect(executable.alive()).toBe(0)
  })

  it('goes on from the parameters and the state of another', async () => {
    const { executable } = await compiled(backend, plain)
    const other = await compiled(updatingBackends.at(updatingBackends.findIndex((each) => each.backend === backend) - 1)!.backend, plain)
    await using first = await openStep(other.executable, other.step)
    const begun = await train(first, 0, 10)
    await using second = await openStep(executable, first)
    const ended = await train(second, 10)
    expect(apart([...begun.losses, ...ended.losses], plain.losses)).toBeLessThan(1e-5)
  })

  it('moves nothing where the batch lacks something, or has a label that is no class', async () => {
    const { step, executable } = await compiled(backend, plain)
    await using runner = await openStep(executable, step)
    await train(runner, 0, 1)
    const now = async () => Promise.all(Array.from([...runner.parameters, ...runner.state], async ([name, constant]) => [name, [...(await floats(constant))]] as const))
    const before = await now()
    const { labels, ...unlabelled } = batches[0]!
    await expect(runner.run(unlabelled, { learningRate: 0.001 })).rejects.toBeInstanceOf(InvalidInputError)
    await expect(runner.run({ ...unlabelled, labels: tensor('int64', labels!.shape, BigInt64Array.of(0n, 1n, 2n, 3n)) }, { learningRate: 0.001 })).rejects.toMatchObject({ code: expect.stringMatching(/^TENON_/) })
    expect(await now()).toEqual(before)
    await train(runner, 1, 2)
    expect(await now()).not.toEqual(before)
  })

  it('stops when it is told to', async () => {
    const { step, executable } = await compiled(backend, plain)
    await using runner = await openStep(executable, step)
    await expect(runner.run(batches[0]!, { learningRate: 0.001, signal: AbortSignal.abort() })).rejects.toBeInstanceOf(AbortedError)
    expect((await train(runner, 0, 1)).losses[0]).toBeCloseTo(plain.losses[0]!, 5)
  })
})

describe('openStep', () => {
  const zero = inlineConstant('float32', [1], Float32Array.of(0))
  const step = { parameters: new Map([['w', zero]]), state: new Map([['m', zero]]) }

  /** An executable that adds 1 to `w`, slowly. */
  function slow({ fails = false } = {}) {
    const log: string[] = []
    const tensors: { freed: boolean }[] = []
    const executable: Executable = {
      inputs: [],
      outputs: [],
      async place({ dtype, shape, values }) {
        if (fails && tensors.length === 1) throw new Error('no room')
        const own = { freed: false }
        tensors.push(own)
        return { ...tensor(dtype, shape, values.slice()), [Symbol.dispose]: () => void (own.freed = true) }
      },
      async run({ w, batch }) {
        const name = `${batch?.shape[0]}`
        log.push(`begins ${name}`)
        await new Promise((resolve) => setTimeout(resolve, 5))
        if (name === '13') throw new Error('13')
        if (isHostTensor(w!)) w.values[0] = Number(w.values[0]) + 1
        log.push(`ends ${name}`)
        const number = tensor('float32', [], Float32Array.of(1))
        return { loss: number, gradient_norm: number }
      },
      async [Symbol.asyncDispose]() {},
    }
    return { executable, log, tensors }
  }

  const batch = (size: number) => ({ batch: tensor('float32', [size], new Float32Array(size)) })
  const rate = { learningRate: 1 }

  it('runs one step after another, and reads parameters between them', async () => {
    const { executable, log } = slow()
    await using runner = await openStep(executable, step)
    const running = [runner.run(batch(1), rate), runner.run(batch(13), rate).catch(() => undefined), runner.run(batch(2), rate)]
    expect([...(await floats(runner.parameters.get('w')!))]).toEqual([2])
    const after = runner.run(batch(3), rate)
    await Promise.all([...running, after])
    expect(log).toEqual(['begins 1', 'ends 1', 'begins 13', 'begins 2', 'ends 2', 'begins 3', 'ends 3'])
  })

  it('gives a copy of the parameters, which later steps leave alone', async () => {
    await using runner = await openStep(slow().executable, step)
    const before = await floats(runner.parameters.get('w')!)
    await runner.run(batch(1), rate)
    expect([...before]).toEqual([0])
    expect([...(await floats(zero))]).toEqual([0])
  })

  it('frees what it placed when it is disposed of, after the steps under way', async () => {
    const { executable, log, tensors } = slow()
    const runner = await openStep(executable, step)
    const running = runner.run(batch(1), rate)
    await runner[Symbol.asyncDispose]()
    expect(log).toEqual(['begins 1', 'ends 1'])
    expect(tensors.map(({ freed }) => freed)).toEqual([true, true])
    await running
    await expect(runner.run(batch(1), rate)).rejects.toBeInstanceOf(DisposedError)
    await expect(runner.parameters.get('w')!.bytes()).rejects.toBeInstanceOf(DisposedError)
  })

  it('frees what it placed when not all can be', async () => {
    const { executable, tensors } = slow({ fails: true })
    await expect(openStep(executable, step)).rejects.toThrow('no room')
    expect(tensors.map(({ freed }) => freed)).toEqual([true])
  })

  it.each([-1, NaN, Infinity])('refuses the learning rate %s', async (learningRate) => {
    await using runner = await openStep(slow().executable, step)
    await expect(runner.run(batch(1), { learningRate })).rejects.toBeInstanceOf(InvalidOptionError)
  })

  it('refuses a step without a learning rate', async () => {
    await using runner = await openStep(slow().executable, step)
    await expect((runner.run as (batch: unknown) => Promise<unknown>)(batch(1))).rejects.toBeInstanceOf(InvalidOptionError)
  })
})
