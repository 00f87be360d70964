import { checkOptions, InvalidOptionError, type Embedder, type Task } from '@tenon/core'
import type { KnowledgeBase } from './contracts.js'
import { createKnowledgeBase } from './create-knowledge-base.js'
import { checkThreshold, checkTopK } from './check-numbers.js'
import { standardReaders } from './documents/readers.js'
import type { KnowledgeBaseOptions, ResolvedOptions } from './options.js'

const known = ['readers', 'threshold', 'topK', 'passageLength', 'maxFileBytes'] as const satisfies readonly (keyof KnowledgeBaseOptions)[]

/** @throws InvalidOptionError */
function resolve(options: KnowledgeBaseOptions): ResolvedOptions {
  const where = 'a knowledge base'
  checkOptions(where, options, known)
  const { readers = standardReaders, threshold = 0.5, topK = 5, passageLength = 160, maxFileBytes = 32 * 2 ** 20 } = options
  if (!Array.isArray(readers) || readers.length === 0 || !readers.every((reader) => Array.isArray(reader?.extensions) && typeof reader.read === 'function')) {
    throw new InvalidOptionError({ where, option: 'readers', problem: 'is not a list of readers', remedy: 'Pass objects with extensions and read(), such as standardReaders' })
  }
  for (const [option, value, least] of [['passageLength', passageLength, 16], ['maxFileBytes', maxFileBytes, 1]] as const) {
    if (!(value >= least)) throw new InvalidOptionError({ where, option, problem: `is ${value}`, remedy: `Pass a number from ${least} on` })
  }
  return { readers, threshold: checkThreshold(threshold), topK: checkTopK(topK), passageLength, maxFileBytes }
}

/**
 * Answers questions from your own documents: the sentence that answers, with its place in the file, or "I don't know".
 * Needs the task 'embedding' in the same runtime, and no other model.
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
      return createKnowledgeBase(await context.task<Embedder>('embedding'), resolved, context.emit)
    },
  }
}
