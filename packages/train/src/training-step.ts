import { checkOptions, InvalidInputError, InvalidOptionError, lazyConstant, nearest, type Constant, type Graph } from '@tenon/core'
import { extend, integers, scalar, Value, verify, type GraphBuilder } from '@tenon/graph'
import { gradient, parameters } from '@tenon/graph/gradient'
import { Add, Concat, Div, GreaterOrEqual, ReduceL2, Reshape, Where } from '@tenon/graph/ops'
import { after } from './after.js'
import { chooseParameters } from './choose-parameters.js'
import type { Optimizer, Trained } from './optimizer.js'

export interface TrainingStepOptions {
  /**
   * Emits what is to become small: a float32 scalar, made of the model's outputs and inputs, asked for by name, and of inputs that it
   * declares, such as labels.
   */
  readonly loss: (output: (name: string) => Value, builder: GraphBuilder) => Value
  readonly optimizer: Optimizer
  /**
   * Which parameters are trained: their names, or what says so of a name. All float32 constants that have dimensions and a name of
   * their own, unless told. Those that the loss does not depend on are left out.
   */
  readonly trainable?: Iterable<string> | ((name: string) => boolean)
  /** Gradients that are together longer than this are shortened to it, as by `clip_grad_norm_`. Not unless told. */
  readonly maxGradientNorm?: number
}

/** One training step: forward, backward and update. */
export interface TrainingStep {
  /**
   * Inputs: the model's, those that the loss declared, `learning_rate` (a float32 scalar), and the parameters and the state, which a
   * run updates. Outputs: `loss` and `gradient_norm`, scalars, the second before clipping.
   */
  readonly graph: Graph
  /** What the trained parameters start from, by name. */
  readonly parameters: ReadonlyMap<string, Constant>
  /** What the optimizer's memory starts from, by name. */
  readonly state: ReadonlyMap<string, Constant>
}

/**
 * Makes a model's graph into one that trains it: a run takes a batch, returns the loss, and leaves the parameters moved.
 * @throws InvalidOptionError where nothing is left to train, or what is named is no float32 constant that the loss depends on.
 * @throws InvalidInputError where the loss is no float32 scalar.
 * @throws NoGradientError where the graph has operators without a gradient, such as quantised ones.
 * @throws InvalidGraphError where an optimizer updates what may still be read.
 * @example
 * const step = trainingStep(graph, {
 *   loss: (output, builder) => crossEntropy(output('logits'), builder.input('labels', 'int64', ['batch'])),
 *   optimizer: adamW({ weightDecay: 0.1 }),
 *   maxGradientNorm: 1,
 * })
 */
export function trainingStep(graph: Graph, options: TrainingStepOptions): TrainingStep {
  checkOptions('trainingStep', options, ['loss', 'optimizer', 'trainable', 'maxGradientNorm'])
  const { loss, optimizer, trainable, maxGradientNorm = Infinity } = options
  if (typeof loss !== 'function') throw new InvalidOptionError({ where: 'trainingStep', option: 'loss', problem: 'is no function', remedy: "Pass (output, builder) => …, such as one that returns crossEntropy(output('logits'), …)" })
  if (typeof optimizer?.emit !== 'function') throw new InvalidOptionError({ where: 'trainingStep', option: 'optimizer', problem: 'is no optimizer', remedy: 'Pass adamW()' })
  if (!(maxGradientNorm > 0)) throw new InvalidOptionError({ where: 'trainingStep', option: 'maxGradientNorm', problem: `is ${maxGradientNorm}`, remedy: 'Pass a number above 0, or leave it out' })
  const scored = withLoss(graph, loss)
  const open = parameters(scored, chooseParameters(scored, graph, trainable))
  const { builder, values } = extend(gradient(open.graph, { of: 'loss', withRespectTo: open.constants.keys() }))
  const trained = Array.from(open.constants.keys(), (name): Trained => ({ name, value: values.get(name)!, gradient: values.get(`gradient.${name}`)! }))
  const norm = normOf(trained)
  builder.output('loss', values.get('loss')!)
  builder.output('gradient_norm', norm)
  const state = new Map<string, Constant>()
  optimizer.emit({
    parameters: trained,
    learningRate: builder.input('learning_rate', 'float32', []),
    factor: factorOf(norm, values.get('loss')!, maxGradientNorm),
    state(name, shape) {
      state.set(name, zeros(shape))
      return builder.input(name, 'float32', shape)
    },
    update: (value, next) => builder.output(`${value.name}.next`, next, value),
  })
  return { graph: verify(builder.build()), parameters: open.constants, state }
}

/** The graph whose only output is the loss, and what it depends on. */
export function withLoss(graph: Graph, loss: TrainingStepOptions['loss']): Graph {
  const { builder, values } = extend(graph)
  const names = graph.outputs.map(({ name }) => name)
  const output = (name: string): Value => {
    if (names.includes(name) || graph.inputs.some((input) => input.name === name)) return values.get(name)!
    const close = nearest(name, names)
    throw new InvalidInputError({ what: `the loss of '${graph.name}'`, problem: `is made of '${name}', which is no output of the graph, nor an input`, remedy: `${close === undefined ? '' : `did you mean '${close}'? `}Outputs are: ${names.join(', ')}` })
  }
  const value: Value | undefined = loss(output, builder)
  if (!(value instanceof Value)) throw new InvalidInputError({ what: `the loss of '${graph.name}'`, problem: 'is no value of a graph', remedy: 'return what the operators make; no promise of it' })
  if (value.dtype !== 'float32' || value.shape.length !== 0) {
    throw new InvalidInputError({ what: `the loss of '${graph.name}'`, problem: `is ${value.dtype}[${value.shape.join(', ')}]`, remedy: 'make it one float32 number, a scalar: sum or average what is several' })
  }
  builder.output('loss', value)
  return verify(builder.build())
}

/** The length of all gradients together, as one vector. */
function normOf(trained: readonly Trained[]): Value {
  const norms = trained.map(({ gradient }) => Reshape(ReduceL2(gradient, undefined, { keepdims: 0 }), integers(gradient, [1])))
  return ReduceL2(Concat(norms, { axis: 0 }), undefined, { keepdims: 0 })
}

/** What `torch.nn.utils.clip_grad_norm_` adds to the norm before it divides by it. */
const CLIP_EPSILON = 1e-6

/**
 * What clips the gradients, and holds the updates back. A runtime may run an update as soon as its inputs are there, and it writes over
 * the parameter, which others may be about to read, to compute gradients or the loss: so updates get an input that comes after all of these.
 */
function factorOf(norm: Value, loss: Value, most: number): Value {
  const one = scalar(norm, 1)
  if (most === Infinity) return after(one, Add(norm, loss))
  // A norm that is no number makes a factor that is none, as in PyTorch.
  const factor = Div(scalar(norm, most), Add(after(norm, loss), scalar(norm, CLIP_EPSILON)))
  return Where(GreaterOrEqual(factor, one), one, factor)
}

function zeros(shape: readonly number[]): Constant {
  const constant: Constant = lazyConstant('float32', shape, async () => new Uint8Array(constant.byteLength))
  return constant
}
