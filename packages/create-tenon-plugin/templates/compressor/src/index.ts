import { bytesOf, checkOptions, InvalidOptionError, lazyConstant, viewAs, type Compressor, type Constant, type Pass } from '@tenon/core'

export interface PluginTypeOptions {
  /** The share of each weight's numbers that become 0, from 0 to 1. Default 0.3. */
  readonly share?: number
  /** Weights of fewer numbers stay as they are. Default 4096. */
  readonly smallest?: number
}

/**
 * The compressor plugin `'plugin-name'`: sets the numbers of the smallest magnitude in each weight matrix to 0, since a model
 * hardly needs them (Han et al. 2015); what is mostly 0 packs well.
 * @param defaults Hold unless a task asks for something else.
 * @throws InvalidOptionError
 * @example
 * const runtime = createRuntime({ plugins: [files(), onnx(), bert(), embedding(), pluginFunction()] })
 * const embed = await runtime.task('embedding', { model, compress: { name: 'plugin-name', share: 0.2 } })
 */
export function pluginFunction(defaults: PluginTypeOptions = {}): Compressor<'plugin-name', PluginTypeOptions> {
  passOf(defaults)
  return { kind: 'compressor', version: 'v1', name: 'plugin-name', pass: (options) => passOf({ ...defaults, ...options }) }
}

/** Weights that have been through here: a second pass finds nothing to do, and says so by returning the same graph. */
const done = new WeakSet<Constant>()

function passOf(options: PluginTypeOptions): Pass {
  checkOptions('plugin-name', options, ['share', 'smallest'])
  const { share = 0.3, smallest = 4096 } = options
  if (!(share >= 0 && share <= 1)) throw new InvalidOptionError({ where: 'plugin-name', option: 'share', problem: `is ${share}`, remedy: 'Give a number from 0 to 1' })
  if (!(smallest >= 0)) throw new InvalidOptionError({ where: 'plugin-name', option: 'smallest', problem: `is ${smallest}`, remedy: 'Give a number from 0 up' })

  const isWeight = (constant: Constant) => constant.dtype === 'float32' && constant.shape.length === 2 && constant.byteLength / 4 >= smallest
  return {
    name: 'plugin-name',
    apply(graph) {
      const wanted = Array.from(graph.constants).filter(([, constant]) => share > 0 && isWeight(constant) && !done.has(constant))
      if (wanted.length === 0) return graph
      const pruned = wanted.map(([name, constant]) => [name, withoutSmallest(constant, share)] as const)
      return Object.freeze({ ...graph, constants: new Map([...graph.constants, ...pruned]) })
    },
  }
}

/** Nothing is read until a backend asks for the bytes. */
function withoutSmallest(constant: Constant, share: number): Constant {
  const pruned = lazyConstant('float32', constant.shape, async () => {
    const values = viewAs('float32', await constant.bytes()).slice()
    const magnitudes = values.map(Math.abs).sort()
    const least = magnitudes[Math.floor(share * values.length)] ?? Infinity
    return bytesOf(values.map((value) => (Math.abs(value) < least ? 0 : value)))
  })
  done.add(pruned)
  return pruned
}
