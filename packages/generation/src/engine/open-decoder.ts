import { totalmem } from 'node:os'
import { checkOptions, InvalidFileError, InvalidOptionError, type Checkpoint, type Executable, type TaskContext, type Tokenizer } from '@tenon/core'
import { cacheLayout } from './cache-layout.js'
import { createDecoder } from './create-decoder.js'
import type { Decoder } from './decoder.js'
import { later } from './later.js'

/** What every task of a decoder lets its users choose. */
export interface DecoderOptions {
  /** Most tokens of a prompt and what is generated from it. Default, and at most: what the model's files say. */
  readonly contextLength?: number | undefined
  /** Most memory for keys and values, in bytes. Default: one sequence as long as the context and at least 1 GiB, but no more than half of the machine's memory. */
  readonly cacheBytes?: number | undefined
  /** Most sequences in the cache: under way together, or kept for requests that begin alike. Default 8. */
  readonly slots?: number | undefined
  /** Tokens of a prompt that are run at once. Default 512. */
  readonly chunkTokens?: number | undefined
}

const LONGEST_WHERE_NOTHING_SAYS = 2048

/**
 * Opens the task's model with the head `'causal-lm'`, and readies it to generate: what a task of a decoder begins with. It is freed with
 * the task.
 * @throws InvalidOptionError, InvalidFileError, and what opening, building and compiling throw.
 * @example
 * const decoder = await openDecoder(context, { where: "the task 'code-generation'", ...options })
 * const { text } = await decoder.generate({ prompt: (await decoder.tokenizer.encode(code)).ids, maxNewTokens: 64 }).result
 */
export async function openDecoder(context: TaskContext, { where, ...options }: DecoderOptions & { /** The task, as errors name it. */ readonly where: string }): Promise<Decoder> {
  checkOptions(where, options, ['contextLength', 'cacheBytes', 'slots', 'chunkTokens'])
  const asked = positive(where, options.contextLength, 'contextLength')
  const bytes = positive(where, options.cacheBytes, 'cacheBytes')
  const slots = positive(where, options.slots, 'slots') ?? 8
  const chunkTokens = positive(where, options.chunkTokens, 'chunkTokens') ?? 512
  const { checkpoint, graphs, maxLength } = await context.open('causal-lm', ['decoder', 'prefill'])
  const graph = graphs['decoder']
  if (graph === undefined) throw new InvalidFileError({ path: checkpoint.reference, problem: "gives no graph 'decoder'", remedy: "Use a family that has the head 'causal-lm'" })
  const apart = graphs['prefill'] !== undefined && graphs['prefill'] !== graph
  const compiling = context.compile(graph)
  const prefill = apart ? later(compiling.then(() => context.compile(graphs['prefill']!))) : undefined
  const [decoder, tokenizer, endTokens] = await Promise.all([compiling, checkpoint.tokenizer(), readEndTokens(checkpoint)])
  const longest = maxLength ?? tokenizer.maxLength ?? LONGEST_WHERE_NOTHING_SAYS
  if (asked !== undefined && asked > longest) throw new InvalidOptionError({ where, option: 'contextLength', problem: `is ${asked}, and the model reads ${longest} tokens`, remedy: 'Leave it out, or give a smaller one' })
  const contextLength = asked ?? longest
  const { bytesPerPosition } = cacheLayout(decoder, checkpoint.reference)
  const created = createDecoder({
    decoder,
    prefill: prefill ?? decoder,
    checkpoint,
    tokenizer,
    contextLength,
    vocabularySize: vocabularySize(decoder, checkpoint, tokenizer),
    endTokens: endTokens(tokenizer),
    cacheBytes: bytes ?? Math.min(Math.max(2 ** 30, contextLength * bytesPerPosition), memory() / 2),
    slots,
    chunkTokens,
    emit: context.emit,
  })
  context.defer(() => created.dispose())
  return created
}

/** What this process may use: a container may have less than the machine. */
function memory(): number {
  const constrained = process.constrainedMemory?.() ?? 0
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

function vocabularySize({ outputs }: Executable, { config }: Checkpoint, tokenizer: Tokenizer): number {
  const size = outputs.find(({ name }) => name === 'logits')?.shape.at(-1)
  return typeof size === 'number' ? size : Number(config['vocab_size'] ?? tokenizer.vocabularySize)
}

/** generation_config.json says what ends a text; where there is none, config.json and the tokenizer do. */
async function readEndTokens(checkpoint: Checkpoint): Promise<(tokenizer: Tokenizer) => readonly number[]> {
  const generation = (await checkpoint.json('generation_config.json')) as { readonly eos_token_id?: unknown } | undefined
  const told = idsOf(generation?.eos_token_id)
  if (told.length > 0) return () => told
  return (tokenizer) => {
    const { eos: name } = tokenizer.special
    const eos = name === undefined ? undefined : tokenizer.idOf(name)
    return [...new Set([...idsOf(checkpoint.config['eos_token_id']), ...(eos === undefined ? [] : [eos])])]
  }
}

const idsOf = (value: unknown): number[] => [value].flat().filter((id): id is number => Number.isInteger(id) && (id as number) >= 0)

function positive(where: string, value: number | undefined, option: string): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value > 0)) return value
  throw new InvalidOptionError({ where, option, problem: `is ${String(value)}`, remedy: 'Give a positive integer' })
}
