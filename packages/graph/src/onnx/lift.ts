import { InvalidFileError, type Constant, type Dimension, type Graph, type Node, type Operator, type ValueInfo } from '@tenon/core'
import type { OpTable, ValueType } from '../op.js'
import { opsOf } from '../ops-of.js'
import { standardOps } from '../ops/index.js'
import { adapters, type Lifting } from './adapters.js'
import { constantOf, typedAttributes, type Embed } from './attributes.js'
import type { Complain, DeclaredValue, ForeignAttribute, ForeignFunction, ForeignModel, ForeignNode } from './foreign.js'
import { inOrder, readsOf } from './order.js'
import { NEWEST_OPSET, OLDEST_OPSET, OPSET, splitOp } from './schema.js'
import { GrowingTypes } from './types.js'

/** How deep functions may call one another, and nodes that all calls together may become: a few calls deep, doubling could fill any memory. */
const DEEPEST = 64
const MOST_INLINED = 100_000

const CONVERT = `Convert it to operator set ${OPSET} (onnx.version_converter)`

interface Plan {
  readonly order: readonly ForeignNode[]
  /** All names that nodes of the body read. */
  readonly reads: ReadonlySet<string>
}

/** Names and attributes as a body of nodes knows them, and what they are in the graph. */
interface Scope {
  /** What a name of the body is called in the graph; `undefined` where the body does not know it. */
  resolve(name: string): string | undefined
  /** A name for what a node of the body makes. */
  declare(name: string): string
  readonly opsets: ReadonlyMap<string, number>
  /** Attributes of the call, in a function. */
  readonly call?: ReadonlyMap<string, ForeignAttribute>
  readonly depth: number
}

export interface LiftOptions {
  readonly path: string
  /** Definitions of the operators that are not standard, by name. */
  readonly operators: ReadonlyMap<string, Operator>
  /** The model's weights, by name. */
  readonly weights: ReadonlyMap<string, Constant>
  readonly embed: Embed
}

/**
 * A model in the operators of a table: older and differently spelled ones are adapted, Constant nodes become constants,
 * functions and decided branches are put in line, nodes in order.
 * @throws InvalidFileError
 */
export function lift(model: ForeignModel, { path, operators, weights, embed }: LiftOptions): Graph {
  const complain: Complain = (problem, remedy) => {
    throw new InvalidFileError({ path, problem, ...(remedy !== undefined && { remedy }) })
  }
  const opset = model.opsets.get('')!
  if (opset < OLDEST_OPSET || opset > NEWEST_OPSET) return complain(`uses operator set ${opset}, and ${OLDEST_OPSET} to ${NEWEST_OPSET} are read`, CONVERT)
  const inputs = model.graph.inputs.filter(({ name }) => !weights.has(name)).map((input) => inputOf(input, complain))
  const body = new Body(model, inputs, { path, operators, weights, embed }, complain)
  return body.build(inputs)
}

/** The graph while it is made. */
class Body {
  readonly #nodes: Node[] = []
  readonly #constants: Map<string, Constant>
  readonly #ops: OpTable
  readonly #types: GrowingTypes
  /** What is made so far, and what will be: the names not to be given to anything else. */
  readonly #made = new Set<string>()
  readonly #taken = new Set<string>()
  readonly #counters = new Map<string, number>()
  readonly #plans = new Map<readonly ForeignNode[], Plan>()
  #inlined = 0

  constructor(readonly model: ForeignModel, inputs: readonly ValueInfo[], readonly options: LiftOptions, readonly complain: Complain) {
    this.#constants = new Map(options.weights)
    this.#ops = opsOf(options)
    this.#types = new GrowingTypes(inputs, this.#constants, this.#nodes, this.#ops)
    for (const { name } of inputs) {
      if (name === '' || this.#made.has(name)) complain(`has ${name === '' ? 'an input without a name' : `two inputs named '${name}'`}`)
      this.#made.add(name)
    }
    for (const name of options.weights.keys()) this.#made.add(name)
    for (const name of this.#made) this.#taken.add(name)
    for (const { outputs } of model.graph.nodes) for (const name of outputs) this.#taken.add(name)
  }

  build(inputs: readonly ValueInfo[]): Graph {
    const { graph, opsets } = this.model
    this.#walk(graph.nodes, graph.outputs.map(({ name }) => name), { resolve: (name) => name, declare: (name) => name, opsets, depth: 0 })
    const outputs = graph.outputs.map((output) => this.#outputOf(output))
    return Object.freeze({ name: graph.name, inputs: Object.freeze(inputs), outputs: Object.freeze(outputs), nodes: Object.freeze(this.#nodes), constants: this.#constants, ...(this.options.operators.size > 0 && { operators: this.options.operators }) })
  }

  #outputOf({ name, dtype, shape }: DeclaredValue): ValueInfo {
    if (!this.#made.has(name)) return this.complain(`has the output '${name}', which nothing makes`)
    if (dtype !== undefined && shape !== undefined) return { name, dtype, shape }
    const type = this.#types.of(name)
    if (type === undefined) return this.complain(`does not say of what type and shape '${name}' is`, 'Infer its shapes (onnx.shape_inference) and write the file again')
    return { name, dtype: dtype ?? type.dtype, shape: shape ?? type.shape }
  }

  #walk(nodes: readonly ForeignNode[], outputs: readonly string[], scope: Scope): void {
    if (scope.depth > DEEPEST) this.complain(`calls functions inside functions, more than ${DEEPEST} deep`, 'Inline them (onnx.inliner) and write the file again')
    if (scope.depth > 0) this.#inlined += nodes.length
    if (this.#inlined > MOST_INLINED) this.complain(`calls functions that become more than ${MOST_INLINED} nodes`)
    const { order, reads } = this.#plan(nodes)
    const returned = new Set(outputs)
    for (const node of order) this.#place(node, (name) => reads.has(name) || returned.has(name), scope)
  }

  /** A body may be put in line many times, and is looked through once. */
  #plan(nodes: readonly ForeignNode[]): Plan {
    const known = this.#plans.get(nodes)
    if (known !== undefined) return known
    const plan: Plan = { order: inOrder(nodes, (each) => this.#describe(each), this.complain), reads: new Set(nodes.flatMap((node) => [...readsOf(node)])) }
    this.#plans.set(nodes, plan)
    return plan
  }

  #describe({ op, outputs }: ForeignNode): string {
    return `${op} (the node that makes '${outputs.find((name) => name !== '') ?? ''}')`
  }

  /** Puts a node of a body into the graph. */
  #place(node: ForeignNode, isRead: (name: string) => boolean, scope: Scope): void {
    const problem: Complain = (text, remedy) => this.complain(`uses ${this.#describe(node)}, which ${text}`, remedy)
    const inputs = node.inputs.map((name) => {
      if (name === '') return ''
      const actual = scope.resolve(name)
      if (actual === '') return ''
      return actual !== undefined && this.#made.has(actual) ? actual : problem(`reads '${name}', which nothing makes: a weight or a node is missing`)
    })
    const outputs = node.outputs.map((name) => (name === '' ? '' : this.#claim(scope.declare(name), problem)))
    const read = new Set(outputs.filter((_, index) => isRead(node.outputs[index]!)))
    const attributes = scope.call === undefined ? node.attributes : referred(node.attributes, scope.call)
    const placed: ForeignNode = { op: node.op, inputs, outputs, attributes }

    const called = this.model.functions.get(node.op)
    if (called !== undefined) this.#inline(placed, called, scope, problem)
    else if (node.op === 'Constant') this.#constants.set(outputs[0] ?? problem('makes nothing'), constantOf(placed, this.options.embed, problem))
    else if (node.op === 'If') this.#branch(placed, scope, problem)
    else this.#adapt(placed, scope, (name) => read.has(name), problem)
    for (const name of outputs) if (name !== '') this.#made.add(name)
  }

  /** Each value is made once. */
  #claim(name: string, problem: Complain): string {
    if (this.#made.has(name)) return problem(`makes '${name}', and so does another, or it is an input or a weight`)
    this.#taken.add(name)
    return name
  }

  #fresh(stem: string): string {
    if (!this.#taken.has(stem)) {
      this.#taken.add(stem)
      return stem
    }
    for (let count = this.#counters.get(stem) ?? 0; ; count++) {
      const name = `${stem}_${count}`
      if (this.#taken.has(name)) continue
      this.#counters.set(stem, count + 1)
      this.#taken.add(name)
      return name
    }
  }

  #inline(node: ForeignNode, called: ForeignFunction, scope: Scope, problem: Complain): void {
    if (node.inputs.length > called.inputs.length || node.outputs.length > called.outputs.length) problem(`takes ${called.inputs.length} inputs and makes ${called.outputs.length} outputs`)
    const names = new Map(called.inputs.map((name, index) => [name, node.inputs[index] ?? '']))
    const stem = node.outputs.find((name) => name !== '') ?? node.op
    const returned = new Map(called.outputs.map((name, index) => [name, node.outputs[index] ?? '']))
    this.#walk(called.nodes, called.outputs, {
      resolve: (name) => names.get(name),
      declare: (name) => {
        const declared = returned.get(name) || this.#fresh(`${stem}/${name}`)
        names.set(name, declared)
        return declared
      },
      opsets: new Map([...this.model.opsets, ...called.opsets]),
      call: new Map([...called.defaults, ...node.attributes]),
      depth: scope.depth + 1,
    })
    // An output may be an input handed through.
    for (const [name, actual] of returned) {
      if (actual === '' || names.get(name) === actual) continue
      this.#nodes.push(frozen('Identity', [names.get(name) || problem(`returns '${name}', which nothing makes`)], [actual]))
    }
  }

  /** A branch is taken where sizes alone decide, as exporters leave them for what cannot happen. */
  #branch(node: ForeignNode, scope: Scope, problem: Complain): void {
    const [condition = ''] = node.inputs
    const [decision] = this.#types.of(condition)?.elements ?? []
    if (typeof decision !== 'number') return problem(`is control flow that only a run decides, and it is not read`, 'Export the model with its branches decided: trace it, or fix the sizes that they depend on')
    const graph = node.attributes.get(decision === 0 ? 'else_branch' : 'then_branch')?.graph
    if (graph === undefined || graph.outputs.length < node.outputs.length) return problem('lacks a branch that makes its outputs')
    const names = new Map<string, string>()
    const stem = node.outputs.find((name) => name !== '') ?? ''
    const declare = (name: string) => {
      const declared = this.#fresh(`${stem}/${name}`)
      names.set(name, declared)
      return declared
    }
    for (const tensor of graph.tensors) this.#add(declare(tensor.name), this.options.embed(tensor))
    const resolve = (name: string) => names.get(name) ?? scope.resolve(name)
    this.#walk(graph.nodes, graph.outputs.map(({ name }) => name), { ...scope, resolve, declare, depth: scope.depth + 1 })
    for (const [index, output] of node.outputs.entries()) {
      if (output === '') continue
      const made = resolve(graph.outputs[index]!.name)
      this.#nodes.push(frozen('Identity', [made !== undefined && this.#made.has(made) ? made : problem(`returns '${graph.outputs[index]!.name}', which nothing makes`)], [output]))
    }
  }

  #add(name: string, constant: Constant): void {
    this.#constants.set(name, constant)
    this.#made.add(name)
  }

  #adapt(node: ForeignNode, scope: Scope, isRead: (name: string) => boolean, problem: Complain): void {
    const { domain } = splitOp(node.op)
    const version = scope.opsets.get(domain) ?? 1
    const stem = node.outputs.find((name) => name !== '') ?? node.op
    const lifting: Lifting = {
      version,
      constant: (purpose, constant) => {
        const name = this.#fresh(`${stem}/${purpose}`)
        this.#add(name, constant)
        return name
      },
      fresh: (purpose) => this.#fresh(`${stem}/${purpose}`),
      constantOf: (name) => this.#constants.get(name),
      typeOf: (name): ValueType => this.#types.of(name) ?? problem(`is of operator set ${version}, and cannot be adapted without the shape of '${name}'`, CONVERT),
      isRead,
      problem,
    }
    for (const adapted of adapters.get(node.op)?.(node, lifting) ?? [node]) {
      const definition = this.#ops.get(adapted.op)
      if (definition === undefined) return this.#refuseUnknown(node, version, problem)
      if (domain === '' && definition.since > version && !standardOps.has(adapted.op)) return problem(`is of operator set ${version}, and it is read from ${definition.since} on`, CONVERT)
      const inputs = adapted.inputs.slice(0, adapted.inputs.findLastIndex((name) => name !== '') + 1)
      this.#nodes.push(frozen(adapted.op, inputs, adapted.outputs, typedAttributes(adapted, definition, this.options.embed, problem)))
      for (const name of adapted.outputs) if (name !== '') this.#made.add(name)
    }
  }

  #refuseUnknown({ attributes }: ForeignNode, version: number, problem: Complain): never {
    if ([...attributes.values()].some(({ graph }) => graph !== undefined)) return problem('is control flow, and it is not read', 'Export the model without loops')
    return problem(`is unknown here, as of version ${version} of its operator set`, 'Pass its definition to readOnnx')
  }
}

const frozen = (op: string, inputs: readonly string[], outputs: readonly string[], attributes: Node['attributes'] = {}): Node =>
  Object.freeze({ op, inputs: Object.freeze(inputs), outputs: Object.freeze(outputs), attributes: Object.freeze(attributes) })

/** Attributes of a function's node, those that refer to the call's taken from there. */
function referred(attributes: ReadonlyMap<string, ForeignAttribute>, call: ReadonlyMap<string, ForeignAttribute>): ReadonlyMap<string, ForeignAttribute> {
  return new Map(
    [...attributes].flatMap(([name, attribute]): [string, ForeignAttribute][] => {
      if (attribute.reference === undefined) return [[name, attribute]]
      const given = call.get(attribute.reference)
      return given === undefined ? [] : [[name, given]]
    }),
  )
}

function inputOf({ name, dtype, shape }: DeclaredValue, complain: Complain): ValueInfo {
  if (dtype === undefined || shape === undefined) return complain(`does not say of what type and shape '${name}' is`, 'Export the model with shapes for its inputs')
  return { name, dtype, shape: shape satisfies readonly Dimension[] }
}
