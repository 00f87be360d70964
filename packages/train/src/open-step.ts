import { bytesOf, DisposedError, InvalidOptionError, lazyConstant, tensor, viewAs, type Constant, type Executable, type RunOptions, type Tensor } from '@tenon/core'
import type { TrainingStep } from './training-step.js'

export interface StepOptions extends RunOptions {
  readonly learningRate: number
}

/** What a step says of the batch, before it moved the parameters. */
export interface StepResult {
  readonly loss: number
  /** The length of all gradients together, before clipping. */
  readonly gradientNorm: number
}

/** A training step with its parameters in place. */
export interface StepRunner extends AsyncDisposable {
  /**
   * Moves the parameters by one batch. Steps run one after another, however they are called. One that fails for its batch has moved
   * nothing; one that is aborted may have moved some parameters and not others: go on from what was saved before it.
   * @param batch The model's inputs, and those of the loss.
   * @throws InvalidInputError, InvalidOptionError, AbortedError, DisposedError
   */
  run(batch: Readonly<Record<string, Tensor>>, options: StepOptions): Promise<StepResult>
  /** The trained parameters by name. Their bytes are those of the moment when they are asked for, between two steps. */
  readonly parameters: ReadonlyMap<string, Constant>
  /** The optimizer's memory, likewise. */
  readonly state: ReadonlyMap<string, Constant>
}

/**
 * Places a step's parameters and state where its executable updates them. The executable stays the caller's, who disposes of it after this.
 * @param step Whose graph was compiled; to go on from elsewhere, `{ ...step, parameters, state }` with those of another runner.
 * @example
 * await using trainer = await openStep(executable, step)
 * const { loss } = await trainer.run({ input_ids, attention_mask, labels }, { learningRate: 5e-5 })
 */
export async function openStep(executable: Executable, step: Pick<TrainingStep, 'parameters' | 'state'>): Promise<StepRunner> {
  const placed = new Map<string, Tensor>()
  const free = () => {
    for (const each of placed.values()) each[Symbol.dispose]()
    placed.clear()
  }
  try {
    for (const [name, constant] of [...step.parameters, ...step.state]) {
      placed.set(name, await executable.place(tensor(constant.dtype, constant.shape, viewAs(constant.dtype, await constant.bytes()))))
    }
  } catch (error) {
    free()
    throw error
  }

  let closed = false
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (closed) throw new DisposedError({ what: 'training step' })
    const result = last.then(work)
    last = result.catch(() => undefined)
    return result
  }
  const current = ([name, { dtype, shape }]: readonly [string, Constant]) =>
    [name, lazyConstant(dtype, shape, () => inTurn(async () => bytesOf(await placed.get(name)!.data()).slice()))] as const

  return {
    parameters: new Map(Array.from(step.parameters, current)),
    state: new Map(Array.from(step.state, current)),
    async run(batch, { learningRate, signal }: Partial<StepOptions> = {}) {
      if (learningRate === undefined || !(learningRate >= 0 && learningRate < Infinity)) throw new InvalidOptionError({ where: 'a training step', option: 'learningRate', problem: `is ${learningRate}`, remedy: 'Pass a number from 0 up' })
      const rate = tensor('float32', [], Float32Array.of(learningRate))
      return inTurn(async () => {
        const { loss, gradient_norm: norm } = await executable.run({ ...batch, ...Object.fromEntries(placed), learning_rate: rate }, signal === undefined ? {} : { signal })
        return { loss: await read(loss!), gradientNorm: await read(norm!) }
      })
    },
    async [Symbol.asyncDispose]() {
      closed = true
      await last
      free()
    },
  }
}

async function read(output: Tensor): Promise<number> {
  using scalar = output
  return Number((await scalar.data())[0])
}
