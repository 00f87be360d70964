import { combinedOrigin, inlineConstant, lazyConstant, type Constant, type Graph, type Node, type Pass } from '@tenon/core'
import { keepTypes } from '../known-types.js'

type Product = Node<'com.microsoft::MatMulNBits'>

/**
 * Products of one input with several weights in few bits become one product, and its parts: queries, keys and values; the halves
 * of a gated layer. A token at a time, what each call costs is noticed.
 */
export function mergeProducts(): Pass {
  return { name: 'merge products of one input', apply: merged }
}

/** Places of MatMulNBits's inputs. */
const [CODES, SCALES, ZERO_POINTS, GROUPS, BIAS] = [1, 2, 3, 4, 5] as const

function merged(graph: Graph): Graph {
  const groups = new Map<string, Product[]>()
  for (const node of graph.nodes) {
    if (!isMergeable(node, graph)) continue
    const { K, bits = 4, block_size, accuracy_level = 0 } = node.attributes
    const layouts = [CODES, SCALES, ZERO_POINTS].map((place) => layoutOf(graph.constants.get(node.inputs[place] ?? '')))
    const key = [node.inputs[0], K, bits, block_size, accuracy_level, ...layouts].join()
    groups.set(key, [...(groups.get(key) ?? []), node])
  }
  const several = Array.from(groups.values()).filter((group) => group.length > 1)
  if (several.length === 0) return graph

  const constants = new Map(graph.constants)
  const replaced = new Map<Node, readonly Node[]>()
  const rest = new Set<Node>()
  for (const group of several) {
    replaced.set(group[0]!, merge(group, graph, constants))
    for (const node of group.slice(1)) rest.add(node)
  }
  const nodes = graph.nodes.flatMap((node) => replaced.get(node) ?? (rest.has(node) ? [] : [node]))
  const read = new Set(nodes.flatMap(({ inputs }) => inputs))
  const outputs = new Set(graph.outputs.map(({ name }) => name))
  for (const name of graph.constants.keys()) if (!read.has(name) && !outputs.has(name)) constants.delete(name)
  return keepTypes(graph, Object.freeze({ ...graph, nodes: Object.freeze(nodes), constants }))
}

/** Of a row. */
const layoutOf = (constant: Constant | undefined): string => (constant === undefined ? '' : `${constant.dtype}[${constant.shape.slice(1).join()}]`)

function isMergeable(node: Node, { constants }: Graph): node is Product {
  if (node.op !== 'com.microsoft::MatMulNBits' || (node.inputs[GROUPS] ?? '') !== '') return false
  if (constants.get(node.inputs[SCALES]!)?.dtype !== 'float32') return false
  return [CODES, SCALES, ZERO_POINTS, BIAS].every((place) => (node.inputs[place] ?? '') === '' || constants.has(node.inputs[place]!))
}

function merge(group: readonly Product[], graph: Graph, constants: Map<string, Constant>): readonly Node[] {
  const [first] = group as [Product]
  const sizes = group.map(({ attributes }) => attributes.N)
  let stem = `${first.inputs[CODES]!} and ${group.length - 1} more`
  while (constants.has(`${stem}: sizes`)) stem += ', again' // the same weights, of another input
  const name = (what: string) => `${stem}: ${what}`
  const add = (what: string, constant: Constant): string => {
    constants.set(name(what), constant)
    return name(what)
  }
  const stacked = (place: number, what: string) => add(what, stack(group.map(({ inputs }) => graph.constants.get(inputs[place]!)!)))
  const zeroPoints = (first.inputs[ZERO_POINTS] ?? '') === '' ? '' : stacked(ZERO_POINTS, 'zero points')
  const biases = group.map(({ inputs }, index) => graph.constants.get(inputs[BIAS] ?? '') ?? inlineConstant('float32', [sizes[index]!], new Float32Array(sizes[index]!)))
  const hasBias = group.some(({ inputs }) => (inputs[BIAS] ?? '') !== '')
  const inputs = [first.inputs[0]!, stacked(CODES, 'codes'), stacked(SCALES, 'scales'), ...(zeroPoints !== '' || hasBias ? [zeroPoints] : []), ...(hasBias ? ['', add('biases', stack(biases))] : [])]
  const whole = name('products')
  const lengths = add('sizes', inlineConstant('int64', [sizes.length], BigInt64Array.from(sizes, BigInt)))
  const product: Node = { op: first.op, inputs, outputs: [whole], attributes: { ...(first as Node).attributes, N: sizes.reduce((sum, size) => sum + size, 0) } }
  const split: Node = { op: 'Split', inputs: [whole, lengths], outputs: group.map(({ outputs }) => outputs[0]!), attributes: { axis: -1 } }
  return [frozen(product), frozen(split)]
}

const frozen = ({ op, inputs, outputs, attributes }: Node): Node => Object.freeze({ op, inputs: Object.freeze(inputs), outputs: Object.freeze(outputs), attributes: Object.freeze(attributes) })

/** Rows behind rows. What lies behind one another in a file already is left there. */
function stack(parts: readonly Constant[]): Constant {
  const [first] = parts as [Constant]
  const shape = [parts.reduce((sum, part) => sum + part.shape[0]!, 0), ...first.shape.slice(1)]
  const whole = lazyConstant(first.dtype, shape, async () => {
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
    let end = 0
    for (const part of parts) {
      bytes.set(await part.bytes(), end)
      end += part.byteLength
    }
    return bytes
  }, combinedOrigin('rows of', parts.map(({ origin }) => origin)))
  const isAdjacent = parts.every((part, index) => index === 0 || follows(part, parts[index - 1]!))
  return first.file !== undefined && isAdjacent ? { ...whole, file: first.file } : whole
}

const follows = ({ file }: Constant, { file: before, byteLength }: Constant): boolean =>
  file !== undefined && before !== undefined && file.path === before.path && file.offset === before.offset + byteLength
