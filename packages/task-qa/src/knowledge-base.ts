import { checkOptions, InvalidOptionError, type Embedder, type Task } from '@tenon/core'
import type { KnowledgeBase } from './contracts.js'
import { createKnowledgeBase } from './create-knowledge-base.js'
import { checkThreshold, checkTopK } from './check-numbers.js'
import { standardReaders } from './documents/readers.js'
import type { KnowledgeBaseOptions, ResolvedOptions } from './options.js'
import type { QuestionAnswerer } from './reader/contracts.js'
import { normalise } from './search/vectors.js'
import { memoryStore } from './store/memory-store.js'

const known = ['readers', 'threshold', 'topK', 'passageLength', 'maxFileBytes', 'store', 'reader'] as const satisfies readonly (keyof KnowledgeBaseOptions)[]

/** What stores know an embedder by. Another text would make every store that exists a stranger's. */
const sample = 'A tenon fits a mortise without glue. 榫头插入卯眼，不用胶水。'

/** @throws InvalidOptionError */
function resolve(options: KnowledgeBaseOptions): ResolvedOptions {
  const where = 'a knowledge base'
  checkOptions(where, options, known)
  const { readers = standardReaders, threshold = 0.5, topK = 5, passageLength = 160, maxFileBytes = 32 * 2 ** 20, store = memoryStore(), reader } = options
  if (!Array.isArray(readers) || readers.length === 0 || !readers.every((reader) => Array.isArray(reader?.extensions) && typeof reader.read === 'function')) {
    throw new InvalidOptionError({ where, option: 'readers', problem: 'is not a list of readers', remedy: 'Pass objects with extensions and read(), such as standardReaders' })
  }
  for (const [option, value, least] of [['passageLength', passageLength, 16], ['maxFileBytes', maxFileBytes, 1]] as const) {
    if (!(value >= least)) throw new InvalidOptionError({ where, option, problem: `is ${value}`, remedy: `Pass a number from ${least} on` })
  }
  if (store?.kind !== 'store' || store.version !== 'v1' || typeof store.open !== 'function') {
    throw new InvalidOptionError({ where, option: 'store', problem: "is no store that keeps contract 'v1'", remedy: "Pass memoryStore(), fileStore('./kb') or another store of a version that belongs to this one" })
  }
  if (reader !== undefined && (typeof reader !== 'object' || reader === null || !(typeof reader.model === 'string' || reader.model instanceof URL))) {
    throw new InvalidOptionError({ where, option: 'reader', problem: 'names no model', remedy: "Pass { model }, a model for question answering; formats are the option 'readers'" })
  }
  return { readers, threshold: checkThreshold(threshold), topK: checkTopK(topK), passageLength, maxFileBytes, store, reader }
}

/**
 * Answers questions from your own documents: the sentence that answers, with its place in the file, or "I don't know".
 * Needs the task 'embedding' in the same runtime, and no other model unless it is given a reader.
 * @example
 * await using runtime = createRuntime({ plugins: [files(), onnx(), bert(), embedding(), knowledgeBase()] })
 * const ask = await runtime.task('knowledge-base', { model: '@tenon/model-all-minilm-l6-v2' })
 * await ask.add('./handbook')
 * const answer = await ask('How long should oak dry before use?')
 * @throws InvalidOptionError
 */
export function knowledgeBase(defaults: KnowledgeBaseOptions = {}): Task<'knowledge-base', KnowledgeBaseOptions, KnowledgeBase> {
  resolve(defaults)
  return {
    kind: 'task',
    version: 'v1',
    name: 'knowledge-base',
    async create(context, options) {
      const resolved = resolve({ ...defaults, ...options })
      const embed = await context.task<Embedder>('embedding')
      const read = resolved.reader && (await context.task<QuestionAnswerer>('question-answering', { ...resolved.reader }))
      const identity = { dimensions: embed.dimensions, sample: async () => normalise(await embed(sample)) }
      const collection = await resolved.store.open(identity, context.signal && { signal: context.signal })
      context.defer(() => collection.close())
      return createKnowledgeBase(embed, collection, resolved, context.emit, read)
    },
  }
}
