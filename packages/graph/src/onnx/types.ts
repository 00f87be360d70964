import { TenonError, type Constant, type Node, type ValueInfo } from '@tenon/core'
import { checkCall, inferCall } from '../call.js'
import { elementsOf } from '../elements.js'
import type { OpTable, ValueType } from '../op.js'

/** Types of the values of a graph that grows, found when somebody asks. */
export class GrowingTypes {
  readonly #types = new Map<string, ValueType>()
  #done = 0

  constructor(
    inputs: readonly ValueInfo[],
    readonly constants: ReadonlyMap<string, Constant>,
    readonly nodes: readonly Node[],
    readonly ops: OpTable,
  ) {
    for (const { name, dtype, shape } of inputs) this.#types.set(name, { dtype, shape })
  }

  /** `undefined` where inference does not get that far; `verify` tells why. */
  of(name: string): ValueType | undefined {
    for (; this.#done < this.nodes.length; this.#done++) this.#infer(this.nodes[this.#done]!)
    return this.#known(name)
  }

  #known(name: string): ValueType | undefined {
    const constant = this.constants.get(name)
    return constant === undefined ? this.#types.get(name) : { dtype: constant.dtype, shape: constant.shape, elements: elementsOf(constant) }
  }

  #infer(node: Node): void {
    const types = node.inputs.map((name) => (name === '' ? undefined : this.#known(name)))
    if (types.some((type, index) => type === undefined && node.inputs[index] !== '')) return
    const inputs = types.map((type, index) => type && { ...type, name: node.inputs[index]! })
    const definition = this.ops.get(node.op)!
    try {
      checkCall(node.op, definition, inputs, node.attributes)
      const made = inferCall(definition, inputs, node.attributes, node.outputs.length)
      for (const [index, name] of node.outputs.entries()) if (name !== '' && made[index] !== undefined) this.#types.set(name, made[index])
    } catch (error) {
      if (!TenonError.isInstance(error)) throw error
    }
  }
}
