import { isDeepStrictEqual } from 'node:util'
import type { Constant, Graph, Graphs, NumericType, ValueInfo } from '@tenon/core'
import { keptConstant } from '../weights/open-kept.js'

/** A file of kept weights, as it was when graphs were made over it. */
export interface WeightsFile {
  readonly path: string
  readonly stamp: string
}

/** What is known of a graph before its nodes are read. */
interface Outside {
  readonly name: string
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly updates?: readonly (readonly [output: string, input: string])[]
}

interface Head {
  readonly weights: WeightsFile
  /** Which graph each role has. */
  readonly roles: Readonly<Record<string, number>>
  readonly graphs: readonly Outside[]
}

/** A constant's name, and where its bytes are: in the file of weights, in the checkpoint, or here. */
type WrittenConstant =
  | readonly [name: string, where: 'weights', dtype: NumericType, shape: readonly number[], offset: number, inPlace?: boolean]
  | readonly [name: string, where: 'checkpoint', constant: string]
  | readonly [name: string, where: 'here', dtype: NumericType, shape: readonly number[], base64: string]

/** Bytes up to which a constant that is computed is written down: biases of products that were merged, which backends hold in memory too. */
const SMALL = 65_536

export interface RecordedGraphs {
  readonly weights: WeightsFile
  readonly roles: Readonly<Record<string, number>>
  readonly graphs: readonly Graph[]
}

/**
 * Graphs as lines of JSON: what is outside of all of them, then the constants and the nodes of each. `undefined` where JSON does not
 * give the same back, or a constant is neither in the file of weights nor in the checkpoint, and not small.
 */
export async function writeGraphs(graphs: Graphs, weights: WeightsFile, constants: ReadonlyMap<string, Constant>): Promise<Uint8Array | undefined> {
  const each = Array.from(new Set(Object.values(graphs)))
  const names = new Map(Array.from(constants, ([name, constant]) => [constant, name]))
  const head: Head = {
    weights,
    roles: Object.fromEntries(Object.entries(graphs).map(([role, graph]) => [role, each.indexOf(graph)])),
    graphs: each.map(({ name, inputs, outputs, updates }) => ({ name, inputs, outputs, ...(updates && { updates: Array.from(updates) }) })),
  }
  const lines = [JSON.stringify(head)]
  for (const { constants, nodes, operators } of each) {
    const written = await Promise.all(Array.from(constants, ([name, constant]) => writeConstant(name, constant, weights, names)))
    const text = JSON.stringify(nodes)
    if (operators !== undefined || written.includes(undefined) || !isDeepStrictEqual(JSON.parse(text), nodes)) return undefined
    lines.push(JSON.stringify(written), text)
  }
  return Buffer.from(lines.join('\n'))
}

async function writeConstant(name: string, constant: Constant, weights: WeightsFile, names: ReadonlyMap<Constant, string>): Promise<WrittenConstant | undefined> {
  const { dtype, shape, byteLength, file, inline } = constant
  if (file?.path === weights.path) return file.inPlace === undefined ? [name, 'weights', dtype, shape, file.offset] : [name, 'weights', dtype, shape, file.offset, file.inPlace]
  const known = names.get(constant)
  if (known !== undefined) return [name, 'checkpoint', known]
  if (inline === undefined && byteLength > SMALL) return undefined
  return [name, 'here', dtype, shape, Buffer.from(inline ?? (await constant.bytes())).toString('base64')]
}

/**
 * Reads what `writeGraphs` wrote. Constants and nodes are read when somebody looks at them: whoever has kept what it made of a graph
 * never does. The form is known: a record is found by the digest of this very code.
 */
export function readGraphs(record: Uint8Array, constants: ReadonlyMap<string, Constant>): RecordedGraphs {
  const lines = linesOf(Buffer.from(record.buffer, record.byteOffset, record.byteLength))
  const { weights, roles, graphs } = JSON.parse(lines[0]!.toString()) as Head
  const read = constantReader(weights, constants)
  return { weights, roles, graphs: graphs.map((outside, index) => readGraph(outside, lines[1 + 2 * index]!, lines[2 + 2 * index]!, read)) }
}

function readGraph({ name, inputs, outputs, updates }: Outside, constantsLine: Buffer, nodesLine: Buffer, read: (written: WrittenConstant) => Constant): Graph {
  let constants: Graph['constants'] | undefined
  let nodes: Graph['nodes'] | undefined
  return Object.freeze({
    name,
    inputs,
    outputs,
    get constants() {
      return (constants ??= new Map((JSON.parse(constantsLine.toString()) as WrittenConstant[]).map((written) => [written[0], read(written)])))
    },
    get nodes() {
      return (nodes ??= Object.freeze((JSON.parse(nodesLine.toString()) as Graph['nodes']).map((node) => Object.freeze(node))))
    },
    ...(updates && { updates: new Map(updates) }),
  })
}

/** What two graphs share stays one constant. */
function constantReader({ path }: WeightsFile, constants: ReadonlyMap<string, Constant>): (written: WrittenConstant) => Constant {
  const known = new Map<string, Constant>()
  const make = ([, where, ...facts]: WrittenConstant): Constant => {
    if (where === 'checkpoint') return constants.get(facts[0] as string)!
    const [dtype, shape, place, inPlace] = facts as [NumericType, readonly number[], number | string, boolean?]
    if (where === 'weights') return keptConstant(dtype, shape, { path, offset: place as number, ...(inPlace !== undefined && { inPlace }) })
    const inline = new Uint8Array(Buffer.from(place as string, 'base64'))
    return { dtype, shape, byteLength: inline.byteLength, inline, bytes: async () => inline }
  }
  return (written) => {
    const key = written.slice(1).join(' ')
    const constant = known.get(key) ?? make(written)
    known.set(key, constant)
    return constant
  }
}

function linesOf(text: Buffer): readonly Buffer[] {
  const lines: Buffer[] = []
  for (let begin = 0; begin <= text.length; ) {
    const end = text.indexOf('\n', begin)
    lines.push(text.subarray(begin, end < 0 ? text.length : end))
    begin = end < 0 ? text.length + 1 : end + 1
  }
  return lines
}
