import { checkOptions, InvalidOptionError, type Task, type TaskContext } from '@tenon/core'
import { openDecoder, type DraftChoice } from '@tenon/generation'
import { LEAST_CONTEXT_TOKENS } from './check-room.js'
import { createGenerator, type CodeGenerator } from './generator.js'

export interface CodeGenerationOptions {
  /** Most tokens of prompt and completion together. Default, and at most: what the model's positions allow. */
  readonly contextLength?: number
  /** Most memory of the key-value cache, a draft's included, in bytes. Default: as much as @tenon/generation takes. */
  readonly cacheBytes?: number
  /** Sequences that are generated at once, and prompts kept for the next call. Default: as @tenon/generation has it. */
  readonly slots?: number
  /** A smaller model of the same vocabulary that guesses ahead: where it is right, the text is there sooner. Calls may do without: `speculation: false`. Default: none. */
  readonly draft?: string | URL | DraftChoice
}

/**
 * The task `'code-generation'`: a partial file becomes a completion, streamed. With text behind the cursor the model fills in, by
 * the tokens it was trained with; other files are laid out as it was trained to read a repository. The completion ends where what
 * was begun at the cursor is complete.
 *
 * Making it throws what opening a decoder does; calling it NoInfillingError for a model that cannot fill in, InvalidInputError,
 * InvalidOptionError, AbortedError and DisposedError, by the completion.
 * @example
 * const complete = await runtime.task('code-generation', { model: './Qwen2.5-Coder-0.5B' })
 * for await (const text of complete({ prefix: 'def add(a, b):\n    ', suffix: '\n', path: 'add.py' })) process.stdout.write(text)
 */
export function codeGeneration(): Task<'code-generation', CodeGenerationOptions, CodeGenerator> {
  return { kind: 'task', version: 'v1', name: 'code-generation', create }
}

const WHERE = "the task 'code-generation'"

async function create(context: TaskContext, options: CodeGenerationOptions): Promise<CodeGenerator> {
  checkOptions(WHERE, options, ['contextLength', 'cacheBytes', 'slots', 'draft'])
  const { contextLength = Infinity } = options
  if (Number.isInteger(contextLength) && contextLength > 0 && contextLength <= LEAST_CONTEXT_TOKENS) throw new InvalidOptionError({ where: WHERE, option: 'contextLength', problem: `is ${contextLength}, with which there is no room for a line and what follows it`, remedy: `Give at least ${LEAST_CONTEXT_TOKENS + 1}` })
  return createGenerator(await openDecoder(context, { where: WHERE, ...options }))
}
