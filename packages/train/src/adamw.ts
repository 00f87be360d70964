import { checkOptions, InvalidOptionError } from '@tenon/core'
import { scalar, type Value } from '@tenon/graph'
import { Add, Div, Mul, Sqrt, Sub } from '@tenon/graph/ops'
import { after } from './after.js'
import type { Optimizer, OptimizerContext } from './optimizer.js'

export interface AdamWOptions {
  /** How much of the mean gradient stays from step to step; 0.9 unless told. */
  readonly beta1?: number
  /** The same of the mean squared gradient; 0.999 unless told. */
  readonly beta2?: number
  /** Added to the root of the mean squared gradient; 1e-8 unless told. */
  readonly epsilon?: number
  /** What part of a parameter, times the learning rate, a step takes away; 0.01 unless told. */
  readonly weightDecay?: number
  /** Which parameters decay. All but biases and those of norms unless told, as with the Trainer of `transformers`. */
  readonly decays?: (name: string) => boolean
}

/** `Trainer.get_decay_parameter_names`, and DeBERTa's and DistilBERT's norms, which it knows by their class. */
const undecayed = /bias|layer_?norm|rmsnorm|(?:^|[._])norm(?:$|\.)/i

/**
 * AdamW (Loshchilov and Hutter 2017), with the defaults of `torch.optim.AdamW`.
 * @throws InvalidOptionError
 */
export function adamW(options: AdamWOptions = {}): Optimizer {
  checkOptions('adamW', options, ['beta1', 'beta2', 'epsilon', 'weightDecay', 'decays'])
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01, decays = (name) => !undecayed.test(name) } = options
  checkNumbers({ beta1, beta2, epsilon, weightDecay })
  return {
    emit(context) {
      const { parameters, learningRate, factor, state, update } = context
      const number = (value: number) => scalar(learningRate, value)
      const root = Sqrt(correction(context, 'correction2', beta2))
      // m / c₁ / (√(v / c₂) + ε) · rate, with what is one number for all elements put together.
      const size = Div(Mul(learningRate, root), correction(context, 'correction1', beta1))
      const shift = Mul(root, number(epsilon))
      const kept = Sub(number(1), Mul(learningRate, number(weightDecay)))
      const [first, second] = [Mul(factor, number(1 - beta1)), Mul(factor, number(Math.sqrt(1 - beta2)))]
      for (const { name, value, gradient } of parameters) {
        const shape = value.shape as readonly number[]
        const moments = [state(`first_moment.${name}`, shape), state(`second_moment.${name}`, shape)] as const
        const scaled = Mul(gradient, second)
        const mean = Add(Mul(moments[0], number(beta1)), Mul(gradient, first))
        const square = Add(Mul(moments[1], number(beta2)), Mul(scaled, scaled))
        const step = Mul(Div(mean, Add(Sqrt(square), shift)), size)
        update(moments[0], mean)
        update(moments[1], square)
        update(value, Sub(weightDecay > 0 && decays(name) ? Mul(value, kept) : value, step))
      }
    },
  }
}

/**
 * 1 − βᵗ in step t, as the moment of a gradient that is always 1: a power of a float32 would be off by 3e-5 of it in the first step.
 * It waits as the other updates do, so that a run which fails has moved nothing.
 */
function correction({ factor, state, update }: OptimizerContext, name: string, beta: number): Value {
  const before = state(name, [])
  const next = after(Add(Mul(before, scalar(before, beta)), scalar(before, 1 - beta)), factor)
  update(before, next)
  return next
}

function checkNumbers(options: Readonly<Record<string, number>>): void {
  for (const [option, value] of Object.entries(options)) {
    if (value >= 0 && value < (option.startsWith('beta') ? 1 : Infinity)) continue
    throw new InvalidOptionError({ where: 'adamW', option, problem: `is ${value}`, remedy: option.startsWith('beta') ? 'Pass a number from 0 up to, and without, 1' : 'Pass a number from 0 up' })
  }
}
