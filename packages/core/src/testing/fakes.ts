import {
  NoSuchHeadError,
  type Backend, type Checkpoint, type Compressor, type Graph, type Model, type Probe, type Source, type Task, type TaskContext, type Tokenizer,
} from '../index.js'

/** A graph that computes nothing. */
export const graph = (name: string): Graph => ({ name, inputs: [], outputs: [], nodes: [], constants: new Map() })

/** Plugins that write down what is asked of them, and which of their resources are alive. */
export function fakes() {
  const log: string[] = []
  const live = new Set<object>()
  const hold = (name: string) => {
    const resource = {
      async [Symbol.asyncDispose]() {
        log.push(`free ${name}`)
        live.delete(resource)
      },
    }
    live.add(resource)
    log.push(name)
    return resource
  }
  const source = <N extends string>(name: N, { modelType = 'bert', knows = () => true }: { modelType?: string; knows?: (reference: string) => boolean } = {}): Source<N> => ({
    kind: 'source', version: 'v1', name,
    async open(reference) {
      if (!knows(reference)) return { notFound: `no ${reference} here` }
      const checkpoint = { ...hold(`${name} ${reference}`), reference, config: { model_type: modelType }, constants: new Map(), files: [], path: async () => '', json: async () => undefined, tokenizer: async () => ({}) as Tokenizer }
      return checkpoint satisfies Checkpoint
    },
  })
  const backend = <N extends string>(name: N, probe: Probe = { available: true, devices: [] }): Backend<N, { readonly devices?: readonly string[] }> => ({
    kind: 'backend', version: 'v1', name,
    probe: async () => probe,
    supports: () => true,
    compile: async (compiled, options) => ({ ...hold(`${name} ${compiled.name} ${JSON.stringify(options)}`), inputs: [], outputs: [], run: async () => ({}), place: async (placed) => placed }),
    dispose: async () => void log.push(`dispose ${name}`),
  })
  const model: Model<'bert'> = {
    kind: 'model', version: 'v1', name: 'bert', heads: ['base'],
    async build(_, { head }) {
      if (head !== 'base') throw new NoSuchHeadError({ family: 'bert', head, available: ['base'] })
      return { model: graph('built') }
    },
  }
  const compressor: Compressor<'int8', { readonly bits?: number }> = {
    kind: 'compressor', version: 'v1', name: 'int8',
    pass: ({ bits = 8 }) => ({ name: 'int8', apply: ({ name }) => graph(`${name}-${bits}`) }),
  }
  const task = <N extends string>(name: N, create: (context: TaskContext, options: object) => Promise<void> = async () => undefined, head = 'base'): Task<N, { readonly batch?: number }, (text: string) => string> => ({
    kind: 'task', version: 'v1', name,
    async create(context, options) {
      const { graphs } = await context.open(head)
      await context.compile(graphs.model!)
      await create(context, options)
      return (text: string) => `${name}: ${text}`
    },
  })
  return { log, live, hold, source, backend, model, compressor, task }
}
