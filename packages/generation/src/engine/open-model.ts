import { setImmediate as immediate } from 'node:timers/promises'
import { InvalidFileError, InvalidOptionError, type Checkpoint, type Executable, type TaskContext, type Tokenizer } from '@tenon/core'
import { cacheLayout } from './cache-layout.js'
import type { DecoderParts } from './create-decoder.js'
import { writerLater } from './writer-later.js'
import { readingUpTo } from './positions.js'

/** A model that is ready to generate, but for the room its cache may take. */
export interface ReadyModel extends Pick<DecoderParts, 'decoder' | 'prefill' | 'checkpoint' | 'tokenizer' | 'contextLength' | 'vocabularySize' | 'endTokens'> {
  /** What one position of one sequence takes in the cache. */
  readonly bytesPerPosition: number
}

const LONGEST_WHERE_NOTHING_SAYS = 2048

/** What a decoder is made of: whoever builds it ahead asks for the same. */
export const decoderGraphs = { head: 'causal-lm', roles: ['decoder', 'prefill'] } as const

/**
 * Opens a context's model with the head `'causal-lm'`, and compiles its graphs.
 * @throws InvalidOptionError, InvalidFileError, and what opening, building and compiling throw.
 */
export async function openModel(context: TaskContext, { where, contextLength: asked, cacheBytes }: { readonly where: string; readonly contextLength: number | undefined; /** The most that its keys and values can come to take. */ readonly cacheBytes: number }): Promise<ReadyModel> {
  const { checkpoint, graphs, maxLength } = await context.open(decoderGraphs.head, decoderGraphs.roles)
  if (graphs['decoder'] === undefined) throw new InvalidFileError({ path: checkpoint.reference, problem: "gives no graph 'decoder'", remedy: "Use a family that has the head 'causal-lm'" })
  const { decoder: writing, prefill: reading = writing } = graphs
  const { bytesPerPosition } = cacheLayout(reading, checkpoint.reference)
  const most = Math.min(asked ?? Infinity, Math.floor(cacheBytes / bytesPerPosition))
  const compiling = context.compile(readingUpTo(reading, most))
  compiling.catch(() => undefined) // awaited below
  await immediate() // building a tokenizer holds this thread for a fifth of a second: what the backend has to do on it goes first
  const [reader, tokenizer, endTokens] = await Promise.all([compiling, checkpoint.tokenizer(), readEndTokens(checkpoint)])
  const longest = maxLength ?? tokenizer.maxLength ?? LONGEST_WHERE_NOTHING_SAYS
  if (asked !== undefined && asked > longest) throw new InvalidOptionError({ where, option: 'contextLength', problem: `is ${asked}, and the model reads ${longest} tokens`, remedy: 'Leave it out, or give a smaller one' })
  return {
    ...(reading === writing ? { prefill: reader, decoder: reader } : writerLater(reader, () => context.compile(readingUpTo(writing, most)))),
    checkpoint,
    tokenizer,
    contextLength: asked ?? longest,
    vocabularySize: vocabularySize(reader, checkpoint, tokenizer),
    endTokens: endTokens(tokenizer),
    bytesPerPosition,
  }
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
