import { totalmem } from 'node:os'
import { checkOptions, InvalidOptionError, type TaskContext } from '@tenon/core'
import { SLOTS } from './candidates.js'
import { createDecoder } from './create-decoder.js'
import type { Decoder } from './decoder.js'
import { readDraft, type DraftChoice } from './draft-choice.js'
import { openModel, type ReadyModel } from './open-model.js'
import { SAME_VOCABULARY, vocabulariesApart } from './vocabularies-apart.js'

/** What every task of a decoder lets its users choose. */
export interface DecoderOptions {
  /** Most tokens of a prompt and what is generated from it. At most what the model's files say; default: as many of those as `cacheBytes` holds. */
  readonly contextLength?: number | undefined
  /** Most memory for keys and values, in bytes, those of a draft included. Default: one sequence as long as the context and at least 1 GiB, but no more than half of the machine's memory. */
  readonly cacheBytes?: number | undefined
  /** Most sequences in the cache: under way together, or kept for requests that begin alike. Default 8. */
  readonly slots?: number | undefined
  /** Tokens of a prompt that are run at once. Default 512. */
  readonly chunkTokens?: number | undefined
  /** A smaller model of the same vocabulary, that guesses what this one is to say: see `GenerationRequest.speculation`. Default: none. */
  readonly draft?: string | URL | DraftChoice | undefined
}

/**
 * Opens the task's model with the head `'causal-lm'`, and its draft if it has one, and readies them to generate: what a task of a decoder
 * begins with. They are freed with the task.
 * @throws InvalidOptionError, InvalidFileError, and what opening, building and compiling throw.
 * @example
 * const decoder = await openDecoder(context, { where: "the task 'code-generation'", ...options })
 * const { text } = await decoder.generate({ prompt: (await decoder.tokenizer.encode(code)).ids, maxNewTokens: 64 }).result
 */
export async function openDecoder(context: TaskContext, { where, ...options }: DecoderOptions & { /** The task, as errors name it. */ readonly where: string }): Promise<Decoder> {
  checkOptions(where, options, ['contextLength', 'cacheBytes', 'slots', 'chunkTokens', 'draft'])
  const contextLength = positive(where, options.contextLength, 'contextLength')
  const bytes = positive(where, options.cacheBytes, 'cacheBytes')
  const slots = positive(where, options.slots, 'slots') ?? SLOTS
  const chunkTokens = positive(where, options.chunkTokens, 'chunkTokens') ?? 512
  const drafting = options.draft === undefined ? undefined : readDraft(where, options.draft)
  const beside = drafting && context.with(drafting.choices)
  const most = bytes ?? memory() / 2
  const [opened, draft] = await Promise.all([openModel(context, { where, contextLength, cacheBytes: most }), beside && openModel(beside, { where, contextLength: undefined, cacheBytes: most })])
  const apart = draft && vocabulariesApart(opened.tokenizer, draft.tokenizer)
  if (apart !== undefined) throw new InvalidOptionError({ where, option: 'draft', problem: apart, remedy: SAME_VOCABULARY })

  const each = opened.bytesPerPosition + (draft?.bytesPerPosition ?? 0)
  const cacheBytes = bytes ?? Math.min(Math.max(2 ** 30, opened.contextLength * each), most)
  // What tasks cut a prompt to, or refuse, is what they have room for. Who asks for more than that is told of the memory by the first text that needs it.
  const model = { ...opened, contextLength: contextLength ?? Math.max(1, Math.min(opened.contextLength, Math.floor(cacheBytes / each))) }
  /** Both caches have room for the same number of positions: what fits one fits the other. */
  const create = ({ bytesPerPosition, ...parts }: ReadyModel, more: Pick<Parameters<typeof createDecoder>[0], 'draft' | 'emit'>) => {
    const created = createDecoder({ ...parts, cacheBytes: draft === undefined ? cacheBytes : Math.floor(cacheBytes / each) * bytesPerPosition, slots, chunkTokens, ...more })
    context.defer(() => created.dispose())
    return created
  }
  if (drafting === undefined || draft === undefined) return create(model, { emit: context.emit })
  const { emit } = context
  // A guess is a generation of its own to the draft, and no news to anybody.
  const guessing = create({ ...draft, contextLength: Math.min(draft.contextLength, model.contextLength) }, { emit: (event) => event.type === 'memory' && emit({ ...event, name: `${event.name} of the draft` }) })
  return create(model, { emit, draft: { draft: guessing, tokens: drafting.tokens } })
}

/** What this process may use: a container may have less than the machine. */
function memory(): number {
  const constrained = process.constrainedMemory?.() ?? 0
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

function positive(where: string, value: number | undefined, option: string): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value > 0)) return value
  throw new InvalidOptionError({ where, option, problem: `is ${String(value)}`, remedy: 'Give a positive integer' })
}
